// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title What deals are made of, what happens to them, and why a call is refused
/// @notice The operations are in `IDealOperations`. Amounts are base units of the token (USDC: six
/// decimals), times are Unix seconds, shares are basis points.
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
    /// digest.
    /// @param buyerAgent The buyer's claimed ERC-8004 id plus one; 0 for none
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
    /// - Pending: `deliver` leaves to Delivered; `settle` to Ended, Judged or Round2; `accept`,
    ///   `concede`, `agree` and, by time, `reclaim` to Ended.
    /// - Delivered: `settle` leaves to Ended, Judged or Round2; `accept`, `concede`, `agree` to
    ///   Ended; by time `escalate` to Round2, or `expire` to Ended where there is no appeal panel.
    /// - Judged: `appeal` leaves to Round2; `accept`, `concede`, `agree` and, by time, `finalize`
    ///   to Ended.
    /// - Round2: `settle`, `accept`, `concede`, `agree` and, by time, `expire` leave to Ended.
    /// - Ended: nothing leaves it. In a sequence, an earlier failure ends what is Pending.
    enum Status {
        Pending,
        Delivered,
        Judged,
        Round2,
        Ended
    }

    /// @notice What the slow path keeps of a milestone, as a digest; callers hand the preimage
    /// back.
    /// @param until When the state's window closes
    /// @param standing The verdict of round 1, if one stands: an `IJury.Outcome`
    /// @param metBps Weight that round 1 called met, where a verdict stands
    /// @param voted Seats of round 1 that earned a fee: they answered something
    /// @param seatFee What each of them is owed, paid when the milestone ends
    /// @param relayFee What `submitter` is owed then
    /// @param submitter Who handed in round 1's ballots, where the terms have fees
    struct SlowState {
        Status status;
        bytes32 deliverable;
        uint40 until;
        uint8 standing;
        uint16 metBps;
        uint16 voted;
        uint96 seatFee;
        uint96 relayFee;
        address submitter;
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

    /// @notice A party's word that the terms it signed shall never open.
    struct Revoke {
        bytes32 dealId;
        uint96 fee;
        uint40 validUntil;
    }

    /// @notice The buyer's own release. `round` and `standing` name the state it was signed for;
    /// `fee` is what whoever submits it gets, from the buyer.
    struct Accept {
        bytes32 dealId;
        uint8 milestone;
        uint8 round;
        uint8 standing;
        uint96 fee;
        uint40 validUntil;
    }

    /// @notice The seller's own refund. `round` and `standing` name the state it was signed for;
    /// `fee` is what whoever submits it gets, from the seller.
    struct Concede {
        bytes32 dealId;
        uint8 milestone;
        uint8 round;
        uint8 standing;
        uint96 fee;
        uint40 validUntil;
    }

    /// @notice Both parties' own split of what the fees leave of the milestone's money and bond
    /// share.
    /// @param sellerAmount What the seller gets; the buyer gets the rest
    /// @param asCredit Whether both are credited instead of paid
    /// @param fee What whoever submits it gets from the party that signs
    struct Agree {
        bytes32 dealId;
        uint8 milestone;
        uint8 round;
        uint8 standing;
        uint128 sellerAmount;
        bool asCredit;
        uint96 fee;
        uint40 validUntil;
    }

    /// @notice The loser's request for round 2. Its digest is the nonce of the ERC-3009
    /// authorization that pulls the appeal's bond and the fee together.
    struct Appeal {
        bytes32 dealId;
        uint8 milestone;
        uint8 standing;
        uint96 fee;
        uint40 validUntil;
    }

    /// @notice A party's request that anybody perform, for a fee, what needs nobody's consent.
    /// @param action Selector of `deliver`, `reclaim`, `escalate`, `expire` or `finalize`
    struct Request {
        bytes4 action;
        bytes32 dealId;
        uint8 milestone;
        uint8 round;
        uint8 standing;
        uint96 fee;
        uint40 validUntil;
    }

    /// @notice A party's consent to an act. A party that calls itself needs only the first two
    /// words, both zero.
    /// @param fee What the caller gets, from what the act pays the party, else from its credit if
    /// the token would pay the party that, else by `authorization`
    /// @param signature The party's signature of the act
    /// @param authorization Funding of `fee`, as `open` takes it, its digest the act's; or empty
    struct Consent {
        uint96 fee;
        uint40 validUntil;
        bytes signature;
        bytes authorization;
    }

    /// @notice A signed `Request`.
    struct Requested {
        address party;
        Consent consent;
    }

    /// @notice The money is in; `terms` is all that a party needs to close the deal without
    /// anybody.
    event DealOpened(
        bytes32 indexed dealId, address indexed buyer, address indexed seller, Terms terms
    );
    /// @notice The seller put its deliverable's digest on-chain; `state` is the preimage that the
    /// next call needs.
    event MilestoneDelivered(
        bytes32 indexed dealId, uint8 indexed milestone, SlowState state, string uri
    );
    /// @notice A verdict stands, or the appeal panel is asked; `state` is the preimage that the
    /// next call needs.
    event MilestoneMoved(bytes32 indexed dealId, uint8 indexed milestone, SlowState state);
    /// @notice A party revoked the signed terms: the deal can never open.
    event DealRevoked(bytes32 indexed dealId, address indexed party);
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
    /// @notice A milestone ended. `toSeller` and `toBuyer` hold principal and bond; with the fees of
    /// `FeesPaid` that the milestone bore they sum to both.
    /// @param ending An `Ending`
    event MilestoneEnded(
        bytes32 indexed dealId,
        uint8 indexed milestone,
        uint8 ending,
        uint128 toSeller,
        uint128 toBuyer
    );
    /// @notice The milestone's money bore fees.
    /// @param rounds To jurors and submitters, for counted rounds
    /// @param receiver To the terms' `feeReceiver`
    event FeesPaid(
        bytes32 indexed dealId, uint8 indexed milestone, uint256 rounds, uint256 receiver
    );
    /// @notice An appeal's bond left the escrow.
    /// @param fees What it bore for round 2; `amount` is the rest
    event AppealBondPaid(
        bytes32 indexed dealId, uint8 indexed milestone, address to, uint256 amount, uint256 fees
    );
    /// @notice `party` paid whoever submitted its signed act.
    event ActFeePaid(address indexed party, address indexed submitter, uint256 fee);
    /// @notice A batch left an item out.
    /// @param reason The error that `settle` would have reverted with
    event BatchItemSkipped(bytes32 indexed dealId, uint8 indexed milestone, bytes reason);
    /// @notice Money was credited instead of paid: because the terms say so, or the token refused
    /// `owner`.
    event Credited(address indexed token, address indexed owner, uint256 amount);
    /// @notice A credit was paid to its owner, or an owner's act spent that much of it on its fee.
    event Withdrawn(address indexed token, address indexed owner, uint256 amount);

    /// @notice The escrow was given an address without code.
    /// @custom:remedy Deploy jury, registry and token first; the error shows the three addresses.
    error CodeMissing(address jury, address registry, address token);
    /// @notice A word of the terms is wider than its type; `got` is what sticks out, of any word.
    /// @custom:remedy Encode the terms with the ABI's types.
    error FieldTooWide(uint256 got);
    /// @notice The fees of a round exceed a milestone's amount.
    /// @custom:remedy Lower `juryFee` and `relayFee`, or merge milestones.
    error FeesTooHigh(uint256 got, uint256 most);
    /// @notice A marketplace fee needs a receiver, and a receiver a fee.
    /// @custom:remedy Set both `feeReceiver` and `feeBps`, or neither.
    error FeeReceiverInvalid(address got, uint16 feeBps);
    /// @notice The appeal's bond does not cover the round it asks for, or nobody can appeal.
    /// @custom:remedy At least `juryFee` plus `relayFee`; zero when `appealWithin` is zero.
    error AppealBondInvalid(uint256 got, uint256 needed);
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
    /// @notice A party revoked these terms.
    /// @custom:remedy Agree on new terms with another salt.
    error DealIsRevoked(bytes32 dealId);
    /// @notice The address is neither buyer nor seller.
    /// @custom:remedy Name the party that signed.
    error NotAParty(address got);
    /// @notice An authorization is shorter than its first byte promises.
    /// @custom:remedy One byte of route (0 ERC-3009, 1 allowance, 2 permit), then what `open` says.
    error AuthorizationMalformed(uint256 got, uint256 needed);
    /// @notice An authorization begins with an unknown route.
    /// @custom:remedy 0 for ERC-3009, 1 for an allowance, 2 for a permit.
    error RouteUnknown(uint8 got, uint8 most);
    /// @notice Neither what the act pays its signer, nor its credit, nor an authorization covers
    /// the fee.
    /// @custom:remedy Sign a smaller fee, or an authorization whose nonce is the act's digest. A
    /// token that refuses the signer, or is paused, pays no fee of it: submit without one.
    error FeeUncovered(uint256 got, uint256 needed);
    /// @notice An act takes one request at most.
    /// @custom:remedy Hand in the request of the party that pays you.
    error RequestCount(uint256 got, uint256 most);
    /// @notice A sequence goes milestone by milestone.
    /// @custom:remedy End the lowest milestone first.
    error OutOfOrder(uint256 got, uint256 needed);
    /// @notice Something happened on-chain to this milestone.
    /// @custom:remedy Read the milestone's last event; what it needs now takes its `state`.
    error NotPending(bytes32 dealId, uint256 milestone);
    /// @notice The packed items of a batch end too early.
    /// @custom:remedy Pack each item as `settleBatch` says.
    error BatchMalformed(uint256 got, uint256 needed);
    /// @notice An item names a template that was not handed in.
    /// @custom:remedy Count templates from 0.
    error TemplateUnknown(uint256 item, uint256 got, uint256 count);
    /// @notice The item's jury is not that of the batch's first item.
    /// @custom:remedy Batch deals of one jury.
    error JuryMismatch(bytes32 got, bytes32 needed);
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
}
