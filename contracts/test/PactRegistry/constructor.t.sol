// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IPactRegistry} from "../../src/interfaces/IPactRegistry.sol";
import {PactFixture} from "../utils/PactFixture.sol";
import {vm} from "../utils/Vm.sol";

// constructor
// ├── when jury or token has no code
// │   └── it reverts with the two addresses
// ├── when the jury keeps its pots in another token
// │   └── it reverts with both tokens
// └── otherwise
//     └── it remembers the two addresses
contract PactConstructorTest is PactFixture {
    function test_remembersTheTwoAddresses() public view {
        assertEq(pacts.jury(), address(jury), "jury");
        assertEq(pacts.token(), address(usdc), "token");
    }

    function test_reverts_whenTheJuryHasNoCode() public {
        reverts(NOBODY, address(usdc), codeMissing(NOBODY, address(usdc)));
    }

    function test_reverts_whenTheTokenHasNoCode() public {
        reverts(address(jury), NOBODY, codeMissing(address(jury), NOBODY));
    }

    function test_reverts_whenTheJuryHasAnotherToken() public {
        reverts(
            address(jury),
            address(registry),
            abi.encodeWithSelector(
                IPactRegistry.TokenMismatch.selector, address(registry), address(usdc)
            )
        );
    }

    function codeMissing(address jury_, address token_) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IPactRegistry.CodeMissing.selector, jury_, token_);
    }

    /// @dev By `create`, because a cheat code that deploys does not hand on the revert's data.
    function reverts(address jury_, address token_, bytes memory needed) internal {
        bytes memory code =
            bytes.concat(vm.getCode("PactRegistry.sol:PactRegistry"), abi.encode(jury_, token_));
        address made;
        bytes memory answer;
        assembly ("memory-safe") {
            made := create(0, add(code, 0x20), mload(code))
            answer := mload(0x40)
            mstore(answer, returndatasize())
            returndatacopy(add(answer, 0x20), 0, returndatasize())
            mstore(0x40, add(answer, add(0x20, and(add(returndatasize(), 0x1f), not(0x1f)))))
        }
        assertEq(made, address(0), "made");
        assertEq(answer, needed, "answer");
    }
}
