// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealEscrow} from "../interfaces/IDealEscrow.sol";

/// @title What terms must be, and their EIP-712 struct hash
library TermsLib {
    uint256 internal constant BPS = 10_000;
    uint256 internal constant MILESTONES_MOST = 16;
    uint256 internal constant WINDOW_LEAST = 1 hours;
    uint256 internal constant LIFE_MOST = 730 days;

    bytes32 internal constant MILESTONE_TYPEHASH =
        keccak256("Milestone(uint96 amount,uint40 deliverBy,bytes32 criteria,uint256 rule)");
    bytes32 internal constant TERMS_TYPEHASH = keccak256(
        "Terms(address buyer,address seller,uint256 buyerAgent,uint256 sellerAgent,address token,uint96 total,uint96 bond,bytes32 jury,uint96 juryFee,uint96 relayFee,uint96 openFee,uint16 feeBps,address feeReceiver,bool payAsCredit,uint40 openBy,uint40 judgeWithin,uint40 appealWithin,uint96 appealBond,uint16 silentSellerBps,uint16 splitSellerBps,bool sequential,bytes32 document,bytes32 salt,Milestone[] milestones)Milestone(uint96 amount,uint40 deliverBy,bytes32 criteria,uint256 rule)"
    );

    /// @notice The EIP-712 struct hash.
    /// @dev Hashes calldata as it stands. A word with dirty high bits gives a hash that nobody
    /// signed, and `open` refuses to emit it, so it never becomes a deal.
    function hash(IDealEscrow.Terms calldata terms) internal pure returns (bytes32 digest) {
        IDealEscrow.Milestone[] calldata milestones = terms.milestones;
        bytes32 termsTypehash = TERMS_TYPEHASH;
        bytes32 milestoneTypehash = MILESTONE_TYPEHASH;
        assembly ("memory-safe") {
            let m := mload(0x40)
            // Behind the struct's 25 words: one milestone's five, then the list of their hashes.
            let item := add(m, 0x320)
            let list := add(item, 0xa0)
            let end := list
            mstore(item, milestoneTypehash)
            for { let i := 0 } lt(i, milestones.length) { i := add(i, 1) } {
                calldatacopy(add(item, 0x20), add(milestones.offset, shl(7, i)), 0x80)
                mstore(end, keccak256(item, 0xa0))
                end := add(end, 0x20)
            }
            mstore(m, termsTypehash)
            calldatacopy(add(m, 0x20), terms, 0x2e0)
            mstore(add(m, 0x300), keccak256(list, sub(end, list)))
            digest := keccak256(m, 0x320)
        }
    }

    /// @notice The terms' ABI encoding, as an event's only argument.
    /// @dev Copies calldata instead of decoding it: a third of the cost. Only for terms that passed
    /// `requireSupported` and `requireValid`, which between them read every field that is shorter
    /// than a word, and so refuse dirty bits.
    function encode(IDealEscrow.Terms calldata terms) internal pure returns (bytes memory data) {
        IDealEscrow.Milestone[] calldata milestones = terms.milestones;
        assembly ("memory-safe") {
            data := mload(0x40)
            let size := add(0x340, shl(7, milestones.length))
            mstore(data, size)
            mstore(add(data, 0x20), 0x20)
            calldatacopy(add(data, 0x40), terms, 0x2e0)
            mstore(add(data, 0x320), 0x300)
            mstore(add(data, 0x340), milestones.length)
            calldatacopy(add(data, 0x360), milestones.offset, shl(7, milestones.length))
            mstore(0x40, add(data, add(0x20, size)))
        }
    }

    /// @notice Refuses terms that these contracts could open but not end.
    function requireSupported(IDealEscrow.Terms calldata terms) internal pure {
        if (terms.juryFee != 0) revert IDealEscrow.NotSupported("juryFee");
        if (terms.relayFee != 0) revert IDealEscrow.NotSupported("relayFee");
        if (terms.openFee != 0) revert IDealEscrow.NotSupported("openFee");
        if (terms.feeBps != 0) revert IDealEscrow.NotSupported("feeBps");
        if (terms.feeReceiver != address(0)) revert IDealEscrow.NotSupported("feeReceiver");
        if (terms.appealWithin != 0) revert IDealEscrow.NotSupported("appealWithin");
        if (terms.appealBond != 0) revert IDealEscrow.NotSupported("appealBond");
        if (terms.sequential) revert IDealEscrow.NotSupported("sequential");
        // Either value will do, but reading it is what refuses a third one.
        if (terms.payAsCredit) return;
    }

    /// @notice Refuses terms that could not be kept. Returns the milestones' sum.
    function requireValid(IDealEscrow.Terms calldata terms, address token)
        internal
        view
        returns (uint256 sum)
    {
        (address buyer, address seller) = (terms.buyer, terms.seller);
        if (buyer == address(0) || seller == address(0) || buyer == seller) {
            revert IDealEscrow.PartiesInvalid(buyer, seller);
        }
        if (terms.token != token) revert IDealEscrow.TokenNotAllowed(terms.token, token);
        if (block.timestamp >= terms.openBy) {
            revert IDealEscrow.DeadlinePassed(block.timestamp, terms.openBy);
        }
        uint256 judgeWithin = terms.judgeWithin;
        if (judgeWithin < WINDOW_LEAST) {
            revert IDealEscrow.WindowTooShort("judgeWithin", judgeWithin, WINDOW_LEAST);
        }
        if (terms.silentSellerBps > BPS) {
            revert IDealEscrow.BpsTooHigh("silentSellerBps", terms.silentSellerBps, BPS);
        }
        if (terms.splitSellerBps > BPS) {
            revert IDealEscrow.BpsTooHigh("splitSellerBps", terms.splitSellerBps, BPS);
        }
        uint256 count = terms.milestones.length;
        if (count == 0 || count > MILESTONES_MOST) {
            revert IDealEscrow.MilestoneCount(count, MILESTONES_MOST);
        }
        uint256 earliest = uint256(terms.openBy) + WINDOW_LEAST;
        for (uint256 i; i < count; ++i) {
            sum += _requireMilestone(terms.milestones[i], i, earliest, judgeWithin);
        }
        if (terms.total != sum + terms.openFee) {
            revert IDealEscrow.TotalMismatch(terms.total, sum + terms.openFee);
        }
    }

    function _requireMilestone(
        IDealEscrow.Milestone calldata m,
        uint256 i,
        uint256 earliest,
        uint256 judgeWithin
    ) private view returns (uint256 amount) {
        amount = m.amount;
        uint256 deliverBy = m.deliverBy;
        if (amount == 0) revert IDealEscrow.AmountZero(i);
        if (deliverBy < earliest) revert IDealEscrow.DeliverByTooEarly(i, deliverBy, earliest);
        if (deliverBy + judgeWithin > block.timestamp + LIFE_MOST) {
            revert IDealEscrow.EndsTooLate(i, deliverBy + judgeWithin, block.timestamp + LIFE_MOST);
        }
        requireRule(m.rule, i);
    }

    /// @notice Refuses a rule that no panel could apply; `i` is for the error.
    /// @dev Criteria are 0 to k-1 without a gap: a zero weight ends the list.
    function requireRule(uint256 rule, uint256 i) internal pure {
        if (rule >> 255 != 0) revert IDealEscrow.RuleInvalid(i, rule);
        if ((rule >> 254) & 1 != 0) revert IDealEscrow.NotSupported("proRata");
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
