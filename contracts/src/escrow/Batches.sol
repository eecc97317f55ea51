// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealOperations} from "../interfaces/IDealOperations.sol";
import {IJury} from "../interfaces/IJury.sol";
import {JuryCallLib} from "../libraries/JuryCallLib.sol";
import {RefusalLib} from "../libraries/RefusalLib.sol";
import {TermsLib} from "../libraries/TermsLib.sol";
import {TillLib} from "../libraries/TillLib.sol";
import {Verdicts} from "./Verdicts.sol";

/// @title Many verdicts of one panel in one transaction
abstract contract Batches is Verdicts {
    /// @dev An item's head: template 1, milestone 1, patches 1, states 1, deliverable 32.
    uint256 private constant HEAD_BYTES = 36;
    uint256 private constant PATCH_BYTES = 33;
    uint256 private constant STATE_BYTES = 288;
    /// @dev Seller, buyer, fee receiver, a submitter of round 1: at most so many new payees per
    /// item.
    uint256 private constant PAYEES_EACH = 4;

    /// @inheritdoc IDealOperations
    function settleBatch(
        uint8 round,
        Terms[] calldata templates,
        bytes calldata items,
        bytes calldata ballots
    ) external nonReentrant {
        (Live[] memory lives, IJury.BatchCase[] memory cases, uint256 facts) =
            _read(templates, items);
        if (lives.length == 0) revert BatchMalformed(items.length, HEAD_BYTES);
        bytes32 panels = lives[0].terms.jury;
        IJury.Tally[] memory tallies = JuryCallLib.judgeBatch(jury, panels, round, cases, ballots);
        TillLib.Till memory till = TillLib.make(lives.length * PAYEES_EACH + 1, facts, panels);
        for (uint256 i; i < lives.length; ++i) {
            Live memory live = lives[i];
            live.till = till;
            bytes32 deliverable = cases[i].deliverable;
            IJury.Tally memory tally = tallies[i];
            bytes memory refusal = _refuse(live, round, panels, deliverable, tally);
            if (refusal.length == 0) _apply(live, round, deliverable, tally);
            else emit BatchItemSkipped(live.dealId, uint8(live.milestone), refusal);
        }
        _flush(till);
    }

    /// @dev What a single `settle` would revert with. Read only now: an item before it may have
    /// ended the same milestone.
    function _refuse(
        Live memory live,
        uint8 round,
        bytes32 panels,
        bytes32 deliverable,
        IJury.Tally memory tally
    ) private view returns (bytes memory refusal) {
        refusal = _refusal(live);
        if (refusal.length != 0) return refusal;
        if (live.terms.jury != panels) {
            return
                RefusalLib.encode(JuryMismatch.selector, uint256(live.terms.jury), uint256(panels));
        }
        refusal = _late(live, round);
        if (refusal.length == 0) refusal = _undecided(live, deliverable, tally);
    }

    /// @dev Every item's terms and its case, in order: the jurors signed the whole list, so none
    /// can be left out here. And how many facts they can write.
    function _read(Terms[] calldata templates, bytes calldata items)
        private
        view
        returns (Live[] memory lives, IJury.BatchCase[] memory cases, uint256 facts)
    {
        Terms[] memory loaded = new Terms[](templates.length);
        for (uint256 i; i < templates.length; ++i) {
            loaded[i] = TermsLib.load(templates[i])[0];
        }
        uint256 count = _count(items);
        lives = _lives(count);
        cases = JuryCallLib.makeCases(count);
        for (uint256 i; i < count; ++i) {
            (uint256 template, uint256 milestone) = (uint8(items[0]), uint8(items[1]));
            (uint256 patchesEnd, uint256 size) = _sizes(items);
            if (template >= loaded.length) revert TemplateUnknown(i, template, loaded.length);
            Live memory live = lives[i];
            live.terms = TermsLib.patched(loaded[template], items[HEAD_BYTES:patchesEnd])[0];
            live.dealId = _dealId(live.terms);
            live.milestone = milestone;
            facts += _facts(live.terms);
            if (items[3] != 0) {
                bytes calldata state = items[patchesEnd:size];
                live.given = keccak256(state);
                // Only what this contract once encoded is sure to decode.
                if (live.given == _states[live.dealId][milestone]) {
                    live.state = abi.decode(state, (SlowState));
                }
            }
            IJury.BatchCase memory c = cases[i];
            (c.dealId, c.milestone) = (live.dealId, uint8(milestone));
            c.deliverable = bytes32(items[4:HEAD_BYTES]);
            Milestone[] memory milestones = live.terms.milestones;
            if (milestone < milestones.length) c.rule = milestones[milestone].rule;
            items = items[size:];
        }
    }

    function _count(bytes calldata items) private pure returns (uint256 count) {
        for (; items.length != 0; ++count) {
            (, uint256 size) = _sizes(items);
            items = items[size:];
        }
    }

    /// @dev Where the first item's patches end, and the item.
    function _sizes(bytes calldata items) private pure returns (uint256 patchesEnd, uint256 size) {
        if (items.length < HEAD_BYTES) revert BatchMalformed(items.length, HEAD_BYTES);
        unchecked {
            patchesEnd = HEAD_BYTES + uint256(uint8(items[2])) * PATCH_BYTES;
            size = items[3] == 0 ? patchesEnd : patchesEnd + STATE_BYTES;
        }
        if (items.length < size) revert BatchMalformed(items.length, size);
    }
}
