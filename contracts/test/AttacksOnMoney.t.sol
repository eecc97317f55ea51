// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Jury} from "../src/Jury.sol";
import {IDealEscrow} from "../src/interfaces/IDealEscrow.sol";
import {OddToken} from "./doubles/OddToken.sol";
import {Wallet} from "./doubles/Wallet.sol";
import {Stages} from "./utils/Stages.sol";
import {vm} from "./utils/Vm.sol";

// attacks with money, tokens, wallets and gas: each test is named after what was tried
// ├── tokens that refuse, lie, take fees or call back
// ├── wallets that call back, burn gas or answer at length
// ├── sums that do not add up, dust, and the largest amounts
// └── gas that does not suffice
contract AttacksOnMoneyTest is Stages {
    address internal constant RECEIVER = address(0xFEE);

    // ---- refused

    function test_blacklistedBuyerSellerFeeReceiverJurorsAndRelayer() public {
        IDealEscrow.Terms memory t = appealTerms(1);
        withFees(t);
        (t.feeBps, t.feeReceiver) = (1000, RECEIVER);
        open(t);
        IDealEscrow.SlowState[] memory state = appealed(t, 0, ACCEPTED);
        address[5] memory refused = [buyer, seller, RECEIVER, RELAYER, address(jury)];
        for (uint256 i; i < 5; ++i) {
            usdc.blacklist(refused[i]);
        }
        uint256 all = usdc.balanceOf(address(escrow));
        settleAs(t, 0, state, UNDETERMINED);
        assertEq(credit(seller), usd(104) - 9_400_000, "seller");
        assertEq(credit(buyer), usd(19), "buyer");
        assertEq(credit(RECEIVER), 9_400_000, "receiver");
        assertEq(credit(RELAYER), usd(2), "relayer");
        for (uint256 seat; seat < 5; ++seat) {
            assertEq(credit(juror(seat)), usd(1), "juror");
        }
        assertEq(usdc.balanceOf(address(escrow)), all, "nothing left");
        usdc.unBlacklist(seller);
        escrow.withdraw(address(usdc), seller);
        assertEq(credit(seller), 0, "paid");
    }

    function test_feeOnTransferAndFalseReturningTokens() public {
        (OddToken odd, IDealEscrow.Terms memory t) = oddTerms();
        bytes memory s = sign(SELLER_KEY, escrow.dealIdOf(t));
        bytes memory a = bytes.concat(hex"01", sign(BUYER_KEY, escrow.dealIdOf(t)));
        odd.become(OddToken.Mode.TakesFee);
        vm.expectRevert(mismatch(usd(99), usd(100)));
        escrow.open(t, hex"00", s);
        vm.expectRevert(mismatch(usd(99), usd(100)));
        escrow.open(t, a, s);
        odd.become(OddToken.Mode.SaysFalse);
        vm.expectRevert(mismatch(0, usd(100)));
        escrow.open(t, a, s);
        odd.become(OddToken.Mode.Honest);
        escrow.open(t, a, s);
    }

    function test_aReentrantToken_onEveryRoute() public {
        (OddToken odd, IDealEscrow.Terms memory t) = oddTerms();
        bytes[] memory inner = new bytes[](1);
        inner[0] = abi.encodeCall(escrow.withdraw, (address(odd), buyer));
        odd.reenter(address(escrow), abi.encodeCall(escrow.multicall, (inner)));
        for (uint8 route; route < 3; ++route) {
            t.salt = bytes32(uint256(route));
            bytes32 id = escrow.dealIdOf(t);
            bytes memory a = abi.encodePacked(route, new bytes(route == 2 ? 97 : 0));
            a = bytes.concat(a, sign(BUYER_KEY, id));
            escrow.open(t, a, sign(SELLER_KEY, id));
            assertTrue(!odd.answered(), "refused");
            assertEq(odd.answer(), abi.encodeWithSelector(IDealEscrow.Reentered.selector), "why");
        }
        assertEq(odd.balanceOf(address(escrow)), usd(300), "escrow");
    }

    // ---- wallets

    function test_a1271WalletThatReenters_burnsGas_orReturnsABomb() public {
        Wallet.Mode[4] memory modes =
            [Wallet.Mode.Reenters, Wallet.Mode.Burns, Wallet.Mode.Bomb, Wallet.Mode.BigYes];
        for (uint256 i; i < 4; ++i) {
            IDealEscrow.Terms memory t = makeTerms(1);
            t.salt = bytes32(i);
            open(t);
            // The buyer's account gets this code after it has signed.
            delegate(buyer, modes[i]);
            IDealEscrow.Consent memory c = unsignedConsent(FOREVER);
            uint256 before = gasleft();
            (bool ok,) = address(escrow).call(abi.encodeCall(escrow.accept, (t, 0, noState(), c)));
            assertEq(ok, i == 0 || i == 3, "its own yes is its consent, and nothing else");
            assertAtMost(before - gasleft(), 1_500_000, "gas");
            vm.etch(buyer, "");
        }
    }

    function test_7702AccountsWithAndWithoutErc7739() public {
        IDealEscrow.Terms memory t = appealTerms(2);
        open(t);
        delegate(buyer, Wallet.Mode.SaysNo);
        escrow.accept(t, 0, noState(), signedAccept(t, 0, noState(), 0));
        IDealEscrow.SlowState[] memory state = judged(t, 1, ACCEPTED);
        bytes memory a = appealAuthorization(t, 1, state, 0);
        vm.expectRevert(text("FiatTokenV2: invalid signature"));
        escrow.appeal(t, 1, state, 0, FOREVER, a);
        vm.prank(buyer);
        usdc.approve(address(escrow), APPEAL_BOND);
        a = bytes.concat(hex"01", sign(BUYER_KEY, appealDigest(t, 1, state, 0)));
        escrow.appeal(t, 1, state, 0, FOREVER, a);
    }

    function test_aFrontRunPermit() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes32 structHash = keccak256(
            abi.encode(usdc.PERMIT_TYPEHASH(), buyer, address(escrow), t.total, 0, uint256(FOREVER))
        );
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", usdc.DOMAIN_SEPARATOR(), structHash));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(BUYER_KEY, digest);
        usdc.permit(buyer, address(escrow), t.total, FOREVER, v, r, s);
        bytes memory a = abi.encodePacked(uint8(2), uint256(FOREVER), v, r, s);
        open(t, bytes.concat(a, sign(BUYER_KEY, escrow.dealIdOf(t))), sellerAuthorization(t));
    }

    function test_theSameDealOpenedAgainByAllowance() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes32 id = open(t);
        vm.prank(buyer);
        usdc.approve(address(escrow), type(uint256).max);
        bytes memory a = bytes.concat(hex"01", sign(BUYER_KEY, id));
        openReverts(
            t,
            a,
            sellerAuthorization(t),
            abi.encodeWithSelector(IDealEscrow.DealExists.selector, id)
        );
    }

    // ---- sums

    function test_aTailMilestoneOfOneUnit() public {
        IDealEscrow.Terms memory t = appealTerms(2);
        (t.milestones[1].amount, t.total) = (1, usd(100) + 1);
        bytes32 id = open(t);
        uint256 snapshot = vm.snapshotState();
        vm.prank(seller);
        escrow.concede(t, 1, noState(), noConsent());
        // A share of the bond so small that it rounds to nothing stays with the other milestone.
        assertWord(id, Word(true, false, 2, 0, usd(100), usd(10)));
        settleAs(t, 0, appealed(t, 0, ACCEPTED), ACCEPTED);
        assertEq(usdc.balanceOf(address(escrow)), 0, "nothing is left");
        vm.revertToState(snapshot);
        settleAs(t, 0, appealed(t, 0, ACCEPTED), REJECTED);
        assertWord(id, Word(true, false, 1, 0, 1, 1));
        settleAs(t, 1, appealed(t, 1, REJECTED), ACCEPTED);
        assertEq(usdc.balanceOf(address(escrow)), 0, "nothing is left");
    }

    function test_sumsAboveAndBelowTheTotal() public {
        IDealEscrow.Terms memory t = makeTerms(2);
        t.openFee = 5;
        for (uint96 i; i < 11; ++i) {
            t.total = usd(200) + i;
            if (i == 5) continue;
            openReverts(
                t,
                abi.encodeWithSelector(
                    IDealEscrow.TotalMismatch.selector, uint256(t.total), usd(200) + 5
                )
            );
        }
        t.total = usd(200) + 5;
        open(t);
    }

    function test_feesAboveTheAmount() public {
        IDealEscrow.Terms memory t = makeTerms(2);
        (t.milestones[1].amount, t.total) = (usd(3), usd(103));
        (t.juryFee, t.relayFee) = (usd(2), usd(1) + 1);
        openReverts(
            t, abi.encodeWithSelector(IDealEscrow.FeesTooHigh.selector, uint256(usd(3) + 1), usd(3))
        );
    }

    /// @dev Two rounds cost twice the milestone: round 1 is paid, round 2 is not, nobody waits.
    function test_feesThatExceedWhatIsThere() public {
        IDealEscrow.Terms memory t = appealTerms(1);
        (t.juryFee, t.relayFee, t.bond) = (usd(50), usd(50), 0);
        t.appealBond = usd(100);
        open(t);
        IDealEscrow.SlowState[] memory state = appealed(t, 0, REJECTED);
        uint256 before = usdc.balanceOf(seller);
        settleAs(t, 0, state, ACCEPTED);
        assertEq(usdc.balanceOf(seller) - before, usd(100), "only its appeal's bond");
        assertEq(jury.fees(ten, 1, 0), usd(10), "round 1");
        assertEq(jury.fees(ten, 2, 0), 0, "round 2");
        assertEq(usdc.balanceOf(RELAYER), usd(50), "relayer");
        assertEq(usdc.balanceOf(address(escrow)), 0, "escrow");
    }

    function test_roundingDustOverSixteenMilestones() public {
        IDealEscrow.Terms memory t = makeTerms(16);
        (t.bond, t.total, t.splitSellerBps) = (101, 0, 3333);
        (t.juryFee, t.relayFee, t.feeBps, t.feeReceiver) = (3, 4, 777, RECEIVER);
        for (uint256 i; i < 16; ++i) {
            t.milestones[i].amount = uint96(7 + i * i);
            t.total += t.milestones[i].amount;
        }
        uint256 all = usdc.balanceOf(buyer) + usdc.balanceOf(seller);
        bytes32 id = open(t);
        for (uint8 i; i < 16; ++i) {
            settleAs(t, i, noState(), i % 3 == 0 ? UNDETERMINED : i % 3 == 1 ? ACCEPTED : REJECTED);
        }
        assertWord(id, Word(true, false, type(uint16).max, 0, 0, 0));
        assertEq(usdc.balanceOf(address(escrow)), 0, "nothing is left");
        uint256 fees =
            usdc.balanceOf(RELAYER) + usdc.balanceOf(RECEIVER) + usdc.balanceOf(address(jury));
        assertEq(usdc.balanceOf(buyer) + usdc.balanceOf(seller) + fees, all, "all of it");
    }

    function test_theLargestAmounts_throughTwoRoundsWithFees() public {
        IDealEscrow.Terms memory t = appealTerms(1);
        uint96 most = type(uint96).max;
        (t.total, t.milestones[0].amount, t.bond, t.appealBond) = (most, most, most, most);
        (t.juryFee, t.relayFee) = (most / 2, most / 2);
        (t.feeBps, t.feeReceiver) = (1000, RECEIVER);
        usdc.mint(buyer, 2 * uint256(most));
        usdc.mint(seller, 2 * uint256(most));
        uint256 all = usdc.balanceOf(buyer) + usdc.balanceOf(seller);
        open(t);
        settleAs(t, 0, appealed(t, 0, REJECTED), ACCEPTED);
        uint256 fees =
            usdc.balanceOf(RELAYER) + usdc.balanceOf(RECEIVER) + usdc.balanceOf(address(jury));
        assertEq(usdc.balanceOf(address(escrow)), 0, "nothing is left");
        assertEq(usdc.balanceOf(buyer) + usdc.balanceOf(seller) + fees, all, "all of it");
    }

    // ---- gas

    /// @dev Walks the gas up until an ending with every kind of payment goes through.
    function test_gasStarvedPushAndRegistry() public {
        IDealEscrow.Terms memory t = appealTerms(1);
        withFees(t);
        (t.feeBps, t.feeReceiver) = (500, RECEIVER);
        bytes32 id = open(t);
        IDealEscrow.SlowState[] memory state = appealed(t, 0, ACCEPTED);
        bytes memory data =
            abi.encodeCall(escrow.settle, (t, 0, state, WORK, fullVote(t, 0, state, UNDETERMINED)));
        bool ok;
        uint256 starved;
        for (uint256 g = 30_000; !ok; g += 7919) {
            vm.prank(RELAYER);
            (ok,) = address(escrow).call{gas: g}(data);
            if (ok) break;
            ++starved;
            assertEq(uint256(wordOf(id).ended), 0, "nothing has happened");
        }
        assertTrue(starved > 20, "some were starved");
        address[5] memory payees = [buyer, seller, RECEIVER, RELAYER, juror(0)];
        for (uint256 i; i < 5; ++i) {
            assertEq(credit(payees[i]), 0, "no starved push became a credit");
        }
        assertEq(jury.fees(ten, 1, 0), usd(1), "pot");
    }

    // ---- helpers

    function credit(address owner) internal view returns (uint256) {
        return escrow.credits(address(usdc), owner);
    }

    function delegate(address account, Wallet.Mode mode) internal {
        address to =
            vm.deployCode("Wallet.sol:Wallet", abi.encode(address(0), mode, address(escrow)));
        vm.etch(account, abi.encodePacked(hex"ef0100", to));
    }

    /// @dev From here on `escrow` and `jury` take the odd token.
    function oddTerms() internal returns (OddToken odd, IDealEscrow.Terms memory t) {
        odd = OddToken(vm.deployCode("OddToken.sol:OddToken", ""));
        jury = new Jury(address(odd));
        escrow = newEscrow(address(odd));
        odd.mint(buyer, usd(1000));
        t = makeTerms(1);
        (t.token, t.jury) = (address(odd), createJury(5));
    }

    function mismatch(uint256 got, uint256 needed) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IDealEscrow.TransferMismatch.selector, got, needed);
    }
}
