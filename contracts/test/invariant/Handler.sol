// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealEscrow} from "../../src/interfaces/IDealEscrow.sol";
import {vm} from "../utils/Vm.sol";
import {Model} from "./Model.sol";

/// @notice Acts on the escrow as six wallets, a relayer and strangers would, in any order; inputs
/// are folded so that every call succeeds.
contract Handler is Model {
    uint256 internal constant DEALS_MOST = 10;

    uint256 internal _clock = START;
    /// @dev Gives terms that are revoked a salt of their own each time.
    uint256 internal _revocations;

    constructor() {
        setUp();
        for (uint256 i; i < WALLETS; ++i) {
            wealth[i] = usd(1_000_000);
            usdc.mint(wallet(i), wealth[i]);
        }
        vm.recordLogs();
    }

    /// @dev Sets the clock before an act, and follows what the escrow says about it.
    modifier act() {
        vm.warp(_clock);
        vm.recordLogs();
        _;
        follow();
    }

    // ---- acts

    function openDeal(uint256 seed) public act {
        (uint256 b, uint256 s) = partiesOf(seed);
        if (_deals.length == DEALS_MOST || !canPull(b) || !canPull(s)) return;
        uint256 i = _deals.length;
        _deals.push(Deal(seed, _clock, 0, 0, 0));
        IDealEscrow.Terms memory t = termsOf(i);
        bytes32 id = escrow.dealIdOf(t);
        _indexOf[id] = i;
        bytes memory bs = byNonce(WALLET_KEY + b, t.total, t.openBy, id);
        bytes memory ss =
            t.bond == 0 ? sign(WALLET_KEY + s, id) : byNonce(WALLET_KEY + s, t.bond, t.openBy, id);
        open(t, bs, ss);
    }

    /// @dev The same terms with another salt never open.
    function revokeTerms(uint256 seed) public act {
        if (_deals.length == 0) return;
        IDealEscrow.Terms memory t = termsOf(seed % _deals.length);
        t.salt = keccak256(abi.encode("revoked", ++_revocations));
        vm.prank(t.seller);
        escrow.revoke(t, t.seller, noConsent());
        (bool ok,) = address(escrow).call(abi.encodeCall(escrow.open, (t, "", "")));
        assertTrue(!ok, "revoked");
    }

    /// @dev By the jury in time, else by time.
    function settleMilestone(uint256 seed, uint256 vote) public act {
        (bool found, uint256 i, uint8 m) = pick(seed);
        if (!found) return;
        IDealEscrow.SlowState[] memory state = stateOf(i, m);
        bool waits = statusOf(i, m) == IDealEscrow.Status.Judged;
        if (waits || _clock >= windowEnd(i, m)) return closeByTime(i, m, false);
        IDealEscrow.Terms memory t = termsOf(i);
        uint8 round = roundOf(state);
        (uint16 met, uint16 failed) = masksOf(vote);
        bytes32 caseId = caseOf(escrow.dealIdOf(t), m, round, WORK);
        bytes memory packed = ballots(ALL_SEATS, round == 2 ? 5 : 0, caseId, met, failed);
        settle(t, m, state, WORK, packed);
    }

    /// @dev Every live milestone there is, whether its turn, window, jury or round fit or not.
    function settleEverything(uint256 seed, uint8 round) public act {
        (bool found, uint256 first, uint8 m) = pick(seed);
        if (!found) return;
        round = termsOf(first).jury == ten ? 1 + round % 2 : 1;
        uint256 n = _deals.length;
        IDealEscrow.Terms[] memory templates = new IDealEscrow.Terms[](n);
        bytes32[] memory cases = new bytes32[](4 * n);
        uint256 items;
        bytes memory packed;
        bytes memory votes;
        for (uint256 k; k < n; ++k) {
            uint256 i = (first + k) % n;
            templates[i] = termsOf(i);
            for (m = 0; m < templates[i].milestones.length; ++m) {
                packed = bytes.concat(packed, item(uint8(i), m, "", stateOf(i, m), WORK));
                cases[items] = caseOf(escrow.dealIdOf(templates[i]), m, round, WORK);
                (uint16 met, uint16 failed) = masksOf(seed >> items);
                votes = bytes.concat(votes, abi.encodePacked(met, failed, uint8(0)));
                ++items;
            }
        }
        assembly ("memory-safe") {
            mstore(cases, items)
        }
        bytes memory signed = batchBallots(ALL_SEATS, round == 2 ? 5 : 0, cases, votes);
        vm.prank(RELAYER);
        escrow.settleBatch(round, templates, packed, signed);
    }

    function deliverMilestone(uint256 seed) public act {
        (bool found, uint256 i, uint8 m) = pick(seed);
        if (!found || statusOf(i, m) != IDealEscrow.Status.Pending) return;
        IDealEscrow.Terms memory t = termsOf(i);
        if (_clock >= t.milestones[m].deliverBy) return;
        deliver(t, m, WORK);
    }

    function appealMilestone(uint256 seed, uint96 fee) public act {
        (bool found, uint256 i, uint8 m) = pick(seed);
        if (!found || statusOf(i, m) != IDealEscrow.Status.Judged) return;
        if (_clock >= windowEnd(i, m)) return;
        IDealEscrow.Terms memory t = termsOf(i);
        IDealEscrow.SlowState[] memory state = stateOf(i, m);
        (uint256 b, uint256 s) = partiesOf(_deals[i].seed);
        uint256 loser = state[0].standing == uint8(ACCEPTED) ? b : s;
        if (!canPull(loser)) return;
        fee = uint96(bound(fee, 0, usd(1)));
        bytes32 digest = appealDigest(t, m, state, fee);
        bytes memory a = byNonce(WALLET_KEY + loser, uint256(t.appealBond) + fee, FOREVER, digest);
        vm.prank(RELAYER);
        escrow.appeal(t, m, state, fee, FOREVER, a);
    }

    /// @dev Sometimes signed, with a fee that its own authorization pulls.
    function acceptMilestone(uint256 seed, uint96 fee) public act {
        (bool found, uint256 i, uint8 m) = pick(seed);
        if (!found) return;
        IDealEscrow.Terms memory t = termsOf(i);
        IDealEscrow.SlowState[] memory state = stateOf(i, m);
        (uint256 b,) = partiesOf(_deals[i].seed);
        if (!canPull(b) || fee % 2 == 0) {
            vm.prank(t.buyer);
            return escrow.accept(t, m, state, noConsent());
        }
        fee = uint96(bound(fee, 1, usd(1)));
        bytes32 digest = digests.acceptDigest(
            address(escrow),
            IDealEscrow.Accept(
                escrow.dealIdOf(t), m, roundOf(state), standingIn(state), fee, FOREVER
            )
        );
        IDealEscrow.Consent memory c = signedFor(WALLET_KEY + b, digest, fee);
        c.authorization = byNonce(WALLET_KEY + b, fee, FOREVER, digest);
        vm.prank(RELAYER);
        escrow.accept(t, m, state, c);
    }

    function concedeMilestone(uint256 seed) public act {
        (bool found, uint256 i, uint8 m) = pick(seed);
        if (!found) return;
        IDealEscrow.Terms memory t = termsOf(i);
        IDealEscrow.SlowState[] memory state = stateOf(i, m);
        vm.prank(t.seller);
        escrow.concede(t, m, state, noConsent());
    }

    /// @dev Any split of what the fees leave; the seller pays the relayer up to half of its part.
    function agreeMilestone(uint256 seed, uint256 split, bool asCredit) public act {
        (bool found, uint256 i, uint8 m) = pick(seed);
        if (!found) return;
        IDealEscrow.Terms memory t = termsOf(i);
        IDealEscrow.SlowState[] memory state = stateOf(i, m);
        uint256 amount = t.milestones[m].amount;
        uint256 due = dueOf(i, m);
        uint256 most = (due < amount ? amount - due : 0) + bondShare(i, amount);
        uint128 toSeller = uint128(bound(split, 0, most));
        uint96 fee = uint96(bound(split >> 128, 0, toSeller / 2));
        (uint256 b, uint256 s) = partiesOf(_deals[i].seed);
        // What the token keeps from the seller pays no submitter either.
        if (!canPull(s)) fee = 0;
        IDealEscrow.Consent memory bc =
            signedAgree(WALLET_KEY + b, t, m, state, toSeller, asCredit, 0);
        IDealEscrow.Consent memory sc =
            signedAgree(WALLET_KEY + s, t, m, state, toSeller, asCredit, fee);
        vm.prank(RELAYER);
        escrow.agree(t, m, state, toSeller, asCredit, bc, sc);
    }

    function closeMilestoneByTime(uint256 seed) public act {
        (bool found, uint256 i, uint8 m) = pick(seed);
        if (found) closeByTime(i, m, seed % 2 == 0);
    }

    function withdrawCredit(uint256 seed) public act {
        for (uint256 k; k < PEOPLE; ++k) {
            address who = person(addmod(seed, k, PEOPLE));
            if (credit(who) == 0 || usdc.isBlacklisted(who) || usdc.paused()) continue;
            return escrow.withdraw(address(usdc), who);
        }
    }

    // ---- the world around it

    /// @dev Wallets, relayer, marketplace, and the jury.
    uint256 internal constant PEOPLE = WALLETS + 3;

    function person(uint256 i) internal view returns (address) {
        if (i < WALLETS) return wallet(i);
        if (i == WALLETS) return RELAYER;
        return i == WALLETS + 1 ? RECEIVER : address(jury);
    }

    function passTime(uint256 secs) public {
        _clock += bound(secs, 1, 12 hours);
    }

    function listOrDelist(uint256 seed) public {
        address who = person(seed % PEOPLE);
        if (usdc.isBlacklisted(who)) usdc.unBlacklist(who);
        else usdc.blacklist(who);
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
                while ((_deals[i].ended >> m) & 1 == 0) closeOne(i, m);
            }
        }
    }

    function closeOne(uint256 i, uint8 m) internal act {
        closeByTime(i, m, false);
    }

    // ---- helpers

    /// @dev The one timed ending, or step towards it, of the milestone's state. A buyer that gets
    /// everything back may have asked for it.
    function closeByTime(uint256 i, uint8 m, bool asks) internal {
        uint256 opensAt = windowEnd(i, m);
        if (_clock < opensAt) _clock = opensAt;
        vm.warp(_clock);
        IDealEscrow.Terms memory t = termsOf(i);
        IDealEscrow.SlowState[] memory state = stateOf(i, m);
        IDealEscrow.Status status = statusOf(i, m);
        if (status == IDealEscrow.Status.Pending) {
            IDealEscrow.Requested[] memory r = unasked();
            (uint256 b,) = partiesOf(_deals[i].seed);
            if (asks && canPull(b)) {
                bytes32 digest = requestDigest(escrow.reclaim.selector, t, m, state, 1);
                r = asked(WALLET_KEY + b, digest, 1);
            }
            vm.prank(RELAYER);
            escrow.reclaim(t, m, r);
        } else if (status == IDealEscrow.Status.Judged) {
            escrow.finalize(t, m, state, unasked());
        } else if (status == IDealEscrow.Status.Delivered && t.jury == ten) {
            escrow.escalate(t, m, state, unasked());
        } else {
            escrow.expire(t, m, state, unasked());
        }
    }

    function canPull(uint256 i) internal view returns (bool) {
        return !usdc.paused() && !usdc.isBlacklisted(wallet(i));
    }

    function statusOf(uint256 i, uint8 m) internal view returns (IDealEscrow.Status) {
        return _states[i][m].status;
    }

    function windowEnd(uint256 i, uint8 m) internal view returns (uint256) {
        if (statusOf(i, m) != IDealEscrow.Status.Pending) return _states[i][m].until;
        IDealEscrow.Terms memory t = termsOf(i);
        return uint256(t.milestones[m].deliverBy) + t.judgeWithin;
    }

    /// @dev What round 1 is owed, once it is counted.
    function dueOf(uint256 i, uint8 m) internal view returns (uint256 due) {
        IDealEscrow.SlowState memory state = _states[i][m];
        due = state.relayFee;
        for (uint256 seat; seat < 16; ++seat) {
            if ((state.voted >> seat) & 1 != 0) due += state.seatFee;
        }
    }

    function stateOf(uint256 i, uint8 m)
        internal
        view
        returns (IDealEscrow.SlowState[] memory states)
    {
        if (statusOf(i, m) == IDealEscrow.Status.Pending) return noState();
        states = new IDealEscrow.SlowState[](1);
        states[0] = _states[i][m];
    }

    /// @dev All is met, most of it, too little or nothing; or nobody says.
    function masksOf(uint256 vote) internal pure returns (uint16 met, uint16 failed) {
        uint16[2][5] memory masks =
            [[uint16(7), 0], [uint16(5), 2], [uint16(2), 5], [uint16(0), 7], [uint16(0), 0]];
        return (masks[vote % 5][0], masks[vote % 5][1]);
    }

    /// @dev Some live milestone whose turn it is, if there is one.
    function pick(uint256 seed) internal view returns (bool, uint256, uint8) {
        for (uint256 k; k < _deals.length; ++k) {
            uint256 i = addmod(seed, k, _deals.length);
            uint256 n = count(i);
            bool sequential = termsOf(i).sequential;
            for (uint256 j; j < n; ++j) {
                uint256 m = sequential ? j : addmod(seed >> 128, j, n);
                if ((_deals[i].ended >> m) & 1 == 0) return (true, i, uint8(m));
            }
        }
        return (false, 0, 0);
    }
}
