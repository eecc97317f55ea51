// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IJury} from "../../src/interfaces/IJury.sol";
import {IPactRegistry} from "../../src/interfaces/IPactRegistry.sol";
import {IReputationRegistry} from "../../src/interfaces/IReputationRegistry.sol";
import {PactFixture} from "../utils/PactFixture.sol";
import {vm} from "../utils/Vm.sol";

/// @notice Acts on the pact registry as three agents, three presenters, a relayer and strangers
/// would, in any order; inputs are folded so that every call succeeds, but for those that try what
/// must never work.
contract PactHandler is PactFixture {
    uint256 internal constant WALLETS = 3;
    uint256 internal constant PACTS_MOST = 24;
    uint256 internal constant WALLET_KEY = 0xAC7000;
    uint256 internal constant PURSE = 1_000_000e6;

    struct Presented {
        uint256 pact;
        IPactRegistry.Record record;
    }

    IPactRegistry.Pact[] internal _pacts;
    Presented[] internal _presented;
    uint256 internal _clock = START;
    uint256 internal _block = 1000;
    uint256 internal _keys;

    /// @notice What each agent has lost to slashes.
    mapping(uint256 wallet => uint256) public slashed;
    /// @notice Verdicts that were applied, per pact and period.
    mapping(uint256 pact => mapping(uint32 period => uint256)) public verdicts;
    uint256 public judged;
    uint256 public rejected;
    uint256 public expired;
    uint256 public closed;
    uint256 public donated;

    constructor() {
        setUp();
        for (uint256 i; i < 2 * WALLETS; ++i) {
            usdc.mint(wallet(i), PURSE);
        }
    }

    // ---- acts

    function openPact(uint256 seed) public {
        move();
        if (_pacts.length == PACTS_MOST || usdc.paused() || isListed(seed % WALLETS)) return;
        IPactRegistry.Pact memory p = pactFrom(seed);
        bytes32 id = pacts.pactIdOf(p);
        uint256 key = WALLET_KEY + seed % WALLETS;
        pacts.open(p, authorization(key, p.bond, p.openBy, id, address(pacts)));
        _pacts.push(p);
    }

    function presentRecord(uint256 seed) public {
        (bool found, uint256 i, uint32 period) = pickPresenting(seed);
        uint256 by = WALLETS + (seed >> 32) % WALLETS;
        if (!found || usdc.paused() || isListed(by)) return;
        IPactRegistry.Pact memory p = _pacts[i];
        fix(p, period);
        bytes32 id = pacts.pactIdOf(p);
        IPactRegistry.PeriodState memory s = periodOf(id, period);
        if (s.status == IPactRegistry.Status.Quiet && stateOf(id).bond < p.juryFee) return;
        if (s.count == 64) return;
        do {
            ++_keys;
        } while (!pacts.isSampled(p, period, bytes32(_keys)));
        IPactRegistry.Record memory r = makeRecord(p, period, _keys);
        bytes memory rs = sign(keyOf(p.agent), pacts.recordDigest(r));
        IPactRegistry.Claim memory c = makeClaim(r, WALLET_KEY + by);
        pacts.present(p, r, rs, c, feeAuthorization(p, c, WALLET_KEY + by));
        _presented.push(Presented(i, r));
    }

    function settlePeriod(uint256 seed, uint256 verdict) public {
        (bool found, uint256 i, uint32 period) = pickClaimed(seed);
        if (!found) return;
        IPactRegistry.Pact memory p = _pacts[i];
        uint256 from = endOf(p, period) + p.presentWithin;
        if (_clock < from) _clock = from;
        move();
        if (_clock >= from + p.judgeWithin) return expireNow(i, period);
        bytes32 id = pacts.pactIdOf(p);
        uint256 locked = periodOf(id, period).locked;
        IJury.Outcome outcome = IJury.Outcome(bound(verdict, 1, 3));
        settle(p, period, verdict % 2 == 0 ? FOUR_SEATS : ALL_SEATS, outcome);
        ++judged;
        ++verdicts[i][period];
        if (outcome != IJury.Outcome.Rejected) return;
        slashed[keyOf(p.agent) - WALLET_KEY] += locked;
        ++rejected;
    }

    /// @dev Must never work: good ballots for a period that has ended.
    function settleAgain(uint256 seed, uint256 verdict) public {
        move();
        for (uint256 k; k < _presented.length; ++k) {
            Presented memory x = _presented[addmod(seed, k, _presented.length)];
            IPactRegistry.Pact memory p = _pacts[x.pact];
            bytes32 id = pacts.pactIdOf(p);
            if (periodOf(id, x.record.period).status != IPactRegistry.Status.Ended) continue;
            IJury.Outcome outcome = IJury.Outcome(bound(verdict, 1, 3));
            bytes memory packed = packedFor(p, x.record.period, ALL_SEATS, outcome);
            // Even in its window.
            vm.warp(endOf(p, x.record.period) + p.presentWithin);
            try pacts.settle(p, x.record.period, packed) {
                ++verdicts[x.pact][x.record.period];
            } catch {}
            return move();
        }
    }

    function expirePeriod(uint256 seed) public {
        (bool found, uint256 i, uint32 period) = pickClaimed(seed);
        if (found) expireNow(i, period);
    }

    function collectRecord(uint256 seed) public {
        move();
        for (uint256 k; k < _presented.length; ++k) {
            if (collectNow(addmod(seed, k, _presented.length))) return;
        }
    }

    function noticePact(uint256 seed) public {
        move();
        if (_pacts.length == 0) return;
        IPactRegistry.Pact memory p = _pacts[seed % _pacts.length];
        IPactRegistry.PactState memory s = stateOf(pacts.pactIdOf(p));
        if (s.noticed || s.closed) return;
        vm.prank(p.agent);
        pacts.giveNotice(p, 0, "");
    }

    function closePact(uint256 seed) public {
        move();
        if (_pacts.length != 0) closeNow(seed % _pacts.length);
    }

    function withdrawCredit(uint256 seed) public {
        move();
        for (uint256 k; k < 2 * WALLETS; ++k) {
            uint256 i = addmod(seed, k, 2 * WALLETS);
            if (pacts.credits(wallet(i)) == 0 || isListed(i) || usdc.paused()) continue;
            return pacts.withdraw(wallet(i));
        }
    }

    // ---- the world around it

    function passTime(uint256 secs) public {
        _clock += bound(secs, 1, 1 days);
        _block += secs % 9000;
    }

    function listOrDelist(uint256 seed) public {
        address a = seed % 7 == 6 ? address(jury) : wallet(seed % 7);
        if (usdc.isBlacklisted(a)) usdc.unBlacklist(a);
        else usdc.blacklist(a);
    }

    function pauseOrUnpause() public {
        if (usdc.paused()) usdc.unpause();
        else usdc.pause();
    }

    function donate(uint256 value) public {
        value = bound(value, 1, usd(10));
        usdc.mint(address(pacts), value);
        donated += value;
    }

    /// @dev Without agents, presenters, jury or relayer: by time alone.
    function closeEverything() public {
        (bool found, uint256 i, uint32 period) = pickClaimed(0);
        while (found) {
            expireNow(i, period);
            (found, i, period) = pickClaimed(0);
        }
        for (uint256 k; k < _presented.length; ++k) {
            collectNow(k);
        }
        _clock += 800 days;
        move();
        for (uint256 k; k < _pacts.length; ++k) {
            closeNow(k);
        }
    }

    // ---- what the invariants read

    /// @notice Everything that the registry owes.
    function owed() public view returns (uint256 sum) {
        for (uint256 i; i < _pacts.length; ++i) {
            sum += bondsOf(i);
        }
        for (uint256 k; k < _presented.length; ++k) {
            IPactRegistry.Record memory r = _presented[k].record;
            if (pacts.presenterOf(pacts.recordDigest(r)) == address(0)) continue;
            IPactRegistry.PeriodState memory s = periodOf(r.pactId, r.period);
            bool open = s.status == IPactRegistry.Status.Claimed;
            sum += open ? _pacts[_presented[k].pact].juryFee : s.each;
        }
        sum += creditsOwed();
    }

    function creditsOwed() public view returns (uint256 sum) {
        for (uint256 i; i < 2 * WALLETS; ++i) {
            sum += pacts.credits(wallet(i));
        }
        for (uint256 seat; seat < 5; ++seat) {
            sum += pacts.credits(juror(seat));
        }
        sum += pacts.credits(NOBODY);
    }

    function checkSolvency() public view {
        assertEq(usdc.balanceOf(address(pacts)), owed() + donated, "the registry's balance");
    }

    function checkAgents() public view {
        for (uint256 i; i < WALLETS; ++i) {
            uint256 owned = usdc.balanceOf(wallet(i)) + pacts.credits(wallet(i));
            for (uint256 k; k < _pacts.length; ++k) {
                if (_pacts[k].agent == wallet(i)) owned += bondsOf(k);
            }
            assertEq(owned + slashed[i], PURSE, "an agent loses what is slashed and no more");
        }
    }

    function checkVerdicts() public view {
        for (uint256 k; k < _presented.length; ++k) {
            Presented memory x = _presented[k];
            assertAtMost(verdicts[x.pact][x.record.period], 1, "one judgement per period");
        }
        uint256 facts;
        for (uint256 i; i < WALLETS; ++i) {
            IReputationRegistry.Standing memory s = pacts.standing(wallet(i));
            facts += uint256(s.goodCount) + s.badCount + s.neutralCount;
        }
        assertEq(facts, judged, "one fact per judgement");
    }

    function checkClosed() public view {
        for (uint256 i; i < _pacts.length; ++i) {
            assertTrue(stateOf(pacts.pactIdOf(_pacts[i])).closed, "closed");
        }
        assertEq(usdc.balanceOf(address(pacts)), creditsOwed() + donated, "nothing is left");
    }

    // ---- the model

    function expireNow(uint256 i, uint32 period) internal {
        IPactRegistry.Pact memory p = _pacts[i];
        uint256 from = endOf(p, period) + p.presentWithin + p.judgeWithin;
        if (_clock < from) _clock = from;
        move();
        pacts.expire(p, period);
        ++expired;
    }

    function collectNow(uint256 k) internal returns (bool) {
        IPactRegistry.Record memory r = _presented[k].record;
        if (pacts.presenterOf(pacts.recordDigest(r)) == address(0)) return false;
        if (periodOf(r.pactId, r.period).status != IPactRegistry.Status.Ended) return false;
        pacts.collect(r);
        return true;
    }

    function closeNow(uint256 i) internal {
        IPactRegistry.Pact memory p = _pacts[i];
        IPactRegistry.PactState memory s = stateOf(pacts.pactIdOf(p));
        bool due = _clock >= uint256(s.coveredUntil) + p.presentWithin + p.judgeWithin;
        if (s.closed || s.claimed != 0 || !due) return;
        pacts.close(p);
        ++closed;
    }

    /// @dev The sample, when the pact has one: drawn, and fixed by whatever the chain still knows.
    function fix(IPactRegistry.Pact memory p, uint32 period) internal {
        bytes32 sample = periodOf(pacts.pactIdOf(p), period).sample;
        if (p.sampleBps == 10_000 || uint256(sample) >= 1 << 64) return;
        if (sample == 0) pacts.draw(p, period);
        _block += _keys % 3 == 0 ? 9000 : 33;
        move();
        pacts.fixSeed(p, period);
    }

    function bondsOf(uint256 i) internal view returns (uint256 sum) {
        IPactRegistry.Pact memory p = _pacts[i];
        bytes32 id = pacts.pactIdOf(p);
        sum = stateOf(id).bond;
        for (uint32 period; period < p.periods; ++period) {
            sum += periodOf(id, period).locked;
        }
    }

    function pickPresenting(uint256 seed) internal returns (bool, uint256, uint32) {
        for (uint256 k; k < _pacts.length; ++k) {
            uint256 i = addmod(seed, k, _pacts.length);
            IPactRegistry.Pact memory p = _pacts[i];
            IPactRegistry.PactState memory s = stateOf(pacts.pactIdOf(p));
            if (s.closed) continue;
            for (uint32 period; period < p.periods; ++period) {
                uint256 end = endOf(p, period);
                if (end > s.coveredUntil || _clock >= end + p.presentWithin) continue;
                if (_clock < end) _clock = end;
                move();
                return (true, i, period);
            }
        }
        return (false, 0, 0);
    }

    function pickClaimed(uint256 seed) internal returns (bool, uint256, uint32) {
        move();
        for (uint256 k; k < _presented.length; ++k) {
            Presented memory x = _presented[addmod(seed, k, _presented.length)];
            IPactRegistry.PeriodState memory s = periodOf(x.record.pactId, x.record.period);
            if (s.status == IPactRegistry.Status.Claimed) return (true, x.pact, x.record.period);
        }
        return (false, 0, 0);
    }

    function move() internal {
        vm.warp(_clock);
        vm.roll(_block);
    }

    function endOf(IPactRegistry.Pact memory p, uint32 period) internal pure returns (uint256) {
        return p.startAt + (uint256(period) + 1) * p.periodSecs;
    }

    // ---- people and pacts

    function wallet(uint256 i) internal pure returns (address) {
        return vm.addr(WALLET_KEY + i);
    }

    function keyOf(address a) internal pure returns (uint256 key) {
        for (key = WALLET_KEY; vm.addr(key) != a; ++key) {}
    }

    function isListed(uint256 i) internal view returns (bool) {
        return usdc.isBlacklisted(wallet(i));
    }

    function pactFrom(uint256 seed) internal view returns (IPactRegistry.Pact memory p) {
        p = makePact();
        p.agent = wallet(seed % WALLETS);
        p.bond = uint96(bound(seed >> 8, 1000, usd(1000)));
        p.slashBps = uint16(bound(seed >> 16, 1000, 10_000));
        uint256 slash = uint256(p.bond) * p.slashBps / 10_000;
        p.juryFee = uint96(bound(seed >> 32, (slash + 63) / 64, slash));
        p.sampleBps = seed % 2 == 0 ? 10_000 : uint16(bound(seed >> 48, 1000, 9999));
        p.openBy = uint40(_clock + 1 hours);
        p.startAt = uint40(_clock + bound(seed >> 64, 1 hours, 1 days));
        p.periodSecs = uint40(bound(seed >> 80, 1 hours, 1 days));
        p.periods = uint16(bound(seed >> 96, 1, 5));
        p.presentWithin = uint40(bound(seed >> 104, 1 hours, 2 days));
        p.judgeWithin = uint40(bound(seed >> 120, 1 hours, 2 days));
        p.salt = bytes32(_pacts.length);
    }
}
