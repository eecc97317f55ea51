// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {DealWord, DealWordLib} from "../../src/libraries/DealWordLib.sol";
import {vm} from "../utils/Vm.sol";

/// @notice A deal's word, for any stored word: what `cargo x deep` proves. A panic of any kind is
/// a failure here.
/// @dev The escrow pays a milestone only while `isEnded` says no, and sets the bit with `ended`
/// before it pays. So that a settled milestone never pays again is: `ended` sets the bit, and
/// nothing clears one.
contract DealWordSymbolic {
    /// @notice A new deal holds its sums, and nothing has ended: any amount and bond.
    /// @custom:halmos --panic-error-codes *
    function check_aNewDealHoldsItsSums(uint96 amount, uint96 bond) external pure {
        DealWord word = DealWordLib.opened(amount, bond);
        assert(word.isLive() && !word.isRevoked());
        assert(word.remainingAmount() == amount && word.remainingBond() == bond);
        assert(word.endedMask() == 0 && word.slowMask() == 0);
        assert(DealWord.unwrap(word) >> 226 == 0);
    }

    /// @notice Ending a milestone sets its bit, clears its slow path, takes off exactly its money
    /// and its bond share, and changes nothing else: any word, any milestone, any parts of what
    /// remains.
    /// @custom:halmos --panic-error-codes *
    function check_anEndingChangesOnlyItsMilestone(
        uint256 raw,
        uint8 milestone,
        uint96 amount,
        uint96 bond
    ) external pure {
        DealWord word = DealWord.wrap(raw);
        vm.assume(milestone < 16);
        vm.assume(amount <= word.remainingAmount() && bond <= word.remainingBond());
        DealWord next = word.ended(milestone, amount, bond);
        assert(next.isEnded(milestone) && !next.isSlow(milestone));
        assert(next.endedMask() == word.endedMask() | (1 << milestone));
        assert(next.slowMask() == word.slowMask() & ~(uint256(1) << milestone));
        assert(next.remainingAmount() == word.remainingAmount() - amount);
        assert(next.remainingBond() == word.remainingBond() - bond);
        uint256 changed = raw ^ DealWord.unwrap(next);
        assert(changed & 3 == 0 && changed >> 226 == 0);
    }

    /// @notice Entering the slow path sets one bit: any word, any milestone.
    /// @custom:halmos --panic-error-codes *
    function check_theSlowPathSetsOneBit(uint256 raw, uint8 milestone) external pure {
        vm.assume(milestone < 16);
        DealWord word = DealWord.wrap(raw);
        DealWord next = word.slowed(milestone);
        assert(next.isSlow(milestone));
        assert(raw | DealWord.unwrap(next) == DealWord.unwrap(next));
        assert((raw ^ DealWord.unwrap(next)) & ~(uint256(1) << (18 + milestone)) == 0);
    }

    /// @notice An ended milestone stays ended whatever happens to any milestone: any word.
    /// @custom:halmos --panic-error-codes *
    function check_anEndedMilestoneStaysEnded(
        uint256 raw,
        uint8 milestone,
        uint8 other,
        uint96 amount,
        uint96 bond
    ) external pure {
        DealWord word = DealWord.wrap(raw);
        vm.assume(milestone < 16 && other < 16 && word.isEnded(milestone));
        vm.assume(amount <= word.remainingAmount() && bond <= word.remainingBond());
        assert(word.ended(other, amount, bond).isEnded(milestone));
        assert(word.slowed(other).isEnded(milestone));
    }

    /// @notice The lowest milestone is the first that has not ended, 16 when all have: any word.
    /// @custom:halmos --panic-error-codes *
    function check_theLowestIsTheFirstNotEnded(uint256 raw) external pure {
        DealWord word = DealWord.wrap(raw);
        uint256 lowest = word.lowest();
        uint256 ended = word.endedMask();
        assert(lowest <= 16);
        assert((ended >> lowest) & 1 == 0);
        uint256 before = (uint256(1) << lowest) - 1;
        assert(ended & before == before);
    }

    /// @notice A bond share is never more than what remains of the bond: any remaining amount and
    /// bond, any part of that amount.
    /// @custom:halmos --panic-error-codes *
    function check_aBondShareIsAtMostTheBond(uint96 remaining, uint96 bond, uint96 amount)
        external
        pure
    {
        vm.assume(amount != 0 && amount <= remaining);
        DealWord word = DealWordLib.opened(remaining, bond);
        // Not `<=`, which is simplified into slices of bits that the solver over integers dislikes.
        assert(uint256(bond) + 1 > word.bondShare(amount));
    }

    /// @notice The last milestone takes what is left of the bond, so the shares sum to the bond:
    /// any remaining amount and bond.
    /// @custom:halmos --panic-error-codes *
    function check_theLastMilestoneTakesTheRestOfTheBond(uint96 remaining, uint96 bond)
        external
        pure
    {
        vm.assume(remaining != 0);
        DealWord word = DealWordLib.opened(remaining, bond);
        assert(word.bondShare(remaining) == bond);
        DealWord next = word.ended(0, remaining, bond);
        assert(next.remainingAmount() == 0 && next.remainingBond() == 0);
    }
}
