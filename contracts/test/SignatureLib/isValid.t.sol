// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {SignatureLib} from "../../src/libraries/SignatureLib.sol";
import {Assert} from "../utils/Assert.sol";

// isValid
// └── when the signer has no code and did not sign
//     └── it says no, without the gas that asking a wallet needs
contract IsValidTest is Assert {
    function isValid(address signer, bytes32 digest, bytes calldata signature)
        external
        view
        returns (bool)
    {
        return SignatureLib.isValid(signer, digest, signature);
    }

    function test_nobodyIsAskedWhereThereIsNoCode() public view {
        bytes memory signature = new bytes(65);
        bool valid = this.isValid{gas: 100_000}(address(0xE0A), keccak256("digest"), signature);
        assertTrue(!valid, "valid");
    }
}
