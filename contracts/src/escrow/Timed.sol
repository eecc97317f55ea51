// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealOperations} from "../interfaces/IDealOperations.sol";
import {IJury} from "../interfaces/IJury.sol";
import {Ending} from "../interfaces/IReputationRegistry.sol";
import {PanelLib} from "../libraries/PanelLib.sol";
import {Funding} from "./Funding.sol";

/// @title What time allows anybody to do: exactly one of these per live state
abstract contract Timed is Funding {
    /// @inheritdoc IDealOperations
    function reclaim(Terms calldata terms, uint8 milestone, Requested[] calldata requested)
        external
        nonReentrant
    {
        Live memory live = _loadPending(terms, milestone)[0];
        _requireOver(_until(live));
        _refund(live, Ending.Reclaimed, 0);
        _payRequested(live, IDealOperations.reclaim.selector, 1, 0, requested);
    }

    /// @inheritdoc IDealOperations
    function escalate(
        Terms calldata terms,
        uint8 milestone,
        SlowState[] calldata state,
        Requested[] calldata requested
    ) external nonReentrant {
        Live memory live = _load(terms, milestone, state)[0];
        _requireStatus(live, Status.Delivered);
        if (!_hasAppealPanel(live)) revert IJury.PanelMissing(live.terms.jury, 2);
        _requireOver(live.state.until);

        live.state.status = Status.Round2;
        live.state.until = _in(live.terms.judgeWithin);
        _move(live);
        _payRequested(live, IDealOperations.escalate.selector, 1, 0, requested);
    }

    /// @inheritdoc IDealOperations
    function expire(
        Terms calldata terms,
        uint8 milestone,
        SlowState[] calldata state,
        Requested[] calldata requested
    ) external nonReentrant {
        Live memory live = _load(terms, milestone, state)[0];
        uint8 round = _round(live);
        if (round == 1) {
            _requireStatus(live, Status.Delivered);
            if (_hasAppealPanel(live)) revert StatusMismatch(Status.Delivered, Status.Round2);
        }
        _requireOver(live.state.until);

        uint8 standing = live.state.standing;
        uint8 flags = _flags(live, false);
        if (standing == 0) {
            _share(live, Ending.Silent, flags, live.terms.silentSellerBps);
        } else {
            (, bool byBuyer) = _appealed(live);
            _payAppealBond(live, byBuyer, false);
            _byVerdict(live, standing, live.state.metBps, flags);
        }
        _payRequested(live, IDealOperations.expire.selector, round, standing, requested);
    }

    /// @inheritdoc IDealOperations
    function finalize(
        Terms calldata terms,
        uint8 milestone,
        SlowState[] calldata state,
        Requested[] calldata requested
    ) external nonReentrant {
        Live memory live = _load(terms, milestone, state)[0];
        _requireStatus(live, Status.Judged);
        _requireOver(live.state.until);
        uint8 standing = live.state.standing;
        _byVerdict(live, standing, live.state.metBps, _flags(live, false));
        _payRequested(live, IDealOperations.finalize.selector, 1, standing, requested);
    }

    function _hasAppealPanel(Live memory live) private view returns (bool) {
        (, uint256 seats) = PanelLib.sizes(jury, live.terms.jury);
        return seats != 0;
    }
}
