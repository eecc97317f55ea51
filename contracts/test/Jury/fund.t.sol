// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IJury} from "../../src/interfaces/IJury.sol";
import {BatchFixture} from "../utils/BatchFixture.sol";
import {vm} from "../utils/Vm.sol";

// fund
// ├── when the sum arrived before
// │   ├── it adds each seat's share to its pot, whoever calls, and to no other pot
// │   ├── it keeps what 48 bits have no room for
// │   └── it takes what somebody gave for nothing
// ├── when the jury is unknown, or has no panel for the round
// │   └── it reverts
// ├── when there is not one share per seat
// │   └── it reverts
// └── when the balance does not cover stakes, pots and shares
//     └── it reverts
// fees
// └── it is nothing for a seat that does not exist
contract FundTest is BatchFixture {
    uint256 internal constant POT_MOST = (1 << 48) - 1;

    function test_addsEachSeatsShareToItsPot_whoeverCalls(address caller) public {
        uint256[] memory shares = new uint256[](5);
        for (uint256 i; i < 5; ++i) {
            shares[i] = usd(i);
        }
        usdc.mint(address(jury), usd(10));
        vm.expectEmit(true, true, true, true, address(jury));
        emit IJury.FeesFunded(five, 1, shares);
        vm.prank(caller);
        jury.fund(five, 1, shares);
        assertPots(five, 1, shares);
        fundPots(five, 1, sharesOf(5, 1));
        for (uint256 i; i < 5; ++i) {
            ++shares[i];
        }
        assertPots(five, 1, shares);
    }

    /// forge-config: default.fuzz.runs = 32
    function test_fundsAnyPanelAndNoOtherPot(uint256 n, uint256 appeal, uint256 seed) public {
        bytes32 both = createJury(bound(n, 3, 15), bound(appeal, 3, 15));
        uint256[] memory first = randomShares(bound(n, 3, 15), seed);
        uint256[] memory second = randomShares(bound(appeal, 3, 15), ~seed);
        fundPots(both, 1, first);
        assertPots(both, 1, first);
        assertPots(both, 2, new uint256[](15));
        fundPots(both, 2, second);
        assertPots(both, 1, first);
        assertPots(both, 2, second);
        assertPots(five, 1, new uint256[](15));
    }

    function test_keepsWhat48BitsHaveNoRoomFor() public {
        uint256[] memory shares = new uint256[](5);
        shares[1] = POT_MOST - 1;
        shares[3] = POT_MOST;
        shares[4] = POT_MOST + 1;
        fundPots(five, 1, shares);
        assertPots(five, 1, shares);
        for (uint256 more = 1; more < 4; ++more) {
            fundPots(five, 1, sharesOf(5, more));
            for (uint256 i; i < 5; ++i) {
                shares[i] += more;
            }
            assertPots(five, 1, shares);
        }
    }

    function test_keepsAnyAmountsThatTheTokenHas(uint256 a, uint256 b, uint256 c) public {
        uint256[] memory shares = new uint256[](5);
        (shares[0], shares[2], shares[4]) = (a % 2 ** 250, b % 2 ** 250, c % 2 ** 250);
        fundPots(five, 1, shares);
        assertPots(five, 1, shares);
        fundPots(five, 1, shares);
        for (uint256 i; i < 5; ++i) {
            shares[i] *= 2;
        }
        assertPots(five, 1, shares);
    }

    function test_takesWhatSomebodyGaveForNothing() public {
        usdc.mint(address(jury), usd(5));
        jury.fund(five, 1, sharesOf(5, usd(1)));
        assertPots(five, 1, sharesOf(5, usd(1)));
    }

    function test_nothingIsInThePotOfASeatThatDoesNotExist(uint8 round, uint8 seat) public {
        fundPots(five, 1, sharesOf(5, usd(1)));
        if (round == 1 && seat < 5) seat += 5;
        assertEq(jury.fees(five, round, seat), 0, "fees");
        assertEq(jury.fees(WORK, 1, 0), 0, "no jury");
    }

    /// @dev A panel of five costs one word, held money another.
    function test_costsLittleForAPanelOfFive() public {
        fundPots(five, 1, sharesOf(5, usd(1)));
        usdc.mint(address(jury), usd(5));
        uint256[] memory shares = sharesOf(5, usd(1));
        vm.cool(address(jury));
        vm.cool(address(usdc));
        uint256 before = gasleft();
        jury.fund(five, 1, shares);
        assertAtMost(before - gasleft(), 40_000, "gas");
    }

    // ---- reverts

    function test_reverts_whenTheJuryIsUnknown() public {
        vm.expectRevert(abi.encodeWithSelector(IJury.JuryUnknown.selector, WORK));
        jury.fund(WORK, 1, sharesOf(5, 0));
    }

    function test_reverts_whenTheJuryHasNoPanelForTheRound(uint8 round) public {
        if (round == 1) round = 2;
        vm.expectRevert(abi.encodeWithSelector(IJury.PanelMissing.selector, five, round));
        jury.fund(five, round, sharesOf(0, 0));
    }

    function test_reverts_whenThereIsNotOneSharePerSeat() public {
        bytes32 both = createJury(5, 3);
        usdc.mint(address(jury), usd(100));
        sharesMismatch(both, 1, 4, 5);
        sharesMismatch(both, 1, 6, 5);
        sharesMismatch(both, 1, 0, 5);
        sharesMismatch(both, 2, 2, 3);
        sharesMismatch(both, 2, 4, 3);
        sharesMismatch(both, 2, 5, 3);
    }

    function test_reverts_whenTheSumDidNotArriveWhole() public {
        usdc.mint(address(jury), usd(5) - 1);
        unfunded(five, usd(1), usd(5) - 1, usd(5));
        usdc.mint(address(jury), 1);
        jury.fund(five, 1, sharesOf(5, usd(1)));
    }

    /// @dev Also when the sum, or the sum and what is held already, needs more than 256 bits.
    function test_reverts_whenTheSumIsMoreThanThereCanBe() public {
        uint256 all = type(uint256).max;
        unfunded(five, all / 2, 0, all);
        unfunded(five, all / 5 + 1, 0, all);
        fundPots(five, 1, sharesOf(5, 1));
        unfunded(five, all / 5, 5, all);
    }

    function test_reverts_whenOnlyOthersMoneyCoversIt() public {
        stake(200, usd(100));
        unfunded(five, 1, usd(100), usd(100) + 5);
        fundPots(five, 1, sharesOf(5, usd(1)));
        unfunded(five, 1, usd(105), usd(105) + 5);
        jury.claimFees(five, 1, 0);
        unfunded(five, 1, usd(104), usd(104) + 5);
        vm.prank(juror(200));
        jury.unbond(IJury.Unbonding(juror(200), 1, 0), "");
        vm.warp(START + 30 days);
        jury.claim(juror(200));
        unfunded(five, 1, usd(4), usd(4) + 5);
        // And what was paid frees nothing.
        fundPots(five, 1, sharesOf(5, 1));
    }

    // ---- helpers

    /// @dev The pots of the round, seat by seat; beyond the list nothing.
    function assertPots(bytes32 id, uint8 round, uint256[] memory needed) internal view {
        for (uint8 seat; seat < 15; ++seat) {
            uint256 pot = seat < needed.length ? needed[seat] : 0;
            assertEq(jury.fees(id, round, seat), pot, "pot");
        }
    }

    function sharesMismatch(bytes32 id, uint8 round, uint256 got, uint256 needed) internal {
        vm.expectRevert(abi.encodeWithSelector(IJury.SharesMismatch.selector, got, needed));
        jury.fund(id, round, sharesOf(got, 0));
    }

    function unfunded(bytes32 id, uint256 each, uint256 got, uint256 needed) internal {
        vm.expectRevert(abi.encodeWithSelector(IJury.Unfunded.selector, got, needed));
        jury.fund(id, 1, sharesOf(5, each));
    }

    function randomShares(uint256 count, uint256 seed)
        internal
        pure
        returns (uint256[] memory shares)
    {
        shares = new uint256[](count);
        for (uint256 i; i < count; ++i) {
            shares[i] = uint256(keccak256(abi.encode(seed, i))) >> (206 + i % 4);
        }
    }
}
