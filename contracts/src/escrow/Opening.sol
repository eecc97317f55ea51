// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealOperations} from "../interfaces/IDealOperations.sol";
import {ActLib} from "../libraries/ActLib.sol";
import {DealWord, DealWordLib} from "../libraries/DealWordLib.sol";
import {PanelLib} from "../libraries/PanelLib.sol";
import {TermsLib} from "../libraries/TermsLib.sol";
import {TermsRulesLib} from "../libraries/TermsRulesLib.sol";
import {Funding} from "./Funding.sol";

/// @title How deals begin, or never do
abstract contract Opening is Funding {
    /// @inheritdoc IDealOperations
    function open(
        Terms calldata terms,
        bytes calldata buyerAuthorization,
        bytes calldata sellerAuthorization
    ) external nonReentrant returns (bytes32 dealId) {
        Terms memory t = TermsLib.load(terms)[0];
        TermsLib.requireCanonical(t);
        uint256 appealSeats =
            PanelLib.requireFor(jury, t.jury, t.buyer, t.seller, t.appealWithin != 0);
        uint256 sum = TermsRulesLib.requireValid(t, token, appealSeats);
        dealId = _dealId(t);
        _requireUnused(dealId);
        uint256 bond = t.bond;
        // With a bond, its funding is the seller's signature.
        if (bond == 0) _requireSignature(t.seller, dealId, sellerAuthorization);

        _deals[dealId] = DealWordLib.opened(sum, bond);
        _emitOpened(terms, t, dealId);

        uint256 before = _balance();
        _pull(t.buyer, t.total, t.openBy, dealId, buyerAuthorization);
        if (bond != 0) _pull(t.seller, bond, t.openBy, dealId, sellerAuthorization);
        _requireArrived(before, t.total + bond);
        _pay(msg.sender, t.openFee, false);
    }

    /// @inheritdoc IDealOperations
    function revoke(Terms calldata terms, address party, Consent calldata consent)
        external
        nonReentrant
    {
        Terms memory t = TermsLib.load(terms)[0];
        bytes32 dealId = _dealId(t);
        _requireUnused(dealId);
        if (party != t.buyer && party != t.seller) revert NotAParty(party);
        bytes32 digest =
            _hashTypedData(ActLib.hash(Revoke(dealId, consent.fee, consent.validUntil)));
        _requireConsent(party, digest, consent);

        _deals[dealId] = DealWordLib.revoked();
        emit DealRevoked(dealId, party);
        _payActFee(party, digest, consent);
    }

    function _requireUnused(bytes32 dealId) private view {
        DealWord word = _deals[dealId];
        if (word.isRevoked()) revert DealIsRevoked(dealId);
        if (DealWord.unwrap(word) != 0) revert DealExists(dealId);
    }

    /// @dev `emit DealOpened(dealId, terms.buyer, terms.seller, terms)`, without encoding the
    /// terms; a test compares.
    function _emitOpened(Terms calldata terms, Terms memory t, bytes32 dealId) private {
        bytes32 topic = DealOpened.selector;
        (address buyer, address seller) = (t.buyer, t.seller);
        bytes memory data = TermsLib.encode(terms);
        assembly ("memory-safe") {
            log4(add(data, 0x20), mload(data), topic, dealId, buyer, seller)
        }
    }
}
