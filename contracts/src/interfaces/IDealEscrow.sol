// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title Deals, milestones, payouts and credits
/// @notice Holds a buyer's money and a seller's bond until a jury, the parties or time end each
/// milestone. No owner, no proxy, no pause. Amounts are base units of the token (USDC: six
/// decimals), times are Unix seconds,
/// shares are basis points.
/// @dev Assumptions. Safety: the token moves what it says (the pull asserts its balance delta),
/// ECDSA and keccak hold. Liveness: block timestamps advance; a token that refuses a payee only
/// delays that payee (its money becomes credit).
/// An ERC-1271 wallet is asked once per act, with capped gas, and only about its own owner's act.
/// @custom:reverts CodeMissing when it is constructed with an address without code
interface IDealEscrow {
    /// @notice One part of a deal with its own money, deadline and criteria.
    /// @param deliverBy Deliveries count until just before this moment
    /// @param criteria Digest of the criteria document in the term sheet
    /// @param rule Bits 0..223: sixteen weights of 14 bits in basis points, criterion 0 lowest;
    /// 224..239: mandatory mask; 240..253: passBps; 254: proRata
    struct Milestone {
        uint96 amount;
        uint40 deliverBy;
        bytes32 criteria;
        uint256 rule;
    }

    /// @notice Everything the chain enforces of a deal. The deal's id is this struct's EIP-712
    /// digest. @param buyerAgent The buyer's claimed ERC-8004 id plus one; 0 for none
    /// @param sellerAgent The seller's claimed ERC-8004 id plus one; 0 for none
    /// @param total What is pulled from the buyer: the milestones' sum plus `openFee`
    /// @param bond What is pulled from the seller; a milestone's share follows its amount
    /// @param jury Digest of a jury that `Jury` holds
    /// @param openBy The signatures are worth nothing from this moment on
    /// @param judgeWithin How long a panel has after a delivery, in seconds
    /// @param silentSellerBps The seller's share when a delivery is not judged
    /// @param splitSellerBps The seller's share when the jury does not agree
    /// @param document Digest of the term sheet
    struct Terms {
        address buyer;
        address seller;
        uint256 buyerAgent;
        uint256 sellerAgent;
        address token;
        uint96 total;
        uint96 bond;
        bytes32 jury;
        uint96 juryFee;
        uint96 relayFee;
        uint96 openFee;
        uint16 feeBps;
        address feeReceiver;
        bool payAsCredit;
        uint40 openBy;
        uint40 judgeWithin;
        uint40 appealWithin;
        uint96 appealBond;
        uint16 silentSellerBps;
        uint16 splitSellerBps;
        bool sequential;
        bytes32 document;
        bytes32 salt;
        Milestone[] milestones;
    }

    /// @notice A milestone's status.
    /// - Pending: `deliver` leaves to Delivered; `settle`, `accept`, `concede`, `agree`, `reclaim`
    /// leave to Ended. - Delivered: `settle`, `accept`, `concede`, `agree`, `expire` leave to
    /// Ended.
    /// - Judged and Round2 are the appeal's; no deal can reach them yet.
    /// - Ended: nothing leaves it.
    enum Status {
        Pending,
        Delivered,
        Judged,
        Round2,
        Ended
    }

    /// @notice What the slow path keeps of a milestone, as a digest; callers hand the preimage
    /// back. @param until When the state's window closes
    /// @param standing The verdict of round 1, if one stands: an `IJury.Outcome`
    /// @param metBps Weight that round 1 called met
    /// @param seats1 Seats that were counted and voted in round 1; `submitter1` handed them in
    struct SlowState {
        Status status;
        bytes32 deliverable;
        uint40 until;
        uint8 standing;
        uint16 metBps;
        uint16 seats1;
        address submitter1;
        uint16 seats2;
        address submitter2;
    }

    /// @notice The seller's signed statement that a deliverable answers a milestone. Jurors check
    /// it off-chain; `deliver` takes the same signature.
    /// @param deliverable keccak256 of the deliverable's bytes
    /// @param uri Where the bytes are, as a last resort
    struct Delivery {
        bytes32 dealId;
        uint8 milestone;
        bytes32 deliverable;
        string uri;
    }

    /// @notice The buyer's own release. `round` and `standing` name the state it was signed for.
    struct Accept {
        bytes32 dealId;
        uint8 milestone;
        uint8 round;
        uint8 standing;
        uint40 validUntil;
    }

    /// @notice The seller's own refund. `round` and `standing` name the state it was signed for.
    struct Concede {
        bytes32 dealId;
        uint8 milestone;
        uint8 round;
        uint8 standing;
        uint40 validUntil;
    }

    /// @notice Both parties' own split of the milestone's money and bond share.
    /// @param sellerAmount What the seller gets; the buyer gets the rest
    /// @param asCredit Whether both are credited instead of paid
    struct Agree {
        bytes32 dealId;
        uint8 milestone;
        uint8 round;
        uint8 standing;
        uint128 sellerAmount;
        bool asCredit;
        uint40 validUntil;
    }

    /// @notice A party's consent to an act: empty `signature` when the party itself calls.
    struct Consent {
        uint40 validUntil;
        bytes signature;
    }

    /// @notice The money is in; `terms` is all that a party needs to close the deal without
    /// anybody.
    event DealOpened(
        bytes32 indexed dealId, address indexed buyer, address indexed seller, Terms terms
    );
    /// @notice The seller put its deliverable's digest on-chain; `state` is the preimage later
    /// calls need.
    event MilestoneDelivered(
        bytes32 indexed dealId, uint8 indexed milestone, SlowState state, string uri
    );
    /// @notice A verdict was counted. `seats`, `met` and `failed` are masks.
    event MilestoneSettled(
        bytes32 indexed dealId,
        uint8 indexed milestone,
        bytes32 deliverable,
        uint8 round,
        uint8 outcome,
        uint16 seats,
        uint16 met,
        uint16 failed,
        address submitter
    );
    /// @notice A milestone ended. `toSeller` and `toBuyer` hold principal and bond; they sum to
    /// both. @param ending An `Ending`
    event MilestoneEnded(
        bytes32 indexed dealId,
        uint8 indexed milestone,
        uint8 ending,
        uint128 toSeller,
        uint128 toBuyer
    );
    /// @notice Money was credited instead of paid: because the terms say so, or the token refused
    /// `owner`.
    event Credited(address indexed token, address indexed owner, uint256 amount);
    /// @notice A credit was paid.
    event Withdrawn(address indexed token, address indexed owner, uint256 amount);

    /// @notice These contracts cannot end a deal that needs this field yet, so they do not open it.
    /// @custom:remedy Set the field to zero or false; see the README's limits.
    error NotSupported(string field);
    /// @notice The escrow was given an address without code.
    /// @custom:remedy Deploy jury, registry and token first; the error shows the three addresses.
    error CodeMissing(address jury, address registry, address token);
    /// @notice A party is missing, or both are the same.
    /// @custom:remedy Name two different wallets.
    error PartiesInvalid(address buyer, address seller);
    /// @notice The token is not the one this escrow was deployed for.
    /// @custom:remedy Use the allowed token's address.
    error TokenNotAllowed(address got, address needed);
    /// @notice `total` is not the sum of the milestones' amounts and `openFee`.
    /// @custom:remedy Set `total` to the sum.
    error TotalMismatch(uint256 got, uint256 needed);
    /// @notice A deal has 1 to 16 milestones.
    /// @custom:remedy Merge milestones or make two deals.
    error MilestoneCount(uint256 got, uint256 most);
    /// @notice A milestone's amount is zero.
    /// @custom:remedy Give every milestone an amount.
    error AmountZero(uint256 milestone);
    /// @notice A window is shorter than allowed.
    /// @custom:remedy Lengthen it; at least a day where the money is real.
    error WindowTooShort(string field, uint256 got, uint256 needed);
    /// @notice A milestone's `deliverBy` is less than an hour after `openBy`.
    /// @custom:remedy Deliver later or open earlier.
    error DeliverByTooEarly(uint256 milestone, uint256 got, uint256 needed);
    /// @notice A milestone could stay open for more than two years.
    /// @custom:remedy Shorten its windows.
    error EndsTooLate(uint256 milestone, uint256 got, uint256 most);
    /// @notice A share is above 10,000 basis points.
    /// @custom:remedy Use 0 to 10,000.
    error BpsTooHigh(string field, uint256 got, uint256 most);
    /// @notice A milestone's weights do not sum to 10,000, or one between two others is zero.
    /// @custom:remedy Give criteria 0 to k-1 positive weights that sum to 10,000.
    error WeightsInvalid(uint256 milestone, uint256 got, uint256 needed);
    /// @notice A mandatory bit names a criterion that has no weight.
    /// @custom:remedy Clear the bit or add the criterion.
    error MandatoryInvalid(uint256 milestone, uint256 got, uint256 allowed);
    /// @notice `passBps` is not in 1 to 10,000.
    /// @custom:remedy Choose a pass mark in that range.
    error PassBpsInvalid(uint256 milestone, uint256 got, uint256 most);
    /// @notice The rule word has its unused top bit set.
    /// @custom:remedy Clear bit 255.
    error RuleInvalid(uint256 milestone, uint256 got);
    /// @notice The deal was opened before.
    /// @custom:remedy Nothing to do; another deal needs another salt.
    error DealExists(bytes32 dealId);
    /// @notice No such deal is open: never opened, or the terms differ from the signed ones.
    /// @custom:remedy Use the terms of the `DealOpened` event, word for word.
    error DealUnknown(bytes32 dealId);
    /// @notice The deal has no such milestone.
    /// @custom:remedy Count milestones from 0.
    error MilestoneUnknown(uint256 got, uint256 count);
    /// @notice The milestone has ended; its money is paid.
    /// @custom:remedy Nothing to do; read `MilestoneEnded` for how it ended.
    error MilestoneAlreadyEnded(bytes32 dealId, uint256 milestone);
    /// @notice The milestone is in another state than this operation needs.
    /// @custom:remedy Read the milestone's state; see docs/operations for who may do what when.
    error StatusMismatch(Status got, Status needed);
    /// @notice The handed-in state is not the stored one.
    /// @custom:remedy Hand in the `state` of the milestone's last event; an empty list when there
    /// was none.
    error StateMismatch(bytes32 got, bytes32 needed);
    /// @notice The window for this has closed.
    /// @custom:remedy Too late; the timed ending (`reclaim` or `expire`) is open to anybody.
    error DeadlinePassed(uint256 nowAt, uint256 deadline);
    /// @notice The window for this has not opened.
    /// @custom:remedy Call again at `opensAt` or later.
    error TooEarly(uint256 nowAt, uint256 opensAt);
    /// @notice The seller pinned another deliverable on-chain; this one can only be rejected.
    /// @custom:remedy Judge the pinned deliverable.
    error DeliverableMismatch(bytes32 got, bytes32 needed);
    /// @notice The ballots decide nothing yet. `seats` is the mask of those that verified.
    /// @custom:remedy Collect more of the panel's ballots; a ballot that is not in the mask did not
    /// verify.
    error NoVerdict(uint16 seats);
    /// @notice The signature is not the party's, for exactly this.
    /// @custom:remedy Sign the digest with the party's key or wallet, in this contract's domain on
    /// this chain.
    error SignatureInvalid(address signer, bytes32 digest);
    /// @notice The consent's last moment has passed.
    /// @custom:remedy Sign again with a later `validUntil`.
    error ConsentExpired(uint256 nowAt, uint256 validUntil);
    /// @notice The split gives the seller more than there is.
    /// @custom:remedy At most the milestone's amount plus its bond share.
    error SplitTooLarge(uint256 got, uint256 most);
    /// @notice The token moved another amount than was signed.
    /// @custom:remedy The token takes fees or lies; it cannot be used here.
    error TransferMismatch(uint256 got, uint256 needed);
    /// @notice The owner has no credit in this token.
    /// @custom:remedy Nothing to withdraw.
    error CreditEmpty(address token, address owner);
    /// @notice The token still refuses the owner.
    /// @custom:remedy Try again when the token lets the owner receive; the credit stays.
    error TransferRefused(address token, address to, uint256 amount);
    /// @notice Too little gas to make a capped call honestly.
    /// @custom:remedy Send the transaction with more gas.
    error GasTooLow(uint256 got, uint256 needed);
    /// @notice A call came back into the escrow before it was done.
    /// @custom:remedy Do not call from inside a token or wallet callback.
    error Reentered();

    /// @notice Opens a deal: pulls the buyer's total and the seller's bond. Anybody may submit.
    /// @param buyerAuthorization The buyer's ERC-3009 `receiveWithAuthorization` signature: value
    /// `total`, validAfter 0, validBefore `openBy`, nonce the deal id. It is the buyer's signature
    /// on the terms.
    /// @param sellerAuthorization The same for the bond; without a bond, the seller's signature of
    /// the deal id @custom:reverts NotSupported when the terms need fees, appeals, a sequence or
    /// pro-rata payment
    /// @custom:reverts PartiesInvalid when buyer or seller is zero or they are equal
    /// @custom:reverts TokenNotAllowed when the token is another one
    /// @custom:reverts DeadlinePassed when `openBy` is over
    /// @custom:reverts WindowTooShort when `judgeWithin` is less than an hour
    /// @custom:reverts BpsTooHigh when a share is above 10,000
    /// @custom:reverts MilestoneCount when there are none or more than 16
    /// @custom:reverts AmountZero when a milestone has no money
    /// @custom:reverts DeliverByTooEarly when a deadline is less than an hour after `openBy`
    /// @custom:reverts EndsTooLate when a milestone could outlast two years
    /// @custom:reverts WeightsInvalid when weights have a gap or do not sum to 10,000
    /// @custom:reverts MandatoryInvalid when a mandatory criterion does not exist
    /// @custom:reverts PassBpsInvalid when the pass mark is out of range
    /// @custom:reverts RuleInvalid when the rule's top bit is set
    /// @custom:reverts TotalMismatch when `total` is not the sum
    /// @custom:reverts DealExists when the deal was opened before
    /// @custom:reverts SignatureInvalid when there is no bond and the seller did not sign
    /// @custom:reverts TransferMismatch when the money did not arrive whole
    /// @custom:reverts Reentered when called from inside
    function open(
        Terms calldata terms,
        bytes calldata buyerAuthorization,
        bytes calldata sellerAuthorization
    ) external returns (bytes32 dealId);

    /// @notice Applies the jury's verdict and pays. Anybody may submit; the ballots decide.
    /// @param state Empty while nothing happened on-chain, else the one state of the milestone's
    /// last event @param deliverable The digest that the ballots are about
    /// @param ballots Packed as `IJury.judge` says
    /// @custom:reverts DealUnknown when no such deal is open
    /// @custom:reverts MilestoneUnknown when the index is out of range
    /// @custom:reverts MilestoneAlreadyEnded when it ended
    /// @custom:reverts StateMismatch when the handed-in state is not the stored one
    /// @custom:reverts DeadlinePassed when the panel's time is over
    /// @custom:reverts NoVerdict when the ballots decide nothing
    /// @custom:reverts DeliverableMismatch when another deliverable is pinned and the verdict is
    /// not Rejected @custom:reverts GasTooLow when the payment could not be tried honestly
    /// @custom:reverts Reentered when called from inside
    function settle(
        Terms calldata terms,
        uint8 milestone,
        SlowState[] calldata state,
        bytes32 deliverable,
        bytes calldata ballots
    ) external;

    /// @notice Pins a deliverable on-chain, so that silence is the jury's and not the seller's. By
    /// the seller, or by anybody with its signed `Delivery`.
    /// @custom:reverts DealUnknown when no such deal is open
    /// @custom:reverts MilestoneUnknown when the index is out of range
    /// @custom:reverts MilestoneAlreadyEnded when it ended
    /// @custom:reverts StatusMismatch when something was delivered already
    /// @custom:reverts DeadlinePassed when `deliverBy` is over
    /// @custom:reverts SignatureInvalid when the seller did not sign it
    /// @custom:reverts Reentered when called from inside
    function deliver(
        Terms calldata terms,
        uint8 milestone,
        bytes32 deliverable,
        string calldata uri,
        bytes calldata signature
    ) external;

    /// @notice The buyer releases the milestone's money to the seller.
    /// @custom:reverts DealUnknown when no such deal is open
    /// @custom:reverts MilestoneUnknown when the index is out of range
    /// @custom:reverts MilestoneAlreadyEnded when it ended
    /// @custom:reverts StateMismatch when the handed-in state is not the stored one
    /// @custom:reverts ConsentExpired when `validUntil` has passed
    /// @custom:reverts SignatureInvalid when the buyer neither calls nor signed
    /// @custom:reverts GasTooLow when the payment could not be tried honestly
    /// @custom:reverts Reentered when called from inside
    function accept(
        Terms calldata terms,
        uint8 milestone,
        SlowState[] calldata state,
        Consent calldata buyer
    ) external;

    /// @notice The seller gives the milestone's money, and its bond share, to the buyer.
    /// @custom:reverts DealUnknown when no such deal is open
    /// @custom:reverts MilestoneUnknown when the index is out of range
    /// @custom:reverts MilestoneAlreadyEnded when it ended
    /// @custom:reverts StateMismatch when the handed-in state is not the stored one
    /// @custom:reverts ConsentExpired when `validUntil` has passed
    /// @custom:reverts SignatureInvalid when the seller neither calls nor signed
    /// @custom:reverts GasTooLow when the payment could not be tried honestly
    /// @custom:reverts Reentered when called from inside
    function concede(
        Terms calldata terms,
        uint8 milestone,
        SlowState[] calldata state,
        Consent calldata seller
    ) external;

    /// @notice Both parties split the milestone's money and bond share as they signed.
    /// @custom:reverts DealUnknown when no such deal is open
    /// @custom:reverts MilestoneUnknown when the index is out of range
    /// @custom:reverts MilestoneAlreadyEnded when it ended
    /// @custom:reverts StateMismatch when the handed-in state is not the stored one
    /// @custom:reverts ConsentExpired when a `validUntil` has passed
    /// @custom:reverts SignatureInvalid when a party neither calls nor signed
    /// @custom:reverts SplitTooLarge when the seller's part exceeds what is there
    /// @custom:reverts GasTooLow when a payment could not be tried honestly
    /// @custom:reverts Reentered when called from inside
    function agree(
        Terms calldata terms,
        uint8 milestone,
        SlowState[] calldata state,
        uint128 sellerAmount,
        bool asCredit,
        Consent calldata buyer,
        Consent calldata seller
    ) external;

    /// @notice Gives the buyer everything back when nothing was delivered and judged in time.
    /// Anybody may call. @custom:reverts DealUnknown when no such deal is open
    /// @custom:reverts MilestoneUnknown when the index is out of range
    /// @custom:reverts MilestoneAlreadyEnded when it ended
    /// @custom:reverts StatusMismatch when something was delivered on-chain
    /// @custom:reverts TooEarly when the panel still has time
    /// @custom:reverts GasTooLow when the payment could not be tried honestly
    /// @custom:reverts Reentered when called from inside
    function reclaim(Terms calldata terms, uint8 milestone) external;

    /// @notice Pays what the terms say about silence when a delivery was not judged in time.
    /// Anybody may call. @custom:reverts DealUnknown when no such deal is open
    /// @custom:reverts MilestoneUnknown when the index is out of range
    /// @custom:reverts MilestoneAlreadyEnded when it ended
    /// @custom:reverts StatusMismatch when nothing was delivered on-chain
    /// @custom:reverts StateMismatch when the handed-in state is not the stored one
    /// @custom:reverts TooEarly when the panel still has time
    /// @custom:reverts GasTooLow when a payment could not be tried honestly
    /// @custom:reverts Reentered when called from inside
    function expire(Terms calldata terms, uint8 milestone, SlowState[] calldata state) external;

    /// @notice Pays `owner` its whole credit. Anybody may call; nobody else can receive it.
    /// @custom:reverts CreditEmpty when there is none
    /// @custom:reverts TransferRefused when the token refuses the owner
    /// @custom:reverts Reentered when called from inside
    function withdraw(address token, address owner) external;

    /// @notice A deal's word, unpacked. All zero when it was never opened.
    /// @param ended Bit i: milestone i has ended
    /// @param slow Bit i: milestone i has a slow-path state
    function deal(bytes32 dealId)
        external
        view
        returns (
            bool opened,
            bool revoked,
            uint16 ended,
            uint16 slow,
            uint96 remainingAmount,
            uint96 remainingBond
        );

    /// @notice The digest of a milestone's slow-path state; zero when it has none.
    function stateDigest(bytes32 dealId, uint8 milestone) external view returns (bytes32);

    /// @notice What `owner` may withdraw.
    function credits(address token, address owner) external view returns (uint256);

    /// @notice The deal id of these terms: their EIP-712 digest here and now.
    function dealIdOf(Terms calldata terms) external view returns (bytes32);

    /// @notice What a seller signs for a delivery.
    function deliveryDigest(Delivery calldata delivery) external view returns (bytes32);

    /// @notice What a buyer signs to accept.
    function acceptDigest(Accept calldata act) external view returns (bytes32);

    /// @notice What a seller signs to concede.
    function concedeDigest(Concede calldata act) external view returns (bytes32);

    /// @notice What both parties sign to agree; each its own `validUntil`.
    function agreeDigest(Agree calldata act) external view returns (bytes32);

    /// @notice The jury contract whose tallies this escrow applies.
    function jury() external view returns (address);

    /// @notice The registry that this escrow records facts in.
    function registry() external view returns (address);

    /// @notice The only token this escrow takes.
    function token() external view returns (address);
}
