// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealEscrow} from "../interfaces/IDealEscrow.sol";

/// @title EIP-712 struct hashes of what parties sign besides the terms
library ActLib {
    bytes32 internal constant DELIVERY_TYPEHASH =
        keccak256("Delivery(bytes32 dealId,uint8 milestone,bytes32 deliverable,string uri)");
    bytes32 internal constant REVOKE_TYPEHASH =
        keccak256("Revoke(bytes32 dealId,uint96 fee,uint40 validUntil)");
    bytes32 internal constant ACCEPT_TYPEHASH = keccak256(
        "Accept(bytes32 dealId,uint8 milestone,uint8 round,uint8 standing,uint96 fee,uint40 validUntil)"
    );
    bytes32 internal constant CONCEDE_TYPEHASH = keccak256(
        "Concede(bytes32 dealId,uint8 milestone,uint8 round,uint8 standing,uint96 fee,uint40 validUntil)"
    );
    bytes32 internal constant AGREE_TYPEHASH = keccak256(
        "Agree(bytes32 dealId,uint8 milestone,uint8 round,uint8 standing,uint128 sellerAmount,bool asCredit,uint96 fee,uint40 validUntil)"
    );
    bytes32 internal constant APPEAL_TYPEHASH = keccak256(
        "Appeal(bytes32 dealId,uint8 milestone,uint8 standing,uint96 fee,uint40 validUntil)"
    );
    bytes32 internal constant REQUEST_TYPEHASH = keccak256(
        "Request(bytes4 action,bytes32 dealId,uint8 milestone,uint8 round,uint8 standing,uint96 fee,uint40 validUntil)"
    );

    function hash(IDealEscrow.Delivery memory d) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                DELIVERY_TYPEHASH, d.dealId, d.milestone, d.deliverable, keccak256(bytes(d.uri))
            )
        );
    }

    function hash(IDealEscrow.Revoke memory r) internal pure returns (bytes32) {
        uint256 at_;
        assembly {
            at_ := r
        }
        return _hash(REVOKE_TYPEHASH, at_, 3);
    }

    /// @notice Of an `Accept` or a `Concede`, by its typehash.
    function hash(bytes32 typehash, IDealEscrow.Accept memory a) internal pure returns (bytes32) {
        uint256 at_;
        assembly {
            at_ := a
        }
        return _hash(typehash, at_, 6);
    }

    function hash(IDealEscrow.Agree memory a) internal pure returns (bytes32) {
        uint256 at_;
        assembly {
            at_ := a
        }
        return _hash(AGREE_TYPEHASH, at_, 8);
    }

    function hash(IDealEscrow.Appeal memory a) internal pure returns (bytes32) {
        uint256 at_;
        assembly {
            at_ := a
        }
        return _hash(APPEAL_TYPEHASH, at_, 5);
    }

    function hash(IDealEscrow.Request memory r) internal pure returns (bytes32) {
        uint256 at_;
        assembly {
            at_ := r
        }
        return _hash(REQUEST_TYPEHASH, at_, 7);
    }

    /// @dev Of a struct of `words` plain fields at `at_` in memory: its typehash, then the struct
    /// as it lies.
    function _hash(bytes32 typehash, uint256 at_, uint256 words)
        private
        pure
        returns (bytes32 digest)
    {
        assembly ("memory-safe") {
            let m := mload(0x40)
            mstore(m, typehash)
            mcopy(add(m, 0x20), at_, shl(5, words))
            digest := keccak256(m, shl(5, add(words, 1)))
        }
    }
}
