// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IReputationRegistry} from "./IReputationRegistry.sol";

/// @title Pacts: standing promises of agents, bonded and judged
/// @notice An agent promises how it behaves, period after period, and puts up a bond. It signs a
/// record of each interaction. After a period a sample of its records is drawn; whoever holds
/// sampled records may present them and posts the jury fee; one judgement per period says whether
/// the promise was kept. No owner, no proxy, no pause. Amounts are base units of the token, times
/// Unix seconds, shares basis points; windows are half-open.
/// @dev Assumptions. Safety: the token moves what it says (each pull asserts its balance delta),
/// ECDSA and keccak hold, and whoever orders blocks does not choose their hashes for a pact's sake
/// (docs/adr/0009-pact-samples.md). Liveness: timestamps advance; a token that refuses a receiver
/// only delays that receiver (its money becomes credit).
/// Acts that push money or ask a wallet also revert with the escrow's `GasTooLow` when they could
/// not do so honestly, and an unknown jury or malformed ballots with the errors of `IJury`.
/// @custom:reverts CodeMissing when it is constructed with an address without code
/// @custom:reverts TokenMismatch when it is constructed with another token than its jury's
interface IPactRegistry {
    /// @notice The promise. The pact's id is this struct's EIP-712 digest.
    /// @param agent The wallet that promises; it holds no seat of the jury
    /// @param agentId The agent's claimed ERC-8004 id plus one; 0 for none
    /// @param jury Digest of a jury that `Jury` holds; its first panel judges
    /// @param rule As in a milestone: sixteen weights of 14 bits, mandatory mask, passBps
    /// @param criteria Digest of the criteria that every presented record has to meet
    /// @param bond What is pulled from the agent
    /// @param slashBps The share of `bond` that one rejected period costs
    /// @param juryFee What each presented record costs its presenter: at most one slash, and at
    /// least a 64th of it, so that filling a period's 64 places costs as much as a slash
    /// @param sampleBps The share of record keys that the sample holds
    /// @param openBy The opening signature is worth nothing from this moment on
    /// @param startAt When period 0 begins, not before `openBy`
    /// @param periodSecs How long a period is
    /// @param periods How many there are at most
    /// @param presentWithin How long after a period records may be presented
    /// @param judgeWithin How long the panel has after that
    /// @param document Digest of the text that explains all this
    struct Pact {
        address agent;
        uint256 agentId;
        bytes32 jury;
        uint256 rule;
        bytes32 criteria;
        uint96 bond;
        uint16 slashBps;
        uint96 juryFee;
        uint16 sampleBps;
        uint40 openBy;
        uint40 startAt;
        uint40 periodSecs;
        uint16 periods;
        uint40 presentWithin;
        uint40 judgeWithin;
        bytes32 document;
        bytes32 salt;
    }

    /// @notice What the agent signs for each interaction and hands to its counterparty.
    /// @param period The period that the interaction falls in, counted from 0
    /// @param key Names the interaction; the sample is drawn over keys
    /// @param content keccak256 of the bytes that tell what was asked and answered
    struct Record {
        bytes32 pactId;
        uint32 period;
        bytes32 key;
        bytes32 content;
    }

    /// @notice What a presenter signs: the nonce of its ERC-3009 authorization for the jury fee is
    /// this struct's digest.
    /// @param record Digest of the `Record`
    /// @param presenter Who posts the fee, and gets what comes back
    /// @param uri Where the bytes are, as a last resort
    struct Claim {
        bytes32 record;
        address presenter;
        string uri;
        uint40 validUntil;
    }

    /// @notice What an agent signs to end its pact early.
    struct Notice {
        bytes32 pactId;
        uint40 validUntil;
    }

    /// @notice A period's status.
    /// - Quiet: `present` leaves to Claimed. Without it, time passes and nothing has to be done.
    /// - Claimed: `settle` leaves to Ended before `judgeEnd`, `expire` from then on.
    /// - Ended: nothing leaves it.
    enum Status {
        Quiet,
        Claimed,
        Ended
    }

    /// @notice What is kept of a pact.
    /// @param bond What is left of the bond and not locked by a claimed period
    /// @param coveredUntil The end of its last period
    /// @param claimed How many of its periods are Claimed
    struct PactState {
        uint96 bond;
        uint40 coveredUntil;
        uint16 claimed;
        bool opened;
        bool noticed;
        bool closed;
    }

    /// @notice What is kept of a period.
    /// @param count How many records were presented
    /// @param locked The part of the bond that is at stake while it is Claimed
    /// @param each What every presented record brings its presenter back, once it has ended
    /// @param evidence Fold of the presented records: keccak256(evidence, digest of the record)
    /// @param sample 0 before the draw, below 2^64 the drawn block, else the seed; all ones when
    /// every key is in the sample
    struct PeriodState {
        Status status;
        uint8 count;
        uint96 locked;
        uint128 each;
        bytes32 evidence;
        bytes32 sample;
    }

    /// @notice The pact stands; `pact` is the whole promise, for whoever needs it later.
    event PactOpened(bytes32 indexed pactId, address indexed agent, Pact pact);
    /// @notice The agent gave notice: no period after `coveredUntil` is covered.
    event NoticeGiven(bytes32 indexed pactId, uint40 coveredUntil);
    /// @notice The pact is over and what was left of the bond went back.
    event PactClosed(bytes32 indexed pactId, uint96 toAgent);
    /// @notice The hash of block `drawnBlock` will be the period's seed.
    event SampleDrawn(bytes32 indexed pactId, uint32 indexed period, uint256 drawnBlock);
    /// @notice The sample is fixed; all ones when it holds every key.
    event SeedFixed(bytes32 indexed pactId, uint32 indexed period, bytes32 seed);
    /// @notice A record was presented; `evidence` is the fold with it.
    event RecordPresented(
        bytes32 indexed pactId,
        uint32 indexed period,
        address indexed presenter,
        bytes32 key,
        bytes32 content,
        bytes signature,
        string uri,
        bytes32 evidence
    );
    /// @notice A claimed period has ended.
    /// @param outcome An `IJury.Outcome`; NoVerdict when time ended it
    /// @param seats Seats that were counted
    /// @param slashed What the agent lost
    /// @param each What every presented record brings back
    event PeriodEnded(
        bytes32 indexed pactId,
        uint32 indexed period,
        bytes32 evidence,
        uint8 outcome,
        uint16 seats,
        uint16 met,
        uint16 failed,
        uint96 slashed,
        uint128 each,
        address submitter
    );
    /// @notice What a presented record brought back.
    event Collected(bytes32 indexed record, address indexed presenter, uint128 amount);
    /// @notice `amount` could not be paid and may be withdrawn.
    event Credited(address indexed owner, uint256 amount);
    /// @notice `owner` has its credit.
    event Withdrawn(address indexed owner, uint256 amount);

    /// @notice The jury or the token has no code.
    /// @custom:remedy Deploy both first; the error shows the two addresses.
    error CodeMissing(address jury, address token);
    /// @notice The jury keeps its pots in another token.
    /// @custom:remedy Deploy with the jury's own token.
    error TokenMismatch(address got, address needed);
    /// @notice A field of the pact is out of its range.
    /// @custom:remedy Choose a value from `least` to `most`.
    error OutOfRange(string field, uint256 got, uint256 least, uint256 most);
    /// @notice The pact was opened before.
    /// @custom:remedy Nothing to do; another pact needs another salt.
    error PactExists(bytes32 pactId);
    /// @notice No such pact stands: never opened, closed, or the fields differ from the signed ones.
    /// @custom:remedy Use the pact of the `PactOpened` event, word for word.
    error PactUnknown(bytes32 pactId);
    /// @notice The agent gave notice before.
    /// @custom:remedy Nothing to do; `close` pays the bond back when its time has come.
    error NoticeStands(bytes32 pactId);
    /// @notice Periods are still claimed.
    /// @custom:remedy Call `expire` for them first; anybody may.
    error PeriodsClaimed(uint256 got, uint256 needed);
    /// @notice The period ends after the last one that the pact covers.
    /// @custom:remedy Count periods from 0 at `startAt`, up to `coveredUntil`.
    error PeriodNotCovered(uint256 endsAt, uint256 coveredUntil);
    /// @notice The period is in another status than this needs.
    /// @custom:remedy Read `period`; a Claimed one is ended by `settle` in time, else by `expire`.
    error StatusMismatch(Status got, Status needed);
    /// @notice The window for this has closed.
    /// @custom:remedy Too late; what time owes is paid by `expire` or `close`.
    error DeadlinePassed(uint256 nowAt, uint256 deadline);
    /// @notice The window for this has not opened.
    /// @custom:remedy Call again at `opensAt` or later.
    error TooEarly(uint256 nowAt, uint256 opensAt);
    /// @notice A period's sample is drawn once.
    /// @custom:remedy Call `fixSeed`, or present when the seed is fixed.
    error SampleAlreadyDrawn(bytes32 sample);
    /// @notice Nobody has drawn the period's sample.
    /// @custom:remedy Call `draw` first.
    error SampleNotDrawn(bytes32 pactId, uint32 period);
    /// @notice The drawn block is still to come.
    /// @custom:remedy Call again in block `needed` or later.
    error BlockPending(uint256 got, uint256 needed);
    /// @notice This chain gives no hash for the drawn block.
    /// @custom:remedy Wait until block `wholeFrom`: then every key is in the sample.
    error HashUnavailable(uint256 drawnBlock, uint256 wholeFrom);
    /// @notice The seed is not fixed.
    /// @custom:remedy Call `draw`, and `fixSeed` after the drawn block.
    error SeedMissing(bytes32 pactId, uint32 period);
    /// @notice The claim or the record names something else.
    /// @custom:remedy Hand in the record that the agent signed, and the claim over its digest.
    error RecordMismatch(bytes32 got, bytes32 needed);
    /// @notice The record's key is not in the period's sample.
    /// @custom:remedy Present a record whose key is; ask `isSampled`.
    error KeyNotSampled(bytes32 key);
    /// @notice This record was presented before.
    /// @custom:remedy Nothing to do; the panel will see it.
    error RecordExists(bytes32 record);
    /// @notice The record was never presented, or its money was collected.
    /// @custom:remedy Nothing to do.
    error RecordUnknown(bytes32 record);
    /// @notice All of the period's places are taken.
    /// @custom:remedy Nothing to do; they cost whoever took them as much as a slash.
    error PlacesTaken(uint256 got, uint256 most);
    /// @notice What is left of the bond would not give a fee back.
    /// @custom:remedy Nothing to gain here: the bond is spent, or locked by other periods.
    error BondTooLow(uint256 got, uint256 needed);
    /// @notice The ballots decide nothing yet. `seats` is the mask of those that verified.
    /// @custom:remedy Collect more of the panel's ballots.
    error NoVerdict(uint16 seats);
    /// @notice The signature is not the signer's, for exactly this.
    /// @custom:remedy Sign the digest with the wallet's key, in this contract's domain on this
    /// chain.
    error SignatureInvalid(address signer, bytes32 digest);
    /// @notice The token moved another amount than was signed.
    /// @custom:remedy The token takes fees or lies; it cannot be used here.
    error TransferMismatch(uint256 got, uint256 needed);
    /// @notice The owner has no credit.
    /// @custom:remedy Nothing to withdraw.
    error CreditEmpty(address owner);
    /// @notice The token still refuses the owner.
    /// @custom:remedy Try again when the token lets the owner receive; the credit stays.
    error TransferRefused(address to, uint256 amount);
    /// @notice A call came back into the contract before it was done.
    /// @custom:remedy Do not call from inside a token or wallet callback.
    error Reentered();

    /// @notice Opens a pact: pulls the bond. Anybody may submit it.
    /// @param authorization The agent's ERC-3009 `receiveWithAuthorization` signature: value
    /// `bond`, validAfter 0, validBefore `openBy`, nonce the pact's id. It is the agent's signature
    /// on the pact.
    /// @custom:reverts DeadlinePassed when `openBy` is over
    /// @custom:reverts OutOfRange when a field is out of its range
    /// @custom:reverts PactExists when it was opened before
    /// @custom:reverts TransferMismatch when the bond did not arrive whole
    /// @custom:reverts Reentered when called from inside
    function open(Pact calldata pact, bytes calldata authorization)
        external
        returns (bytes32 pactId);

    /// @notice Ends the pact with the period in progress. By the agent, or by anybody with its
    /// signed `Notice`.
    /// @param validUntil Of the signed `Notice`; the agent itself may hand in anything
    /// @custom:reverts PactUnknown when no such pact stands
    /// @custom:reverts NoticeStands when the agent gave notice before
    /// @custom:reverts DeadlinePassed when `validUntil` is over
    /// @custom:reverts SignatureInvalid when the agent neither calls nor signed
    /// @custom:reverts Reentered when called from inside
    function giveNotice(Pact calldata pact, uint40 validUntil, bytes calldata signature) external;

    /// @notice Pays what is left of the bond back, once no period can be judged any more. Anybody
    /// may call.
    /// @custom:reverts PactUnknown when no such pact stands
    /// @custom:reverts TooEarly before the last period's `judgeEnd`
    /// @custom:reverts PeriodsClaimed when a period has still to be ended by `expire`
    /// @custom:reverts Reentered when called from inside
    function close(Pact calldata pact) external;

    /// @notice Commits a period to the hash of a block that is still to come. Anybody may call,
    /// once per period, after its end.
    /// @custom:reverts PactUnknown when no such pact stands
    /// @custom:reverts PeriodNotCovered when the pact does not cover it
    /// @custom:reverts TooEarly before the period's end
    /// @custom:reverts DeadlinePassed when records can no longer be presented
    /// @custom:reverts SampleAlreadyDrawn when it was drawn
    /// @custom:reverts Reentered when called from inside
    function draw(Pact calldata pact, uint32 period) external;

    /// @notice Fixes the seed from the drawn block's hash. Anybody may call; the result is the
    /// same whoever calls when.
    /// Warning: 8,191 blocks after the drawn one its hash is lost, and then every key is in the
    /// sample. There is no second draw, so nobody gains a choice by waiting.
    /// @custom:reverts PactUnknown when no such pact stands
    /// @custom:reverts PeriodNotCovered when the pact does not cover it
    /// @custom:reverts SampleNotDrawn when nobody called `draw`
    /// @custom:reverts SampleAlreadyDrawn when the seed is fixed
    /// @custom:reverts BlockPending when the drawn block is still to come
    /// @custom:reverts HashUnavailable when the chain keeps no history of hashes
    /// @custom:reverts Reentered when called from inside
    function fixSeed(Pact calldata pact, uint32 period) external;

    /// @notice Presents one sampled record and posts the jury fee. Anybody may submit it. The
    /// period's first record locks one slash of the bond.
    /// @param recordSignature The agent's, over the record's digest
    /// @param authorization The presenter's ERC-3009 signature: value `juryFee`, validAfter 0,
    /// validBefore `claim.validUntil`, nonce the claim's digest
    /// @custom:reverts PactUnknown when no such pact stands
    /// @custom:reverts PeriodNotCovered when the pact does not cover the period
    /// @custom:reverts TooEarly before the period's end
    /// @custom:reverts DeadlinePassed when records can no longer be presented
    /// @custom:reverts RecordMismatch when the record is another pact's or the claim another
    /// record's
    /// @custom:reverts SeedMissing when the seed is not fixed and not every key is sampled
    /// @custom:reverts KeyNotSampled when the key is not in the sample
    /// @custom:reverts RecordExists when it was presented before
    /// @custom:reverts PlacesTaken when the period has 64 records
    /// @custom:reverts BondTooLow when the period's first record finds less than a fee to lock
    /// @custom:reverts SignatureInvalid when the agent did not sign the record
    /// @custom:reverts TransferMismatch when the fee did not arrive whole
    /// @custom:reverts Reentered when called from inside
    function present(
        Pact calldata pact,
        Record calldata record,
        bytes calldata recordSignature,
        Claim calldata claim,
        bytes calldata authorization
    ) external;

    /// @notice Applies the panel's verdict on everything that was presented. Anybody may submit;
    /// the ballots decide. Rejected takes what is locked: it gives the presenters back what the
    /// jurors earned, a tenth of the rest to them in equal parts, and the remainder to
    /// 0x000000000000000000000000000000000000dEaD, since any other receiver could be the agent
    /// itself. Any other verdict gives the lock back to the bond. Seats that voted earn their part
    /// of each fee; the others' parts go back to the presenters.
    /// @param ballots Packed as `IJury.judge` says, for the case (`subjectOf`, milestone 0, round 1,
    /// deliverable = the period's evidence)
    /// @custom:reverts PactUnknown when no such pact stands
    /// @custom:reverts StatusMismatch when the period is not Claimed
    /// @custom:reverts TooEarly while records can be presented
    /// @custom:reverts DeadlinePassed when the panel's time is over
    /// @custom:reverts NoVerdict when the ballots decide nothing
    /// @custom:reverts Reentered when called from inside
    function settle(Pact calldata pact, uint32 period, bytes calldata ballots) external;

    /// @notice Ends a period that the panel did not judge in time: no slash, no fact, fees back.
    /// Anybody may call.
    /// @custom:reverts PactUnknown when no such pact stands
    /// @custom:reverts StatusMismatch when the period is not Claimed
    /// @custom:reverts TooEarly while the panel has time
    /// @custom:reverts Reentered when called from inside
    function expire(Pact calldata pact, uint32 period) external;

    /// @notice Pays a presenter what its record brings back. Anybody may call.
    /// @custom:reverts RecordUnknown when it was not presented, or was collected
    /// @custom:reverts StatusMismatch when its period has not ended
    /// @custom:reverts Reentered when called from inside
    function collect(Record calldata record) external;

    /// @notice Pays `owner` its whole credit. Anybody may call; nobody else can receive it.
    /// @custom:reverts CreditEmpty when there is none
    /// @custom:reverts TransferRefused when the token refuses the owner
    /// @custom:reverts Reentered when called from inside
    function withdraw(address owner) external;

    /// @notice A pact as it stands; all zero when it was never opened.
    function pactState(bytes32 pactId) external view returns (PactState memory);

    /// @notice A period as it stands; all zero while nothing happened.
    function periodState(bytes32 pactId, uint32 period) external view returns (PeriodState memory);

    /// @notice Whether `key` may be presented for the period, as far as it is known.
    function isSampled(Pact calldata pact, uint32 period, bytes32 key) external view returns (bool);

    /// @notice Who presented a record and may collect; zero otherwise.
    function presenterOf(bytes32 record) external view returns (address);

    /// @notice What `owner` may withdraw.
    function credits(address owner) external view returns (uint256);

    /// @notice The facts of an agent's judged periods: Accepted is good, Rejected bad, Undetermined
    /// neutral; each weighs what was locked. Apart from all transactions.
    function standing(address agent) external view returns (IReputationRegistry.Standing memory);

    /// @notice The score of those facts now: always show the three together.
    /// @return points 0 to 1000; a stranger has 0
    /// @return good S now, 16 fractional bits
    /// @return bad F now, 16 fractional bits
    function score(address agent) external view returns (uint256 points, uint256 good, uint256 bad);

    /// @notice The pact's id: its EIP-712 digest here and now.
    function pactIdOf(Pact calldata pact) external view returns (bytes32);

    /// @notice What a jury is asked about: the EIP-712 struct hash of pact and period, which stands
    /// for the deal's id in the case.
    function subjectOf(bytes32 pactId, uint32 period) external pure returns (bytes32);

    /// @notice What an agent signs for a record.
    function recordDigest(Record calldata record) external view returns (bytes32);

    /// @notice The nonce of a presenter's authorization.
    function claimDigest(Claim calldata claim) external view returns (bytes32);

    /// @notice What an agent signs to give notice.
    function noticeDigest(Notice calldata act) external view returns (bytes32);

    /// @notice The jury contract whose tallies this registry applies.
    function jury() external view returns (address);

    /// @notice The only token this registry takes.
    function token() external view returns (address);
}
