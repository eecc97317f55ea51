// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IJury} from "../../src/interfaces/IJury.sol";
import {IPactRegistry} from "../../src/interfaces/IPactRegistry.sol";
import {PactLib} from "../../src/libraries/PactLib.sol";
import {PactFixture} from "../utils/PactFixture.sol";
import {vm} from "../utils/Vm.sol";

// settle
// ├── when the panel rejects
// │   ├── the lock is slashed: fees back, a tenth of the rest to the presenters, the rest to nobody
// │   └── the agent has a bad fact of what was locked
// ├── when it accepts or does not agree
// │   └── the lock goes back, the fees stay with the jurors; a good or a neutral fact
// ├── seats that did not vote earn nothing: their parts go back to the presenters
// ├── when the token refuses the jury: the seats' keys have credit
// ├── whoever takes all 64 places to keep others out pays as much as a slash
// ├── over any numbers, what is divided is to the unit what was there
// ├── when records can still be presented, or the panel's time is over, to the second
// │   └── it reverts
// ├── when the ballots decide nothing, or are about other evidence
// │   └── it reverts
// └── when the period is not claimed: quiet, or judged before
//     └── it reverts
contract PactSettleTest is PactFixture {
    function test_slashes_whenRejected() public {
        IPactRegistry.Pact memory p = opened();
        bytes32 id = pacts.pactIdOf(p);
        IPactRegistry.Record memory r = claimed(p);
        vm.warp(PRESENT_END);
        bytes32 evidence = periodOf(id, 0).evidence;
        bytes memory packed = packedFor(p, 0, ALL_SEATS, IJury.Outcome.Rejected);
        vm.expectEmit(true, true, true, true, address(pacts));
        emit IPactRegistry.PeriodEnded(
            id, 0, evidence, 2, ALL_SEATS, 0, 1, usd(100), usd(5) + 9_500_000, RELAYER
        );
        vm.prank(RELAYER);
        pacts.settle(p, 0, packed);
        assertEq(usdc.balanceOf(address(jury)), usd(5), "the jurors earned the fee");
        for (uint256 seat; seat < 5; ++seat) {
            assertEq(jury.fees(five, 1, uint8(seat)), usd(1), "pot");
        }
        // 100 less the fee that comes back is 95, of which a tenth is the presenter's.
        assertEq(usdc.balanceOf(NOBODY), 85_500_000, "nobody's");
        assertEq(stateOf(id).bond, usd(900), "bond");
        assertEq(stateOf(id).claimed, 0, "claimed");
        pacts.collect(r);
        assertEq(usdc.balanceOf(presenter), usd(10_000) + 9_500_000, "presenter");
        assertEq(usdc.balanceOf(address(pacts)), usd(900), "registry");
        assertEq(facts().badCount, 1, "a bad fact");
        assertAtMost(436_350, facts().bad, "of a hundred dollars");
    }

    function test_givesTheLockBack_whenAccepted() public {
        IPactRegistry.Pact memory p = opened();
        bytes32 id = pacts.pactIdOf(p);
        IPactRegistry.Record memory r = claimed(p);
        vm.warp(PRESENT_END);
        settle(p, 0, ALL_SEATS, IJury.Outcome.Accepted);
        assertEq(stateOf(id).bond, usd(1000), "bond");
        assertEq(usdc.balanceOf(address(jury)), usd(5), "jury");
        pacts.collect(r);
        assertEq(usdc.balanceOf(presenter), usd(9995), "presenter");
        assertEq(usdc.balanceOf(NOBODY), 0, "nobody's");
        assertEq(facts().goodCount, 1, "a good fact");
        (uint256 points, uint256 good, uint256 bad) = pacts.score(agent);
        assertAtMost(436_350, good, "of a hundred dollars");
        assertEq(bad, 0, "bad");
        assertEq(points, 1000 * good / (good + (2 << 16)), "points");
    }

    function test_givesTheLockBack_whenUndetermined() public {
        IPactRegistry.Pact memory p = opened();
        IPactRegistry.Record memory r = claimed(p);
        vm.warp(PRESENT_END);
        settle(p, 0, ALL_SEATS, IJury.Outcome.Undetermined);
        assertEq(stateOf(pacts.pactIdOf(p)).bond, usd(1000), "bond");
        assertEq(usdc.balanceOf(address(jury)), 0, "abstentions earn nothing");
        pacts.collect(r);
        assertEq(usdc.balanceOf(presenter), usd(10_000), "presenter");
        assertEq(facts().neutralCount, 1, "a neutral fact");
    }

    function test_aSilentSeatsPartGoesBack() public {
        IPactRegistry.Pact memory p = opened();
        IPactRegistry.Record memory first = claimed(p);
        IPactRegistry.Record memory second = makeRecord(p, 0, 2);
        present(p, second, OTHER_KEY);
        vm.warp(PRESENT_END);
        settle(p, 0, FOUR_SEATS, IJury.Outcome.Accepted);
        assertEq(jury.fees(five, 1, 0), usd(2), "one share of each fee");
        assertEq(jury.fees(five, 1, 4), 0, "the fifth was silent");
        pacts.collect(first);
        pacts.collect(second);
        assertEq(usdc.balanceOf(presenter), usd(9996), "presenter");
        assertEq(usdc.balanceOf(other), usd(9996), "other");
        assertEq(usdc.balanceOf(address(pacts)), usd(1000), "registry");
    }

    function test_creditsTheSeats_whenTheTokenRefusesTheJury() public {
        IPactRegistry.Pact memory p = opened();
        claimed(p);
        usdc.blacklist(address(jury));
        vm.warp(PRESENT_END);
        settle(p, 0, FOUR_SEATS, IJury.Outcome.Accepted);
        for (uint256 seat; seat < 4; ++seat) {
            assertEq(pacts.credits(juror(seat)), usd(1), "credit");
        }
        assertEq(pacts.credits(juror(4)), 0, "silent");
        pacts.withdraw(juror(1));
        assertEq(usdc.balanceOf(juror(1)), usd(1), "juror");
    }

    function test_theWindowIsHalfOpen() public {
        IPactRegistry.Pact memory p = opened();
        claimed(p);
        vm.warp(PRESENT_END - 1);
        reverts(p, err(IPactRegistry.TooEarly.selector, PRESENT_END - 1, PRESENT_END));
        vm.warp(PACT_JUDGE_END);
        reverts(p, err(IPactRegistry.DeadlinePassed.selector, PACT_JUDGE_END, PACT_JUDGE_END));
        vm.warp(PACT_JUDGE_END - 1);
        settle(p, 0, ALL_SEATS, IJury.Outcome.Rejected);
    }

    function test_reverts_whenTheBallotsDecideNothing() public {
        IPactRegistry.Pact memory p = opened();
        claimed(p);
        vm.warp(PRESENT_END);
        bytes memory packed = packedFor(p, 0, 7, IJury.Outcome.Rejected);
        vm.expectRevert(abi.encodeWithSelector(IPactRegistry.NoVerdict.selector, uint16(7)));
        pacts.settle(p, 0, packed);
    }

    function test_ballotsOnLessEvidenceCountForNothing() public {
        IPactRegistry.Pact memory p = opened();
        claimed(p);
        bytes memory packed = packedFor(p, 0, ALL_SEATS, IJury.Outcome.Accepted);
        present(p, makeRecord(p, 0, 2), OTHER_KEY);
        vm.warp(PRESENT_END);
        vm.expectRevert(abi.encodeWithSelector(IPactRegistry.NoVerdict.selector, uint16(0)));
        pacts.settle(p, 0, packed);
    }

    function test_aPeriodIsJudgedOnce() public {
        IPactRegistry.Pact memory p = opened();
        claimed(p);
        vm.warp(PRESENT_END);
        settle(p, 0, ALL_SEATS, IJury.Outcome.Accepted);
        bytes memory packed = packedFor(p, 0, ALL_SEATS, IJury.Outcome.Rejected);
        vm.expectRevert(
            abi.encodeWithSelector(
                IPactRegistry.StatusMismatch.selector,
                IPactRegistry.Status.Ended,
                IPactRegistry.Status.Claimed
            )
        );
        pacts.settle(p, 0, packed);
    }

    function test_reverts_whenNothingWasPresented() public {
        IPactRegistry.Pact memory p = opened();
        vm.warp(PRESENT_END);
        reverts(
            p,
            abi.encodeWithSelector(
                IPactRegistry.StatusMismatch.selector,
                IPactRegistry.Status.Quiet,
                IPactRegistry.Status.Claimed
            )
        );
    }

    function test_reverts_whenThePactIsUnknown() public {
        IPactRegistry.Pact memory p = makePact();
        reverts(p, abi.encodeWithSelector(IPactRegistry.PactUnknown.selector, pacts.pactIdOf(p)));
    }

    function test_fillingAllPlacesCostsAsMuchAsASlash() public {
        IPactRegistry.Pact memory p = makePact();
        p.juryFee = 1_562_500;
        open(p);
        vm.warp(PERIOD_END);
        for (uint256 i; i < 64; ++i) {
            present(p, makeRecord(p, 0, i), OTHER_KEY);
        }
        vm.warp(PRESENT_END);
        settle(p, 0, ALL_SEATS, IJury.Outcome.Accepted);
        for (uint256 i; i < 64; ++i) {
            pacts.collect(makeRecord(p, 0, i));
        }
        assertEq(usdc.balanceOf(other), usd(9900), "the slash, paid to the jurors");
    }

    function test_whatIsDividedIsWhatWasThere(
        uint256 count,
        uint96 fee,
        uint256 seats,
        uint256 voted,
        uint96 slashed
    ) public pure {
        count = bound(count, 1, 64);
        seats = bound(seats, 3, 15);
        voted = bound(voted, 0, seats);
        PactLib.Parts memory parts = PactLib.divide(count, fee, seats, voted, slashed);
        assertEq(
            (parts.perSeat * voted + parts.each) * count + parts.burned,
            uint256(fee) * count + slashed,
            "sum"
        );
        uint256 earned = parts.perSeat * voted;
        if (slashed >= earned * count) assertAtMost(fee, parts.each, "fees come back whole");
        uint256 gained = parts.each * count + earned * count - uint256(fee) * count;
        assertAtMost(gained, uint256(slashed) / 10 + earned * count, "a tenth more at most");
    }

    function reverts(IPactRegistry.Pact memory p, bytes memory with) internal {
        vm.expectRevert(with);
        pacts.settle(p, 0, hex"0000");
    }
}
