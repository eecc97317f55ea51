// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {TestUSDC} from "../doubles/TestUSDC.sol";
import {Assert} from "../utils/Assert.sol";
import {vm} from "../utils/Vm.sol";

// transfer, transferFrom, approve
// ├── they move what is there and allowed; the largest allowance does not shrink
// └── they revert when paused, blacklisted, poor or not allowed
// permit: both overloads
// └── it sets the allowance by signature, once per nonce, until its deadline
// mint, blacklist, pause
// └── only the admin; a blacklisted account keeps its balance
/// @dev A refused transfer reverts here, as USDC does.
// forge-lint: disable-next-item(erc20-unchecked-transfer)
contract TokenTest is Assert {
    uint256 internal constant START = 1_800_000_000;
    uint256 internal constant KEY = 0xA11CE;
    address internal constant OTHER = address(0x07E4);

    TestUSDC internal usdc;
    address internal owner;

    function setUp() public {
        vm.warp(START);
        usdc = TestUSDC(vm.deployCode("TestUSDC.sol:TestUSDC", abi.encode(address(this))));
        owner = vm.addr(KEY);
        usdc.mint(owner, 1000e6);
    }

    function test_looksLikeUsdc() public view {
        assertEq(usdc.name(), "USDC", "name");
        assertEq(usdc.symbol(), "USDC", "symbol");
        assertEq(usdc.version(), "2", "version");
        assertEq(usdc.decimals(), 6, "decimals");
        assertEq(usdc.totalSupply(), 1000e6, "supply");
    }

    function test_transfers(uint256 value) public {
        value = bound(value, 0, 1000e6);
        vm.expectEmit(true, true, true, true, address(usdc));
        emit TestUSDC.Transfer(owner, OTHER, value);
        vm.prank(owner);
        assertTrue(usdc.transfer(OTHER, value), "says true");
        assertEq(usdc.balanceOf(OTHER), value, "other");
        assertEq(usdc.balanceOf(owner), 1000e6 - value, "owner");
    }

    function test_transfersToItself() public {
        vm.prank(owner);
        usdc.transfer(owner, 1000e6);
        assertEq(usdc.balanceOf(owner), 1000e6, "owner");
    }

    function test_reverts_whenItIsNotThere() public {
        vm.expectRevert(text("ERC20: transfer amount exceeds balance"));
        vm.prank(owner);
        usdc.transfer(OTHER, 1000e6 + 1);
        vm.expectRevert(text("ERC20: transfer to the zero address"));
        vm.prank(owner);
        usdc.transfer(address(0), 1);
    }

    function test_movesWhatWasAllowed() public {
        vm.expectEmit(true, true, true, true, address(usdc));
        emit TestUSDC.Approval(owner, OTHER, 100e6);
        vm.prank(owner);
        usdc.approve(OTHER, 100e6);
        vm.prank(OTHER);
        usdc.transferFrom(owner, OTHER, 40e6);
        assertEq(usdc.allowance(owner, OTHER), 60e6, "allowance");
        vm.expectRevert(text("ERC20: transfer amount exceeds allowance"));
        vm.prank(OTHER);
        usdc.transferFrom(owner, OTHER, 60e6 + 1);
    }

    function test_theLargestAllowanceDoesNotShrink() public {
        vm.prank(owner);
        usdc.approve(OTHER, type(uint256).max);
        vm.prank(OTHER);
        usdc.transferFrom(owner, OTHER, 40e6);
        assertEq(usdc.allowance(owner, OTHER), type(uint256).max, "allowance");
    }

    function test_permits_byBytesAndByParts() public {
        usdc.permit(owner, OTHER, 5, START, signed(KEY, permitHash(5, 0, START)));
        assertEq(usdc.allowance(owner, OTHER), 5, "allowance");
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(KEY, permitHash(6, 1, START));
        usdc.permit(owner, OTHER, 6, START, v, r, s);
        assertEq(usdc.allowance(owner, OTHER), 6, "allowance");
        assertEq(usdc.nonces(owner), 2, "nonces");
    }

    function test_reverts_whenThePermitIsLateUsedOrAnothers() public {
        bytes memory s = signed(KEY, permitHash(5, 0, START));
        usdc.permit(owner, OTHER, 5, START, s);
        vm.expectRevert(text("EIP2612: invalid signature"));
        usdc.permit(owner, OTHER, 5, START, s);
        s = signed(KEY + 1, permitHash(5, 1, START));
        vm.expectRevert(text("EIP2612: invalid signature"));
        usdc.permit(owner, OTHER, 5, START, s);
        s = signed(KEY, permitHash(5, 1, START));
        vm.warp(START + 1);
        vm.expectRevert(text("FiatTokenV2: permit is expired"));
        usdc.permit(owner, OTHER, 5, START, s);
    }

    function test_aBlacklistedAccountKeepsItsBalanceAndCannotMoveIt() public {
        vm.expectEmit(true, true, true, true, address(usdc));
        emit TestUSDC.Blacklisted(owner);
        usdc.blacklist(owner);
        assertTrue(usdc.isBlacklisted(owner), "says so");
        assertEq(usdc.balanceOf(owner), 1000e6, "balance");
        bytes memory with = text("Blacklistable: account is blacklisted");
        vm.expectRevert(with);
        vm.prank(owner);
        usdc.transfer(OTHER, 1);
        vm.expectRevert(with);
        usdc.transfer(owner, 0);
        vm.expectRevert(with);
        vm.prank(owner);
        usdc.approve(OTHER, 1);
        vm.expectRevert(with);
        usdc.mint(owner, 1);
        usdc.unBlacklist(owner);
        vm.prank(owner);
        usdc.transfer(OTHER, 1000e6);
        assertEq(usdc.balanceOf(OTHER), 1000e6, "moved");
    }

    function test_nothingMovesWhilePaused() public {
        usdc.pause();
        bytes memory with = text("Pausable: paused");
        vm.expectRevert(with);
        vm.prank(owner);
        usdc.transfer(OTHER, 1);
        vm.expectRevert(with);
        usdc.transferFrom(owner, OTHER, 1);
        vm.expectRevert(with);
        usdc.approve(OTHER, 1);
        vm.expectRevert(with);
        usdc.permit(owner, OTHER, 1, START, "");
        usdc.unpause();
        vm.prank(owner);
        usdc.transfer(OTHER, 1);
    }

    function test_onlyTheAdminMintsBlacklistsAndPauses(address caller) public {
        if (caller == address(this)) caller = OTHER;
        bytes[5] memory calls = [
            abi.encodeCall(usdc.mint, (caller, 1)),
            abi.encodeCall(usdc.blacklist, (owner)),
            abi.encodeCall(usdc.unBlacklist, (owner)),
            abi.encodeCall(usdc.pause, ()),
            abi.encodeCall(usdc.unpause, ())
        ];
        for (uint256 i; i < calls.length; ++i) {
            vm.prank(caller);
            (bool ok, bytes memory answer) = address(usdc).call(calls[i]);
            assertTrue(!ok, "refused");
            assertEq(answer, text("Ownable: caller is not the owner"), "why");
        }
    }

    function permitHash(uint256 value, uint256 nonce, uint256 deadline)
        internal
        view
        returns (bytes32)
    {
        bytes32 structHash =
            keccak256(abi.encode(usdc.PERMIT_TYPEHASH(), owner, OTHER, value, nonce, deadline));
        return keccak256(abi.encodePacked(hex"1901", usdc.DOMAIN_SEPARATOR(), structHash));
    }

    function signed(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    function text(string memory reason) internal pure returns (bytes memory) {
        return abi.encodeWithSignature("Error(string)", reason);
    }
}
