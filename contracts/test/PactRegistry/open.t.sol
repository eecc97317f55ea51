// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealEscrow} from "../../src/interfaces/IDealEscrow.sol";
import {IJury} from "../../src/interfaces/IJury.sol";
import {IPactRegistry} from "../../src/interfaces/IPactRegistry.sol";
import {PactFixture} from "../utils/PactFixture.sol";
import {vm} from "../utils/Vm.sol";

// open
// ├── when the agent's authorization has the pact's id as nonce
// │   └── it pulls the bond, keeps one word and emits the whole pact, whoever submits
// ├── when anything of the pact was changed after signing
// │   └── the token refuses
// ├── when `openBy` is over, to the second
// │   └── it reverts
// ├── when a field is out of its range
// │   └── it reverts and names the field, on both sides of each limit
// ├── when the jury is unknown or the agent sits in it
// │   └── it reverts
// └── when the pact was opened before, even if it is closed
//     └── it reverts
contract PactOpenTest is PactFixture {
    function test_pullsTheBondByOneSignature() public {
        IPactRegistry.Pact memory p = makePact();
        bytes32 id = pacts.pactIdOf(p);
        uint256 before = usdc.balanceOf(agent);
        bytes memory a = authorization(AGENT_KEY, p.bond, p.openBy, id, address(pacts));
        vm.expectEmit(true, true, true, true, address(pacts));
        emit IPactRegistry.PactOpened(id, agent, p);
        vm.prank(RELAYER);
        assertEq(pacts.open(p, a), id, "id");
        assertEq(usdc.balanceOf(agent), before - usd(1000), "agent");
        assertEq(usdc.balanceOf(address(pacts)), usd(1000), "registry");
        assertEq(
            abi.encode(stateOf(id)),
            abi.encode(
                IPactRegistry.PactState(
                    usd(1000), START_AT + uint40(10 days), 0, true, false, false
                )
            ),
            "state"
        );
    }

    function test_theTokenRefuses_whenTheSignatureIsForAnotherPact() public {
        IPactRegistry.Pact memory p = makePact();
        bytes memory a =
            authorization(AGENT_KEY, p.bond, p.openBy, pacts.pactIdOf(p), address(pacts));
        p.slashBps = 999;
        vm.expectRevert(text("FiatTokenV2: invalid signature"));
        pacts.open(p, a);
    }

    function test_opensUntilJustBeforeOpenBy() public {
        IPactRegistry.Pact memory p = makePact();
        vm.warp(PACT_OPEN_BY);
        reverts(p, err(IPactRegistry.DeadlinePassed.selector, PACT_OPEN_BY, PACT_OPEN_BY));
        vm.warp(PACT_OPEN_BY - 1);
        open(p);
    }

    function test_reverts_whenAFieldIsOutOfRange() public {
        IPactRegistry.Pact memory p = makePact();
        p.slashBps = 0;
        outOfRange(p, "slashBps", 0, 1, 10_000);
        p.slashBps = 10_001;
        outOfRange(p, "slashBps", 10_001, 1, 10_000);
        p = makePact();
        p.sampleBps = 0;
        outOfRange(p, "sampleBps", 0, 1, 10_000);
        p.sampleBps = 10_001;
        outOfRange(p, "sampleBps", 10_001, 1, 10_000);
        p = makePact();
        p.periods = 0;
        outOfRange(p, "periods", 0, 1, type(uint16).max);
        p = makePact();
        p.periodSecs = 1 hours - 1;
        outOfRange(p, "periodSecs", 1 hours - 1, 1 hours, 730 days);
        p = makePact();
        p.presentWithin = 1 hours - 1;
        outOfRange(p, "presentWithin", 1 hours - 1, 1 hours, 730 days);
        p = makePact();
        p.judgeWithin = 1 hours - 1;
        outOfRange(p, "judgeWithin", 1 hours - 1, 1 hours, 730 days);
        p = makePact();
        p.startAt = PACT_OPEN_BY - 1;
        outOfRange(p, "startAt", PACT_OPEN_BY - 1, PACT_OPEN_BY, START + 730 days);
        p = makePact();
        p.rule |= 1 << 254;
        outOfRange(p, "rule", 1, 0, 0);
    }

    function test_aRecordCostsASlashAtMostAndASixtyFourthAtLeast() public {
        IPactRegistry.Pact memory p = makePact();
        uint256 least = 1_562_500;
        p.juryFee = uint96(least - 1);
        outOfRange(p, "juryFee", p.juryFee, least, usd(100));
        p.juryFee = usd(100) + 1;
        outOfRange(p, "juryFee", p.juryFee, least, usd(100));
        p.juryFee = uint96(least);
        open(p);
        p.juryFee = usd(100);
        open(p);
        p.bond = 0;
        p.juryFee = 0;
        outOfRange(p, "juryFee", 0, 1, 0);
    }

    function test_aPactEndsWithinTwoYears() public {
        IPactRegistry.Pact memory p = makePact();
        // One day until it starts, one to present, one to judge.
        p.periods = 727;
        open(p);
        p.periods = 728;
        outOfRange(p, "periods", START + 731 days, 0, START + 730 days);
    }

    function test_theSmallestPactOpens() public {
        IPactRegistry.Pact memory p = makePact();
        (p.bond, p.slashBps, p.juryFee, p.sampleBps) = (1, 10_000, 1, 1);
        (p.periods, p.startAt) = (1, PACT_OPEN_BY);
        (p.periodSecs, p.presentWithin, p.judgeWithin) = (1 hours, 1 hours, 1 hours);
        open(p);
    }

    function test_reverts_whenTheRuleHasAGap() public {
        IPactRegistry.Pact memory p = makePact();
        p.rule = rule(5000, 0, 5000, 0, 10_000);
        reverts(p, abi.encodeWithSelector(IDealEscrow.WeightsInvalid.selector, 0, 5000, 10_000));
    }

    function test_reverts_whenTheJuryIsUnknown() public {
        IPactRegistry.Pact memory p = makePact();
        p.jury = keccak256("none");
        reverts(p, abi.encodeWithSelector(IJury.JuryUnknown.selector, p.jury));
    }

    function test_reverts_whenTheAgentSitsInTheJury() public {
        IPactRegistry.Pact memory p = makePact();
        p.agent = juror(2);
        reverts(p, abi.encodeWithSelector(IJury.PartyIsJuror.selector, juror(2)));
    }

    function test_reverts_whenItWasOpenedBefore() public {
        IPactRegistry.Pact memory p = makePact();
        bytes32 id = open(p);
        reverts(p, abi.encodeWithSelector(IPactRegistry.PactExists.selector, id));
    }

    function reverts(IPactRegistry.Pact memory p, bytes memory with) internal {
        vm.expectRevert(with);
        pacts.open(p, "");
    }

    function outOfRange(
        IPactRegistry.Pact memory p,
        string memory field,
        uint256 got,
        uint256 least,
        uint256 most
    ) internal {
        reverts(
            p, abi.encodeWithSelector(IPactRegistry.OutOfRange.selector, field, got, least, most)
        );
    }
}
