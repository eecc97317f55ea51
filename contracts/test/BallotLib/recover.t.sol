// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {BallotLib} from "../../src/libraries/BallotLib.sol";
import {Assert} from "../utils/Assert.sol";
import {vm} from "../utils/Vm.sol";

// recover
// ├── when the key signed the digest
// │   └── it says whose signature it is, for either parity
// ├── when s is larger than half of the curve's order, although a key recovers
// │   └── it says nobody's
// └── when it is no signature
//     └── it says nobody's
contract RecoverTest is Assert {
    uint256 internal constant HALF_ORDER =
        0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;
    uint256 internal constant PARITY = 1 << 255;

    function test_saysWhoseSignatureItIs(uint256 key, bytes32 digest) public pure {
        key = bound(key, 1, type(uint128).max);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        bytes32 vs = bytes32(uint256(s) | (uint256(v - 27) << 255));
        assertEq(BallotLib.recover(digest, r, vs), vm.addr(key), "key");
        bytes32 flipped = vs ^ bytes32(PARITY);
        assertTrue(BallotLib.recover(digest, r, flipped) != vm.addr(key), "other parity");
    }

    function test_saysNobodysAboveHalfTheOrder(bytes32 digest, uint256 parity) public pure {
        (, bytes32 r,) = vm.sign(1, digest);
        parity = parity % 2 == 0 ? 0 : PARITY;
        assertTrue(BallotLib.recover(digest, r, bytes32(HALF_ORDER | parity)) != address(0), "half");
        uint256 above = HALF_ORDER + 1;
        assertTrue(ecrecover(digest, 27, r, bytes32(above)) != address(0), "a key recovers");
        assertEq(BallotLib.recover(digest, r, bytes32(above | parity)), address(0), "above");
    }

    function test_saysNobodysWhenItIsNone(bytes32 digest, bytes32 word) public pure {
        assertEq(BallotLib.recover(digest, 0, word), address(0), "zero r");
        assertEq(BallotLib.recover(digest, word, 0), address(0), "zero s");
    }
}
