// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealEscrow} from "./interfaces/IDealEscrow.sol";
import {ActLib} from "./libraries/ActLib.sol";

/// @title What parties sign for an escrow, besides the terms
/// @notice The digests that `DealEscrow` checks, from the same library, for whoever wants to
/// compare its own. No part of the protocol calls it and nothing is at stake in it; the escrow has
/// no room for it.
contract DealDigests {
    bytes32 private constant DOMAIN_TYPEHASH = keccak256(
        "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    );

    /// @notice What a seller signs for a delivery.
    function deliveryDigest(address escrow, IDealEscrow.Delivery calldata delivery)
        external
        view
        returns (bytes32)
    {
        return _digest(escrow, ActLib.hash(delivery));
    }

    /// @notice What a party signs to revoke.
    function revokeDigest(address escrow, IDealEscrow.Revoke calldata act)
        external
        view
        returns (bytes32)
    {
        return _digest(escrow, ActLib.hash(act));
    }

    /// @notice What a buyer signs to accept.
    function acceptDigest(address escrow, IDealEscrow.Accept calldata act)
        external
        view
        returns (bytes32)
    {
        return _digest(escrow, ActLib.hash(ActLib.ACCEPT_TYPEHASH, act));
    }

    /// @notice What a seller signs to concede.
    function concedeDigest(address escrow, IDealEscrow.Concede calldata act)
        external
        view
        returns (bytes32)
    {
        IDealEscrow.Accept memory same = IDealEscrow.Accept(
            act.dealId, act.milestone, act.round, act.standing, act.fee, act.validUntil
        );
        return _digest(escrow, ActLib.hash(ActLib.CONCEDE_TYPEHASH, same));
    }

    /// @notice What both parties sign to agree; each its own fee and `validUntil`.
    function agreeDigest(address escrow, IDealEscrow.Agree calldata act)
        external
        view
        returns (bytes32)
    {
        return _digest(escrow, ActLib.hash(act));
    }

    /// @notice What a loser signs to appeal, or what its authorization has as nonce.
    function appealDigest(address escrow, IDealEscrow.Appeal calldata act)
        external
        view
        returns (bytes32)
    {
        return _digest(escrow, ActLib.hash(act));
    }

    /// @notice What a party signs to have something performed for a fee.
    function requestDigest(address escrow, IDealEscrow.Request calldata request)
        external
        view
        returns (bytes32)
    {
        return _digest(escrow, ActLib.hash(request));
    }

    function _digest(address escrow, bytes32 structHash) private view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(DOMAIN_TYPEHASH, keccak256("Surety"), keccak256("1"), block.chainid, escrow)
        );
        return keccak256(abi.encodePacked(hex"1901", domain, structHash));
    }
}
