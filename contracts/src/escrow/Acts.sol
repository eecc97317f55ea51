// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealOperations} from "../interfaces/IDealOperations.sol";
import {Ending} from "../interfaces/IReputationRegistry.sol";
import {ActLib} from "../libraries/ActLib.sol";
import {PayoutLib} from "../libraries/PayoutLib.sol";
import {Funding} from "./Funding.sol";

/// @title What only a party can do, by calling or by signing
abstract contract Acts is Funding {
    /// @inheritdoc IDealOperations
    function deliver(
        Terms calldata terms,
        uint8 milestone,
        bytes32 deliverable,
        string calldata uri,
        bytes calldata signature,
        Requested[] calldata requested
    ) external nonReentrant {
        Live memory live = _loadPending(terms, milestone)[0];
        Terms memory t = live.terms;
        uint256 deliverBy = live.m.deliverBy;
        if (block.timestamp >= deliverBy) revert DeadlinePassed(block.timestamp, deliverBy);
        if (msg.sender != t.seller) {
            bytes32 digest =
                _hashTypedData(ActLib.hash(Delivery(live.dealId, milestone, deliverable, uri)));
            _requireSignature(t.seller, digest, signature);
        }

        live.state.status = Status.Delivered;
        live.state.deliverable = deliverable;
        live.state.until = _in(t.judgeWithin);
        _keep(live);
        emit MilestoneDelivered(live.dealId, milestone, live.state, uri);
        _payRequested(live, IDealOperations.deliver.selector, 1, 0, requested);
    }

    /// @inheritdoc IDealOperations
    function accept(
        Terms calldata terms,
        uint8 milestone,
        SlowState[] calldata state,
        Consent calldata buyer
    ) external nonReentrant {
        Live memory live = _load(terms, milestone, state)[0];
        bytes32 digest = _consented(live, ActLib.ACCEPT_TYPEHASH, live.terms.buyer, buyer);
        (bool held, bool byBuyer) = _appealed(live);
        uint8 flags = _flags(live, byBuyer);
        if (held) _payAppealBond(live, false, false);
        _share(live, Ending.Accepted, flags, PayoutLib.BPS);
        _chargeAct(live.till, live.terms.buyer, digest, buyer);
        _flush(live.till);
    }

    /// @inheritdoc IDealOperations
    function concede(
        Terms calldata terms,
        uint8 milestone,
        SlowState[] calldata state,
        Consent calldata seller
    ) external nonReentrant {
        Live memory live = _load(terms, milestone, state)[0];
        bytes32 digest = _consented(live, ActLib.CONCEDE_TYPEHASH, live.terms.seller, seller);
        (bool held, bool byBuyer) = _appealed(live);
        uint8 flags = _flags(live, !byBuyer);
        if (held) _payAppealBond(live, true, false);
        _refund(live, Ending.Conceded, flags);
        _chargeAct(live.till, live.terms.seller, digest, seller);
        _flush(live.till);
    }

    /// @inheritdoc IDealOperations
    function agree(
        Terms calldata terms,
        uint8 milestone,
        SlowState[] calldata state,
        uint128 sellerAmount,
        bool asCredit,
        Consent calldata buyer,
        Consent calldata seller
    ) external nonReentrant {
        Live memory live = _load(terms, milestone, state)[0];
        Agree memory act = Agree(
            live.dealId,
            milestone,
            _round(live),
            live.state.standing,
            sellerAmount,
            asCredit,
            buyer.fee,
            buyer.validUntil
        );
        bytes32 byBuyer = _hashTypedData(ActLib.hash(act));
        (act.fee, act.validUntil) = (seller.fee, seller.validUntil);
        bytes32 bySeller = _hashTypedData(ActLib.hash(act));
        _requireConsent(live.terms.buyer, byBuyer, buyer);
        _requireConsent(live.terms.seller, bySeller, seller);
        _endAgreed(live, sellerAmount, asCredit);
        _chargeAct(live.till, live.terms.buyer, byBuyer, buyer);
        _chargeAct(live.till, live.terms.seller, bySeller, seller);
        _flush(live.till);
    }

    /// @inheritdoc IDealOperations
    function appeal(
        Terms calldata terms,
        uint8 milestone,
        SlowState[] calldata state,
        uint96 fee,
        uint40 validUntil,
        bytes calldata authorization
    ) external nonReentrant {
        Live memory live = _load(terms, milestone, state)[0];
        _requireStatus(live, Status.Judged);
        if (block.timestamp >= live.state.until) {
            revert DeadlinePassed(block.timestamp, live.state.until);
        }
        if (block.timestamp >= validUntil) revert ConsentExpired(block.timestamp, validUntil);
        address loser = live.state.standing == ACCEPTED ? live.terms.buyer : live.terms.seller;
        bytes32 digest = _hashTypedData(
            ActLib.hash(Appeal(live.dealId, milestone, live.state.standing, fee, validUntil))
        );

        live.state.status = Status.Round2;
        live.state.until = _in(live.terms.judgeWithin);
        _move(live);
        uint256 before = _balance();
        uint256 amount = uint256(live.terms.appealBond) + fee;
        _pull(loser, amount, validUntil, digest, authorization);
        _requireArrived(before, amount);
        if (fee != 0) {
            emit ActFeePaid(loser, msg.sender, fee);
            _pay(msg.sender, fee, false);
        }
    }

    /// @dev The digest of the party's act, once it consents. `Accept` and `Concede` have the same
    /// fields.
    function _consented(Live memory live, bytes32 typehash, address party, Consent calldata consent)
        private
        view
        returns (bytes32 digest)
    {
        digest = _hashTypedData(
            ActLib.hash(
                typehash,
                Accept(
                    live.dealId,
                    uint8(live.milestone),
                    _round(live),
                    live.state.standing,
                    consent.fee,
                    consent.validUntil
                )
            )
        );
        _requireConsent(party, digest, consent);
    }

    function _endAgreed(Live memory live, uint256 sellerAmount, bool asCredit) private {
        Terms memory t = live.terms;
        (PayoutLib.Payout memory p, uint256 most) =
            PayoutLib.split(live.amount, live.bond, sellerAmount, t.feeBps, live.first, live.second);
        if (sellerAmount > most) revert SplitTooLarge(sellerAmount, most);
        live.asCredit = asCredit;
        (bool held, bool byBuyer) = _appealed(live);
        if (held) _payAppealBond(live, byBuyer, false);
        _end(live, Ending.Agreed, _flags(live, false), p);
    }
}
