// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealEscrow} from "../../src/interfaces/IDealEscrow.sol";
import {IJury} from "../../src/interfaces/IJury.sol";
import {IReputationRegistry} from "../../src/interfaces/IReputationRegistry.sol";
import {Fixture} from "../utils/Fixture.sol";
import {vm} from "../utils/Vm.sol";

/// @notice Acts on the escrow as six wallets, a relayer and strangers would, in any order; inputs
/// are folded so that every call succeeds. Beside it runs a model of what everybody should own.
contract Handler is Fixture {
    uint256 internal constant WALLETS = 6;
    uint256 internal constant DEALS_MOST = 10;
    uint256 internal constant WALLET_KEY = 0xAC7000;

    /// @dev A deal as the model knows it; its terms follow from `seed` and `openedAt`.
    struct Deal {
        uint256 seed;
        uint256 openedAt;
        uint256 remainingAmount;
        uint256 remainingBond;
        uint16 ended;
        uint16 slow;
    }

    Deal[] internal _deals;
    mapping(uint256 deal => mapping(uint256 milestone => uint256)) internal _deliveredAt;
    uint256 internal _clock = START;

    /// @notice What each wallet should own: its balance and its credit together.
    mapping(uint256 wallet => uint256) public wealth;
    /// @notice What the open milestones hold: amounts and bonds.
    uint256 public held;
    /// @notice What strangers gave to the escrow.
    uint256 public donated;
    /// @notice How many milestones ended.
    uint256 public endings;

    constructor() {
        setUp();
        for (uint256 i; i < WALLETS; ++i) {
            wealth[i] = usd(1_000_000);
            usdc.mint(wallet(i), wealth[i]);
        }
    }

    // ---- acts

    function openDeal(uint256 seed) public {
        vm.warp(_clock);
        (uint256 b, uint256 s) = partiesOf(seed);
        if (_deals.length == DEALS_MOST || usdc.paused()) return;
        if (isListed(b) || isListed(s)) return;
        _deals.push(Deal(seed, _clock, 0, 0, 0, 0));
        IDealEscrow.Terms memory t = termsOf(_deals.length - 1);
        bytes32 id = escrow.dealIdOf(t);
        bytes memory bs = byNonce(WALLET_KEY + b, t.total, t.openBy, id);
        bytes memory ss =
            t.bond == 0 ? sign(WALLET_KEY + s, id) : byNonce(WALLET_KEY + s, t.bond, t.openBy, id);
        open(t, bs, ss);
        Deal storage d = _deals[_deals.length - 1];
        (d.remainingAmount, d.remainingBond) = (t.total, t.bond);
        wealth[b] -= t.total;
        wealth[s] -= t.bond;
        held += uint256(t.total) + t.bond;
    }

    /// @dev By the jury in time, else by time.
    function settleMilestone(uint256 seed, uint256 verdict) public {
        (bool found, uint256 i, uint8 m) = pick(seed);
        if (!found) return;
        if (_clock >= judgeEnd(i, m)) return closeByTime(i, m);
        IDealEscrow.Terms memory t = termsOf(i);
        IJury.Outcome outcome = IJury.Outcome(bound(verdict, 1, 3));
        settleAs(t, m, stateOf(i, m), outcome);
        uint256 amount = t.milestones[m].amount;
        if (outcome == IJury.Outcome.Accepted) ended(i, m, amount, true);
        else if (outcome == IJury.Outcome.Rejected) ended(i, m, 0, false);
        else ended(i, m, amount * t.splitSellerBps / 10_000, true);
    }

    function deliverMilestone(uint256 seed) public {
        (bool found, uint256 i, uint8 m) = pick(seed);
        if (!found) return;
        IDealEscrow.Terms memory t = termsOf(i);
        if ((_deals[i].slow >> m) & 1 != 0 || _clock >= t.milestones[m].deliverBy) return;
        deliver(t, m, WORK);
        _deals[i].slow |= uint16(1 << m);
        _deliveredAt[i][m] = _clock;
    }

    function acceptMilestone(uint256 seed) public {
        (bool found, uint256 i, uint8 m) = pick(seed);
        if (!found) return;
        IDealEscrow.Terms memory t = termsOf(i);
        IDealEscrow.SlowState[] memory state = stateOf(i, m);
        vm.prank(t.buyer);
        escrow.accept(t, m, state, noConsent());
        ended(i, m, t.milestones[m].amount, true);
    }

    function concedeMilestone(uint256 seed) public {
        (bool found, uint256 i, uint8 m) = pick(seed);
        if (!found) return;
        IDealEscrow.Terms memory t = termsOf(i);
        IDealEscrow.SlowState[] memory state = stateOf(i, m);
        vm.prank(t.seller);
        escrow.concede(t, m, state, noConsent());
        ended(i, m, 0, false);
    }

    function agreeMilestone(uint256 seed, uint256 split, bool asCredit) public {
        (bool found, uint256 i, uint8 m) = pick(seed);
        if (!found) return;
        IDealEscrow.Terms memory t = termsOf(i);
        uint256 share = bondShare(i, t.milestones[m].amount);
        uint128 toSeller = uint128(bound(split, 0, t.milestones[m].amount + share));
        uint40 until = uint40(_clock + 1 hours);
        bytes32 digest = digests.agreeDigest(
            address(escrow),
            IDealEscrow.Agree(escrow.dealIdOf(t), m, 1, 0, toSeller, asCredit, 0, until)
        );
        (uint256 b, uint256 s) = partiesOf(_deals[i].seed);
        IDealEscrow.Consent memory bc = consent(WALLET_KEY + b, digest, until);
        IDealEscrow.Consent memory sc = consent(WALLET_KEY + s, digest, until);
        escrow.agree(t, m, stateOf(i, m), toSeller, asCredit, bc, sc);
        endedExactly(i, m, toSeller);
    }

    function closeMilestoneByTime(uint256 seed) public {
        (bool found, uint256 i, uint8 m) = pick(seed);
        if (found) closeByTime(i, m);
    }

    function withdrawCredit(uint256 seed) public {
        vm.warp(_clock);
        for (uint256 k; k < WALLETS; ++k) {
            uint256 i = addmod(seed, k, WALLETS);
            if (escrow.credits(address(usdc), wallet(i)) == 0) continue;
            if (isListed(i) || usdc.paused()) continue;
            return escrow.withdraw(address(usdc), wallet(i));
        }
    }

    // ---- the world around it

    function passTime(uint256 secs) public {
        _clock += bound(secs, 1, 12 hours);
    }

    function listOrDelist(uint256 seed) public {
        uint256 i = seed % WALLETS;
        if (isListed(i)) usdc.unBlacklist(wallet(i));
        else usdc.blacklist(wallet(i));
    }

    function pauseOrUnpause() public {
        if (usdc.paused()) usdc.unpause();
        else usdc.pause();
    }

    function donate(uint256 value) public {
        value = bound(value, 1, usd(10));
        usdc.mint(address(escrow), value);
        donated += value;
    }

    /// @dev Without buyer, seller, jury or relayer: by time alone.
    function closeEverything() public {
        for (uint256 i; i < _deals.length; ++i) {
            for (uint8 m; m < count(i); ++m) {
                if ((_deals[i].ended >> m) & 1 == 0) closeByTime(i, m);
            }
        }
    }

    // ---- what the invariants read

    function checkDeals() public view {
        uint256 open;
        for (uint256 i; i < _deals.length; ++i) {
            Deal memory d = _deals[i];
            bytes32 id = escrow.dealIdOf(termsOf(i));
            assertWord(
                id,
                Word(
                    true, false, d.ended, d.slow, uint96(d.remainingAmount), uint96(d.remainingBond)
                )
            );
            open += d.remainingAmount + d.remainingBond;
            for (uint8 m; m < count(i); ++m) {
                bool slow = (d.slow >> m) & 1 != 0;
                assertTrue((escrow.stateDigest(id, m) != 0) == slow, "a state while slow");
            }
        }
        assertEq(open, held, "what open milestones hold");
    }

    function checkWealth() public view {
        for (uint256 i; i < WALLETS; ++i) {
            uint256 owned = usdc.balanceOf(wallet(i)) + escrow.credits(address(usdc), wallet(i));
            assertEq(owned, wealth[i], "a wallet's money");
        }
    }

    function checkSolvency() public view {
        uint256 owed = held;
        for (uint256 i; i < WALLETS; ++i) {
            owed += escrow.credits(address(usdc), wallet(i));
        }
        assertEq(usdc.balanceOf(address(escrow)), owed + donated, "the escrow's balance");
    }

    function checkNobodyElse() public view {
        assertEq(usdc.balanceOf(RELAYER), 0, "relayer");
        assertEq(usdc.balanceOf(address(jury)), 0, "jury");
        assertEq(usdc.balanceOf(address(registry)), 0, "registry");
        assertEq(escrow.credits(address(usdc), RELAYER), 0, "the relayer's credit");
        for (uint256 i; i < 5; ++i) {
            assertEq(usdc.balanceOf(juror(i)), 0, "juror");
        }
        assertEq(usdc.balanceOf(buyer), usd(1_000_000), "a stranger");
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

    // ---- the model

    function facts(IReputationRegistry.Standing memory s) internal pure returns (uint256) {
        return uint256(s.goodCount) + s.badCount + s.neutralCount;
    }

    /// @dev `bonded` says whether the seller gets its bond share back.
    function ended(uint256 i, uint8 m, uint256 toSeller, bool bonded) internal {
        uint256 amount = termsOf(i).milestones[m].amount;
        endedExactly(i, m, toSeller + (bonded ? bondShare(i, amount) : 0));
    }

    function endedExactly(uint256 i, uint8 m, uint256 toSeller) internal {
        Deal storage d = _deals[i];
        uint256 amount = termsOf(i).milestones[m].amount;
        uint256 share = bondShare(i, amount);
        (uint256 b, uint256 s) = partiesOf(d.seed);
        wealth[s] += toSeller;
        wealth[b] += amount + share - toSeller;
        held -= amount + share;
        d.remainingAmount -= amount;
        d.remainingBond -= share;
        assertTrue((d.ended >> m) & 1 == 0, "a milestone ends once");
        d.ended |= uint16(1 << m);
        d.slow &= ~uint16(1 << m);
        ++endings;
    }

    function bondShare(uint256 i, uint256 amount) internal view returns (uint256) {
        return _deals[i].remainingBond * amount / _deals[i].remainingAmount;
    }

    function closeByTime(uint256 i, uint8 m) internal {
        uint256 opensAt = judgeEnd(i, m);
        if (_clock < opensAt) _clock = opensAt;
        vm.warp(_clock);
        IDealEscrow.Terms memory t = termsOf(i);
        if ((_deals[i].slow >> m) & 1 == 0) {
            escrow.reclaim(t, m, unasked());
            return ended(i, m, 0, false);
        }
        escrow.expire(t, m, stateOf(i, m), unasked());
        ended(i, m, uint256(t.milestones[m].amount) * t.silentSellerBps / 10_000, true);
    }

    function judgeEnd(uint256 i, uint8 m) internal view returns (uint256) {
        IDealEscrow.Terms memory t = termsOf(i);
        bool slow = (_deals[i].slow >> m) & 1 != 0;
        return (slow ? _deliveredAt[i][m] : t.milestones[m].deliverBy) + t.judgeWithin;
    }

    function stateOf(uint256 i, uint8 m)
        internal
        view
        returns (IDealEscrow.SlowState[] memory states)
    {
        if ((_deals[i].slow >> m) & 1 == 0) return noState();
        states = new IDealEscrow.SlowState[](1);
        states[0].status = IDealEscrow.Status.Delivered;
        states[0].deliverable = WORK;
        states[0].until = uint40(judgeEnd(i, m));
    }

    /// @dev Some live milestone, if there is one; sets the clock.
    function pick(uint256 seed) internal returns (bool, uint256, uint8) {
        vm.warp(_clock);
        for (uint256 k; k < _deals.length; ++k) {
            uint256 i = addmod(seed, k, _deals.length);
            uint256 n = count(i);
            for (uint256 j; j < n; ++j) {
                uint256 m = addmod(seed >> 128, j, n);
                if ((_deals[i].ended >> m) & 1 == 0) return (true, i, uint8(m));
            }
        }
        return (false, 0, 0);
    }

    // ---- people and terms

    function wallet(uint256 i) internal pure returns (address) {
        return vm.addr(WALLET_KEY + i);
    }

    function isListed(uint256 i) internal view returns (bool) {
        return usdc.isBlacklisted(wallet(i));
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
        t.total = 0;
        for (uint256 m; m < t.milestones.length; ++m) {
            uint256 more = uint256(keccak256(abi.encode(seed, m)));
            t.milestones[m].amount = uint96(more % 8 == 0 ? 1 : bound(more, 1, usd(1000)));
            t.milestones[m].deliverBy = t.openBy + uint40(bound(more >> 128, 1 hours, 3 days));
            t.total += t.milestones[m].amount;
        }
    }
}
