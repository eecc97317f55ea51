// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Jury} from "../../src/Jury.sol";
import {IDealEscrow} from "../../src/interfaces/IDealEscrow.sol";
import {IJury} from "../../src/interfaces/IJury.sol";
import {OddToken} from "../doubles/OddToken.sol";
import {Fixture} from "../utils/Fixture.sol";
import {vm} from "../utils/Vm.sol";

// settle: payments that the token refuses
// ├── when the payee is blacklisted, the escrow is, or the token is paused
// │   ├── it credits the payee; the other party is paid
// │   └── withdraw refuses until the token does not
// ├── when the token says false, says no clear yes, reverts at length or burns its gas
// │   └── it credits
// ├── when the token says nothing
// │   └── it was paid
// ├── when the token calls back
// │   └── it is refused, and the payment stands
// └── when there is too little gas for an honest push
//     └── it reverts; a starved push never becomes a credit
contract SettlePaymentsTest is Fixture {
    uint256 internal constant PUSH_GAS = 200_000;
    uint256 internal constant PUSH_GAS_FLOOR = PUSH_GAS + PUSH_GAS / 63 + 5000;

    // ---- refused by USDC

    function test_creditsABlacklistedSeller_andPaysItOnceDelisted() public {
        open(makeTerms(1));
        usdc.blacklist(seller);
        expectCredited(seller, usd(100));
        settleAs(makeTerms(1), 0, noState(), IJury.Outcome.Accepted);
        withdrawRefused(seller, usd(100));
        usdc.unBlacklist(seller);
        paidByWithdraw(seller, usd(100));
    }

    function test_creditsABlacklistedBuyer_andPaysItOnceDelisted() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        t.bond = usd(10);
        open(t);
        usdc.blacklist(buyer);
        expectCredited(buyer, usd(110));
        settleAs(t, 0, noState(), IJury.Outcome.Rejected);
        withdrawRefused(buyer, usd(110));
        usdc.unBlacklist(buyer);
        paidByWithdraw(buyer, usd(110));
    }

    /// forge-config: default.fuzz.runs = 2
    function test_aBlacklistedPartyDoesNotHoldUpTheOther(bool which) public {
        open(makeTerms(1));
        usdc.blacklist(which ? buyer : seller);
        Purses memory before = purses();
        settleAs(makeTerms(1), 0, noState(), IJury.Outcome.Undetermined);
        before.escrow -= usd(50);
        if (which) (before.seller, before.buyerCredit) = (before.seller + usd(50), usd(50));
        else (before.buyer, before.sellerCredit) = (before.buyer + usd(50), usd(50));
        assertEq(abi.encode(purses()), abi.encode(before), "purses");
    }

    function test_creditsBoth_whenTheEscrowIsBlacklisted() public {
        open(makeTerms(1));
        usdc.blacklist(address(escrow));
        settleAs(makeTerms(1), 0, noState(), IJury.Outcome.Undetermined);
        withdrawRefused(buyer, usd(50));
        withdrawRefused(seller, usd(50));
        usdc.unBlacklist(address(escrow));
        paidByWithdraw(buyer, usd(50));
        paidByWithdraw(seller, usd(50));
    }

    function test_creditsTheSeller_whenTheTokenIsPaused() public {
        open(makeTerms(1));
        usdc.pause();
        settleAs(makeTerms(1), 0, noState(), IJury.Outcome.Accepted);
        withdrawRefused(seller, usd(100));
        usdc.unpause();
        paidByWithdraw(seller, usd(100));
    }

    function test_aPauseAcrossThePanelsTimeOnlyDelaysTheMoney() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        open(t);
        usdc.pause();
        vm.warp(JUDGE_END);
        escrow.reclaim(t, 0, unasked());
        assertEq(escrow.credits(address(usdc), buyer), usd(100), "credit");
        usdc.unpause();
        paidByWithdraw(buyer, usd(100));
    }

    // ---- odd tokens

    function test_credits_whenTheTokenSaysFalse() public {
        oddlyCredits(OddToken.Mode.SaysFalse);
    }

    function test_credits_whenTheTokenSaysTwo() public {
        oddlyCredits(OddToken.Mode.SaysTwo);
    }

    function test_credits_whenTheTokenSaysHalfAWord() public {
        oddlyCredits(OddToken.Mode.SaysHalfAWord);
    }

    function test_credits_whenTheTokenRevertsAtLength() public {
        oddlyCredits(OddToken.Mode.Bomb);
    }

    function test_credits_whenTheTokenBurnsItsGas() public {
        oddlyCredits(OddToken.Mode.Burns);
    }

    function test_pays_whenTheTokenSaysNothing() public {
        (OddToken odd, IDealEscrow.Terms memory t) = oddDeal();
        odd.become(OddToken.Mode.SaysNothing);
        settleAs(t, 0, noState(), IJury.Outcome.Accepted);
        assertEq(odd.balanceOf(seller), usd(100), "seller");
        assertEq(escrow.credits(address(odd), seller), 0, "credit");
    }

    function test_paysOnce_whenTheTokenCallsBack() public {
        (OddToken odd, IDealEscrow.Terms memory t) = oddDeal();
        bytes32 caseId = caseOf(escrow.dealIdOf(t), 0, WORK);
        bytes memory packed = ballotsFor(IJury.Outcome.Accepted, caseId);
        odd.reenter(address(escrow), abi.encodeCall(escrow.settle, (t, 0, noState(), WORK, packed)));
        settle(t, 0, noState(), WORK, packed);
        assertTrue(!odd.answered(), "refused");
        assertEq(odd.answer(), abi.encodeWithSelector(IDealEscrow.Reentered.selector), "why");
        assertEq(odd.balanceOf(seller), usd(100), "seller");
        assertEq(odd.balanceOf(address(escrow)), 0, "escrow");
    }

    function test_withdrawsOnce_whenTheTokenCallsBack() public {
        (OddToken odd, IDealEscrow.Terms memory t) = oddDeal();
        odd.become(OddToken.Mode.SaysFalse);
        settleAs(t, 0, noState(), IJury.Outcome.Accepted);
        odd.reenter(address(escrow), abi.encodeCall(escrow.withdraw, (address(odd), seller)));
        escrow.withdraw(address(odd), seller);
        assertTrue(!odd.answered(), "refused");
        assertEq(odd.balanceOf(seller), usd(100), "seller");
        assertEq(odd.balanceOf(address(escrow)), 0, "escrow");
    }

    // ---- starved pushes

    function test_reverts_whenThePushWouldBeStarved() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes32 id = open(t);
        vm.prank(buyer);
        (bool ok, bytes memory answer) = address(escrow).call{gas: 240_000}(
            abi.encodeCall(escrow.accept, (t, 0, noState(), noConsent()))
        );
        assertTrue(!ok, "starved");
        (uint256 got, uint256 needed) = operands(answer);
        assertEq(bytes32(bytes4(answer)), bytes32(IDealEscrow.GasTooLow.selector), "name");
        assertEq(needed, PUSH_GAS_FLOOR, "needed");
        assertAtMost(got, needed - 1, "got");
        assertWord(id, Word(true, false, 0, 0, usd(100), 0));
    }

    /// @dev Walks the gas up until the settlement goes through; what reverts never credits.
    /// forge-config: default.fuzz.runs = 8
    function test_aStarvedPushNeverBecomesACredit(uint256 offset) public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes32 caseId = caseOf(open(t), 0, WORK);
        bytes memory packed = ballotsFor(IJury.Outcome.Undetermined, caseId);
        bytes memory data = abi.encodeCall(escrow.settle, (t, 0, noState(), WORK, packed));
        bool ok;
        uint256 refused;
        for (uint256 g = bound(offset, 30_000, 40_000); !ok; g += 10_007) {
            (ok,) = address(escrow).call{gas: g}(data);
            assertEq(escrow.credits(address(usdc), seller), 0, "the seller's credit");
            assertEq(escrow.credits(address(usdc), buyer), 0, "the buyer's credit");
            ++refused;
        }
        assertTrue(refused > 10, "some were starved");
        assertEq(usdc.balanceOf(seller), usd(1_000_050), "seller");
    }

    // ---- helpers

    function expectCredited(address owner, uint256 amount) internal {
        vm.expectEmit(true, true, true, true, address(escrow));
        emit IDealEscrow.Credited(address(usdc), owner, amount);
    }

    function withdrawRefused(address owner, uint256 amount) internal {
        assertEq(escrow.credits(address(usdc), owner), amount, "credit");
        vm.expectRevert(
            abi.encodeWithSelector(
                IDealEscrow.TransferRefused.selector, address(usdc), owner, amount
            )
        );
        escrow.withdraw(address(usdc), owner);
        assertEq(escrow.credits(address(usdc), owner), amount, "the credit stays");
    }

    function paidByWithdraw(address owner, uint256 amount) internal {
        uint256 before = usdc.balanceOf(owner);
        vm.expectEmit(true, true, true, true, address(escrow));
        emit IDealEscrow.Withdrawn(address(usdc), owner, amount);
        escrow.withdraw(address(usdc), owner);
        assertEq(usdc.balanceOf(owner) - before, amount, "paid");
        assertEq(escrow.credits(address(usdc), owner), 0, "no credit");
    }

    function oddlyCredits(OddToken.Mode mode) internal {
        (OddToken odd, IDealEscrow.Terms memory t) = oddDeal();
        odd.become(mode);
        vm.expectEmit(true, true, true, true, address(escrow));
        emit IDealEscrow.Credited(address(odd), seller, usd(100));
        settleAs(t, 0, noState(), IJury.Outcome.Accepted);
        assertEq(escrow.credits(address(odd), seller), usd(100), "credit");
        assertEq(odd.balanceOf(address(escrow)), usd(100), "escrow");
    }

    /// @dev From here on `escrow` is one that takes the odd token, and a deal is open in it.
    function oddDeal() internal returns (OddToken odd, IDealEscrow.Terms memory t) {
        odd = OddToken(vm.deployCode("OddToken.sol:OddToken", ""));
        jury = new Jury(address(odd));
        escrow = newEscrow(address(odd));
        odd.mint(buyer, usd(100));
        t = makeTerms(1);
        (t.token, t.jury) = (address(odd), createJury(5));
        open(t, hex"00", sellerAuthorization(t));
    }

    function operands(bytes memory answer) internal pure returns (uint256 first, uint256 second) {
        assembly ("memory-safe") {
            first := mload(add(answer, 0x24))
            second := mload(add(answer, 0x44))
        }
    }
}
