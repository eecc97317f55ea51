// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealEscrow} from "../interfaces/IDealEscrow.sol";

/// @title EIP-712 struct hashes of what parties sign after the opening
library ActLib {
    bytes32 internal constant DELIVERY_TYPEHASH =
        keccak256("Delivery(bytes32 dealId,uint8 milestone,bytes32 deliverable,string uri)");
    bytes32 internal constant ACCEPT_TYPEHASH = keccak256(
        "Accept(bytes32 dealId,uint8 milestone,uint8 round,uint8 standing,uint40 validUntil)"
    );
    bytes32 internal constant CONCEDE_TYPEHASH = keccak256(
        "Concede(bytes32 dealId,uint8 milestone,uint8 round,uint8 standing,uint40 validUntil)"
    );
    bytes32 internal constant AGREE_TYPEHASH = keccak256(
        "Agree(bytes32 dealId,uint8 milestone,uint8 round,uint8 standing,uint128 sellerAmount,bool asCredit,uint40 validUntil)"
    );

    function hash(IDealEscrow.Delivery memory d) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                DELIVERY_TYPEHASH, d.dealId, d.milestone, d.deliverable, keccak256(bytes(d.uri))
            )
        );
    }

    function hash(IDealEscrow.Accept memory a) internal pure returns (bytes32) {
        return keccak256(abi.encode(ACCEPT_TYPEHASH, a));
    }

    function hash(IDealEscrow.Concede memory c) internal pure returns (bytes32) {
        return keccak256(abi.encode(CONCEDE_TYPEHASH, c));
    }

    function hash(IDealEscrow.Agree memory a) internal pure returns (bytes32) {
        return keccak256(abi.encode(AGREE_TYPEHASH, a));
    }
}
