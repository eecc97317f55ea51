// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealEscrow} from "../../src/interfaces/IDealEscrow.sol";
import {Wallet} from "../doubles/Wallet.sol";
import {Fixture} from "../utils/Fixture.sol";
import {vm} from "../utils/Vm.sol";

// open: who signed
// ├── when another key signed for a party
// │   └── it reverts
// ├── when any field differs from the signed terms
// │   └── it reverts
// ├── when a party is an ERC-1271 wallet
// │   ├── it takes the owner's signature, for total, bond and terms
// │   ├── it is not hurt by a wallet that burns gas, answers at length or calls back
// │   └── it reverts when the wallet says no, in whatever form
// ├── when a party is an EIP-7702 account
// │   ├── our own checks take its plain signature, whatever its delegate says
// │   └── the token asks its delegate
// └── when the gas does not suffice to ask a wallet honestly
//     └── it reverts with GasTooLow
contract OpenSignaturesTest is Fixture {
    uint256 internal constant THIEF_KEY = 0x7817;
    uint256 internal constant WALLET_GAS = 500_000;
    uint256 internal constant WALLET_GAS_NEEDED = WALLET_GAS + WALLET_GAS / 63 + 2000;
    uint256 internal constant FIELDS = 24;

    function test_reverts_whenAnotherKeySignsForTheBuyer() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes32 id = escrow.dealIdOf(t);
        bytes memory b =
            bytes.concat(hex"00", authorization(THIEF_KEY, t.total, t.openBy, id, address(escrow)));
        openReverts(t, b, sellerAuthorization(t), text("FiatTokenV2: invalid signature"));
    }

    function test_reverts_whenAnotherKeySignsForTheSeller() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes32 id = escrow.dealIdOf(t);
        openReverts(t, buyerAuthorization(t), sign(THIEF_KEY, id), notSignedBy(seller, id));
    }

    function test_reverts_whenAnotherKeySignsForTheBond() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        t.bond = usd(10);
        bytes32 id = escrow.dealIdOf(t);
        bytes memory s =
            bytes.concat(hex"00", authorization(THIEF_KEY, t.bond, t.openBy, id, address(escrow)));
        openReverts(t, buyerAuthorization(t), s, text("FiatTokenV2: invalid signature"));
    }

    function test_reverts_whenTheSellerSignedNothing() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        openReverts(t, buyerAuthorization(t), "", notSignedBy(seller, escrow.dealIdOf(t)));
    }

    function test_reverts_onGarbageFromTheSeller(bytes calldata garbage) public {
        IDealEscrow.Terms memory t = makeTerms(1);
        openReverts(t, buyerAuthorization(t), garbage, notSignedBy(seller, escrow.dealIdOf(t)));
    }

    function test_reverts_whenTheAuthorizationIsForLess() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes32 id = escrow.dealIdOf(t);
        bytes memory b = byNonce(BUYER_KEY, t.total - 1, t.openBy, id);
        openReverts(t, b, sellerAuthorization(t), text("FiatTokenV2: invalid signature"));
    }

    function test_takesTheSellersCompactSignature() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(SELLER_KEY, escrow.dealIdOf(t));
        bytes32 vs = bytes32(uint256(s) | (uint256(v - 27) << 255));
        open(t, buyerAuthorization(t), abi.encodePacked(r, vs));
    }

    // ---- terms changed after signing

    function test_reverts_whenAFieldChangesAfterSigning(uint256 field, uint256 to) public {
        IDealEscrow.Terms memory t = makeTerms(2);
        (bytes memory b, bytes memory s) = (buyerAuthorization(t), sellerAuthorization(t));
        change(t, bound(field, 0, FIELDS - 1), to);
        openReverts(t, b, s, notSignedBy(t.seller, escrow.dealIdOf(t)));
    }

    function test_reverts_whenAFieldChangesAfterSigningWithABond(uint256 field, uint256 to) public {
        IDealEscrow.Terms memory t = makeTerms(2);
        t.bond = usd(10);
        (bytes memory b, bytes memory s) = (buyerAuthorization(t), sellerAuthorization(t));
        change(t, bound(field, 0, FIELDS), to);
        openReverts(t, b, s, text("FiatTokenV2: invalid signature"));
    }

    /// @dev Sets one field to another value that `open` would take.
    function change(IDealEscrow.Terms memory t, uint256 field, uint256 to) internal {
        uint256 k = bound(to, 0, 1);
        uint40 later = uint40(bound(to, 1, 1 days));
        uint96 more = uint96(bound(to, 1, usd(10)));
        uint16 bps = uint16(bound(to, 0, 2000));
        bytes32 word = keccak256(abi.encode(to));
        if (field == 0) t.buyer = address(uint160(bound(to, 1, 1000)));
        if (field == 1) t.seller = address(uint160(bound(to, 1, 1000)));
        if (field == 2) t.buyerAgent = bound(to, 1, type(uint256).max - 1);
        if (field == 3) t.sellerAgent = bound(to, 1, type(uint256).max - 1);
        if (field == 4) (t.total, t.milestones[k].amount) = (t.total + more, usd(100) + more);
        if (field == 5) t.jury = createJury(7);
        if (field == 6) t.payAsCredit = true;
        if (field == 7) t.openBy -= (later + 1) / 2;
        if (field == 8) t.judgeWithin += later;
        if (field == 9) t.silentSellerBps = bps;
        if (field == 10) t.splitSellerBps = bps;
        if (field == 11) t.document = word;
        if (field == 12) t.salt = word;
        if (field == 13) t.milestones[k].deliverBy += later;
        if (field == 14) t.milestones[k].criteria = word;
        if (field == 15) t.milestones[k].rule = rule(10_000, 0, 0, 0, bound(to, 1, 9999));
        if (field == 16) {
            (t.milestones[0].amount, t.milestones[1].amount) = (usd(100) + more, usd(100) - more);
        }
        if (field == 17) t.milestones[k].rule = rule(6000, 4000, 0, 1, 10_000);
        if (field == 18) t.juryFee = more;
        if (field == 19) t.relayFee = more;
        if (field == 20) (t.openFee, t.total) = (more, t.total + more);
        if (field == 21) (t.feeBps, t.feeReceiver) = (1 + bps / 2, RELAYER);
        if (field == 22) (t.sequential, t.milestones[1].deliverBy) = (true, DELIVER_BY + 2 days);
        if (field == 23) {
            (t.jury, t.appealWithin, t.appealBond) = (createJury(5, 5), 1 hours + later, more);
        }
        if (field == 24) t.bond += more;
    }

    // ---- ERC-1271 wallets

    function test_opensForABuyersWallet() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        t.buyer = wallet(vm.addr(BUYER_KEY), Wallet.Mode.Honest);
        usdc.mint(t.buyer, t.total);
        open(t, walletAuthorization(t.buyer, BUYER_KEY, t.total, t), sellerAuthorization(t));
        assertEq(usdc.balanceOf(address(escrow)), t.total, "escrow");
    }

    function test_opensForASellersWallet() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        t.seller = wallet(vm.addr(SELLER_KEY), Wallet.Mode.Honest);
        open(t);
    }

    function test_opensForASellersWalletWithABond() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        t.bond = usd(10);
        t.seller = wallet(vm.addr(SELLER_KEY), Wallet.Mode.Honest);
        usdc.mint(t.seller, t.bond);
        bytes memory s = walletAuthorization(t.seller, SELLER_KEY, t.bond, t);
        open(t, buyerAuthorization(t), s);
        assertEq(usdc.balanceOf(address(escrow)), usd(110), "escrow");
    }

    function test_reverts_whenTheWalletSaysNo() public {
        walletReverts(Wallet.Mode.SaysNo);
    }

    function test_reverts_whenTheWalletsAnswerIsDirty() public {
        walletReverts(Wallet.Mode.SaysDirty);
    }

    function test_reverts_whenTheWalletsAnswerIsShort() public {
        walletReverts(Wallet.Mode.SaysShort);
    }

    function test_reverts_whenTheWalletRevertsAtLength() public {
        walletReverts(Wallet.Mode.Bomb);
    }

    function test_reverts_whenTheWalletBurnsItsGasAndNoMore() public {
        uint256 before = gasleft();
        walletReverts(Wallet.Mode.Burns);
        assertAtMost(before - gasleft(), 2 * WALLET_GAS + 1_500_000, "gas");
    }

    function test_reverts_whenTheWalletsOwnerIsAnother() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        t.seller = wallet(vm.addr(THIEF_KEY), Wallet.Mode.Honest);
        openReverts(t, notSignedBy(t.seller, escrow.dealIdOf(t)));
    }

    function test_opens_whenTheWalletSaysYesAtLength() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        t.seller = wallet(seller, Wallet.Mode.BigYes);
        open(t);
    }

    function test_aWalletCannotActWhileItIsAsked() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        t.seller = wallet(seller, Wallet.Mode.Reenters);
        bytes32 id = open(t);
        assertWord(id, Word(true, false, 0, 0, usd(100), 0));
    }

    function test_reverts_whenTheGasDoesNotSufficeToAskTheWallet() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        t.seller = wallet(seller, Wallet.Mode.Honest);
        bytes memory data =
            abi.encodeCall(escrow.open, (t, buyerAuthorization(t), sellerAuthorization(t)));
        (bool ok, bytes memory answer) = address(escrow).call{gas: WALLET_GAS_NEEDED}(data);
        assertTrue(!ok, "starved");
        assertEq(
            bytes32(bytes4(answer)), bytes32(IDealEscrow.GasTooLow.selector), "the error's name"
        );
        (uint256 got, uint256 needed) = operands(answer);
        assertEq(needed, WALLET_GAS_NEEDED, "needed");
        assertAtMost(got, needed - 1, "got");
        (ok,) = address(escrow).call{gas: 2 * WALLET_GAS_NEEDED}(data);
        assertTrue(ok, "fed");
    }

    // ---- EIP-7702 accounts

    function test_ourChecksTakeAPlainSignature_whateverTheDelegateSays() public {
        delegate(seller, wallet(address(0), Wallet.Mode.SaysNo));
        open(makeTerms(1));
    }

    function test_theTokenAsksTheDelegate() public {
        delegate(buyer, wallet(address(0), Wallet.Mode.Honest));
        open(makeTerms(1));
    }

    function test_reverts_whenTheTokenIsToldNoByTheDelegate() public {
        delegate(buyer, wallet(address(0), Wallet.Mode.SaysNo));
        openReverts(makeTerms(1), text("FiatTokenV2: invalid signature"));
    }

    // ---- helpers

    function wallet(address owner, Wallet.Mode mode) internal returns (address) {
        return vm.deployCode("Wallet.sol:Wallet", abi.encode(owner, mode, address(escrow)));
    }

    function delegate(address account, address to) internal {
        vm.etch(account, abi.encodePacked(hex"ef0100", to));
    }

    function walletAuthorization(
        address from,
        uint256 key,
        uint256 value,
        IDealEscrow.Terms memory t
    ) internal view returns (bytes memory) {
        bytes32 structHash = keccak256(
            abi.encode(
                usdc.RECEIVE_WITH_AUTHORIZATION_TYPEHASH(),
                from,
                address(escrow),
                value,
                0,
                t.openBy,
                escrow.dealIdOf(t)
            )
        );
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", usdc.DOMAIN_SEPARATOR(), structHash));
        return bytes.concat(hex"00", sign(key, digest));
    }

    function walletReverts(Wallet.Mode mode) internal {
        IDealEscrow.Terms memory t = makeTerms(1);
        t.seller = wallet(seller, mode);
        openReverts(t, notSignedBy(t.seller, escrow.dealIdOf(t)));
    }

    function notSignedBy(address party, bytes32 id) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IDealEscrow.SignatureInvalid.selector, party, id);
    }

    function operands(bytes memory answer) internal pure returns (uint256 first, uint256 second) {
        assembly ("memory-safe") {
            first := mload(add(answer, 0x24))
            second := mload(add(answer, 0x44))
        }
    }
}
