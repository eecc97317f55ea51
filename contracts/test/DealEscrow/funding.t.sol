// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealEscrow} from "../../src/interfaces/IDealEscrow.sol";
import {Wallet} from "../doubles/Wallet.sol";
import {Stages} from "../utils/Stages.sol";
import {vm} from "../utils/Vm.sol";

// funding: how money comes in when a wallet's ERC-3009 signature does not work
// ├── an allowance, and the party's signature of the deal id
// ├── a permit, and that signature; somebody may have used the permit before
// ├── each party may take its own route, and a caller needs no signature of its own
// ├── wallets: ERC-1271, and EIP-7702 accounts whose delegate refuses plain signatures
// ├── when the signature is missing, another's, or of other terms
// │   └── it reverts, however large the allowance
// ├── when allowance or permit do not suffice
// │   └── it reverts with the token's reason
// ├── when the route is unknown or the authorization short
// │   └── it reverts
// └── no route opens a deal twice
contract FundingTest is Stages {
    address internal constant STRANGER = address(0x57A6);

    // ---- allowance

    function test_opensByAllowanceAndSignature() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        allow(buyer, usd(100));
        bytes memory a = byAllowance(BUYER_KEY, t);
        open(t, a, sellerAuthorization(t));
        assertEq(usdc.balanceOf(address(escrow)), usd(100), "escrow");
        assertEq(usdc.allowance(buyer, address(escrow)), 0, "allowance");
    }

    function test_takesNoSignatureFromAPartyThatCallsItself() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        allow(buyer, usd(100));
        bytes memory s = sellerAuthorization(t);
        vm.prank(buyer);
        escrow.open(t, hex"01", s);
        assertEq(usdc.balanceOf(address(escrow)), usd(100), "escrow");
    }

    function test_eachPartyTakesItsOwnRoute(uint8 routes) public {
        IDealEscrow.Terms memory t = makeTerms(1);
        t.bond = usd(10);
        bytes memory b = route(routes % 3, BUYER_KEY, t.total, t);
        bytes memory s = route(routes / 3 % 3, SELLER_KEY, t.bond, t);
        open(t, b, s);
        assertEq(usdc.balanceOf(address(escrow)), usd(110), "escrow");
    }

    // ---- permit

    function test_opensByPermitAndSignature() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        open(t, byPermit(BUYER_KEY, t.total, t), sellerAuthorization(t));
        assertEq(usdc.balanceOf(address(escrow)), usd(100), "escrow");
    }

    function test_takesAPermitAndNoMoreFromAPartyThatCallsItself() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(BUYER_KEY, permitDigest(buyer, t.total));
        bytes memory a = abi.encodePacked(uint8(2), uint256(FOREVER), v, r, s);
        bytes memory b = sellerAuthorization(t);
        vm.prank(buyer);
        escrow.open(t, a, b);
        assertEq(usdc.balanceOf(address(escrow)), usd(100), "escrow");
    }

    function test_opensByAPermitThatSomebodyUsedBefore() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes memory a = byPermit(BUYER_KEY, t.total, t);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(BUYER_KEY, permitDigest(buyer, t.total));
        vm.prank(STRANGER);
        usdc.permit(buyer, address(escrow), t.total, FOREVER, v, r, s);
        open(t, a, sellerAuthorization(t));
        assertEq(usdc.balanceOf(address(escrow)), usd(100), "escrow");
    }

    function test_opensByABrokenPermit_whenAnAllowanceStands() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        allow(buyer, type(uint256).max);
        bytes memory a = bytes.concat(hex"02", new bytes(97), sign(BUYER_KEY, escrow.dealIdOf(t)));
        open(t, a, sellerAuthorization(t));
    }

    function test_reverts_whenThePermitIsBroken() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes memory a = byPermit(SELLER_KEY, t.total, t);
        bytes memory own = sign(BUYER_KEY, escrow.dealIdOf(t));
        for (uint256 i; i < own.length; ++i) {
            a[98 + i] = own[i];
        }
        openReverts(t, a, sellerAuthorization(t), short());
        a = byPermit(BUYER_KEY, t.total - 1, t);
        openReverts(t, a, sellerAuthorization(t), short());
    }

    // ---- wallets

    function test_opensForAWalletByAllowance() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        t.buyer = vm.deployCode(
            "Wallet.sol:Wallet", abi.encode(buyer, Wallet.Mode.Honest, address(escrow))
        );
        usdc.mint(t.buyer, t.total);
        allow(t.buyer, t.total);
        open(t, byAllowance(BUYER_KEY, t), sellerAuthorization(t));
        assertEq(usdc.balanceOf(address(escrow)), usd(100), "escrow");
    }

    /// @dev The token asks the delegate, which wants its own envelope; our own check does not.
    function test_opensForA7702AccountThatTheTokenRefuses() public {
        address to = vm.deployCode(
            "Wallet.sol:Wallet", abi.encode(address(0), Wallet.Mode.SaysNo, address(0))
        );
        vm.etch(buyer, abi.encodePacked(hex"ef0100", to));
        IDealEscrow.Terms memory t = makeTerms(1);
        openReverts(t, text("FiatTokenV2: invalid signature"));
        allow(buyer, t.total);
        open(t, byAllowance(BUYER_KEY, t), sellerAuthorization(t));
    }

    // ---- signatures

    function test_reverts_whenTheSignatureIsNotThePartys() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        allow(buyer, type(uint256).max);
        bytes32 id = escrow.dealIdOf(t);
        bytes memory s = sellerAuthorization(t);
        openReverts(t, hex"01", s, notSigned(buyer, id));
        openReverts(t, byAllowance(SELLER_KEY, t), s, notSigned(buyer, id));
        IDealEscrow.Terms memory other = makeTerms(1);
        other.salt = 0;
        openReverts(t, byAllowance(BUYER_KEY, other), s, notSigned(buyer, id));
        vm.expectRevert(notSigned(buyer, id));
        vm.prank(seller);
        escrow.open(t, hex"01", s);
    }

    /// @dev An ERC-3009 authorization for the deal is no signature of it.
    function test_reverts_whenTheSignatureIsForTheOtherRoute() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        allow(buyer, type(uint256).max);
        bytes memory a = buyerAuthorization(t);
        a[0] = hex"01";
        openReverts(t, a, sellerAuthorization(t), notSigned(buyer, escrow.dealIdOf(t)));
        a = byAllowance(BUYER_KEY, t);
        a[0] = hex"00";
        openReverts(t, a, sellerAuthorization(t), text("FiatTokenV2: invalid signature"));
    }

    function test_reverts_whenTheBondsSignatureIsBare() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        t.bond = usd(10);
        allow(seller, type(uint256).max);
        bytes memory b = buyerAuthorization(t);
        // Its first byte is taken for a route.
        bytes memory s = sign(SELLER_KEY, escrow.dealIdOf(t));
        (bool ok,) = address(escrow).call(abi.encodeCall(escrow.open, (t, b, s)));
        assertTrue(!ok, "refused");
    }

    // ---- money

    function test_reverts_whenTheAllowanceIsShort() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        allow(buyer, t.total - 1);
        openReverts(t, byAllowance(BUYER_KEY, t), sellerAuthorization(t), short());
    }

    /// @dev One party's allowance never pays the other's part.
    function test_reverts_whenOnlyTheOtherPartyAllows() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        t.bond = usd(10);
        allow(buyer, type(uint256).max);
        bytes memory s = bytes.concat(hex"01", sign(SELLER_KEY, escrow.dealIdOf(t)));
        openReverts(t, byAllowance(BUYER_KEY, t), s, short());
    }

    // ---- malformed

    /// forge-config: default.fuzz.runs = 32
    function test_reverts_whenTheRouteIsUnknown(uint8 first) public {
        IDealEscrow.Terms memory t = makeTerms(1);
        first = uint8(bound(first, 3, 255));
        openReverts(
            t,
            abi.encodePacked(first),
            sellerAuthorization(t),
            abi.encodeWithSelector(IDealEscrow.RouteUnknown.selector, first, 2)
        );
    }

    /// forge-config: default.fuzz.runs = 32
    function test_reverts_whenTheAuthorizationIsShort(uint256 length) public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes memory s = sellerAuthorization(t);
        openReverts(t, "", s, malformed(0, 1));
        length = bound(length, 1, 97);
        bytes memory a = new bytes(length);
        a[0] = hex"02";
        openReverts(t, a, s, malformed(length, 98));
    }

    // ---- twice

    function test_noRouteOpensADealTwice(uint8 routes) public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes memory first = route(routes % 3, BUYER_KEY, t.total, t);
        open(t, first, sellerAuthorization(t));
        bytes memory exists =
            abi.encodeWithSelector(IDealEscrow.DealExists.selector, escrow.dealIdOf(t));
        for (uint8 i; i < 3; ++i) {
            openReverts(t, route(i, BUYER_KEY, t.total, t), sellerAuthorization(t), exists);
        }
        vm.prank(buyer);
        escrow.accept(t, 0, noState(), noConsent());
        for (uint8 i; i < 3; ++i) {
            openReverts(t, route(i, BUYER_KEY, t.total, t), sellerAuthorization(t), exists);
        }
    }

    // ---- helpers

    function allow(address owner, uint256 amount) internal {
        vm.prank(owner);
        usdc.approve(address(escrow), amount);
    }

    function route(uint8 which, uint256 key, uint256 value, IDealEscrow.Terms memory t)
        internal
        returns (bytes memory)
    {
        if (which == 0) return byNonce(key, value, t.openBy, escrow.dealIdOf(t));
        if (which == 2) return byPermit(key, value, t);
        allow(vm.addr(key), value);
        return byAllowance(key, t);
    }

    function byAllowance(uint256 key, IDealEscrow.Terms memory t)
        internal
        view
        returns (bytes memory)
    {
        return bytes.concat(hex"01", sign(key, escrow.dealIdOf(t)));
    }

    function byPermit(uint256 key, uint256 value, IDealEscrow.Terms memory t)
        internal
        view
        returns (bytes memory)
    {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, permitDigest(vm.addr(key), value));
        return bytes.concat(
            abi.encodePacked(uint8(2), uint256(FOREVER), v, r, s), sign(key, escrow.dealIdOf(t))
        );
    }

    function permitDigest(address owner, uint256 value) internal view returns (bytes32) {
        bytes32 structHash = keccak256(
            abi.encode(
                usdc.PERMIT_TYPEHASH(),
                owner,
                address(escrow),
                value,
                usdc.nonces(owner),
                uint256(FOREVER)
            )
        );
        return keccak256(abi.encodePacked(hex"1901", usdc.DOMAIN_SEPARATOR(), structHash));
    }

    function notSigned(address party, bytes32 id) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IDealEscrow.SignatureInvalid.selector, party, id);
    }

    function short() internal pure returns (bytes memory) {
        return text("ERC20: transfer amount exceeds allowance");
    }

    function malformed(uint256 got, uint256 needed) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IDealEscrow.AuthorizationMalformed.selector, got, needed);
    }
}
