// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IJury} from "../interfaces/IJury.sol";

/// @title Juries held as code
/// @notice A jury is a contract whose code is data: a zero byte (so that it can never run), the two
/// panels' sizes, then twenty bytes per seat, panel first. One cold account access reads it whole.
/// @dev A jury's digest is the hash of its creation code, and its address follows from the digest
/// by CREATE2.
library PanelLib {
    /// @dev Zero byte and two sizes.
    uint256 internal constant HEADER = 3;
    uint256 internal constant KEY = 20;
    /// @dev Two panels of fifteen.
    uint256 internal constant CODE_MOST = 603;

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

    /// @notice Where the jury of that digest, created by the `Jury` contract `owner`, lives,
    /// whether or not it exists.
    function addressOf(address owner, bytes32 jury) internal pure returns (address where) {
        assembly ("memory-safe") {
            let m := mload(0x40)
            mstore(m, or(shl(248, 0xff), shl(88, owner)))
            mstore(add(m, 0x15), 0)
            mstore(add(m, 0x35), jury)
            where := and(keccak256(m, 0x55), sub(shl(160, 1), 1))
        }
    }

    /// @notice The jury's code, in one cold account access.
    /// @dev Reads the longest possible jury; beyond the code there are zeros, so a missing jury has
    /// no seats.
    function load(address owner, bytes32 jury) internal view returns (bytes memory code) {
        address where = addressOf(owner, jury);
        assembly ("memory-safe") {
            code := mload(0x40)
            mstore(code, CODE_MOST)
            extcodecopy(where, add(code, 0x20), 0, CODE_MOST)
            mstore(0x40, add(code, 0x2a0))
        }
        if (code[1] == 0) revert IJury.JuryUnknown(jury);
    }

    /// @notice How many seats panel and appeal panel have; none when there is no such jury.
    function sizes(address owner, bytes32 jury)
        internal
        view
        returns (uint256 first, uint256 second)
    {
        address where = addressOf(owner, jury);
        assembly ("memory-safe") {
            mstore(0x00, 0)
            extcodecopy(where, 0x00, 1, 2)
            let word := mload(0x00)
            first := byte(0, word)
            second := byte(1, word)
        }
    }

    /// @notice Refuses a jury in which a party sits, or that lacks a panel that the terms need.
    function requireFor(
        address owner,
        bytes32 jury,
        address buyer,
        address seller,
        bool needsAppealPanel
    ) internal view returns (uint256 second) {
        bytes memory code = load(owner, jury);
        uint256 first = uint8(code[1]);
        second = uint8(code[2]);
        if (needsAppealPanel && second == 0) revert IJury.PanelMissing(jury, 2);
        address found;
        assembly ("memory-safe") {
            let at_ := add(code, 0x23)
            for { let end := add(at_, mul(20, add(first, second))) } lt(at_, end) {
                at_ := add(at_, 20)
            } {
                let k := shr(96, mload(at_))
                if or(eq(k, buyer), eq(k, seller)) { found := k }
            }
        }
        if (found != address(0)) revert IJury.PartyIsJuror(found);
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

    /// @notice How many seats the appeal panel has; 0 when there is none.
    function appealSeats(bytes memory code) internal pure returns (uint256) {
        return uint8(code[2]);
    }

    /// @notice The key of a seat, by the `start` that `seats` returned.
    function key(bytes memory code, uint256 start, uint256 seat) internal pure returns (address k) {
        assembly ("memory-safe") {
            k := shr(96, mload(add(add(code, 0x20), add(start, mul(seat, 20)))))
        }
    }
}
