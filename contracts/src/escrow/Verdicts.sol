// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealOperations} from "../interfaces/IDealOperations.sol";
import {IJury} from "../interfaces/IJury.sol";
import {Ending} from "../interfaces/IReputationRegistry.sol";
import {JuryCallLib} from "../libraries/JuryCallLib.sol";
import {PayoutLib} from "../libraries/PayoutLib.sol";
import {RefusalLib} from "../libraries/RefusalLib.sol";
import {Payouts} from "./Payouts.sol";

/// @title How a tally becomes a verdict, and what a verdict does
abstract contract Verdicts is Payouts {
    uint8 private constant UNDETERMINED = uint8(IJury.Outcome.Undetermined);

    /// @inheritdoc IDealOperations
    function settle(
        Terms calldata terms,
        uint8 milestone,
        SlowState[] calldata state,
        bytes32 deliverable,
        bytes calldata ballots
    ) external nonReentrant {
        Live memory live = _load(terms, milestone, state)[0];
        uint8 round = _round(live);
        RefusalLib.revertWith(_late(live, round));
        IJury.Tally memory tally = JuryCallLib.judge(
            jury, live.terms.jury, round, live.dealId, milestone, deliverable, live.m.rule, ballots
        )[0];
        RefusalLib.revertWith(_undecided(live, deliverable, tally));
        _apply(live, round, deliverable, tally);
        _flush(live.till);
    }

    /// @dev Why no verdict of `round` may come now, or nothing.
    function _late(Live memory live, uint8 round) internal view returns (bytes memory refusal) {
        Status status = live.state.status;
        if (_round(live) != round || status == Status.Judged) {
            Status needed = round == 2 ? Status.Round2 : Status.Delivered;
            return RefusalLib.encode(StatusMismatch.selector, uint8(status), uint8(needed));
        }
        uint256 until = _until(live);
        if (block.timestamp >= until) {
            return RefusalLib.encode(DeadlinePassed.selector, block.timestamp, until);
        }
    }

    /// @dev Why the tally is no verdict on this delivery, or nothing. A seller that signed several
    /// deliveries is not saved by the last: while its own is pinned, any other may be rejected.
    function _undecided(Live memory live, bytes32 deliverable, IJury.Tally memory tally)
        internal
        pure
        returns (bytes memory refusal)
    {
        if (tally.outcome == IJury.Outcome.NoVerdict) {
            return RefusalLib.encode(NoVerdict.selector, tally.seats);
        }
        Status status = live.state.status;
        if (status == Status.Pending || deliverable == live.state.deliverable) return refusal;
        if (status == Status.Delivered && tally.outcome == IJury.Outcome.Rejected) return refusal;
        return RefusalLib.encode(
            DeliverableMismatch.selector, uint256(deliverable), uint256(live.state.deliverable)
        );
    }

    /// @dev Ends the milestone, or moves it to where its terms let it be appealed.
    function _apply(Live memory live, uint8 round, bytes32 deliverable, IJury.Tally memory tally)
        internal
    {
        uint8 verdict = uint8(tally.outcome);
        emit MilestoneSettled(
            live.dealId,
            uint8(live.milestone),
            deliverable,
            round,
            verdict,
            tally.seats,
            tally.met,
            tally.failed,
            msg.sender
        );
        Terms memory t = live.terms;
        _addDue(live, round, tally);
        if (round == 2) return _endRound2(live, verdict, tally.metBps);
        if (verdict == UNDETERMINED) {
            if (tally.appealSeats != 0) {
                _goOn(live, Status.Round2, deliverable, 0, 0, t.judgeWithin);
            } else {
                _share(live, Ending.Undetermined, 0, t.splitSellerBps);
            }
        } else if (t.appealWithin != 0) {
            _goOn(live, Status.Judged, deliverable, verdict, tally.metBps, t.appealWithin);
        } else {
            _byVerdict(live, verdict, tally.metBps, 0);
        }
    }

    /// @dev What the round that was counted now is owed.
    function _addDue(Live memory live, uint8 round, IJury.Tally memory tally) private view {
        Terms memory t = live.terms;
        (uint256 juryFee, uint256 relayFee) = (t.juryFee, t.relayFee);
        if (juryFee | relayFee == 0) return;
        PayoutLib.Due memory due =
            PayoutLib.due(juryFee, relayFee, tally.panelSeats, tally.seats, tally.voted);
        if (round == 2) (live.second, live.submitter2) = (due, msg.sender);
        else (live.first, live.state.submitter) = (due, msg.sender);
    }

    /// @dev Round 1 is counted and the milestone goes on: what it is owed is kept for the end.
    function _goOn(
        Live memory live,
        Status status,
        bytes32 deliverable,
        uint8 standing,
        uint16 metBps,
        uint256 secs
    ) private {
        PayoutLib.Due memory due = live.first;
        live.state = SlowState({
            status: status,
            deliverable: deliverable,
            until: _in(secs),
            standing: standing,
            metBps: metBps,
            voted: uint16(due.voted),
            seatFee: uint96(due.seatFee),
            relayFee: uint96(due.relayFee),
            submitter: live.state.submitter
        });
        _move(live);
    }

    /// @dev The last word. A standing verdict falls only to the opposite one; whoever appealed in
    /// vain pays the round, and loses the rest of its bond if the appeal panel says the same.
    function _endRound2(Live memory live, uint8 verdict, uint16 metBps) private {
        (bool held, bool byBuyer) = _appealed(live);
        uint8 standing = live.state.standing;
        if (!held) {
            if (verdict == UNDETERMINED) {
                _share(live, Ending.Undetermined, 0, live.terms.splitSellerBps);
            } else {
                _byVerdict(live, verdict, metBps, 0);
            }
        } else if (verdict == UNDETERMINED) {
            _payAppealBond(live, byBuyer, true);
            _byVerdict(live, standing, live.state.metBps, _flags(live, false));
        } else if (verdict == standing) {
            _payAppealBond(live, !byBuyer, true);
            _byVerdict(live, standing, live.state.metBps, _flags(live, true));
        } else {
            _payAppealBond(live, byBuyer, false);
            _byVerdict(live, verdict, metBps, 0);
        }
    }
}
