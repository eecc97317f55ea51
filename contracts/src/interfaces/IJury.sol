// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title Jurors, juries, ballots and the tally
/// @notice A juror registers one key, claims a model family and an operator, and stakes. A jury is
/// an immutable list of keys. Whoever consumes verdicts names the jury and hands in signed ballots;
/// this contract verifies and counts
/// them. It knows no consumer, and no ballot works for another consumer, deal, milestone, round or
/// deliverable.
/// @dev Families and operators are claims: nothing here proves who trained a model or
/// who holds a key.
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
    struct Tally {
        Outcome outcome;
        uint16 metBps;
        uint16 seats;
        uint16 voted;
        uint16 met;
        uint16 failed;
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
    struct Juror {
        uint96 stake;
        uint32 registrations;
        uint40 unbondsAt;
        bool registered;
        string family;
        string operator;
        string url;
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
    /// @notice `jury` can be named in terms from now on, for ever.
    event JuryCreated(bytes32 indexed jury, address[] panel, address[] appealPanel);

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
    /// @notice The token refused to pay the juror.
    /// @custom:remedy Try again when the token lets the juror receive.
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
    /// @notice The packed ballots do not have the length that their seat mask says, or name a seat
    /// the panel lacks.
    /// @custom:remedy Pack a 2-byte seat mask, then 101 bytes per seat in
    /// ascending order.
    error BallotsMalformed(uint256 got, uint256 needed);

    /// @notice Registers `registration.juror`, with its own signature; anybody may submit it.
    /// @custom:reverts SignatureExpired when `validUntil` has passed
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
    /// @custom:reverts BallotsMalformed when the packed ballots have a wrong length or name a seat
    /// that is not there
    function judge(
        bytes32 jury,
        uint8 round,
        bytes32 dealId,
        uint8 milestone,
        bytes32 deliverable,
        uint256 rule,
        bytes calldata ballots
    ) external view returns (Tally memory);

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

    /// @notice The id of a case: the EIP-712 struct hash.
    function caseId(Case calldata case_) external pure returns (bytes32);

    /// @notice What a juror signs for a ballot.
    function ballotDigest(Ballot calldata ballot) external view returns (bytes32);

    /// @notice What a juror signs, or what its stake's authorization has as nonce, to register.
    function registrationDigest(Registration calldata registration) external view returns (bytes32);

    /// @notice What a juror signs to start leaving.
    function unbondingDigest(Unbonding calldata unbonding) external view returns (bytes32);

    /// @notice The token of the stakes.
    function token() external view returns (address);
}
