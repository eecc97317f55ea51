// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IPactRegistry} from "../interfaces/IPactRegistry.sol";
import {TermsRulesLib} from "./TermsRulesLib.sol";

/// @title What a pact must be, its windows, its sample and how a judged period's money is divided
library PactLib {
    uint256 internal constant BPS = 10_000;
    uint256 internal constant WINDOW_LEAST = 1 hours;
    uint256 internal constant LIFE_MOST = 730 days;
    /// @dev A panel reads all that is presented, so there is a limit; filling it costs a slash.
    uint256 internal constant PLACES = 64;
    /// @dev Blocks from the draw to the block that decides: some seconds, more than a short reorg.
    uint256 internal constant DRAW_BLOCKS = 32;
    /// @dev How far back EIP-2935's contract reaches; BLOCKHASH alone reaches 256.
    uint256 internal constant HISTORY_BLOCKS = 8191;
    address internal constant HISTORY = 0x0000F90827F1C53a10cb7A02335B175320002935;
    /// @dev The seed of a sample that holds every key.
    bytes32 internal constant WHOLE = bytes32(type(uint256).max);

    bytes32 internal constant PACT_TYPEHASH = keccak256(
        "Pact(address agent,uint256 agentId,bytes32 jury,uint256 rule,bytes32 criteria,uint96 bond,uint16 slashBps,uint96 juryFee,uint16 sampleBps,uint40 openBy,uint40 startAt,uint40 periodSecs,uint16 periods,uint40 presentWithin,uint40 judgeWithin,bytes32 document,bytes32 salt)"
    );
    bytes32 internal constant RECORD_TYPEHASH =
        keccak256("Record(bytes32 pactId,uint32 period,bytes32 key,bytes32 content)");
    bytes32 internal constant CLAIM_TYPEHASH =
        keccak256("Claim(bytes32 record,address presenter,string uri,uint40 validUntil)");
    bytes32 internal constant NOTICE_TYPEHASH =
        keccak256("Notice(bytes32 pactId,uint40 validUntil)");
    bytes32 internal constant SUBJECT_TYPEHASH = keccak256("Subject(bytes32 pactId,uint32 period)");

    /// @dev How a judged period's money is divided. All parts are exact: nothing is left over.
    struct Parts {
        uint256 perSeat;
        uint256 each;
        uint256 burned;
    }

    // ---- EIP-712 struct hashes

    function hash(IPactRegistry.Pact calldata pact) internal pure returns (bytes32) {
        return keccak256(abi.encode(PACT_TYPEHASH, pact));
    }

    function hash(IPactRegistry.Record calldata record) internal pure returns (bytes32) {
        return keccak256(abi.encode(RECORD_TYPEHASH, record));
    }

    function hash(IPactRegistry.Claim calldata claim) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                CLAIM_TYPEHASH,
                claim.record,
                claim.presenter,
                keccak256(bytes(claim.uri)),
                claim.validUntil
            )
        );
    }

    function hash(IPactRegistry.Notice memory act) internal pure returns (bytes32) {
        return keccak256(abi.encode(NOTICE_TYPEHASH, act));
    }

    function subject(bytes32 pactId, uint32 period) internal pure returns (bytes32) {
        return keccak256(abi.encode(SUBJECT_TYPEHASH, pactId, period));
    }

    // ---- what a pact must be

    /// @notice Refuses a pact that could not be kept, judged or ended.
    function requireValid(IPactRegistry.Pact calldata pact) internal view {
        if (block.timestamp >= pact.openBy) {
            revert IPactRegistry.DeadlinePassed(block.timestamp, pact.openBy);
        }
        _requireRange("slashBps", pact.slashBps, 1, BPS);
        _requireRange("sampleBps", pact.sampleBps, 1, BPS);
        _requireRange("periods", pact.periods, 1, type(uint16).max);
        uint256 slash = slashOf(pact);
        uint256 feeLeast = (slash + PLACES - 1) / PLACES;
        // At least one: a slash of nothing, and a fee of nothing, would make claims free.
        _requireRange("juryFee", pact.juryFee, feeLeast == 0 ? 1 : feeLeast, slash);
        _requireRange("periodSecs", pact.periodSecs, WINDOW_LEAST, LIFE_MOST);
        _requireRange("presentWithin", pact.presentWithin, WINDOW_LEAST, LIFE_MOST);
        _requireRange("judgeWithin", pact.judgeWithin, WINDOW_LEAST, LIFE_MOST);
        uint256 latest = block.timestamp + LIFE_MOST;
        _requireRange("startAt", pact.startAt, pact.openBy, latest);
        uint256 last = judgeEnd(pact, pact.periods - 1);
        if (last > latest) revert IPactRegistry.OutOfRange("periods", last, 0, latest);
        // Pro-rata payment means nothing here.
        _requireRange("rule", pact.rule >> 254, 0, 0);
        TermsRulesLib.requireRule(pact.rule, 0);
    }

    function _requireRange(string memory field, uint256 got, uint256 least, uint256 most)
        private
        pure
    {
        if (got < least || got > most) {
            revert IPactRegistry.OutOfRange(field, got, least, most);
        }
    }

    // ---- windows

    /// @notice What one rejected period costs, rounded down.
    function slashOf(IPactRegistry.Pact calldata pact) internal pure returns (uint256) {
        return uint256(pact.bond) * pact.slashBps / BPS;
    }

    /// @notice When a period ends and its sample may be drawn.
    function periodEnd(IPactRegistry.Pact calldata pact, uint256 period)
        internal
        pure
        returns (uint256)
    {
        return pact.startAt + (period + 1) * pact.periodSecs;
    }

    /// @notice When presenting closes and judging opens.
    function presentEnd(IPactRegistry.Pact calldata pact, uint256 period)
        internal
        pure
        returns (uint256)
    {
        return periodEnd(pact, period) + pact.presentWithin;
    }

    /// @notice When judging closes and `expire` opens.
    function judgeEnd(IPactRegistry.Pact calldata pact, uint256 period)
        internal
        pure
        returns (uint256)
    {
        return presentEnd(pact, period) + pact.judgeWithin;
    }

    /// @notice The end of the period in progress; before the first one, its start.
    function progressEnd(IPactRegistry.Pact calldata pact) internal view returns (uint256) {
        if (block.timestamp < pact.startAt) return pact.startAt;
        return periodEnd(pact, (block.timestamp - pact.startAt) / pact.periodSecs);
    }

    // ---- the sample

    /// @notice Whether the drawn block is still open: its seed is not fixed.
    function isDrawn(bytes32 sample) internal pure returns (bool) {
        return sample != 0 && uint256(sample) < 1 << 64;
    }

    /// @notice The seed that `sample`'s drawn block gives, whoever asks whenever.
    function seedOf(bytes32 sample, bytes32 subject_) internal view returns (bytes32) {
        uint256 drawn = uint256(sample);
        if (block.number <= drawn) revert IPactRegistry.BlockPending(block.number, drawn + 1);
        if (block.number > drawn + HISTORY_BLOCKS) return WHOLE;
        bytes32 digest = keccak256(abi.encode(_blockHash(drawn), subject_));
        // Never mistaken for a block's number, nor for the whole sample.
        return (digest | bytes32(uint256(1) << 255)) & ~bytes32(uint256(1));
    }

    /// @notice Whether a key is in the sample.
    function isSampled(bytes32 sample, uint256 sampleBps, bytes32 key)
        internal
        pure
        returns (bool)
    {
        if (sampleBps == BPS || sample == WHOLE) return true;
        if (uint256(sample) < 1 << 64) return false;
        return uint256(keccak256(abi.encode(sample, key))) % BPS < sampleBps;
    }

    /// @dev A starved question must not look like a lost hash: without one this reverts.
    function _blockHash(uint256 drawn) private view returns (bytes32 found) {
        found = blockhash(drawn);
        if (found != 0) return found;
        address history = HISTORY;
        assembly ("memory-safe") {
            mstore(0x00, drawn)
            let ok := staticcall(gas(), history, 0x00, 0x20, 0x00, 0x20)
            if and(ok, eq(returndatasize(), 0x20)) { found := mload(0x00) }
        }
        if (found == 0) {
            revert IPactRegistry.HashUnavailable(drawn, drawn + HISTORY_BLOCKS + 1);
        }
    }

    // ---- money

    /// @notice Divides `count` fees and the slashed part of the bond.
    /// @dev fees + slashed = (perSeat * voted + each) * count + burned, to the unit.
    function divide(uint256 count, uint256 fee, uint256 seats, uint256 voted, uint256 slashed)
        internal
        pure
        returns (Parts memory parts)
    {
        parts.perSeat = fee / seats;
        uint256 earned = parts.perSeat * voted;
        parts.each = fee - earned;
        if (slashed == 0) return parts;
        uint256 back = slashed / count;
        if (back > earned) back = earned;
        uint256 reward = (slashed - back * count) / 10 / count;
        parts.each += back + reward;
        parts.burned = slashed - (back + reward) * count;
    }
}
