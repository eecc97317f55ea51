// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealEscrow} from "../../src/interfaces/IDealEscrow.sol";
import {IReputationRegistry} from "../../src/interfaces/IReputationRegistry.sol";
import {Batching} from "../utils/Batching.sol";
import {Vm, vm} from "../utils/Vm.sol";

/// @notice What everybody should own, by the events alone, and the checks that it is so.
abstract contract Model is Batching {
    uint256 internal constant WALLETS = 6;
    uint256 internal constant WALLET_KEY = 0xAC7000;
    address internal constant RECEIVER = address(0xFEE);
    uint256 internal constant JURORS = 10;

    /// @dev A deal as the model knows it; its terms follow from `seed` and `openedAt`.
    struct Deal {
        uint256 seed;
        uint256 openedAt;
        uint256 remainingAmount;
        uint256 remainingBond;
        uint16 ended;
    }

    Deal[] internal _deals;
    mapping(bytes32 id => uint256 deal) internal _indexOf;
    mapping(uint256 deal => mapping(uint256 milestone => IDealEscrow.SlowState)) internal _states;
    /// @dev What an ended milestone has not said yet whom it paid.
    uint256 internal _unsaid;

    /// @notice What each wallet should own: its balance and its credit together.
    mapping(uint256 wallet => uint256) public wealth;
    /// @notice What relayer, marketplace, jury and jurors should own.
    uint256 public others;
    /// @notice What the open milestones hold: amounts, bonds and appeals' bonds.
    uint256 public held;
    /// @notice What strangers gave to the escrow.
    uint256 public donated;
    /// @notice How many milestones ended.
    uint256 public endings;
    /// @notice How many items batches left out, and how many verdicts were counted.
    uint256 public skips;
    uint256 public verdicts;

    // ---- events

    /// @dev Follows what the escrow said since the last time.
    function follow() internal {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 k; k < logs.length; ++k) {
            if (logs[k].emitter == address(escrow)) followOne(logs[k]);
        }
        assertEq(_unsaid, 0, "every unit of an ended milestone was paid to somebody");
    }

    function followOne(Vm.Log memory log) internal {
        bytes32 topic = log.topics[0];
        uint256 i = log.topics.length > 1 ? _indexOf[log.topics[1]] : 0;
        uint256 m = log.topics.length > 2 ? uint256(log.topics[2]) : 0;
        if (topic == IDealEscrow.DealOpened.selector) {
            opened(i);
        } else if (topic == IDealEscrow.MilestoneMoved.selector) {
            moved(i, m, abi.decode(log.data, (IDealEscrow.SlowState)));
        } else if (topic == IDealEscrow.MilestoneDelivered.selector) {
            (IDealEscrow.SlowState memory state,) =
                abi.decode(log.data, (IDealEscrow.SlowState, string));
            _states[i][m] = state;
        } else if (topic == IDealEscrow.MilestoneEnded.selector) {
            (, uint256 toSeller, uint256 toBuyer) =
                abi.decode(log.data, (uint256, uint256, uint256));
            ended(i, m, toSeller, toBuyer);
        } else if (topic == IDealEscrow.FeesPaid.selector) {
            (uint256 rounds, uint256 receiver) = abi.decode(log.data, (uint256, uint256));
            others += rounds + receiver;
            _unsaid -= rounds + receiver;
        } else if (topic == IDealEscrow.AppealBondPaid.selector) {
            (address to, uint256 amount, uint256 fees) =
                abi.decode(log.data, (address, uint256, uint256));
            assertEq(amount + fees, termsOf(i).appealBond, "an appeal's bond");
            held -= amount + fees;
            wealth[walletOf(to)] += amount;
            others += fees;
        } else if (topic == IDealEscrow.ActFeePaid.selector) {
            uint256 fee = abi.decode(log.data, (uint256));
            wealth[walletOf(address(uint160(uint256(log.topics[1]))))] -= fee;
            others += fee;
        } else if (topic == IDealEscrow.BatchItemSkipped.selector) {
            ++skips;
        } else if (topic == IDealEscrow.MilestoneSettled.selector) {
            ++verdicts;
        }
    }

    function opened(uint256 i) internal {
        Deal storage d = _deals[i];
        IDealEscrow.Terms memory t = termsOf(i);
        (uint256 b, uint256 s) = partiesOf(d.seed);
        (d.remainingAmount, d.remainingBond) = (t.total - t.openFee, t.bond);
        wealth[b] -= t.total;
        wealth[s] -= t.bond;
        others += t.openFee;
        held += d.remainingAmount + d.remainingBond;
    }

    function moved(uint256 i, uint256 m, IDealEscrow.SlowState memory state) internal {
        IDealEscrow.SlowState memory before = _states[i][m];
        _states[i][m] = state;
        if (before.status != IDealEscrow.Status.Judged) return;
        uint256 bond = termsOf(i).appealBond;
        (uint256 b, uint256 s) = partiesOf(_deals[i].seed);
        wealth[state.standing == uint8(ACCEPTED) ? b : s] -= bond;
        held += bond;
    }

    function ended(uint256 i, uint256 m, uint256 toSeller, uint256 toBuyer) internal {
        Deal storage d = _deals[i];
        uint256 amount = termsOf(i).milestones[m].amount;
        uint256 share = bondShare(i, amount);
        (uint256 b, uint256 s) = partiesOf(d.seed);
        wealth[s] += toSeller;
        wealth[b] += toBuyer;
        _unsaid += amount + share - toSeller - toBuyer;
        held -= amount + share;
        d.remainingAmount -= amount;
        d.remainingBond -= share;
        assertTrue((d.ended >> m) & 1 == 0, "a milestone ends once");
        d.ended |= uint16(1 << m);
        delete _states[i][m];
        ++endings;
    }

    // ---- what the invariants read

    function checkDeals() public view {
        uint256 open;
        for (uint256 i; i < _deals.length; ++i) {
            Deal memory d = _deals[i];
            IDealEscrow.Terms memory t = termsOf(i);
            bytes32 id = escrow.dealIdOf(t);
            uint16 slow;
            open += d.remainingAmount + d.remainingBond;
            for (uint8 m; m < t.milestones.length; ++m) {
                IDealEscrow.SlowState memory state = _states[i][m];
                bool live = state.status != IDealEscrow.Status.Pending;
                bytes32 needed = live ? keccak256(abi.encode(state)) : bytes32(0);
                assertEq(escrow.stateDigest(id, m), needed, "state");
                if (live) slow |= uint16(1 << m);
                if (state.status == IDealEscrow.Status.Round2 && state.standing != 0) {
                    open += t.appealBond;
                }
            }
            (uint96 amount, uint96 bond) = (uint96(d.remainingAmount), uint96(d.remainingBond));
            assertWord(id, Word(true, false, d.ended, slow, amount, bond));
        }
        assertEq(open, held, "what open milestones hold");
    }

    function checkWealth() public view {
        for (uint256 i; i < WALLETS; ++i) {
            assertEq(owned(wallet(i)), wealth[i], "a wallet's money");
        }
        uint256 sum = owned(RELAYER) + owned(RECEIVER) + usdc.balanceOf(address(jury));
        for (uint256 i; i < JURORS; ++i) {
            sum += owned(juror(i));
        }
        assertEq(sum, others, "relayer, marketplace, jury and jurors");
        assertEq(usdc.balanceOf(address(registry)), 0, "registry");
        assertEq(usdc.balanceOf(buyer), usd(1_000_000), "a stranger");
    }

    function checkSolvency() public view {
        uint256 owed = held + credit(RELAYER) + credit(RECEIVER);
        for (uint256 i; i < WALLETS; ++i) {
            owed += credit(wallet(i));
        }
        for (uint256 i; i < JURORS; ++i) {
            owed += credit(juror(i));
        }
        assertEq(usdc.balanceOf(address(escrow)), owed + donated, "the escrow's balance");
    }

    function checkFacts() public view {
        uint256 asBuyer;
        uint256 asSeller;
        for (uint256 i; i < WALLETS; ++i) {
            asBuyer += facts(standingOf(wallet(i), IReputationRegistry.Role.Buyer));
            asSeller += facts(standingOf(wallet(i), IReputationRegistry.Role.Seller));
        }
        assertEq(asBuyer, endings, "facts of buyers");
        assertEq(asSeller, endings, "facts of sellers");
    }

    function facts(IReputationRegistry.Standing memory s) internal pure returns (uint256) {
        return uint256(s.goodCount) + s.badCount + s.neutralCount;
    }

    function owned(address who) internal view returns (uint256) {
        return usdc.balanceOf(who) + credit(who);
    }

    function credit(address who) internal view returns (uint256) {
        return escrow.credits(address(usdc), who);
    }

    function bondShare(uint256 i, uint256 amount) internal view returns (uint256) {
        return _deals[i].remainingBond * amount / _deals[i].remainingAmount;
    }

    // ---- people and terms

    function wallet(uint256 i) internal pure returns (address) {
        return vm.addr(WALLET_KEY + i);
    }

    function walletOf(address who) internal pure returns (uint256 i) {
        while (wallet(i) != who) ++i;
    }

    function partiesOf(uint256 seed) internal pure returns (uint256 b, uint256 s) {
        b = seed % WALLETS;
        s = (b + 1 + (seed >> 8) % (WALLETS - 1)) % WALLETS;
    }

    function count(uint256 i) internal view returns (uint256) {
        return 1 + (_deals[i].seed >> 16) % 4;
    }

    function termsOf(uint256 i) internal view returns (IDealEscrow.Terms memory t) {
        uint256 seed = _deals[i].seed;
        t = makeTerms(count(i));
        (uint256 b, uint256 s) = partiesOf(seed);
        (t.buyer, t.seller) = (wallet(b), wallet(s));
        t.salt = bytes32(i);
        t.bond = uint96((seed >> 24) % 3 == 0 ? 0 : bound(seed >> 32, 1, usd(100)));
        t.payAsCredit = (seed >> 40) % 4 == 0;
        t.silentSellerBps = uint16(bound(seed >> 48, 0, 10_000));
        t.splitSellerBps = uint16(bound(seed >> 64, 0, 10_000));
        t.openBy = uint40(_deals[i].openedAt + 1 hours);
        t.judgeWithin = uint40(bound(seed >> 80, 1 hours, 2 days));
        t.sequential = (seed >> 96) % 3 == 0;
        uint256 kind = (seed >> 104) % 3;
        if (kind != 0) t.jury = ten;
        if (kind == 2) t.appealWithin = uint40(bound(seed >> 112, 1 hours, 1 days));
        fillMilestones(t, seed, kind != 0);
    }

    function fillMilestones(IDealEscrow.Terms memory t, uint256 seed, bool two) internal pure {
        uint256 tail = t.judgeWithin + (two ? t.appealWithin + t.judgeWithin : 0) + 1 hours;
        uint256 least = type(uint96).max;
        uint256 earliest = uint256(t.openBy) + 1 hours;
        t.total = 0;
        for (uint256 m; m < t.milestones.length; ++m) {
            uint256 more = uint256(keccak256(abi.encode(seed, m)));
            uint96 amount = uint96(more % 8 == 0 ? 1 : bound(more, 1, usd(1000)));
            t.milestones[m].amount = amount;
            t.milestones[m].deliverBy = uint40(earliest + bound(more >> 128, 0, 3 days));
            t.milestones[m].rule = rule(5000, 3000, 2000, 0, 5000) | ((more >> 64) % 2 << 254);
            if (t.sequential) earliest = t.milestones[m].deliverBy + tail;
            t.total += amount;
            if (amount < least) least = amount;
        }
        if ((seed >> 120) % 4 != 0) {
            t.juryFee = uint96(bound(seed >> 128, 0, least));
            t.relayFee = uint96(bound(seed >> 144, 0, least - t.juryFee));
        }
        t.openFee = uint96(bound(seed >> 160, 0, usd(2)));
        t.total += t.openFee;
        if ((seed >> 176) % 2 == 0) {
            (t.feeBps, t.feeReceiver) = (uint16(bound(seed >> 184, 1, 1000)), RECEIVER);
        }
        if (t.appealWithin != 0) {
            t.appealBond = t.juryFee + t.relayFee + uint96(bound(seed >> 200, 0, usd(10)));
        }
    }
}
