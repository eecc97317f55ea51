// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title Jurors, juries, ballots and the tally
/// @notice A juror registers one key, claims a model family and an operator, and stakes. A jury is
/// an immutable list of keys. Whoever consumes verdicts names the jury and hands in signed ballots;
/// this contract verifies and counts
/// them. It knows no consumer, and no ballot works for another consumer, deal, milestone, round or
/// deliverable. It holds the jurors' stakes and their fees, and takes the whole stake of a juror
/// that signs two answers.
/// @dev Families and operators are claims: nothing here proves who trained a model or
/// who holds a key. Safety: the token moves what it says it moves. Liveness: it lets the receiver
/// of a payment receive; nobody else waits for that.
interface IJury {
    /// @notice What a tally says.
    enum Outcome {
        NoVerdict,
        Accepted,
        Rejected,
        Undetermined
    }

    /// @notice Everything a panel is asked about one deliverable in one round; its EIP-712 struct
    /// hash is the case id.
    /// @param consumer The contract that will act on the verdict: always the
    /// caller of `judge`
    /// @param round 1 for the panel, 2 for the appeal panel
    /// @param deliverable keccak256 of the deliverable's bytes
    struct Case {
        uint256 chainId;
        address jury;
        address consumer;
        bytes32 dealId;
        uint8 milestone;
        uint8 round;
        bytes32 deliverable;
    }

    /// @notice One juror's answer, signed by its key in this contract's EIP-712 domain.
    /// @param met Bit i: criterion i is met
    /// @param failed Bit i: criterion i is failed; in neither mask is an abstention, in both is no
    /// ballot
    /// @param reason For the record: 0 judged, 1 missing, 2 unreadable, 3 injection, 4 void
    /// @param transcript Merkle root of what the juror asked and got
    struct Ballot {
        bytes32 caseId;
        uint16 met;
        uint16 failed;
        uint8 reason;
        bytes32 transcript;
    }

    /// @notice The count of one case's ballots.
    /// @param metBps Weight of the criteria that are met, in basis points
    /// @param seats Bit i: a verified ballot of seat i was counted
    /// @param voted Bit i: seat i was counted and answered at least one criterion
    /// @param met Criteria that a quorum calls met
    /// @param failed Criteria that a quorum calls failed
    /// @param panelSeats Seats of the panel that was counted
    /// @param appealSeats Seats of the jury's appeal panel, 0 when it has none
    struct Tally {
        Outcome outcome;
        uint16 metBps;
        uint16 seats;
        uint16 voted;
        uint16 met;
        uint16 failed;
        uint8 panelSeats;
        uint8 appealSeats;
    }

    /// @notice One case of a batch, without what its cases share: chain, `Jury`, consumer, round.
    /// @param rule The milestone's rule word, as in `judge`
    struct BatchCase {
        bytes32 dealId;
        uint8 milestone;
        bytes32 deliverable;
        uint256 rule;
    }

    /// @notice One juror's answers to a list of cases, signed once in this contract's EIP-712
    /// domain.
    /// @param cases The case ids, in the order of the list
    /// @param votes Five bytes per case: met 2, failed 2, reason 1, as in `Ballot`. All ones in
    /// both masks is *absent*: the juror has not answered that case, and says nothing about it
    /// @param transcript Merkle root over the cases' transcripts
    struct BallotBatch {
        bytes32[] cases;
        bytes votes;
        bytes32 transcript;
    }

    /// @notice Something that a juror signed: a `Ballot` when `cases` is empty, else a
    /// `BallotBatch`.
    /// @param index Which of the votes is meant; 0 for a ballot
    /// @param votes Five bytes per case: met 2, failed 2, reason 1
    /// @param signature 64 bytes: r, and s with the parity in its top bit; s must be low
    struct Statement {
        bytes32[] cases;
        uint256 index;
        bytes votes;
        bytes32 transcript;
        bytes signature;
    }

    /// @notice What a juror signs to register. Without a stake it signs this struct; with one, its
    /// ERC-3009 authorization's nonce is this struct's digest and that is its signature.
    /// @param family Who trained the model, `[a-z0-9-]`, 1 to 32 characters
    /// @param operator Who runs the juror, `[a-z0-9.-]`, 1 to 64 characters
    /// @param url Where the juror answers, 1 to 256 characters, no trailing slash
    /// @param nonce How often this key registered before
    struct Registration {
        address juror;
        string family;
        string operator;
        string url;
        uint96 stake;
        uint32 nonce;
        uint40 validUntil;
    }

    /// @notice What a juror signs to start leaving.
    struct Unbonding {
        address juror;
        uint32 nonce;
        uint40 validUntil;
    }

    /// @notice A juror as registered.
    /// @param registrations How often this key registered; the next registration's nonce
    /// @param unbondsAt 0 while it serves, else when its stake may be claimed
    /// @param slashed It signed two answers to one case: this key never serves again
    struct Juror {
        uint96 stake;
        uint32 registrations;
        uint40 unbondsAt;
        bool registered;
        string family;
        string operator;
        string url;
        bool slashed;
    }

    /// @notice `juror` registered and staked.
    event JurorRegistered(
        address indexed juror,
        string family,
        string operator,
        string url,
        uint96 stake,
        uint32 nonce
    );
    /// @notice `juror` began to leave; its stake may be claimed from `unbondsAt`.
    event JurorUnbonding(address indexed juror, uint40 unbondsAt);
    /// @notice `juror` left and has its stake back.
    event JurorLeft(address indexed juror, uint96 stake);
    /// @notice `juror` signed two answers to `caseId` and was struck off. Of its `stake` a tenth went
    /// to `reporter`, the rest to nobody.
    event JurorStruck(
        address indexed juror, bytes32 indexed caseId, address indexed reporter, uint96 stake
    );
    /// @notice `jury` can be named in terms from now on, for ever.
    event JuryCreated(bytes32 indexed jury, address[] panel, address[] appealPanel);
    /// @notice Each seat of that panel has its share more in its pot.
    event FeesFunded(bytes32 indexed jury, uint8 round, uint256[] shares);
    /// @notice The whole pot of a seat was paid to its `key`.
    event FeesClaimed(
        bytes32 indexed jury, uint8 round, uint8 seat, address indexed key, uint256 amount
    );

    /// @notice A text is empty, too long or holds a character it must not.
    /// @custom:remedy Use lower-case letters, digits and hyphens (operators also dots), within the
    /// length.
    error TextInvalid(string field, string got);
    /// @notice The key is registered.
    /// @custom:remedy Unbond and claim first, or register another key.
    error JurorExists(address juror);
    /// @notice The key is not registered.
    /// @custom:remedy Register it first.
    error JurorUnknown(address juror);
    /// @notice The juror signed two answers to one case and is struck off for ever.
    /// @custom:remedy Name another juror; it can register only under a new key.
    error JurorSlashed(address juror);
    /// @notice The juror is leaving.
    /// @custom:remedy Name a juror that serves.
    error JurorLeaving(address juror, uint40 unbondsAt);
    /// @notice A key that registered before must keep its family and operator: its old ballots
    /// carry them.
    /// @custom:remedy Use the same family and operator, or a new key.
    error ClaimChanged(string field, string got, string needed);
    /// @notice The nonce is not the number of this key's registrations so far.
    /// @custom:remedy Read `juror(key).registrations` and sign again.
    error NonceMismatch(uint32 got, uint32 needed);
    /// @notice The signature's last moment has passed.
    /// @custom:remedy Sign again with a later `validUntil`.
    error SignatureExpired(uint256 nowAt, uint256 validUntil);
    /// @notice The signature is not the juror's.
    /// @custom:remedy Sign the digest with the juror's key, in this contract's domain on this
    /// chain.
    error SignatureInvalid(address signer, bytes32 digest);
    /// @notice The stake is still bonded.
    /// @custom:remedy Wait until `claimableAt`.
    error StakeBonded(uint256 nowAt, uint256 claimableAt);
    /// @notice The token moved another amount than asked.
    /// @custom:remedy The token takes fees or lies; it cannot be used here.
    error TransferMismatch(uint256 got, uint256 needed);
    /// @notice The token refused the payment.
    /// @custom:remedy Try again when the token lets the receiver receive.
    error TransferRefused(address token, address to, uint256 amount);
    /// @notice A panel has too few or too many seats.
    /// @custom:remedy Name 3 to 15 jurors per panel (an appeal panel may also be empty).
    error PanelSize(uint256 got, uint256 least, uint256 most);
    /// @notice Two seats of a jury share a key, a family or an operator.
    /// @custom:remedy Replace one of the two jurors.
    error SeatsShare(string field, address first, address second);
    /// @notice No such jury has been created.
    /// @custom:remedy Create it first, or correct the digest in the terms.
    error JuryUnknown(bytes32 jury);
    /// @notice The jury has no panel for that round.
    /// @custom:remedy Name a jury with an appeal panel.
    error PanelMissing(bytes32 jury, uint8 round);
    /// @notice A party of the deal holds a seat of the jury.
    /// @custom:remedy Name a jury in which neither party sits.
    error PartyIsJuror(address party);
    /// @notice The packed ballots do not have the length that their seat mask says.
    /// @custom:remedy Pack a 2-byte seat mask, then in ascending order of the seats 101 bytes each
    /// (for a batch 96 and 5 per case).
    error BallotsMalformed(uint256 got, uint256 needed);
    /// @notice The seat mask names a seat beyond the panel's `seats`.
    /// @custom:remedy Ask for the panel of that round, and count its seats from 0.
    error SeatUnknown(uint256 mask, uint256 seats);
    /// @notice There is not one share per seat of the panel.
    /// @custom:remedy Hand in as many shares as the panel of that round has seats, zeros included.
    error SharesMismatch(uint256 got, uint256 needed);
    /// @notice The balance does not cover stakes, pots and the new shares.
    /// @custom:remedy Transfer the sum of the shares to this contract first, in the same
    /// transaction.
    error Unfunded(uint256 got, uint256 needed);
    /// @notice There is nothing in the seat's pot.
    /// @custom:remedy Wait until a case in which the seat voted has ended; ask `fees` first.
    error FeesEmpty(bytes32 jury, uint8 round, uint8 seat);
    /// @notice A field of a statement has another size than it needs; an index must be smaller.
    /// @custom:remedy Hand in five bytes of votes per case (five for a ballot), an index below the
    /// number of cases (0 for a ballot), and a signature of 64 bytes.
    error StatementInvalid(string field, uint256 got, uint256 needed);
    /// @notice The statement's index names another case.
    /// @custom:remedy Name the place of the case in the list that the juror signed.
    error CaseMismatch(bytes32 got, bytes32 needed);
    /// @notice The two answers, met and failed two bytes each, are the same, or one of them has
    /// a criterion in both masks and is no answer.
    /// @custom:remedy Report two answers that differ; another reason or transcript is no offence.
    error NoOffence(bytes4 first, bytes4 second);

    /// @notice Registers `registration.juror`, with its own signature; anybody may submit it.
    /// @custom:reverts SignatureExpired when `validUntil` has passed
    /// @custom:reverts JurorSlashed when the key was struck off
    /// @custom:reverts JurorExists when the key is registered
    /// @custom:reverts NonceMismatch when the nonce is not the number of earlier registrations
    /// @custom:reverts TextInvalid when family, operator or URL is malformed
    /// @custom:reverts ClaimChanged when the key registered before under another family or operator
    /// @custom:reverts SignatureInvalid when there is no stake and the signature is not the juror's
    /// @custom:reverts TransferMismatch when the stake did not arrive whole
    function register(Registration calldata registration, bytes calldata signature) external;

    /// @notice Starts the 30 days after which `unbonding.juror` may claim its stake. Direct or
    /// signed.
    /// @custom:reverts JurorUnknown when the key is not registered
    /// @custom:reverts JurorLeaving when it is leaving already
    /// @custom:reverts NonceMismatch when the nonce is not that of the present registration
    /// @custom:reverts SignatureExpired when `validUntil` has passed
    /// @custom:reverts SignatureInvalid when the caller is not the juror and the signature neither
    function unbond(Unbonding calldata unbonding, bytes calldata signature) external;

    /// @notice Pays a leaving juror's stake back to its key. Anybody may call.
    /// @custom:reverts JurorUnknown when the key is not registered
    /// @custom:reverts StakeBonded when it serves, or its 30 days are not over
    /// @custom:reverts TransferRefused when the token refuses the payment
    function claim(address juror) external;

    /// @notice Takes the whole stake of a juror that signed two answers to one case, and strikes
    /// its key off. A tenth, rounded down, goes to the caller; the rest goes to
    /// 0x000000000000000000000000000000000000dEaD, since any other receiver could be the juror
    /// itself. Anybody may call, while the juror serves and while it leaves, until it claimed.
    /// @dev The two answers may stand in ballots, in batches, or twice in one batch. Evidence never
    /// expires: it also takes a later registration's stake. The key's ballots still count, and its
    /// pots remain its own: what is open does not depend on its standing.
    /// Warning: evidence in a pending transaction can be copied by whoever sees it; the juror is
    /// slashed either way.
    /// @custom:reverts JurorSlashed when the key was struck off before
    /// @custom:reverts JurorUnknown when the key is not registered
    /// @custom:reverts StatementInvalid when an index is too large or a length is wrong
    /// @custom:reverts CaseMismatch when a batch has another case at the index
    /// @custom:reverts SignatureInvalid when a signature is not the juror's, or its s is high
    /// @custom:reverts NoOffence when the answers do not differ or one of them is none
    /// @custom:reverts TransferRefused when the token refuses a payment
    function slash(
        address juror,
        bytes32 caseId,
        Statement calldata first,
        Statement calldata second
    ) external;

    /// @notice Adds a share to the pot of each seat of a panel, in seat order. The caller has
    /// transferred their sum to this contract before.
    /// Warning: transfer and call in one transaction; what lies here unassigned belongs to whoever
    /// assigns it first.
    /// @custom:reverts JuryUnknown when no such jury exists
    /// @custom:reverts PanelMissing when it has no panel for the round
    /// @custom:reverts SharesMismatch when there is not one share per seat
    /// @custom:reverts Unfunded when the sum did not arrive
    function fund(bytes32 jury, uint8 round, uint256[] calldata shares) external;

    /// @notice Pays a seat's whole pot to the seat's key, whether or not it still is registered.
    /// Anybody may call.
    /// @custom:reverts FeesEmpty when there is nothing in the pot
    /// @custom:reverts TransferRefused when the token refuses the payment
    function claimFees(bytes32 jury, uint8 round, uint8 seat) external;

    /// @notice Stores a jury for ever and returns its digest; the same jury twice is one. Anybody
    /// may call.
    /// @custom:reverts PanelSize when a panel is out of range
    /// @custom:reverts JurorUnknown when a seat is not registered
    /// @custom:reverts JurorLeaving when a seat is leaving
    /// @custom:reverts SeatsShare when two seats share key, family or operator
    function createJury(address[] calldata panel, address[] calldata appealPanel)
        external
        returns (bytes32 jury);

    /// @notice Counts the ballots of the caller's case.
    /// @param jury The jury that the terms name
    /// @param rule The milestone's rule word: sixteen 14-bit weights, then mandatory mask, passBps,
    /// proRata
    /// @param ballots Two bytes of seat mask, then per seat, ascending: met 2, failed 2,
    /// reason 1, transcript 32,
    /// signature 64 (r, and s with the parity in its top bit)
    /// @custom:reverts JuryUnknown when no such jury exists
    /// @custom:reverts PanelMissing when it has no panel for the round
    /// @custom:reverts BallotsMalformed when the packed ballots have a wrong length
    /// @custom:reverts SeatUnknown when they name a seat that is not there
    function judge(
        bytes32 jury,
        uint8 round,
        bytes32 dealId,
        uint8 milestone,
        bytes32 deliverable,
        uint256 rule,
        bytes calldata ballots
    ) external view returns (Tally memory);

    /// @notice Counts the ballots of many of the caller's cases, for which each juror signed once.
    /// One tally per case, in order; the same as `judge` would give for the same answers.
    /// @param cases Exactly the list that the jurors signed, in its order
    /// @param ballots Two bytes of seat mask, then per seat, ascending: transcript 32, signature 64
    /// (r, and s with the parity in its top bit), and per case met 2, failed 2, reason 1
    /// @dev A vote whose masks overlap, hence also the reserved *absent* vote, is not counted for
    /// its case; two zero masks are counted as an abstention. A seat whose signature is bad is
    /// skipped for every case.
    /// @custom:reverts JuryUnknown when no such jury exists
    /// @custom:reverts PanelMissing when it has no panel for the round
    /// @custom:reverts BallotsMalformed when the packed ballots have a wrong length
    /// @custom:reverts SeatUnknown when they name a seat that is not there
    function judgeBatch(
        bytes32 jury,
        uint8 round,
        BatchCase[] calldata cases,
        bytes calldata ballots
    ) external view returns (Tally[] memory);

    /// @notice Checks that a deal between these parties may name `jury`.
    /// @custom:reverts JuryUnknown when no such jury exists
    /// @custom:reverts PanelMissing when an appeal panel is needed and absent
    /// @custom:reverts PartyIsJuror when a party holds a seat
    function checkJury(bytes32 jury, address buyer, address seller, bool needsAppealPanel)
        external
        view;

    /// @notice The keys of a jury's panel (round 1) or appeal panel (round 2), in seat order.
    /// @custom:reverts JuryUnknown when no such jury exists
    function panel(bytes32 jury, uint8 round) external view returns (address[] memory);

    /// @notice A juror's registration; all zero when the key never registered.
    function juror(address key) external view returns (Juror memory);

    /// @notice What `claimFees` would pay for that seat; 0 for one that does not exist.
    function fees(bytes32 jury, uint8 round, uint8 seat) external view returns (uint256);

    /// @notice The id of a case: the EIP-712 struct hash.
    function caseId(Case calldata case_) external pure returns (bytes32);

    /// @notice What a juror signs for a ballot.
    function ballotDigest(Ballot calldata ballot) external view returns (bytes32);

    /// @notice What a juror signs for a list of cases at once.
    function ballotBatchDigest(BallotBatch calldata batch) external view returns (bytes32);

    /// @notice What a juror signs, or what its stake's authorization has as nonce, to register.
    function registrationDigest(Registration calldata registration) external view returns (bytes32);

    /// @notice What a juror signs to start leaving.
    function unbondingDigest(Unbonding calldata unbonding) external view returns (bytes32);

    /// @notice The token of the stakes and fees.
    function token() external view returns (address);
}
