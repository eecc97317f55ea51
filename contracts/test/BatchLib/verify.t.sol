// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {BatchLib} from "../../src/libraries/BatchLib.sol";
import {Assert} from "../utils/Assert.sol";
import {vm} from "../utils/Vm.sol";

// verify
// ├── when s is at most half of the curve's order
// │   └── it takes the votes of the key that recovers
// └── when s is larger
//     └── it does not, although the same key recovers
contract VerifyBatchTest is Assert {
    bytes32 internal constant LIST = keccak256("list");
    bytes32 internal constant DOMAIN = keccak256("domain");
    bytes internal constant VOTES = hex"0001000000";
    uint256 internal constant HALF_ORDER =
        0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;

    /// @dev Any (r, s) is somebody's signature: the seat gets the key that it recovers to.
    function test_takesUpToHalfTheOrderAndNothingAbove(uint256 below, uint256 above) public view {
        assertEq(taken(HALF_ORDER), 1, "half");
        assertEq(taken(HALF_ORDER - bound(below, 0, HALF_ORDER - 1)), 1, "below half");
        assertEq(taken(HALF_ORDER + 1), 0, "above half");
        uint256 most = type(uint256).max >> 1;
        assertEq(taken(bound(above, HALF_ORDER + 1, most)), 0, "as far as the layout goes");
    }

    function taken(uint256 s) internal view returns (uint256) {
        (, bytes32 r,) = vm.sign(1, LIST);
        bytes32 batch = BatchLib.structHash(LIST, keccak256(VOTES), bytes32(0));
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", DOMAIN, batch));
        address key = ecrecover(digest, 27, r, bytes32(s));
        assertTrue(key != address(0), "it recovers");
        bytes memory code = abi.encodePacked(hex"000100", key, new bytes(32));
        return this.verify(abi.encodePacked(uint16(1), bytes32(0), r, s, VOTES), code).length;
    }

    function verify(bytes calldata packed, bytes memory code)
        external
        view
        returns (uint256[] memory)
    {
        return BatchLib.verify(packed, 1, 1, LIST, DOMAIN, code, 3);
    }
}
