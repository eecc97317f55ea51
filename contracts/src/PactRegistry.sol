// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IERC3009} from "./interfaces/IERC3009.sol";
import {IJury} from "./interfaces/IJury.sol";
import {IPactRegistry} from "./interfaces/IPactRegistry.sol";
import {IReputationRegistry} from "./interfaces/IReputationRegistry.sol";
import {FormulaLib} from "./libraries/FormulaLib.sol";
import {PactLib} from "./libraries/PactLib.sol";
import {PanelLib} from "./libraries/PanelLib.sol";
import {SignatureLib} from "./libraries/SignatureLib.sol";
import {Fact, StandingLib} from "./libraries/StandingLib.sol";
import {TokenLib} from "./libraries/TokenLib.sol";
import {EIP712} from "solady/utils/EIP712.sol";

/// @title PactRegistry
/// @dev Every operation loads and checks, writes the state, emits, and calls out last. Invariant:
/// the token balance is never less than bonds, locked parts, posted fees, what presenters may
/// collect, and credits together.
contract PactRegistry is IPactRegistry, EIP712 {
    /// @dev What is slashed and goes to nobody.
    address internal constant NOBODY = 0x000000000000000000000000000000000000dEaD;

    /// @inheritdoc IPactRegistry
    address public immutable jury;
    /// @inheritdoc IPactRegistry
    address public immutable token;

    /// @inheritdoc IPactRegistry
    mapping(address owner => uint256) public credits;
    /// @inheritdoc IPactRegistry
    mapping(bytes32 record => address) public presenterOf;
    mapping(bytes32 pactId => PactState) private _pacts;
    mapping(bytes32 subject => PeriodState) private _periods;
    mapping(address agent => uint256 word) private _standings;
    uint256 private transient _entered;

    modifier nonReentrant() {
        if (_entered != 0) revert Reentered();
        _entered = 1;
        _;
        _entered = 0;
    }

    /// @custom:reverts CodeMissing when one of the addresses has no code
    /// @custom:reverts TokenMismatch when the jury's token is another one
    constructor(address jury_, address token_) {
        if (jury_.code.length == 0 || token_.code.length == 0) revert CodeMissing(jury_, token_);
        address needed = IJury(jury_).token();
        if (token_ != needed) revert TokenMismatch(token_, needed);
        (jury, token) = (jury_, token_);
    }

    // ---- the pact

    /// @inheritdoc IPactRegistry
    function open(Pact calldata pact, bytes calldata authorization)
        external
        nonReentrant
        returns (bytes32 pactId)
    {
        PactLib.requireValid(pact);
        PanelLib.requireFor(jury, pact.jury, pact.agent, pact.agent, false);
        pactId = pactIdOf(pact);
        if (_pacts[pactId].opened) revert PactExists(pactId);

        // Below 2^40: a pact's whole life ends within two years of its opening.
        uint40 coveredUntil = uint40(PactLib.periodEnd(pact, pact.periods - 1));
        _pacts[pactId] = PactState(pact.bond, coveredUntil, 0, true, false, false);
        emit PactOpened(pactId, pact.agent, pact);
        _pull(pact.agent, pact.bond, pact.openBy, pactId, authorization);
    }

    /// @inheritdoc IPactRegistry
    function giveNotice(Pact calldata pact, uint40 validUntil, bytes calldata signature)
        external
        nonReentrant
    {
        (bytes32 pactId, PactState memory state) = _load(pact);
        if (state.noticed) revert NoticeStands(pactId);
        if (msg.sender != pact.agent) {
            if (block.timestamp >= validUntil) revert DeadlinePassed(block.timestamp, validUntil);
            _requireSignature(pact.agent, noticeDigest(Notice(pactId, validUntil)), signature);
        }

        uint256 until = PactLib.progressEnd(pact);
        if (until < state.coveredUntil) state.coveredUntil = uint40(until);
        state.noticed = true;
        _pacts[pactId] = state;
        emit NoticeGiven(pactId, state.coveredUntil);
    }

    /// @inheritdoc IPactRegistry
    function close(Pact calldata pact) external nonReentrant {
        (bytes32 pactId, PactState memory state) = _load(pact);
        uint256 opensAt = uint256(state.coveredUntil) + pact.presentWithin + pact.judgeWithin;
        if (block.timestamp < opensAt) revert TooEarly(block.timestamp, opensAt);
        if (state.claimed != 0) revert PeriodsClaimed(state.claimed, 0);

        uint96 bond = state.bond;
        (state.bond, state.closed) = (0, true);
        _pacts[pactId] = state;
        emit PactClosed(pactId, bond);
        _pay(pact.agent, bond);
    }

    // ---- the sample

    /// @inheritdoc IPactRegistry
    function draw(Pact calldata pact, uint32 period) external nonReentrant {
        (bytes32 pactId, PactState memory state) = _load(pact);
        _requirePresenting(pact, period, state);
        PeriodState storage p = _periods[PactLib.subject(pactId, period)];
        if (p.sample != 0) revert SampleAlreadyDrawn(p.sample);

        uint256 drawn = block.number + PactLib.DRAW_BLOCKS;
        p.sample = bytes32(drawn);
        emit SampleDrawn(pactId, period, drawn);
    }

    /// @inheritdoc IPactRegistry
    function fixSeed(Pact calldata pact, uint32 period) external nonReentrant {
        (bytes32 pactId, PactState memory state) = _load(pact);
        _requireCovered(pact, period, state);
        bytes32 subject = PactLib.subject(pactId, period);
        bytes32 sample = _periods[subject].sample;
        if (sample == 0) revert SampleNotDrawn(pactId, period);
        if (!PactLib.isDrawn(sample)) revert SampleAlreadyDrawn(sample);

        bytes32 seed = PactLib.seedOf(sample, subject);
        _periods[subject].sample = seed;
        emit SeedFixed(pactId, period, seed);
    }

    // ---- claims

    /// @inheritdoc IPactRegistry
    function present(
        Pact calldata pact,
        Record calldata record,
        bytes calldata recordSignature,
        Claim calldata claim,
        bytes calldata authorization
    ) external nonReentrant {
        (bytes32 pactId, PactState memory state) = _load(pact);
        if (record.pactId != pactId) revert RecordMismatch(record.pactId, pactId);
        _requirePresenting(pact, record.period, state);
        bytes32 digest = recordDigest(record);
        if (claim.record != digest) revert RecordMismatch(claim.record, digest);
        if (presenterOf[digest] != address(0)) revert RecordExists(digest);
        bytes32 subject = PactLib.subject(pactId, record.period);
        PeriodState memory p = _periods[subject];
        _requireSampled(pact, record, p);
        if (p.count == PactLib.PLACES) revert PlacesTaken(p.count, PactLib.PLACES);
        if (p.status == Status.Quiet) _lock(pact, pactId, state, p);
        _requireSignature(pact.agent, digest, recordSignature);

        ++p.count;
        p.evidence = keccak256(abi.encode(p.evidence, digest));
        _periods[subject] = p;
        presenterOf[digest] = claim.presenter;
        _emitPresented(record, recordSignature, claim, p.evidence);
        _pull(claim.presenter, pact.juryFee, claim.validUntil, claimDigest(claim), authorization);
    }

    // ---- judgement

    /// @inheritdoc IPactRegistry
    function settle(Pact calldata pact, uint32 period, bytes calldata ballots)
        external
        nonReentrant
    {
        (bytes32 pactId, bytes32 subject, PeriodState memory p) = _loadClaimed(pact, period);
        uint256 opensAt = PactLib.presentEnd(pact, period);
        if (block.timestamp < opensAt) revert TooEarly(block.timestamp, opensAt);
        uint256 deadline = PactLib.judgeEnd(pact, period);
        if (block.timestamp >= deadline) revert DeadlinePassed(block.timestamp, deadline);
        IJury.Tally memory t =
            IJury(jury).judge(pact.jury, 1, subject, 0, p.evidence, pact.rule, ballots);
        if (t.outcome == IJury.Outcome.NoVerdict) revert NoVerdict(t.seats);

        bytes memory panel = PanelLib.load(jury, pact.jury);
        (uint256 seats,) = PanelLib.seats(panel, 1);
        uint256 slashed = t.outcome == IJury.Outcome.Rejected ? p.locked : 0;
        PactLib.Parts memory parts =
            PactLib.divide(p.count, pact.juryFee, seats, _bits(t.voted), slashed);
        _recordFact(pact.agent, t.outcome, p.locked);
        _end(pactId, subject, p, parts.each, slashed);
        emit PeriodEnded(
            pactId,
            period,
            p.evidence,
            uint8(t.outcome),
            t.seats,
            t.met,
            t.failed,
            uint96(slashed),
            p.each,
            msg.sender
        );
        _payJurors(pact.jury, panel, seats, t.voted, parts.perSeat * p.count);
        _pay(NOBODY, parts.burned);
    }

    /// @inheritdoc IPactRegistry
    function expire(Pact calldata pact, uint32 period) external nonReentrant {
        (bytes32 pactId, bytes32 subject, PeriodState memory p) = _loadClaimed(pact, period);
        uint256 opensAt = PactLib.judgeEnd(pact, period);
        if (block.timestamp < opensAt) revert TooEarly(block.timestamp, opensAt);

        _end(pactId, subject, p, pact.juryFee, 0);
        emit PeriodEnded(
            pactId,
            period,
            p.evidence,
            uint8(IJury.Outcome.NoVerdict),
            0,
            0,
            0,
            0,
            p.each,
            msg.sender
        );
    }

    /// @inheritdoc IPactRegistry
    function collect(Record calldata record) external nonReentrant {
        bytes32 digest = recordDigest(record);
        address presenter = presenterOf[digest];
        if (presenter == address(0)) revert RecordUnknown(digest);
        PeriodState storage p = _periods[PactLib.subject(record.pactId, record.period)];
        if (p.status != Status.Ended) revert StatusMismatch(p.status, Status.Ended);

        uint128 amount = p.each;
        delete presenterOf[digest];
        emit Collected(digest, presenter, amount);
        _pay(presenter, amount);
    }

    /// @inheritdoc IPactRegistry
    function withdraw(address owner) external nonReentrant {
        uint256 amount = credits[owner];
        if (amount == 0) revert CreditEmpty(owner);
        credits[owner] = 0;
        emit Withdrawn(owner, amount);
        if (!TokenLib.tryTransfer(token, owner, amount, gasleft())) {
            revert TransferRefused(owner, amount);
        }
    }

    // ---- views

    /// @inheritdoc IPactRegistry
    function pactState(bytes32 pactId) external view returns (PactState memory) {
        return _pacts[pactId];
    }

    /// @inheritdoc IPactRegistry
    function periodState(bytes32 pactId, uint32 period) external view returns (PeriodState memory) {
        return _periods[PactLib.subject(pactId, period)];
    }

    /// @inheritdoc IPactRegistry
    function isSampled(Pact calldata pact, uint32 period, bytes32 key)
        external
        view
        returns (bool)
    {
        bytes32 sample = _periods[PactLib.subject(pactIdOf(pact), period)].sample;
        return PactLib.isSampled(sample, pact.sampleBps, key);
    }

    /// @inheritdoc IPactRegistry
    function standing(address agent) external view returns (IReputationRegistry.Standing memory) {
        return StandingLib.unpack(_standings[agent]);
    }

    /// @inheritdoc IPactRegistry
    function score(address agent)
        external
        view
        returns (uint256 points, uint256 good, uint256 bad)
    {
        (good, bad) = StandingLib.faded(_standings[agent], StandingLib.present());
        points = FormulaLib.score(good, bad);
    }

    /// @inheritdoc IPactRegistry
    function pactIdOf(Pact calldata pact) public view returns (bytes32) {
        return _hashTypedData(PactLib.hash(pact));
    }

    /// @inheritdoc IPactRegistry
    function subjectOf(bytes32 pactId, uint32 period) external pure returns (bytes32) {
        return PactLib.subject(pactId, period);
    }

    /// @inheritdoc IPactRegistry
    function recordDigest(Record calldata record) public view returns (bytes32) {
        return _hashTypedData(PactLib.hash(record));
    }

    /// @inheritdoc IPactRegistry
    function claimDigest(Claim calldata claim) public view returns (bytes32) {
        return _hashTypedData(PactLib.hash(claim));
    }

    /// @inheritdoc IPactRegistry
    function noticeDigest(Notice memory act) public view returns (bytes32) {
        return _hashTypedData(PactLib.hash(act));
    }

    // ---- loading and checking

    function _load(Pact calldata pact) private view returns (bytes32 pactId, PactState memory p) {
        pactId = pactIdOf(pact);
        p = _pacts[pactId];
        if (!p.opened || p.closed) revert PactUnknown(pactId);
    }

    function _loadClaimed(Pact calldata pact, uint32 period)
        private
        view
        returns (bytes32 pactId, bytes32 subject, PeriodState memory p)
    {
        (pactId,) = _load(pact);
        subject = PactLib.subject(pactId, period);
        p = _periods[subject];
        if (p.status != Status.Claimed) revert StatusMismatch(p.status, Status.Claimed);
    }

    function _requireCovered(Pact calldata pact, uint32 period, PactState memory state)
        private
        pure
    {
        uint256 endsAt = PactLib.periodEnd(pact, period);
        if (endsAt > state.coveredUntil) revert PeriodNotCovered(endsAt, state.coveredUntil);
    }

    /// @dev The window from a period's end in which its sample is drawn and records are presented.
    function _requirePresenting(Pact calldata pact, uint32 period, PactState memory state)
        private
        view
    {
        _requireCovered(pact, period, state);
        uint256 opensAt = PactLib.periodEnd(pact, period);
        if (block.timestamp < opensAt) revert TooEarly(block.timestamp, opensAt);
        uint256 deadline = PactLib.presentEnd(pact, period);
        if (block.timestamp >= deadline) revert DeadlinePassed(block.timestamp, deadline);
    }

    function _requireSampled(Pact calldata pact, Record calldata record, PeriodState memory p)
        private
        pure
    {
        if (PactLib.isSampled(p.sample, pact.sampleBps, record.key)) return;
        if (p.sample == 0 || PactLib.isDrawn(p.sample)) {
            revert SeedMissing(record.pactId, record.period);
        }
        revert KeyNotSampled(record.key);
    }

    function _requireSignature(address signer, bytes32 digest, bytes calldata signature)
        private
        view
    {
        if (!SignatureLib.isValid(signer, digest, signature)) {
            revert SignatureInvalid(signer, digest);
        }
    }

    // ---- state and money

    /// @dev One slash, or what is left of the bond, moves from the pact to the period: no other
    /// period can take it, and a lone presenter always gets its fee back when it is right.
    function _lock(Pact calldata pact, bytes32 pactId, PactState memory state, PeriodState memory p)
        private
    {
        uint256 locked = PactLib.slashOf(pact);
        if (locked > state.bond) locked = state.bond;
        if (locked < pact.juryFee) revert BondTooLow(locked, pact.juryFee);
        (p.status, p.locked) = (Status.Claimed, uint96(locked));
        state.bond -= uint96(locked);
        ++state.claimed;
        _pacts[pactId] = state;
    }

    /// @dev The only way a period ends. `p` keeps its evidence for the event.
    function _end(
        bytes32 pactId,
        bytes32 subject,
        PeriodState memory p,
        uint256 each,
        uint256 slashed
    ) private {
        PactState memory state = _pacts[pactId];
        state.bond += p.locked - uint96(slashed);
        --state.claimed;
        _pacts[pactId] = state;
        // Below 2^128: at most a fee and a part of the bond, each below 2^96.
        (p.status, p.locked, p.each) = (Status.Ended, 0, uint128(each));
        _periods[subject] = p;
    }

    function _recordFact(address agent, IJury.Outcome outcome, uint256 amount) private {
        Fact fact = Fact.Neutral;
        if (outcome == IJury.Outcome.Accepted) fact = Fact.Good;
        if (outcome == IJury.Outcome.Rejected) fact = Fact.Bad;
        uint256 nowAt = StandingLib.present();
        (uint256 factor, uint256 shift) = FormulaLib.growth(nowAt);
        _standings[agent] = StandingLib.withFact(
            _standings[agent], fact, FormulaLib.weight(amount), nowAt, factor, shift
        );
    }

    /// @dev To the pots of the seats that voted; as credit to their keys when the token refuses.
    function _payJurors(
        bytes32 digest,
        bytes memory panel,
        uint256 seats,
        uint256 voted,
        uint256 share
    ) private {
        uint256 sum = share * _bits(voted);
        if (sum == 0) return;
        bool paid = TokenLib.tryPush(token, jury, sum);
        uint256[] memory shares = new uint256[](seats);
        (, uint256 start) = PanelLib.seats(panel, 1);
        for (uint256 i; i < seats; ++i) {
            if ((voted >> i) & 1 == 0) continue;
            shares[i] = share;
            if (!paid) _credit(PanelLib.key(panel, start, i), share);
        }
        if (paid) IJury(jury).fund(digest, 1, shares);
    }

    function _pay(address to, uint256 amount) private {
        if (amount == 0 || TokenLib.tryPush(token, to, amount)) return;
        _credit(to, amount);
    }

    function _credit(address owner, uint256 amount) private {
        credits[owner] += amount;
        emit Credited(owner, amount);
    }

    function _pull(
        address from,
        uint256 amount,
        uint256 validBefore,
        bytes32 nonce,
        bytes calldata signature
    ) private {
        uint256 before = IERC3009(token).balanceOf(address(this));
        IERC3009(token)
            .receiveWithAuthorization(from, address(this), amount, 0, validBefore, nonce, signature);
        uint256 got = IERC3009(token).balanceOf(address(this)) - before;
        if (got != amount) revert TransferMismatch(got, amount);
    }

    function _emitPresented(
        Record calldata record,
        bytes calldata signature,
        Claim calldata claim,
        bytes32 evidence
    ) private {
        emit RecordPresented(
            record.pactId,
            record.period,
            claim.presenter,
            record.key,
            record.content,
            signature,
            claim.uri,
            evidence
        );
    }

    function _bits(uint256 mask) private pure returns (uint256 count) {
        for (; mask != 0; mask &= mask - 1) {
            ++count;
        }
    }

    function _domainNameAndVersion()
        internal
        pure
        override
        returns (string memory name, string memory version)
    {
        return ("Surety Pacts", "1");
    }
}
