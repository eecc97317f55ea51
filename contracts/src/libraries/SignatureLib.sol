// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealEscrow} from "../interfaces/IDealEscrow.sol";
import {ECDSA} from "solady/utils/ECDSA.sol";

/// @title Whether a wallet signed a digest
/// @notice ECDSA first, so that an EIP-7702 account's plain signature works whatever its delegate
/// says; then ERC-1271.
library SignatureLib {
    /// @dev Enough for P-256 and WebAuthn owners; a wallet that needs more cannot sign here.
    uint256 internal constant ERC1271_GAS = 500_000;

    /// @dev Copies at most one word of the wallet's answer: a return bomb costs its sender, not us.
    function isValid(address signer, bytes32 digest, bytes calldata signature)
        internal
        view
        returns (bool valid)
    {
        if (signer == address(0)) return false;
        if (ECDSA.tryRecoverCalldata(digest, signature) == signer) return true;
        if (signer.code.length == 0) return false;

        uint256 needed = ERC1271_GAS + ERC1271_GAS / 63 + 2000;
        if (gasleft() < needed) revert IDealEscrow.GasTooLow(gasleft(), needed);
        bytes memory question = abi.encodeWithSelector(0x1626ba7e, digest, signature);
        assembly ("memory-safe") {
            mstore(0x00, 0)
            let ok :=
                staticcall(ERC1271_GAS, signer, add(question, 0x20), mload(question), 0x00, 0x20)
            valid := and(and(ok, gt(returndatasize(), 0x1f)), eq(mload(0x00), shl(224, 0x1626ba7e)))
        }
    }
}
