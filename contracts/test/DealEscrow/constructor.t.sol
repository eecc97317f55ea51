// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Jury} from "../../src/Jury.sol";
import {IDealEscrow} from "../../src/interfaces/IDealEscrow.sol";
import {Fixture} from "../utils/Fixture.sol";
import {vm} from "../utils/Vm.sol";

// constructor
// ├── when jury, registry or token has no code
// │   └── it reverts with the three addresses
// ├── when the token is not the one of its jury
// │   └── it reverts with both
// └── otherwise
//     └── it remembers the three addresses
contract ConstructorTest is Fixture {
    address internal constant NOBODY = address(0xDEAD);

    function test_remembersTheThreeAddresses() public view {
        assertEq(escrow.jury(), address(jury), "jury");
        assertEq(escrow.registry(), address(registry), "registry");
        assertEq(escrow.token(), address(usdc), "token");
    }

    function test_reverts_whenTheJuryHasNoCode() public {
        reverts(NOBODY, address(registry), address(usdc));
    }

    function test_reverts_whenTheRegistryHasNoCode() public {
        reverts(address(jury), NOBODY, address(usdc));
    }

    function test_reverts_whenTheTokenHasNoCode() public {
        reverts(address(jury), address(registry), NOBODY);
    }

    function test_reverts_whenTheTokenIsNotItsJurys() public {
        address token = address(new Jury(address(usdc)));
        revertsWith(
            address(jury),
            address(registry),
            token,
            abi.encodeWithSelector(IDealEscrow.TokenNotAllowed.selector, token, address(usdc))
        );
    }

    function reverts(address jury_, address registry_, address token_) internal {
        bytes memory with =
            abi.encodeWithSelector(IDealEscrow.CodeMissing.selector, jury_, registry_, token_);
        revertsWith(jury_, registry_, token_, with);
    }

    /// @dev By `create`, because a cheat code that deploys does not hand on the revert's data.
    function revertsWith(address jury_, address registry_, address token_, bytes memory with)
        internal
    {
        bytes memory code = bytes.concat(
            vm.getCode("DealEscrow.sol:DealEscrow"), abi.encode(jury_, registry_, token_)
        );
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
        assertEq(answer, with, "answer");
    }
}
