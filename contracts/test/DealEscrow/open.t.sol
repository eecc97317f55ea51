// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {DealEscrow} from "../../src/DealEscrow.sol";
import {IDealEscrow} from "../../src/interfaces/IDealEscrow.sol";
import {IJury} from "../../src/interfaces/IJury.sol";
import {Fixture} from "../utils/Fixture.sol";
import {vm} from "../utils/Vm.sol";

// open
// ├── when both signed and the money is there
// │   ├── it pulls total and bond, writes the word, emits the whole terms, returns the id
// │   ├── it gives the same result whoever submits
// │   └── it takes 2^96 - 1 base units
// ├── when the clock reaches openBy
// │   └── it reverts
// ├── when the deal was opened before, even if it has ended since
// │   └── it reverts
// ├── when the signatures are for another chain or another escrow
// │   └── it reverts
// ├── when an authorization was cancelled, used or taken by somebody else
// │   └── it reverts; only the escrow can use it
// ├── when the token refuses
// │   └── it reverts with the token's reason
// └── when the jury is unknown, or a party sits in it
//     └── it reverts
contract OpenTest is Fixture {
    function test_pullsTheTotalAndWritesTheWord() public {
        IDealEscrow.Terms memory t = makeTerms(2);
        bytes32 id = escrow.dealIdOf(t);
        Purses memory before = purses();
        (bytes memory b, bytes memory s) = (buyerAuthorization(t), sellerAuthorization(t));
        vm.expectEmit(true, true, true, true, address(escrow));
        emit IDealEscrow.DealOpened(id, buyer, seller, t);
        vm.prank(RELAYER);
        assertEq(escrow.open(t, b, s), id, "id");
        assertWord(id, Word(true, false, 0, 0, usd(200), 0));
        before.buyer -= usd(200);
        before.escrow += usd(200);
        assertEq(abi.encode(purses()), abi.encode(before), "purses");
    }

    /// @dev The event must be canonical whatever encoder made the call.
    function test_emitsTheWholeTerms_evenWhenTheCalldataHasAHole(uint256 hole) public {
        IDealEscrow.Terms memory t = makeTerms(16);
        (t.bond, t.payAsCredit, t.buyerAgent) = (usd(10), true, 7);
        bytes32 id = escrow.dealIdOf(t);
        bytes memory list = abi.encode(t.milestones);
        bytes memory head = abi.encode(t);
        // Without the outer offset; 23 words, then where the milestones begin: one word later.
        bytes memory moved = bytes.concat(
            cut(head, 0x20, 0x300), abi.encode(uint256(0x320), hole), cut(list, 0x20, list.length)
        );
        bytes memory b = abi.encode(buyerAuthorization(t));
        bytes memory s = abi.encode(sellerAuthorization(t));
        b = cut(b, 0x20, b.length);
        bytes memory data = bytes.concat(
            escrow.open.selector,
            abi.encode(0x60, 0x60 + moved.length, 0x60 + moved.length + b.length),
            moved,
            b,
            cut(s, 0x20, s.length)
        );
        vm.expectEmit(true, true, true, true, address(escrow));
        emit IDealEscrow.DealOpened(id, buyer, seller, t);
        (bool ok,) = address(escrow).call(data);
        assertTrue(ok, "opened");
    }

    function test_pullsTheBondToo() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        t.bond = usd(10);
        Purses memory before = purses();
        bytes32 id = open(t);
        assertWord(id, Word(true, false, 0, 0, usd(100), usd(10)));
        before.buyer -= usd(100);
        before.seller -= usd(10);
        before.escrow += usd(110);
        assertEq(abi.encode(purses()), abi.encode(before), "purses");
    }

    function test_hasTheSameResult_whoeverSubmits(address submitter, bool bonded) public {
        IDealEscrow.Terms memory t = makeTerms(3);
        t.bond = bonded ? usd(10) : 0;
        (bytes memory b, bytes memory s) = (buyerAuthorization(t), sellerAuthorization(t));
        vm.prank(submitter);
        bytes32 id = escrow.open(t, b, s);
        assertEq(id, escrow.dealIdOf(t), "id");
        assertWord(id, Word(true, false, 0, 0, usd(300), t.bond));
    }

    function test_takesTheLargestAmounts() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        (t.total, t.bond) = (type(uint96).max, type(uint96).max);
        t.milestones[0].amount = type(uint96).max;
        usdc.mint(buyer, t.total);
        usdc.mint(seller, t.bond);
        bytes32 id = open(t);
        assertWord(id, Word(true, false, 0, 0, type(uint96).max, type(uint96).max));
        Purses memory before = purses();
        settleAs(t, 0, noState(), IJury.Outcome.Accepted);
        assertPaid(before, 2 * uint256(type(uint96).max), 0);
        assertWord(id, Word(true, false, 1, 0, 0, 0));
    }

    function test_opensUntilTheLastSecondBeforeOpenBy() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        vm.warp(OPEN_BY - 1);
        open(t);
    }

    function test_reverts_fromOpenByOn(uint256 late) public {
        IDealEscrow.Terms memory t = makeTerms(1);
        late = bound(late, 0, 10 days);
        vm.warp(OPEN_BY + late);
        openReverts(
            t,
            abi.encodeWithSelector(
                IDealEscrow.DeadlinePassed.selector, uint256(OPEN_BY) + late, uint256(OPEN_BY)
            )
        );
    }

    function test_reverts_whenOpenedTwice() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes32 id = open(t);
        openReverts(t, abi.encodeWithSelector(IDealEscrow.DealExists.selector, id));
    }

    function test_reverts_whenOpenedAgainAfterItEnded() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes32 id = open(t);
        settleAs(t, 0, noState(), IJury.Outcome.Accepted);
        openReverts(t, abi.encodeWithSelector(IDealEscrow.DealExists.selector, id));
    }

    function test_opensTheSameTermsWithAnotherSalt() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes32 first = open(t);
        t.salt = keccak256("another salt");
        bytes32 second = open(t);
        assertTrue(first != second, "ids");
        assertEq(usdc.balanceOf(address(escrow)), usd(200), "escrow");
    }

    // ---- replays

    function test_reverts_onAnotherChain(bool bonded) public {
        IDealEscrow.Terms memory t = makeTerms(1);
        t.bond = bonded ? usd(10) : 0;
        (bytes memory b, bytes memory s) = (buyerAuthorization(t), sellerAuthorization(t));
        vm.chainId(8453);
        bytes32 there = escrow.dealIdOf(t);
        openReverts(t, b, s, bonded ? invalidAuthorization() : sellerDidNotSign(there));
    }

    function test_reverts_inAnotherEscrow(bool bonded) public {
        IDealEscrow.Terms memory t = makeTerms(1);
        t.bond = bonded ? usd(10) : 0;
        (bytes memory b, bytes memory s) = (buyerAuthorization(t), sellerAuthorization(t));
        DealEscrow other = newEscrow(address(usdc));
        bytes32 there = other.dealIdOf(t);
        assertTrue(there != escrow.dealIdOf(t), "ids");
        vm.expectRevert(bonded ? invalidAuthorization() : sellerDidNotSign(there));
        other.open(t, b, s);
    }

    function test_reverts_whenTheBuyerCancelled() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        cancel(BUYER_KEY, escrow.dealIdOf(t));
        openReverts(t, text("FiatTokenV2: authorization is used or canceled"));
    }

    function test_reverts_whenTheSellerCancelledItsBond() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        t.bond = usd(10);
        cancel(SELLER_KEY, escrow.dealIdOf(t));
        openReverts(t, text("FiatTokenV2: authorization is used or canceled"));
        assertEq(usdc.balanceOf(buyer), usd(1_000_000), "the buyer's money stays");
    }

    function test_nobodyElseCanUseTheAuthorizations(address thief) public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes32 id = escrow.dealIdOf(t);
        bytes memory b = authorization(BUYER_KEY, t.total, t.openBy, id, address(escrow));
        if (thief == address(escrow)) thief = RELAYER;
        vm.expectRevert(text("FiatTokenV2: caller must be the payee"));
        vm.prank(thief);
        usdc.receiveWithAuthorization(buyer, address(escrow), t.total, 0, t.openBy, id, b);
        vm.expectRevert(text("FiatTokenV2: invalid signature"));
        vm.prank(thief);
        usdc.transferWithAuthorization(buyer, address(escrow), t.total, 0, t.openBy, id, b);
        open(t);
    }

    function test_opens_whateverIsInTheEscrowAlready(uint256 donation) public {
        usdc.mint(address(escrow), bound(donation, 1, usd(1_000_000)));
        open(makeTerms(1));
    }

    // ---- refused by others

    function test_reverts_whenTheBuyerIsPoor() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        t.total = usd(1_000_001);
        t.milestones[0].amount = t.total;
        openReverts(t, text("ERC20: transfer amount exceeds balance"));
    }

    function test_reverts_whenAPartyIsBlacklisted() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        t.bond = usd(10);
        usdc.blacklist(seller);
        openReverts(t, text("Blacklistable: account is blacklisted"));
        usdc.unBlacklist(seller);
        usdc.blacklist(buyer);
        openReverts(t, text("Blacklistable: account is blacklisted"));
    }

    function test_reverts_whenTheTokenIsPaused() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        usdc.pause();
        openReverts(t, text("Pausable: paused"));
    }

    function test_reverts_whenTheJuryIsUnknown() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        t.jury = keccak256("no jury");
        openReverts(t, abi.encodeWithSelector(IJury.JuryUnknown.selector, t.jury));
    }

    function test_reverts_whenThePartyIsAJuror(uint256 seat) public {
        seat = bound(seat, 0, 4);
        IDealEscrow.Terms memory t = makeTerms(1);
        t.buyer = juror(seat);
        bytes memory with = abi.encodeWithSelector(IJury.PartyIsJuror.selector, juror(seat));
        openReverts(t, with);
        (t.buyer, t.seller) = (buyer, juror(seat));
        openReverts(t, with);
    }

    // ---- helpers

    function cut(bytes memory data, uint256 from, uint256 to)
        internal
        pure
        returns (bytes memory part)
    {
        part = new bytes(to - from);
        for (uint256 i; i < part.length; ++i) {
            part[i] = data[from + i];
        }
    }

    function invalidAuthorization() internal pure returns (bytes memory) {
        return text("FiatTokenV2: invalid signature");
    }

    function sellerDidNotSign(bytes32 id) internal view returns (bytes memory) {
        return abi.encodeWithSelector(IDealEscrow.SignatureInvalid.selector, seller, id);
    }

    function cancel(uint256 key, bytes32 nonce) internal {
        bytes32 structHash =
            keccak256(abi.encode(usdc.CANCEL_AUTHORIZATION_TYPEHASH(), vm.addr(key), nonce));
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", usdc.DOMAIN_SEPARATOR(), structHash));
        usdc.cancelAuthorization(vm.addr(key), nonce, sign(key, digest));
    }
}
