// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IToken} from "../interfaces/IToken.sol";
import {ActLib} from "../libraries/ActLib.sol";
import {TillLib} from "../libraries/TillLib.sol";
import {TokenLib} from "../libraries/TokenLib.sol";
import {Payouts} from "./Payouts.sol";

/// @title How money enters, and how a party pays whoever submits its act
abstract contract Funding is Payouts {
    using TillLib for TillLib.Till;

    /// @dev The first byte of an authorization.
    bytes1 internal constant BY_AUTHORIZATION = 0x00;
    bytes1 internal constant BY_ALLOWANCE = 0x01;
    bytes1 internal constant BY_PERMIT = 0x02;
    /// @dev Route, deadline, v, r, s.
    uint256 internal constant PERMIT_BYTES = 1 + 32 + 1 + 32 + 32;

    /// @dev Pulls `amount` from a party that signed `digest`: as the nonce of an ERC-3009
    /// authorization, or by itself beside an allowance. The caller checks what arrived.
    function _pull(
        address from,
        uint256 amount,
        uint256 validBefore,
        bytes32 digest,
        bytes calldata authorization
    ) internal {
        if (authorization.length == 0) revert AuthorizationMalformed(0, 1);
        bytes1 route = authorization[0];
        if (route == BY_AUTHORIZATION) {
            return IToken(token)
                .receiveWithAuthorization(
                    from, address(this), amount, 0, validBefore, digest, authorization[1:]
                );
        }
        uint256 start = 1;
        if (route == BY_PERMIT) {
            _permit(from, amount, authorization);
            start = PERMIT_BYTES;
        } else if (route != BY_ALLOWANCE) {
            revert RouteUnknown(uint8(route), uint8(BY_PERMIT));
        }
        if (msg.sender != from) _requireSignature(from, digest, authorization[start:]);
        // No check of its answer: `_requireArrived` looks at the balance.
        IToken(token).transferFrom(from, address(this), amount);
    }

    /// @dev A permit that somebody used before us has left its allowance, so its failure is none.
    function _permit(address from, uint256 amount, bytes calldata a) private {
        if (a.length < PERMIT_BYTES) revert AuthorizationMalformed(a.length, PERMIT_BYTES);
        try IToken(token)
            .permit(
                from,
                address(this),
                amount,
                uint256(bytes32(a[1:33])),
                uint8(a[33]),
                bytes32(a[34:66]),
                bytes32(a[66:98])
            ) {}
            catch {}
    }

    function _balance() internal view returns (uint256) {
        return IToken(token).balanceOf(address(this));
    }

    function _requireArrived(uint256 before, uint256 needed) internal view {
        uint256 got = _balance() - before;
        if (got != needed) revert TransferMismatch(got, needed);
    }

    // ---- consents and their fees

    /// @dev A party that calls itself consents by calling.
    function _requireConsent(address party, bytes32 digest, Consent calldata consent)
        internal
        view
    {
        if (msg.sender == party) return;
        if (block.timestamp >= consent.validUntil) {
            revert ConsentExpired(block.timestamp, consent.validUntil);
        }
        _requireSignature(party, digest, consent.signature);
    }

    /// @dev The fee of an act that pays its signer nothing.
    function _payActFee(address party, bytes32 digest, Consent calldata consent) internal {
        if (consent.fee == 0) return;
        TillLib.Till memory till = TillLib.make(1, 0, 0);
        _chargeAct(till, party, digest, consent);
        _flush(till);
    }

    /// @dev Moves an act's fee from its signer to whoever submits it: out of what the act pays the
    /// signer, else of its credit, if the token would pay it either; else by an authorization whose
    /// nonce is the act's digest.
    function _chargeAct(
        TillLib.Till memory till,
        address party,
        bytes32 digest,
        Consent calldata consent
    ) internal {
        uint256 fee = consent.fee;
        if (fee == 0) return;
        // Nothing is sent: what the token keeps from the party must not leave by way of a
        // submitter.
        bool payable_ = TokenLib.tryPush(token, party, 0);
        if (!payable_ || !till.take(party, fee)) {
            uint256 credit = payable_ ? credits[token][party] : 0;
            if (credit >= fee) {
                credits[token][party] = credit - fee;
                emit Withdrawn(token, party, fee);
            } else {
                if (consent.authorization.length == 0) revert FeeUncovered(credit, fee);
                uint256 before = _balance();
                _pull(party, fee, consent.validUntil, digest, consent.authorization);
                _requireArrived(before, fee);
            }
        }
        till.add(msg.sender, fee, false);
        emit ActFeePaid(party, msg.sender, fee);
    }

    /// @dev What a party asked anybody to perform for a fee, beside an act that needs no consent.
    /// One request at most: the same one twice would be paid twice.
    function _payRequested(
        Live memory live,
        bytes4 action,
        uint8 round,
        uint8 standing,
        Requested[] calldata requested
    ) internal {
        if (requested.length > 1) revert RequestCount(requested.length, 1);
        if (requested.length == 1) {
            address party = requested[0].party;
            Consent calldata consent = requested[0].consent;
            Terms memory t = live.terms;
            if (party != t.buyer && party != t.seller) revert NotAParty(party);
            bytes32 digest = _hashTypedData(
                ActLib.hash(
                    Request(
                        action,
                        live.dealId,
                        uint8(live.milestone),
                        round,
                        standing,
                        consent.fee,
                        consent.validUntil
                    )
                )
            );
            _requireConsent(party, digest, consent);
            _chargeAct(live.till, party, digest, consent);
        }
        _flush(live.till);
    }
}
