// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {BallotLib} from "../../src/libraries/BallotLib.sol";
import {Assert} from "../utils/Assert.sol";
import {vm} from "../utils/Vm.sol";

// verify
// ├── when s is at most half of the curve's order
// │   └── it counts the ballot of the key that recovers
// └── when s is larger
//     └── it does not, although the same key recovers
contract VerifyTest is Assert {
    bytes32 internal constant CASE = keccak256("case");
    bytes32 internal constant DOMAIN = keccak256("domain");
    uint256 internal constant HALF_ORDER =
        0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;

    /// @dev Any (r, s) is somebody's signature: the seat gets the key that it recovers to.
    function test_countsUpToHalfTheOrderAndNothingAbove(uint256 below, uint256 above) public view {
        assertEq(counted(HALF_ORDER), 1, "half");
        assertEq(counted(HALF_ORDER - bound(below, 0, HALF_ORDER - 1)), 1, "below half");
        assertEq(counted(HALF_ORDER + 1), 0, "above half");
        uint256 most = type(uint256).max >> 1;
        assertEq(counted(bound(above, HALF_ORDER + 1, most)), 0, "as far as the layout goes");
    }

    function counted(uint256 s) internal view returns (uint16 seats) {
        (, bytes32 r,) = vm.sign(1, CASE);
        bytes32 ballot = keccak256(
            abi.encode(BallotLib.BALLOT_TYPEHASH, CASE, uint16(1), uint16(0), uint8(0), bytes32(0))
        );
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", DOMAIN, ballot));
        address key = ecrecover(digest, 27, r, bytes32(s));
        assertTrue(key != address(0), "it recovers");
        bytes memory code = abi.encodePacked(hex"000100", key, new bytes(32));
        (, seats,) = this.verify(pack(r, bytes32(s)), code);
    }

    function verify(bytes calldata packed, bytes memory code)
        external
        view
        returns (uint256[] memory, uint16, uint16)
    {
        return BallotLib.verify(packed, 1, CASE, DOMAIN, code, 3);
    }

    function pack(bytes32 r, bytes32 vs) internal pure returns (bytes memory) {
        return abi.encodePacked(uint16(1), uint16(1), uint16(0), uint8(0), bytes32(0), r, vs);
    }
}
