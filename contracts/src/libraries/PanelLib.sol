// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title Juries held as code
/// @notice A jury is a contract whose code is data: a zero byte (so that it can never run), the two
/// panels' sizes, then twenty bytes per seat, panel first. One cold account access reads it whole.
/// @dev A jury's digest is the hash of its creation code, and its address follows from the digest
/// by CREATE2.
library PanelLib {
    /// @dev Zero byte and two sizes.
    uint256 internal constant HEADER = 3;
    uint256 internal constant KEY = 20;

    /// @notice The creation code of a jury.
    function creationCode(address[] calldata panel, address[] calldata appealPanel)
        internal
        pure
        returns (bytes memory code)
    {
        bytes memory keys;
        for (uint256 i; i < panel.length; ++i) {
            keys = bytes.concat(keys, bytes20(panel[i]));
        }
        for (uint256 i; i < appealPanel.length; ++i) {
            keys = bytes.concat(keys, bytes20(appealPanel[i]));
        }
        // PUSH2 length, DUP1, PUSH1 10, RETURNDATASIZE, CODECOPY, RETURNDATASIZE, RETURN: returns
        // what follows.
        code = abi.encodePacked(
            hex"61",
            uint16(HEADER + keys.length),
            hex"80600a3d393df300",
            uint8(panel.length),
            uint8(appealPanel.length),
            keys
        );
    }

    /// @notice Where the jury of that digest lives, whether or not it exists.
    function addressOf(bytes32 jury) internal view returns (address) {
        return address(
            uint160(
                uint256(keccak256(abi.encodePacked(bytes1(0xff), address(this), bytes32(0), jury)))
            )
        );
    }

    /// @notice The jury's code; empty when it does not exist.
    function load(bytes32 jury) internal view returns (bytes memory) {
        return addressOf(jury).code;
    }

    /// @notice How many seats the panel of `round` has, and where its keys begin in `code`.
    function seats(bytes memory code, uint256 round)
        internal
        pure
        returns (uint256 count, uint256 start)
    {
        uint256 panel = uint8(code[1]);
        if (round == 1) return (panel, HEADER);
        if (round == 2) return (uint8(code[2]), HEADER + panel * KEY);
    }

    /// @notice The key of a seat, by the `start` that `seats` returned.
    function key(bytes memory code, uint256 start, uint256 seat) internal pure returns (address k) {
        assembly ("memory-safe") {
            k := shr(96, mload(add(add(code, 0x20), add(start, mul(seat, 20)))))
        }
    }
}
