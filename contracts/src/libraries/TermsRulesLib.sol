// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealEscrow} from "../interfaces/IDealEscrow.sol";

/// @title What terms must be for a deal that these contracts can always end
library TermsRulesLib {
    uint256 internal constant BPS = 10_000;
    uint256 internal constant FEE_BPS_MOST = 1000;
    uint256 internal constant MILESTONES_MOST = 16;
    uint256 internal constant WINDOW_LEAST = 1 hours;
    uint256 internal constant LIFE_MOST = 730 days;

    /// @notice Refuses terms that could not be kept. Returns the milestones' sum.
    /// @param appealSeats Seats of the jury's appeal panel; 0 for none
    function requireValid(IDealEscrow.Terms memory t, address token, uint256 appealSeats)
        internal
        view
        returns (uint256 sum)
    {
        (address buyer, address seller) = (t.buyer, t.seller);
        if (buyer == address(0) || seller == address(0) || buyer == seller) {
            revert IDealEscrow.PartiesInvalid(buyer, seller);
        }
        if (t.token != token) revert IDealEscrow.TokenNotAllowed(t.token, token);
        if (block.timestamp >= t.openBy) {
            revert IDealEscrow.DeadlinePassed(block.timestamp, t.openBy);
        }
        _requireShares(t);
        _requireWindow("judgeWithin", t.judgeWithin);
        if (t.appealWithin != 0) _requireWindow("appealWithin", t.appealWithin);
        _requireFees(t);

        uint256 count = t.milestones.length;
        if (count == 0 || count > MILESTONES_MOST) {
            revert IDealEscrow.MilestoneCount(count, MILESTONES_MOST);
        }
        // The longest way from a milestone's deadline to its end.
        uint256 tail = t.judgeWithin;
        if (appealSeats != 0) tail += uint256(t.appealWithin) + t.judgeWithin;
        uint256 earliest = uint256(t.openBy) + WINDOW_LEAST;
        for (uint256 i; i < count; ++i) {
            sum += _requireMilestone(t.milestones[i], i, earliest, tail);
            if (uint256(t.juryFee) + t.relayFee > t.milestones[i].amount) {
                revert IDealEscrow.FeesTooHigh(
                    uint256(t.juryFee) + t.relayFee, t.milestones[i].amount
                );
            }
            if (t.sequential) earliest = t.milestones[i].deliverBy + tail + WINDOW_LEAST;
        }
        if (t.total != sum + t.openFee) {
            revert IDealEscrow.TotalMismatch(t.total, sum + t.openFee);
        }
    }

    function _requireShares(IDealEscrow.Terms memory t) private pure {
        _requireBps("silentSellerBps", t.silentSellerBps, BPS);
        _requireBps("splitSellerBps", t.splitSellerBps, BPS);
        _requireBps("feeBps", t.feeBps, FEE_BPS_MOST);
        if ((t.feeBps == 0) != (t.feeReceiver == address(0))) {
            revert IDealEscrow.FeeReceiverInvalid(t.feeReceiver, t.feeBps);
        }
    }

    /// @dev An appeal's bond must carry the round that it asks for, and without appeals there is
    /// none.
    function _requireFees(IDealEscrow.Terms memory t) private pure {
        uint256 fees = uint256(t.juryFee) + t.relayFee;
        if (t.appealWithin == 0) {
            if (t.appealBond != 0) revert IDealEscrow.AppealBondInvalid(t.appealBond, 0);
        } else if (t.appealBond < fees) {
            revert IDealEscrow.AppealBondInvalid(t.appealBond, fees);
        }
    }

    function _requireBps(string memory field, uint256 got, uint256 most) private pure {
        if (got > most) revert IDealEscrow.BpsTooHigh(field, got, most);
    }

    function _requireWindow(string memory field, uint256 got) private pure {
        if (got < WINDOW_LEAST) revert IDealEscrow.WindowTooShort(field, got, WINDOW_LEAST);
    }

    function _requireMilestone(
        IDealEscrow.Milestone memory m,
        uint256 i,
        uint256 earliest,
        uint256 tail
    ) private view returns (uint256 amount) {
        amount = m.amount;
        uint256 deliverBy = m.deliverBy;
        if (amount == 0) revert IDealEscrow.AmountZero(i);
        if (deliverBy < earliest) revert IDealEscrow.DeliverByTooEarly(i, deliverBy, earliest);
        if (deliverBy + tail > block.timestamp + LIFE_MOST) {
            revert IDealEscrow.EndsTooLate(i, deliverBy + tail, block.timestamp + LIFE_MOST);
        }
        requireRule(m.rule, i);
    }

    /// @notice Refuses a rule that no panel could apply; `i` is for the error.
    /// @dev Criteria are 0 to k-1 without a gap: a zero weight ends the list.
    function requireRule(uint256 rule, uint256 i) internal pure {
        if (rule >> 255 != 0) revert IDealEscrow.RuleInvalid(i, rule);
        unchecked {
            uint256 weights = rule & ((1 << 224) - 1);
            uint256 sum;
            uint256 criteria;
            for (; weights & 0x3fff != 0; weights >>= 14) {
                sum += weights & 0x3fff;
                criteria = (criteria << 1) | 1;
            }
            if (weights != 0 || sum != BPS) revert IDealEscrow.WeightsInvalid(i, sum, BPS);
            uint256 mandatory = (rule >> 224) & 0xffff;
            if (mandatory & ~criteria != 0) {
                revert IDealEscrow.MandatoryInvalid(i, mandatory, criteria);
            }
        }
        uint256 passBps = (rule >> 240) & 0x3fff;
        if (passBps == 0 || passBps > BPS) revert IDealEscrow.PassBpsInvalid(i, passBps, BPS);
    }
}
