// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealEscrow} from "../../src/interfaces/IDealEscrow.sol";
import {IReputationRegistry} from "../../src/interfaces/IReputationRegistry.sol";
import {Batching} from "../utils/Batching.sol";
import {vm} from "../utils/Vm.sol";

// settleBatch compared with settle
// └── for any terms, stages and votes, a batch leaves every deal, state, purse, credit, pot and fact
//     as settling one after the other does
contract SettleBatchSameTest is Batching {
    uint256 internal constant COUNT = 6;
    address internal constant RECEIVER = address(0xFEE);

    /// @dev What the world looks like after a try.
    struct World {
        bytes32[] states;
        Word[] words;
        Purses purses;
        uint256[] others;
        IReputationRegistry.Standing buyer;
        IReputationRegistry.Standing seller;
    }

    struct Items {
        IDealEscrow.Terms[] templates;
        bytes32[] ids;
        uint8[] milestones;
        IDealEscrow.SlowState[][] states;
        bytes32[] cases;
        bytes votes;
        bytes packed;
    }

    /// forge-config: default.fuzz.runs = 60
    function test_aBatchIsAsSettlingOneAfterTheOther(uint256 seed) public {
        uint8 round = uint8(1 + seed % 2);
        Items memory items = makeItems(seed, round);
        if (seed % 5 == 0) usdc.blacklist(address(jury));
        if (seed % 7 == 0) usdc.blacklist(seller);
        uint256 first = round == 1 ? 0 : 5;
        uint256 snapshot = vm.snapshotState();
        for (uint256 i; i < COUNT; ++i) {
            (uint16 met, uint16 failed) = masks(seed, i);
            bytes memory one = ballots(ALL_SEATS, first, items.cases[i], met, failed);
            bytes memory data = abi.encodeCall(
                escrow.settle, (items.templates[i], items.milestones[i], items.states[i], WORK, one)
            );
            // `settle` takes the round from the state; a batch says it.
            if (roundOf(items.states[i]) != round) continue;
            vm.prank(RELAYER);
            (bool ok,) = address(escrow).call(data);
            ok;
        }
        bytes memory needed = abi.encode(world(items));
        vm.revertToState(snapshot);
        bytes memory packed = batchBallots(ALL_SEATS, first, items.cases, items.votes);
        vm.prank(RELAYER);
        escrow.settleBatch(round, items.templates, items.packed, packed);
        assertEq(abi.encode(world(items)), needed, "world");
    }

    // ---- items

    /// @dev Six items of four deals: one is there twice, one is the second milestone of another.
    function makeItems(uint256 seed, uint8 round) internal returns (Items memory items) {
        items.templates = new IDealEscrow.Terms[](COUNT);
        items.ids = new bytes32[](COUNT);
        items.milestones = new uint8[](COUNT);
        items.states = new IDealEscrow.SlowState[][](COUNT);
        items.cases = new bytes32[](COUNT);
        for (uint256 i; i < COUNT; ++i) {
            if (i < 4) {
                items.templates[i] = dealOf(seed, i);
                items.ids[i] = open(items.templates[i]);
                items.states[i] = stage(items.templates[i], uint256(keccak256(abi.encode(seed, i))));
            } else {
                items.templates[i] = items.templates[i - 4];
                items.ids[i] = items.ids[i - 4];
                items.states[i] = i == 4 ? noState() : items.states[i - 4];
                items.milestones[i] = i == 4 ? 1 : 0;
            }
            items.cases[i] = caseOf(items.ids[i], items.milestones[i], round, WORK);
            (uint16 met, uint16 failed) = masks(seed, i);
            items.votes = bytes.concat(items.votes, abi.encodePacked(met, failed, uint8(0)));
            items.packed = bytes.concat(
                items.packed, item(uint8(i), items.milestones[i], "", items.states[i], WORK)
            );
        }
    }

    function dealOf(uint256 seed, uint256 i) internal view returns (IDealEscrow.Terms memory t) {
        uint256 x = uint256(keccak256(abi.encode(seed, i, "terms")));
        t = appealTerms(2);
        t.salt = bytes32(i);
        t.milestones[1].deliverBy = DELIVER_BY + 4 days;
        t.sequential = x % 2 == 0;
        t.payAsCredit = x >> 1 & 1 == 0;
        t.bond = uint96(bound(x >> 8, 0, usd(50)));
        if (x >> 2 & 1 == 0) (t.juryFee, t.relayFee) = (usd(7), usd(3));
        if (x >> 3 & 1 == 0) (t.feeBps, t.feeReceiver) = (777, RECEIVER);
        if (x >> 4 & 1 == 0) (t.appealWithin, t.appealBond) = (0, 0);
        uint256 pro = x >> 5 & 1;
        t.milestones[0].rule = rule(5000, 3000, 2000, 0, 5000) | (pro << 254);
        t.milestones[1].rule = t.milestones[0].rule;
    }

    /// @dev Pending, delivered, not agreed or appealed.
    function stage(IDealEscrow.Terms memory t, uint256 x)
        internal
        returns (IDealEscrow.SlowState[] memory)
    {
        x %= 5;
        if (x == 0) return noState();
        if (x == 1) return deliver(t, 0, WORK);
        if (x == 2 || t.appealWithin == 0) return voted(t, 0, 0);
        if (x == 3) return appealed(t, 0, voted(t, 5, 2));
        return appealed(t, 0, voted(t, 2, 5));
    }

    function voted(IDealEscrow.Terms memory t, uint16 met, uint16 failed)
        internal
        returns (IDealEscrow.SlowState[] memory)
    {
        bytes32 caseId = caseOf(escrow.dealIdOf(t), 0, WORK);
        vm.recordLogs();
        settle(t, 0, noState(), WORK, ballots(ALL_SEATS, caseId, met, failed));
        return logged();
    }

    function masks(uint256 seed, uint256 i) internal pure returns (uint16 met, uint16 failed) {
        uint256 x = uint256(keccak256(abi.encode(seed, i, "vote"))) % 4;
        if (x == 0) return (7, 0);
        if (x == 1) return (5, 2);
        if (x == 2) return (1, 6);
    }

    // ---- the world

    function world(Items memory items) internal view returns (World memory w) {
        w.states = new bytes32[](COUNT * 2);
        w.words = new Word[](COUNT);
        for (uint256 i; i < COUNT; ++i) {
            w.states[2 * i] = escrow.stateDigest(items.ids[i], 0);
            w.states[2 * i + 1] = escrow.stateDigest(items.ids[i], 1);
            w.words[i] = wordOf(items.ids[i]);
        }
        w.purses = purses();
        w.others = new uint256[](24);
        for (uint8 seat; seat < 5; ++seat) {
            w.others[seat] = jury.fees(ten, 1, seat);
            w.others[5 + seat] = jury.fees(ten, 2, seat);
            w.others[10 + seat] = escrow.credits(address(usdc), juror(seat));
            w.others[15 + seat] = escrow.credits(address(usdc), juror(5 + seat));
        }
        w.others[20] = usdc.balanceOf(RELAYER);
        w.others[21] = usdc.balanceOf(RECEIVER);
        w.others[22] = usdc.balanceOf(address(jury));
        w.others[23] = escrow.credits(address(usdc), RELAYER);
        w.buyer = standingOf(buyer, IReputationRegistry.Role.Buyer);
        w.seller = standingOf(seller, IReputationRegistry.Role.Seller);
    }
}
