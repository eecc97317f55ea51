// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {DealEscrow} from "../../src/DealEscrow.sol";
import {Jury} from "../../src/Jury.sol";
import {IDealEscrow} from "../../src/interfaces/IDealEscrow.sol";
import {OddToken} from "../doubles/OddToken.sol";
import {Fixture} from "../utils/Fixture.sol";
import {vm} from "../utils/Vm.sol";

// open: tokens that misbehave
// ├── when the token takes a fee
// │   └── it reverts with what arrived and what was signed
// └── when the token calls back
//     └── every operation that writes refuses, and the deal opens once
contract OpenTokensTest is Fixture {
    OddToken internal odd;
    DealEscrow internal oddEscrow;

    function setUp() public override {
        super.setUp();
        odd = OddToken(vm.deployCode("OddToken.sol:OddToken", ""));
        jury = new Jury(address(odd));
        five = createJury(5);
        oddEscrow = newEscrow(address(odd));
        odd.mint(buyer, usd(2000));
        odd.mint(seller, usd(1000));
    }

    function test_reverts_whenTheTokenTakesAFee() public {
        odd.become(OddToken.Mode.TakesFee);
        IDealEscrow.Terms memory t = oddTerms();
        reverts(t, usd(99), usd(100));
        t.bond = usd(10);
        reverts(t, usd(99) + usd(10) - usd(10) / 100, usd(110));
    }

    function test_everyWriterRefuses_whenTheTokenCallsBack() public {
        IDealEscrow.Terms memory t = oddTerms();
        IDealEscrow.Consent memory none = noConsent();
        IDealEscrow.SlowState[] memory no = noState();
        IDealEscrow.Terms[] memory templates = new IDealEscrow.Terms[](0);
        bytes[14] memory calls = [
            abi.encodeCall(oddEscrow.open, (t, "", "")),
            abi.encodeCall(oddEscrow.settle, (t, 0, no, WORK, "")),
            abi.encodeCall(oddEscrow.deliver, (t, 0, WORK, "", "", unasked())),
            abi.encodeCall(oddEscrow.accept, (t, 0, no, none)),
            abi.encodeCall(oddEscrow.concede, (t, 0, no, none)),
            abi.encodeCall(oddEscrow.agree, (t, 0, no, 0, false, none, none)),
            abi.encodeCall(oddEscrow.reclaim, (t, 0, unasked())),
            abi.encodeCall(oddEscrow.expire, (t, 0, no, unasked())),
            abi.encodeCall(oddEscrow.withdraw, (address(odd), buyer)),
            abi.encodeCall(oddEscrow.revoke, (t, buyer, none)),
            abi.encodeCall(oddEscrow.appeal, (t, 0, no, 0, 0, "")),
            abi.encodeCall(oddEscrow.escalate, (t, 0, no, unasked())),
            abi.encodeCall(oddEscrow.finalize, (t, 0, no, unasked())),
            abi.encodeCall(oddEscrow.settleBatch, (1, templates, "", ""))
        ];
        for (uint256 i; i < calls.length; ++i) {
            t.salt = keccak256(abi.encode(i));
            odd.reenter(address(oddEscrow), calls[i]);
            bytes32 id = oddEscrow.dealIdOf(t);
            oddEscrow.open(t, hex"00", sign(SELLER_KEY, id));
            assertTrue(!odd.answered(), "refused");
            assertEq(odd.answer(), abi.encodeWithSelector(IDealEscrow.Reentered.selector), "why");
            (,,,, uint96 remaining,) = oddEscrow.deal(id);
            assertEq(remaining, usd(100), "opened once");
        }
        assertEq(odd.balanceOf(address(oddEscrow)), 14 * usd(100), "escrow");
    }

    function oddTerms() internal view returns (IDealEscrow.Terms memory t) {
        t = makeTerms(1);
        t.token = address(odd);
    }

    function reverts(IDealEscrow.Terms memory t, uint256 got, uint256 needed) internal {
        bytes memory s = t.bond == 0 ? sign(SELLER_KEY, oddEscrow.dealIdOf(t)) : bytes(hex"00");
        vm.expectRevert(abi.encodeWithSelector(IDealEscrow.TransferMismatch.selector, got, needed));
        oddEscrow.open(t, hex"00", s);
    }
}
