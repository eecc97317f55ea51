// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title EIP-2935's contract, with hashes that follow from the number
contract BlockHistory {
    fallback(bytes calldata question) external returns (bytes memory) {
        uint256 number = abi.decode(question, (uint256));
        require(number < block.number && number + 8191 >= block.number, "out of reach");
        return abi.encode(keccak256(abi.encode("block", number)));
    }
}
