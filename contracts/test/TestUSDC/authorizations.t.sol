// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {TestUSDC} from "../doubles/TestUSDC.sol";
import {Wallet} from "../doubles/Wallet.sol";
import {Assert} from "../utils/Assert.sol";
import {vm} from "../utils/Vm.sol";

// receiveWithAuthorization, transferWithAuthorization: both overloads
// ├── when the owner signed, in its window, with a fresh nonce
// │   └── it moves the money and uses the nonce
// ├── when the caller of a receive is not the payee
// │   └── it reverts
// ├── when it is too early, too late, used, cancelled, another's, malleable or malformed
// │   └── it reverts with USDC's own reason
// └── when paused, or a party is blacklisted
//     └── it reverts
// cancelAuthorization: both overloads
// └── it uses the nonce without moving money
// the signature rule
// └── an account with code is asked, any other must recover
contract AuthorizationsTest is Assert {
    uint256 internal constant START = 1_800_000_000;
    uint256 internal constant KEY = 0xA11CE;
    uint256 internal constant ORDER =
        0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
    bytes32 internal constant NONCE = keccak256("nonce");
    address internal constant PAYEE = address(0xFEE);

    /// @dev An authorization: who, to whom, how much, when, which.
    struct Auth {
        address from;
        address to;
        uint256 value;
        uint256 validAfter;
        uint256 validBefore;
        bytes32 nonce;
    }

    TestUSDC internal usdc;
    address internal owner;

    function setUp() public {
        vm.warp(START);
        usdc = TestUSDC(vm.deployCode("TestUSDC.sol:TestUSDC", abi.encode(address(this))));
        owner = vm.addr(KEY);
        usdc.mint(owner, 1000e6);
    }

    function test_theTypehashesAreCirclesOwn() public view {
        // As published in FiatTokenV2's EIP3009.sol and EIP2612.sol.
        assertEq(
            usdc.TRANSFER_WITH_AUTHORIZATION_TYPEHASH(),
            0x7c7c6cdb67a18743f49ec6fa9b35f50d52ed05cbed4cc592e13b44501c1a2267,
            "transfer"
        );
        assertEq(
            usdc.RECEIVE_WITH_AUTHORIZATION_TYPEHASH(),
            0xd099cc98ef71107a616c4f0f941f04c322d8e254fe26b3c6668db87aae413de8,
            "receive"
        );
        assertEq(
            usdc.CANCEL_AUTHORIZATION_TYPEHASH(),
            0x158b0a9edf7a828aad02f63cd515c68ef2f50ba807396f6d12842833a1597429,
            "cancel"
        );
        assertEq(
            usdc.PERMIT_TYPEHASH(),
            0x6e71edae12b1b97f4d1f60370fef10105fa2faae0126114a169c64845d6126c9,
            "permit"
        );
    }

    function test_receives_byBytes(address submitter) public {
        Auth memory a = auth();
        if (submitter == owner) submitter = PAYEE;
        a.to = submitter == address(0) ? PAYEE : submitter;
        bytes memory s = signed(KEY, receiveHash(a));
        vm.expectEmit(true, true, true, true, address(usdc));
        emit TestUSDC.AuthorizationUsed(owner, NONCE);
        vm.expectEmit(true, true, true, true, address(usdc));
        emit TestUSDC.Transfer(owner, a.to, a.value);
        receiveAs(a.to, a, s);
        assertMoved(a);
    }

    function test_receives_byParts() public {
        Auth memory a = auth();
        (uint8 v, bytes32 r, bytes32 s) = parts(KEY, receiveHash(a));
        vm.prank(PAYEE);
        usdc.receiveWithAuthorization(
            a.from, a.to, a.value, a.validAfter, a.validBefore, a.nonce, v, r, s
        );
        assertMoved(a);
    }

    function test_transfers_byBytes_whoeverSubmits(address submitter) public {
        Auth memory a = auth();
        bytes memory s = signed(KEY, transferHash(a));
        vm.prank(submitter);
        usdc.transferWithAuthorization(
            a.from, a.to, a.value, a.validAfter, a.validBefore, a.nonce, s
        );
        assertMoved(a);
    }

    function test_transfers_byParts() public {
        Auth memory a = auth();
        (uint8 v, bytes32 r, bytes32 s) = parts(KEY, transferHash(a));
        usdc.transferWithAuthorization(
            a.from, a.to, a.value, a.validAfter, a.validBefore, a.nonce, v, r, s
        );
        assertMoved(a);
    }

    function test_reverts_whenTheCallerIsNotThePayee(address caller) public {
        Auth memory a = auth();
        if (caller == PAYEE) caller = owner;
        receiveReverts(
            caller, a, signed(KEY, receiveHash(a)), "FiatTokenV2: caller must be the payee"
        );
    }

    function test_reverts_outsideItsWindow() public {
        Auth memory a = auth();
        (a.validAfter, a.validBefore) = (START + 10, START + 20);
        bytes memory s = signed(KEY, receiveHash(a));
        receiveReverts(PAYEE, a, s, "FiatTokenV2: authorization is not yet valid");
        vm.warp(START + 10);
        receiveReverts(PAYEE, a, s, "FiatTokenV2: authorization is not yet valid");
        vm.warp(START + 20);
        receiveReverts(PAYEE, a, s, "FiatTokenV2: authorization is expired");
        vm.warp(START + 19);
        receiveAs(PAYEE, a, s);
    }

    function test_reverts_theSecondTime() public {
        Auth memory a = auth();
        bytes memory s = signed(KEY, receiveHash(a));
        receiveAs(PAYEE, a, s);
        receiveReverts(PAYEE, a, s, "FiatTokenV2: authorization is used or canceled");
    }

    function test_reverts_whenCancelled_byBytes() public {
        vm.expectEmit(true, true, true, true, address(usdc));
        emit TestUSDC.AuthorizationCanceled(owner, NONCE);
        usdc.cancelAuthorization(owner, NONCE, signed(KEY, cancelHash()));
        assertTrue(usdc.authorizationState(owner, NONCE), "used");
        assertEq(usdc.balanceOf(owner), 1000e6, "owner");
        Auth memory a = auth();
        bytes memory s = signed(KEY, receiveHash(a));
        receiveReverts(PAYEE, a, s, "FiatTokenV2: authorization is used or canceled");
    }

    function test_reverts_whenCancelled_byParts() public {
        (uint8 v, bytes32 r, bytes32 s) = parts(KEY, cancelHash());
        usdc.cancelAuthorization(owner, NONCE, v, r, s);
        vm.expectRevert(text("FiatTokenV2: authorization is used or canceled"));
        usdc.cancelAuthorization(owner, NONCE, v, r, s);
    }

    function test_reverts_whenAnotherCancels() public {
        bytes memory s = signed(KEY + 1, cancelHash());
        vm.expectRevert(text("FiatTokenV2: invalid signature"));
        usdc.cancelAuthorization(owner, NONCE, s);
    }

    function test_reverts_whenAnythingChanged(uint256 field) public {
        Auth memory a = auth();
        bytes memory s = signed(KEY, receiveHash(a));
        field = bound(field, 0, 4);
        if (field == 0) a.from = address(0xBAD);
        if (field == 1) a.value += 1;
        if (field == 2) a.validAfter = 1;
        if (field == 3) a.validBefore += 1;
        if (field == 4) a.nonce = keccak256("another");
        receiveReverts(PAYEE, a, s, "FiatTokenV2: invalid signature");
    }

    function test_aTransferIsNoReceive() public {
        Auth memory a = auth();
        bytes memory s = signed(KEY, transferHash(a));
        receiveReverts(PAYEE, a, s, "FiatTokenV2: invalid signature");
    }

    function test_reverts_onAnotherChain() public {
        Auth memory a = auth();
        bytes memory s = signed(KEY, receiveHash(a));
        vm.chainId(8453);
        receiveReverts(PAYEE, a, s, "FiatTokenV2: invalid signature");
    }

    function test_reverts_onSignaturesThatCannotBe() public {
        Auth memory a = auth();
        (uint8 v, bytes32 r, bytes32 s) = parts(KEY, receiveHash(a));
        receiveReverts(PAYEE, a, "", "ECRecover: invalid signature length");
        receiveReverts(PAYEE, a, abi.encodePacked(r, s), "ECRecover: invalid signature length");
        bytes32 high = bytes32(ORDER - uint256(s));
        receiveReverts(
            PAYEE,
            a,
            abi.encodePacked(r, high, v == 27 ? 28 : 27),
            "ECRecover: invalid signature 's' value"
        );
        receiveReverts(
            PAYEE, a, abi.encodePacked(r, s, uint8(29)), "ECRecover: invalid signature 'v' value"
        );
        receiveReverts(PAYEE, a, abi.encodePacked(bytes32(0), s, v), "ECRecover: invalid signature");
    }

    function test_reverts_whenPausedOrBlacklisted() public {
        Auth memory a = auth();
        bytes memory s = signed(KEY, receiveHash(a));
        usdc.pause();
        receiveReverts(PAYEE, a, s, "Pausable: paused");
        bytes memory c = signed(KEY, cancelHash());
        vm.expectRevert(text("Pausable: paused"));
        usdc.cancelAuthorization(owner, NONCE, c);
        usdc.unpause();
        usdc.blacklist(owner);
        receiveReverts(PAYEE, a, s, "Blacklistable: account is blacklisted");
        usdc.unBlacklist(owner);
        usdc.blacklist(PAYEE);
        receiveReverts(PAYEE, a, s, "Blacklistable: account is blacklisted");
        usdc.unBlacklist(PAYEE);
        receiveAs(PAYEE, a, s);
    }

    // ---- code first

    function test_asksAnAccountWithCode() public {
        address wallet =
            vm.deployCode("Wallet.sol:Wallet", abi.encode(owner, Wallet.Mode.Honest, address(0)));
        usdc.mint(wallet, 100e6);
        Auth memory a = auth();
        a.from = wallet;
        bytes memory s = signed(KEY + 1, receiveHash(a));
        receiveReverts(PAYEE, a, s, "FiatTokenV2: invalid signature");
        receiveAs(PAYEE, a, signed(KEY, receiveHash(a)));
        assertMoved(a);
    }

    function test_doesNotTakeAPlainSignatureFromAnAccountWithCode() public {
        address no = vm.deployCode(
            "Wallet.sol:Wallet", abi.encode(address(0), Wallet.Mode.SaysNo, address(0))
        );
        vm.etch(owner, abi.encodePacked(hex"ef0100", no));
        Auth memory a = auth();
        bytes memory s = signed(KEY, receiveHash(a));
        receiveReverts(PAYEE, a, s, "FiatTokenV2: invalid signature");
    }

    // ---- helpers

    function auth() internal view returns (Auth memory) {
        return Auth(owner, PAYEE, 100e6, 0, START + 1 days, NONCE);
    }

    function receiveHash(Auth memory a) internal view returns (bytes32) {
        return digestOf(abi.encode(usdc.RECEIVE_WITH_AUTHORIZATION_TYPEHASH(), a));
    }

    function transferHash(Auth memory a) internal view returns (bytes32) {
        return digestOf(abi.encode(usdc.TRANSFER_WITH_AUTHORIZATION_TYPEHASH(), a));
    }

    function cancelHash() internal view returns (bytes32) {
        return digestOf(abi.encode(usdc.CANCEL_AUTHORIZATION_TYPEHASH(), owner, NONCE));
    }

    function digestOf(bytes memory encoded) internal view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                ),
                keccak256("USDC"),
                keccak256("2"),
                31_337,
                address(usdc)
            )
        );
        return keccak256(abi.encodePacked(hex"1901", domain, keccak256(encoded)));
    }

    function parts(uint256 key, bytes32 digest) internal pure returns (uint8, bytes32, bytes32) {
        return vm.sign(key, digest);
    }

    function signed(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    function receiveAs(address caller, Auth memory a, bytes memory s) internal {
        vm.prank(caller);
        usdc.receiveWithAuthorization(
            a.from, a.to, a.value, a.validAfter, a.validBefore, a.nonce, s
        );
    }

    function receiveReverts(address caller, Auth memory a, bytes memory s, string memory with)
        internal
    {
        vm.expectRevert(text(with));
        receiveAs(caller, a, s);
    }

    function assertMoved(Auth memory a) internal view {
        assertEq(usdc.balanceOf(a.to), a.value, "payee");
        assertTrue(usdc.authorizationState(a.from, a.nonce), "used");
    }

    function text(string memory reason) internal pure returns (bytes memory) {
        return abi.encodeWithSignature("Error(string)", reason);
    }
}
