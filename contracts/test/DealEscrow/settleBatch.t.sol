// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealEscrow} from "../../src/interfaces/IDealEscrow.sol";
import {Ending} from "../../src/interfaces/IReputationRegistry.sol";
import {Batching} from "../utils/Batching.sol";
import {Vm, vm} from "../utils/Vm.sol";

// settleBatch: what it pays
// ├── when every item is good
// │   ├── each ends as settle would end it
// │   ├── payments are netted per payee, credits apart
// │   ├── and seats' fees per panel
// │   └── items may share templates and differ by patches of any word
// ├── when items are milestones of one sequence
// │   └── they apply in order, and a rejection cancels the items behind it
// ├── when items carry states
// │   └── deliveries and round 2 are settled by the state that is handed in
// └── when verdicts can be appealed
//     └── they stand, and nobody is paid
contract SettleBatchTest is Batching {
    address internal constant RECEIVER = address(0xFEE);

    function test_eachItemEndsAsSettleWouldEndIt() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        t.bond = usd(10);
        (bytes32[] memory ids, bytes memory items) = openMany(t, 3);
        bytes memory votes = abi.encodePacked(MET, FAILED, ABSTAINED);
        bytes memory packed = batchBallots(ALL_SEATS, 0, casesOf(ids, 1), votes);
        Purses memory before = purses();
        expectSettled(ids[0], ACCEPTED_MASKS);
        expectEnded(ids[0], 0, Ending.Accepted, usd(110), 0);
        expectSettled(ids[1], REJECTED_MASKS);
        expectEnded(ids[1], 0, Ending.Rejected, 0, usd(110));
        expectSettled(ids[2], UNDETERMINED_MASKS);
        expectEnded(ids[2], 0, Ending.Undetermined, usd(60), usd(50));
        vm.prank(RELAYER);
        escrow.settleBatch(1, templatesOf(t), items, packed);
        assertPaid(before, usd(170), usd(160));
        for (uint256 i; i < 3; ++i) {
            assertWord(ids[i], Word(true, false, 1, 0, 0, 0));
        }
    }

    uint256 internal constant ACCEPTED_MASKS = 0x100010000;
    uint256 internal constant REJECTED_MASKS = 0x200000001;
    uint256 internal constant UNDETERMINED_MASKS = 0x300000000;

    function expectSettled(bytes32 id, uint256 masks) internal {
        vm.expectEmit(true, true, true, true, address(escrow));
        emit IDealEscrow.MilestoneSettled(
            id,
            0,
            WORK,
            1,
            uint8(masks >> 32),
            ALL_SEATS,
            uint16(masks >> 16),
            uint16(masks),
            RELAYER
        );
    }

    function test_paysEachPayeeOnce() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        withFees(t);
        (t.feeBps, t.feeReceiver) = (500, RECEIVER);
        (bytes32[] memory ids, bytes memory items) = openMany(t, 7);
        vm.recordLogs();
        settleMany(t, items, casesOf(ids, 1), same(MET, 7));
        assertEq(transfers(), 4, "seller, receiver, relayer, jury");
        assertEq(usdc.balanceOf(RECEIVER), 7 * 4_700_000, "receiver");
        assertEq(usdc.balanceOf(RELAYER), usd(7), "relayer");
        assertEq(usdc.balanceOf(address(escrow)), 0, "escrow");
        for (uint8 seat; seat < 5; ++seat) {
            assertEq(jury.fees(five, 1, seat), usd(7), "pot");
        }
    }

    function test_creditsEachPayeeOnce_apartFromWhatIsPaid() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        t.payAsCredit = true;
        (bytes32[] memory ids, bytes memory items) = openMany(t, 4);
        vm.recordLogs();
        settleMany(t, items, casesOf(ids, 1), abi.encodePacked(MET, ABSTAINED, FAILED, MET));
        assertEq(transfers(), 1, "the buyer");
        assertEq(escrow.credits(address(usdc), seller), usd(250), "seller");
        assertEq(usdc.balanceOf(address(escrow)), usd(250), "escrow");
    }

    function transfers() internal returns (uint256 count) {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].topics[0] == keccak256("Transfer(address,address,uint256)")) ++count;
        }
    }

    // ---- templates and patches

    /// @dev Every word that a deal may differ in, patched into a template that differs in it.
    function test_patchesAnyWordOfTheTerms() public {
        IDealEscrow.Terms memory t = appealTerms(2);
        withFees(t);
        (t.feeBps, t.feeReceiver, t.appealWithin, t.appealBond) = (100, RECEIVER, 0, 0);
        (t.buyerAgent, t.sellerAgent) = (7, 8);
        bytes32[] memory ids = new bytes32[](1);
        ids[0] = open(t);
        bytes memory words = abi.encode(t);
        for (uint8 w; w < 23; ++w) {
            tryPatch(t, ids, w, wordAt(words, 1 + w));
        }
        for (uint8 k; k < 8; ++k) {
            tryPatch(t, ids, FIRST_MILESTONE + k, wordAt(words, 1 + 25 + k));
        }
    }

    function tryPatch(IDealEscrow.Terms memory t, bytes32[] memory ids, uint8 index, bytes32 value)
        internal
    {
        uint256 snapshot = vm.snapshotState();
        IDealEscrow.Terms memory template = abi.decode(abi.encode(t), (IDealEscrow.Terms));
        scramble(template, index);
        assertTrue(escrow.dealIdOf(template) != ids[0], "the template differs");
        bytes memory items = item(0, 0, patch(index, value), noState(), WORK);
        settleMany(template, items, casesOf(ids, 1), same(MET, 1));
        assertEq(uint256(wordOf(ids[0]).ended), 1, vm.toString(index));
        vm.revertToState(snapshot);
    }

    /// @dev Sets one word of `t` to one.
    function scramble(IDealEscrow.Terms memory t, uint8 index) internal pure {
        IDealEscrow.Milestone memory m = t.milestones[0];
        if (index >= FIRST_MILESTONE) m = t.milestones[(index - FIRST_MILESTONE) / 4];
        uint256 word = index < FIRST_MILESTONE ? index : (index - FIRST_MILESTONE) % 4;
        assembly ("memory-safe") {
            let at_ := t
            if gt(index, 31) { at_ := m }
            at_ := add(at_, shl(5, word))
            mstore(at_, iszero(eq(mload(at_), 1)))
        }
    }

    function wordAt(bytes memory words, uint256 index) internal pure returns (bytes32 word) {
        assembly ("memory-safe") {
            word := mload(add(add(words, 0x20), shl(5, index)))
        }
    }

    /// forge-config: default.fuzz.runs = 32
    function test_ignoresAPatchOfAWordThatIsNotThere(uint8 index, bytes32 value) public {
        IDealEscrow.Terms memory t = makeTerms(2);
        bytes32[] memory ids = new bytes32[](1);
        ids[0] = open(t);
        index = index % 2 == 0
            ? uint8(bound(index, 23, 31))
            : uint8(bound(index, FIRST_MILESTONE + 8, 255));
        bytes memory items = item(0, 0, patch(index, value), noState(), WORK);
        settleMany(t, items, casesOf(ids, 1), same(MET, 1));
        assertWord(ids[0], Word(true, false, 1, 0, usd(100), 0));
    }

    function test_itemsOfSeveralTemplatesDoNotDisturbEachOther() public {
        IDealEscrow.Terms[] memory templates = new IDealEscrow.Terms[](2);
        templates[0] = makeTerms(1);
        templates[1] = makeTerms(3);
        bytes32[] memory ids = new bytes32[](4);
        bytes memory items;
        bytes32[] memory cases = new bytes32[](4);
        for (uint256 i; i < 4; ++i) {
            IDealEscrow.Terms memory t = salted(templates[i % 2], i);
            ids[i] = open(t);
            uint8 milestone = i % 2 == 0 ? 0 : uint8(i) - 1;
            bytes memory p = patch(SALT_WORD, bytes32(i));
            items = bytes.concat(items, item(uint8(i % 2), milestone, p, noState(), WORK));
            cases[i] = caseOf(ids[i], milestone, WORK);
        }
        bytes memory packed = batchBallots(ALL_SEATS, 0, cases, same(MET, 4));
        escrow.settleBatch(1, templates, items, packed);
        assertWord(ids[0], Word(true, false, 1, 0, 0, 0));
        assertWord(ids[1], Word(true, false, 1, 0, usd(200), 0));
        assertWord(ids[2], Word(true, false, 1, 0, 0, 0));
        assertWord(ids[3], Word(true, false, 4, 0, usd(200), 0));
    }

    /// @dev As many payees as items can have: a seller and a marketplace each.
    function test_paysManyPayees() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        withFees(t);
        t.feeBps = 1000;
        uint256 count = 30;
        bytes32[] memory ids = new bytes32[](count);
        bytes memory items;
        t.feeReceiver = RECEIVER;
        for (uint256 i; i < count; ++i) {
            IDealEscrow.Terms memory other = abi.decode(abi.encode(t), (IDealEscrow.Terms));
            (other.seller, other.feeReceiver) = (vm.addr(0xFACE + i), address(uint160(0xFEE0 + i)));
            ids[i] = escrow.dealIdOf(other);
            open(other, buyerAuthorization(other), sign(0xFACE + i, ids[i]));
            bytes memory p = bytes.concat(
                patch(SELLER_WORD, bytes32(uint256(uint160(other.seller)))),
                patch(12, bytes32(uint256(uint160(other.feeReceiver))))
            );
            items = bytes.concat(items, item(0, 0, p, noState(), WORK));
        }
        settleMany(t, items, casesOf(ids, 1), same(MET, count));
        for (uint256 i; i < count; ++i) {
            assertEq(usdc.balanceOf(vm.addr(0xFACE + i)), 84_600_000, "seller");
            assertEq(usdc.balanceOf(address(uint160(0xFEE0 + i))), 9_400_000, "receiver");
        }
        assertEq(usdc.balanceOf(address(escrow)), 0, "escrow");
    }

    // ---- sequences

    function test_appliesMilestonesOfASequenceInOrder() public {
        (IDealEscrow.Terms memory t, bytes32 id, bytes memory items, bytes32[] memory cases) =
            sequence();
        settleMany(t, items, cases, same(MET, 3));
        assertWord(id, Word(true, false, 7, 0, 0, 0));
    }

    function test_aRejectionCancelsTheItemsBehindIt() public {
        (IDealEscrow.Terms memory t, bytes32 id, bytes memory items, bytes32[] memory cases) =
            sequence();
        Purses memory before = purses();
        bytes memory packed = batchBallots(ALL_SEATS, 0, cases, abi.encodePacked(MET, FAILED, MET));
        expectSkipped(
            id, 2, abi.encodeWithSelector(IDealEscrow.MilestoneAlreadyEnded.selector, id, 2)
        );
        escrow.settleBatch(1, templatesOf(t), items, packed);
        assertPaid(before, usd(100), usd(200));
        assertWord(id, Word(true, false, 7, 0, 0, 0));
    }

    function sequence()
        internal
        returns (IDealEscrow.Terms memory t, bytes32 id, bytes memory items, bytes32[] memory cases)
    {
        t = makeTerms(3);
        t.sequential = true;
        t.milestones[1].deliverBy = DELIVER_BY + 2 days;
        t.milestones[2].deliverBy = DELIVER_BY + 4 days;
        id = open(t);
        cases = new bytes32[](3);
        for (uint8 k; k < 3; ++k) {
            items = bytes.concat(items, item(0, k, "", noState(), WORK));
            cases[k] = caseOf(id, k, WORK);
        }
    }

    // ---- states

    function test_settlesDeliveriesByTheirStates() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes32[] memory ids = new bytes32[](2);
        bytes memory items;
        for (uint256 i; i < 2; ++i) {
            IDealEscrow.Terms memory own = salted(t, i);
            ids[i] = open(own);
            IDealEscrow.SlowState[] memory state = deliver(own, 0, WORK);
            bytes memory p = patch(SALT_WORD, bytes32(i));
            items = bytes.concat(items, item(0, 0, p, state, WORK));
        }
        Purses memory before = purses();
        settleMany(t, items, casesOf(ids, 1), abi.encodePacked(MET, FAILED));
        assertPaid(before, usd(100), usd(100));
        assertEq(escrow.stateDigest(ids[0], 0), bytes32(0), "state");
    }

    function test_settlesRound2() public {
        IDealEscrow.Terms memory t = appealTerms(1);
        withFees(t);
        bytes32[] memory ids = new bytes32[](3);
        bytes memory items;
        for (uint256 i; i < 3; ++i) {
            IDealEscrow.Terms memory own = salted(t, i);
            ids[i] = open(own);
            IDealEscrow.SlowState[] memory state = i == 2
                ? judged(own, 0, UNDETERMINED)
                : appealed(own, 0, i == 0 ? ACCEPTED : REJECTED);
            bytes memory p = patch(SALT_WORD, bytes32(i));
            items = bytes.concat(items, item(0, 0, p, state, WORK));
        }
        Purses memory before = purses();
        bytes memory votes = abi.encodePacked(MET, MET, FAILED);
        bytes memory packed = batchBallots(ALL_SEATS, 5, casesOf(ids, 2), votes);
        vm.prank(address(0x5EC0));
        escrow.settleBatch(2, templatesOf(t), items, packed);
        // Upheld: 104 and what round 2 leaves of the appeal's bond. Overturned: 98 and the whole of
        // it. With nothing standing: the buyer gets 110 less the submitters' 2 and round 2's 5.
        before.seller += usd(104 + 14) + usd(98 + 20);
        before.buyer += usd(103);
        before.escrow = 0;
        assertEq(abi.encode(purses()), abi.encode(before), "purses");
        assertEq(usdc.balanceOf(RELAYER), usd(3), "round 1's submitter");
        assertEq(usdc.balanceOf(address(0x5EC0)), usd(3), "round 2's submitter");
        assertEq(usdc.balanceOf(address(jury)), usd(25), "jury");
        assertEq(jury.fees(ten, 2, 4), usd(3), "a seat of the appeal panel");
    }

    function test_verdictsStand_whileTheyCanBeAppealed() public {
        IDealEscrow.Terms memory t = appealTerms(1);
        (bytes32[] memory ids, bytes memory items) = openMany(t, 3);
        Purses memory before = purses();
        vm.recordLogs();
        settleMany(t, items, casesOf(ids, 1), abi.encodePacked(MET, FAILED, ABSTAINED));
        IDealEscrow.SlowState[] memory state = logged();
        assertPaid(before, 0, 0);
        assertEq(escrow.stateDigest(ids[2], 0), keccak256(abi.encode(state[0])), "state");
        assertEq(uint256(state[0].status), uint256(IDealEscrow.Status.Round2), "round 2");
        for (uint256 i; i < 3; ++i) {
            assertWord(ids[i], Word(true, false, 0, 1, usd(100), usd(10)));
        }
    }
}
