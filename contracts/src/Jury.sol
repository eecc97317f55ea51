// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IERC3009} from "./interfaces/IERC3009.sol";
import {IJury} from "./interfaces/IJury.sol";
import {BallotLib} from "./libraries/BallotLib.sol";
import {BatchLib} from "./libraries/BatchLib.sol";
import {PanelLib} from "./libraries/PanelLib.sol";
import {PotLib} from "./libraries/PotLib.sol";
import {StatementLib} from "./libraries/StatementLib.sol";
import {TallyLib} from "./libraries/TallyLib.sol";
import {TokenLib} from "./libraries/TokenLib.sol";
import {ECDSA} from "solady/utils/ECDSA.sol";
import {EIP712} from "solady/utils/EIP712.sol";

/// @title Jury
/// @dev Invariant: the token balance is never less than `_held`, and `_held` never less than stakes
/// and pots. It grows before money comes and shrinks after it went, so that a token that calls back
/// in between finds nothing free. Ballots are verified against keys alone, so a juror's leaving
/// never strands a deal.
contract Jury is IJury, EIP712 {
    using PotLib for PotLib.Pots;

    uint256 internal constant SEATS_LEAST = 3;
    uint256 internal constant SEATS_MOST = 15;
    uint256 internal constant UNBONDING_SECS = 30 days;
    /// @dev One part of a slashed stake is the reporter's.
    uint256 internal constant REWARD_PARTS = 10;
    address internal constant NOBODY = 0x000000000000000000000000000000000000dEaD;

    bytes32 internal constant REGISTRATION_TYPEHASH = keccak256(
        "Registration(address juror,string family,string operator,string url,uint96 stake,uint32 nonce,uint40 validUntil)"
    );
    bytes32 internal constant UNBONDING_TYPEHASH =
        keccak256("Unbonding(address juror,uint32 nonce,uint40 validUntil)");

    /// @inheritdoc IJury
    address public immutable token;

    mapping(address key => Juror) private _jurors;
    uint256 private _held;
    PotLib.Pots private _pots;

    constructor(address token_) {
        token = token_;
    }

    // ---- jurors

    /// @inheritdoc IJury
    function register(Registration calldata r, bytes calldata signature) external {
        if (block.timestamp >= r.validUntil) {
            revert SignatureExpired(block.timestamp, r.validUntil);
        }
        Juror storage j = _jurors[r.juror];
        if (j.slashed) revert JurorSlashed(r.juror);
        if (j.registered) revert JurorExists(r.juror);
        if (r.nonce != j.registrations) revert NonceMismatch(r.nonce, j.registrations);
        _requireText("family", r.family, 32, false);
        _requireText("operator", r.operator, 64, true);
        uint256 length = bytes(r.url).length;
        if (length == 0 || length > 256 || bytes(r.url)[length - 1] == "/") {
            revert TextInvalid("url", r.url);
        }
        if (j.registrations != 0) {
            _requireSame("family", r.family, j.family);
            _requireSame("operator", r.operator, j.operator);
        }
        bytes32 digest = registrationDigest(r);
        if (r.stake == 0 && !_signed(r.juror, digest, signature)) {
            revert SignatureInvalid(r.juror, digest);
        }

        _jurors[r.juror] = Juror(r.stake, r.nonce + 1, 0, true, r.family, r.operator, r.url, false);
        _held += r.stake;
        emit JurorRegistered(r.juror, r.family, r.operator, r.url, r.stake, r.nonce);
        if (r.stake != 0) _pull(r.juror, r.stake, r.validUntil, digest, signature);
    }

    /// @inheritdoc IJury
    function unbond(Unbonding calldata u, bytes calldata signature) external {
        Juror storage j = _jurors[u.juror];
        if (!j.registered) revert JurorUnknown(u.juror);
        if (j.unbondsAt != 0) revert JurorLeaving(u.juror, j.unbondsAt);
        if (u.nonce != j.registrations) revert NonceMismatch(u.nonce, j.registrations);
        if (msg.sender != u.juror) {
            if (block.timestamp >= u.validUntil) {
                revert SignatureExpired(block.timestamp, u.validUntil);
            }
            bytes32 digest = unbondingDigest(u);
            if (!_signed(u.juror, digest, signature)) revert SignatureInvalid(u.juror, digest);
        }
        j.unbondsAt = uint40(block.timestamp + UNBONDING_SECS);
        emit JurorUnbonding(u.juror, j.unbondsAt);
    }

    /// @inheritdoc IJury
    function claim(address key) external {
        Juror storage j = _jurors[key];
        if (!j.registered) revert JurorUnknown(key);
        uint256 claimableAt = j.unbondsAt == 0 ? type(uint40).max : j.unbondsAt;
        if (block.timestamp < claimableAt) revert StakeBonded(block.timestamp, claimableAt);
        uint96 stake = j.stake;
        // Family, operator and count stay: a key's claims are for ever.
        (j.stake, j.unbondsAt, j.registered) = (0, 0, false);
        emit JurorLeft(key, stake);
        _pay(key, stake);
    }

    /// @inheritdoc IJury
    function slash(address key, bytes32 id, Statement calldata first, Statement calldata second)
        external
    {
        Juror storage j = _jurors[key];
        if (j.slashed) revert JurorSlashed(key);
        if (!j.registered) revert JurorUnknown(key);
        StatementLib.requireOffence(key, id, first, second, _domainSeparator());

        uint96 stake = j.stake;
        (j.stake, j.unbondsAt, j.registered, j.slashed) = (0, 0, false, true);
        emit JurorStruck(key, id, msg.sender, stake);
        // Rounded down; the remainder is nobody's.
        uint256 reward = stake / REWARD_PARTS;
        _pay(msg.sender, reward);
        // If the token refuses even nobody, the rest stays held here, for ever: as good as burnt.
        uint256 rest = stake - reward;
        if (TokenLib.tryTransfer(token, NOBODY, rest, gasleft())) _held -= rest;
    }

    /// @inheritdoc IJury
    function juror(address key) external view returns (Juror memory) {
        return _jurors[key];
    }

    // ---- juries

    /// @inheritdoc IJury
    function createJury(address[] calldata panel_, address[] calldata appealPanel)
        external
        returns (bytes32 jury)
    {
        _requireSize(panel_.length, SEATS_LEAST);
        _requireSize(appealPanel.length, appealPanel.length == 0 ? 0 : SEATS_LEAST);
        _requireDistinct(panel_, appealPanel);

        bytes memory code = PanelLib.creationCode(panel_, appealPanel);
        jury = keccak256(code);
        if (PanelLib.addressOf(address(this), jury).code.length != 0) return jury;
        emit JuryCreated(jury, panel_, appealPanel);
        assembly ("memory-safe") {
            // Fails only without gas, and then the transaction does too: the address is free and
            // the code is short.
            if iszero(create2(0, add(code, 0x20), mload(code), 0)) { revert(0, 0) }
        }
    }

    /// @inheritdoc IJury
    function checkJury(bytes32 jury, address buyer, address seller, bool needsAppealPanel)
        external
        view
    {
        PanelLib.requireFor(address(this), jury, buyer, seller, needsAppealPanel);
    }

    /// @inheritdoc IJury
    function panel(bytes32 jury, uint8 round) external view returns (address[] memory keys) {
        bytes memory code = PanelLib.load(address(this), jury);
        (uint256 count, uint256 start) = PanelLib.seats(code, round);
        keys = new address[](count);
        for (uint256 i; i < count; ++i) {
            keys[i] = PanelLib.key(code, start, i);
        }
    }

    // ---- cases

    /// @inheritdoc IJury
    function judge(
        bytes32 jury,
        uint8 round,
        bytes32 dealId,
        uint8 milestone,
        bytes32 deliverable,
        uint256 rule,
        bytes calldata ballots
    ) external view returns (Tally memory t) {
        bytes memory code = PanelLib.load(address(this), jury);
        (uint256 seats, uint256 start) = PanelLib.seats(code, round);
        if (seats == 0) revert PanelMissing(jury, round);
        uint256 mask = BallotLib.seatMask(ballots, seats, BallotLib.BALLOT_BYTES);
        bytes32 id =
            BallotLib.caseId(address(this), msg.sender, dealId, milestone, round, deliverable);

        uint256[] memory votes;
        (votes, t.seats, t.voted) =
            BallotLib.verify(ballots, mask, id, _domainSeparator(), code, start);
        uint256 met;
        uint256 failed;
        uint256 metBps;
        (t.outcome, met, failed, metBps) = TallyLib.tally(rule, seats, votes);
        (t.met, t.failed, t.metBps) = (uint16(met), uint16(failed), uint16(metBps));
        (t.panelSeats, t.appealSeats) = (uint8(seats), uint8(PanelLib.appealSeats(code)));
        assembly ("memory-safe") {
            // Memory holds it as the ABI encodes it; the compiler would copy it field by field.
            return(t, 0x100)
        }
    }

    /// @inheritdoc IJury
    function judgeBatch(
        bytes32 jury,
        uint8 round,
        BatchCase[] calldata cases,
        bytes calldata ballots
    ) external view returns (Tally[] memory) {
        bytes memory code = PanelLib.load(address(this), jury);
        (uint256 seats, uint256 start) = PanelLib.seats(code, round);
        if (seats == 0) revert PanelMissing(jury, round);
        uint256 seatBytes = BatchLib.HEAD_BYTES + cases.length * BatchLib.VOTE_BYTES;
        uint256 mask = BallotLib.seatMask(ballots, seats, seatBytes);
        bytes32 list = BatchLib.listHash(cases, round);

        uint256[] memory signed =
            BatchLib.verify(ballots, mask, cases.length, list, _domainSeparator(), code, start);
        bytes memory tallies = BatchLib.tally(cases, signed, seats, PanelLib.appealSeats(code));
        assembly ("memory-safe") {
            return(add(tallies, 0x20), mload(tallies))
        }
    }

    // ---- fees

    /// @inheritdoc IJury
    function fund(bytes32 jury, uint8 round, uint256[] calldata shares) external {
        (uint256 seats,) = PanelLib.seats(PanelLib.load(address(this), jury), round);
        if (seats == 0) revert PanelMissing(jury, round);
        if (shares.length != seats) revert SharesMismatch(shares.length, seats);
        uint256 needed = PotLib.sum(_held, shares);
        uint256 got = IERC3009(token).balanceOf(address(this));
        if (got < needed) revert Unfunded(got, needed);

        _held = needed;
        _pots.add(jury, round, shares);
        emit FeesFunded(jury, round, shares);
    }

    /// @inheritdoc IJury
    function claimFees(bytes32 jury, uint8 round, uint8 seat) external {
        uint256 amount = _pots.take(jury, round, seat);
        // No check of round and seat: only pots of seats that exist are ever filled.
        bytes memory code = PanelLib.load(address(this), jury);
        (, uint256 start) = PanelLib.seats(code, round);
        address key = PanelLib.key(code, start, seat);
        emit FeesClaimed(jury, round, seat, key, amount);
        _pay(key, amount);
    }

    /// @inheritdoc IJury
    function fees(bytes32 jury, uint8 round, uint8 seat) external view returns (uint256) {
        return _pots.amount(jury, round, seat);
    }

    // ---- digests

    /// @inheritdoc IJury
    function caseId(Case calldata c) external pure returns (bytes32) {
        return keccak256(
            abi.encode(
                BallotLib.CASE_TYPEHASH,
                c.chainId,
                c.jury,
                c.consumer,
                c.dealId,
                c.milestone,
                c.round,
                c.deliverable
            )
        );
    }

    /// @inheritdoc IJury
    function ballotDigest(Ballot calldata b) external view returns (bytes32) {
        return _hashTypedData(keccak256(abi.encode(BallotLib.BALLOT_TYPEHASH, b)));
    }

    /// @inheritdoc IJury
    function ballotBatchDigest(BallotBatch calldata b) external view returns (bytes32) {
        bytes32 list = keccak256(abi.encodePacked(b.cases));
        return _hashTypedData(BatchLib.structHash(list, keccak256(b.votes), b.transcript));
    }

    /// @inheritdoc IJury
    function registrationDigest(Registration calldata r) public view returns (bytes32) {
        return _hashTypedData(
            keccak256(
                abi.encode(
                    REGISTRATION_TYPEHASH,
                    r.juror,
                    keccak256(bytes(r.family)),
                    keccak256(bytes(r.operator)),
                    keccak256(bytes(r.url)),
                    r.stake,
                    r.nonce,
                    r.validUntil
                )
            )
        );
    }

    /// @inheritdoc IJury
    function unbondingDigest(Unbonding calldata u) public view returns (bytes32) {
        return _hashTypedData(keccak256(abi.encode(UNBONDING_TYPEHASH, u)));
    }

    // ---- helpers

    /// @dev Registers nothing that did not arrive whole: a false stake would be paid out of
    /// others'.
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

    /// @dev Shrinks what is held only after the money went: the other order would let a token that
    /// calls back first have it put into pots and paid a second time.
    function _pay(address to, uint256 amount) private {
        if (amount == 0) return;
        if (!TokenLib.tryTransfer(token, to, amount, gasleft())) {
            revert TransferRefused(token, to, amount);
        }
        _held -= amount;
    }

    /// @dev Jurors are keys, not contracts: their ballots are recovered, never asked for.
    function _signed(address signer, bytes32 digest, bytes calldata signature)
        private
        view
        returns (bool)
    {
        return signer != address(0) && ECDSA.tryRecoverCalldata(digest, signature) == signer;
    }

    function _requireSize(uint256 got, uint256 least) private pure {
        if (got < least || got > SEATS_MOST) revert PanelSize(got, least, SEATS_MOST);
    }

    function _requireSame(string memory field, string calldata got, string memory needed)
        private
        pure
    {
        if (keccak256(bytes(got)) != keccak256(bytes(needed))) {
            revert ClaimChanged(field, got, needed);
        }
    }

    function _requireText(string memory field, string calldata text, uint256 most, bool dots)
        private
        pure
    {
        bytes calldata b = bytes(text);
        bool ok = b.length != 0 && b.length <= most;
        for (uint256 i; ok && i < b.length; ++i) {
            bytes1 c = b[i];
            ok = (c >= "a" && c <= "z") || (c >= "0" && c <= "9") || c == "-" || (dots && c == ".");
        }
        if (!ok) revert TextInvalid(field, text);
    }

    /// @dev No two seats of a jury, over both panels, share a key, a family or an operator.
    function _requireDistinct(address[] calldata first, address[] calldata second) private view {
        uint256 count = first.length + second.length;
        address[] memory keys = new address[](count);
        bytes32[] memory families = new bytes32[](count);
        bytes32[] memory operators = new bytes32[](count);
        for (uint256 i; i < count; ++i) {
            address key = i < first.length ? first[i] : second[i - first.length];
            Juror storage j = _jurors[key];
            if (!j.registered) revert JurorUnknown(key);
            if (j.unbondsAt != 0) revert JurorLeaving(key, j.unbondsAt);
            (keys[i], families[i], operators[i]) =
            (key, keccak256(bytes(j.family)), keccak256(bytes(j.operator)));
            for (uint256 k; k < i; ++k) {
                if (keys[k] == key) revert SeatsShare("key", keys[k], key);
                if (families[k] == families[i]) revert SeatsShare("family", keys[k], key);
                if (operators[k] == operators[i]) revert SeatsShare("operator", keys[k], key);
            }
        }
    }

    function _domainNameAndVersion()
        internal
        pure
        override
        returns (string memory name, string memory version)
    {
        return ("Surety Jury", "1");
    }
}
