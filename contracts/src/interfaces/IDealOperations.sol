// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealEscrow} from "./IDealEscrow.sol";

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
/// @custom:reverts TokenNotAllowed when it is constructed with another token than its jury's
interface IDealOperations is IDealEscrow {
    /// @notice Opens a deal: pulls the buyer's total and the seller's bond. Anybody may submit.
    /// @param buyerAuthorization The buyer's funding. First byte 0: then its ERC-3009
    /// `receiveWithAuthorization` signature (value `total`, validAfter 0, validBefore `openBy`,
    /// nonce the deal id), which is its signature on the terms. 1: then its signature of the deal
    /// id, and an allowance stands. 2: then an ERC-2612 permit (deadline 32, v 1, r 32, s 32) and
    /// its signature of the deal id
    /// @param sellerAuthorization The same for the bond; without a bond, only the seller's
    /// signature of the deal id
    /// @custom:reverts FieldTooWide when a word does not fit its type
    /// @custom:reverts JuryUnknown when the jury was never created
    /// @custom:reverts PanelMissing when verdicts can be appealed and the jury has no appeal panel
    /// @custom:reverts PartyIsJuror when a party holds a seat
    /// @custom:reverts PartiesInvalid when buyer or seller is zero or they are equal
    /// @custom:reverts TokenNotAllowed when the token is another one
    /// @custom:reverts DeadlinePassed when `openBy` is over
    /// @custom:reverts WindowTooShort when a window is less than an hour
    /// @custom:reverts BpsTooHigh when a share is above 10,000, or the marketplace's above 1,000
    /// @custom:reverts FeeReceiverInvalid when there is a receiver without a fee or a fee without
    /// one
    /// @custom:reverts AppealBondInvalid when it is below a round's fees, or there is no appeal
    /// @custom:reverts FeesTooHigh when a round's fees exceed a milestone's amount
    /// @custom:reverts MilestoneCount when there are none or more than 16
    /// @custom:reverts AmountZero when a milestone has no money
    /// @custom:reverts DeliverByTooEarly when a deadline is less than an hour after `openBy`, or in
    /// a sequence less than an hour after the worst case of the one before
    /// @custom:reverts EndsTooLate when a milestone could outlast two years
    /// @custom:reverts WeightsInvalid when weights have a gap or do not sum to 10,000
    /// @custom:reverts MandatoryInvalid when a mandatory criterion does not exist
    /// @custom:reverts PassBpsInvalid when the pass mark is out of range
    /// @custom:reverts RuleInvalid when the rule's top bit is set
    /// @custom:reverts TotalMismatch when `total` is not the sum
    /// @custom:reverts DealExists when the deal was opened before
    /// @custom:reverts DealIsRevoked when a party revoked it
    /// @custom:reverts SignatureInvalid when a party did not sign
    /// @custom:reverts AuthorizationMalformed when an authorization is too short
    /// @custom:reverts RouteUnknown when an authorization's first byte is unknown
    /// @custom:reverts TransferMismatch when the money did not arrive whole
    /// @custom:reverts GasTooLow when the opening fee could not be tried honestly
    /// @custom:reverts Reentered when called from inside
    function open(
        Terms calldata terms,
        bytes calldata buyerAuthorization,
        bytes calldata sellerAuthorization
    ) external returns (bytes32 dealId);

    /// @notice Makes signed terms worthless before they open, for ever. By `party`, or by anybody
    /// with its signed `Revoke`.
    /// @custom:reverts DealExists when the deal is open or was
    /// @custom:reverts DealIsRevoked when it is revoked already
    /// @custom:reverts NotAParty when `party` is neither buyer nor seller
    /// @custom:reverts ConsentExpired when `validUntil` has passed
    /// @custom:reverts SignatureInvalid when the party neither calls nor signed
    /// @custom:reverts FeeUncovered when nothing covers the fee that was signed
    /// @custom:reverts AuthorizationMalformed when the fee's authorization is too short
    /// @custom:reverts RouteUnknown when the fee's authorization has an unknown first byte
    /// @custom:reverts TransferMismatch when the fee did not arrive whole
    /// @custom:reverts GasTooLow when a payment could not be tried honestly
    /// @custom:reverts Reentered when called from inside
    function revoke(Terms calldata terms, address party, Consent calldata consent) external;

    /// @notice Applies the jury's verdict and, where no appeal is possible, pays. Anybody may
    /// submit; the ballots decide.
    /// @param state Empty while nothing happened on-chain, else the one state of the milestone's
    /// last event
    /// @param deliverable The digest that the ballots are about
    /// @param ballots Packed as `IJury.judge` says
    /// @custom:reverts DealUnknown when no such deal is open
    /// @custom:reverts MilestoneUnknown when the index is out of range
    /// @custom:reverts MilestoneAlreadyEnded when it ended
    /// @custom:reverts OutOfOrder when an earlier milestone of a sequence has not ended
    /// @custom:reverts StateMismatch when the handed-in state is not the stored one
    /// @custom:reverts StatusMismatch when a verdict stands and can only be appealed
    /// @custom:reverts DeadlinePassed when the panel's time is over
    /// @custom:reverts BallotsMalformed when the packed ballots have a wrong length
    /// @custom:reverts SeatUnknown when the ballots' mask names a seat that the panel lacks
    /// @custom:reverts NoVerdict when the ballots decide nothing
    /// @custom:reverts DeliverableMismatch when another deliverable is pinned, unless it rejects in
    /// round 1 while only a delivery is on-chain
    /// @custom:reverts GasTooLow when a payment could not be tried honestly
    /// @custom:reverts Reentered when called from inside
    function settle(
        Terms calldata terms,
        uint8 milestone,
        SlowState[] calldata state,
        bytes32 deliverable,
        bytes calldata ballots
    ) external;

    /// @notice Applies many verdicts of one panel. An item that `settle` would refuse, or whose
    /// jury is another than the first item's, is skipped and reported; payments are netted per
    /// payee.
    /// @param round 1 or 2, of every item
    /// @param templates Terms that items share
    /// @param items Per item: template 1, milestone 1, number of patches 1, whether a state follows
    /// 1, deliverable 32; then per patch one byte of index and 32 of value; then the state's nine
    /// ABI words. Index 0 to 22 is a word of the terms in order, 32 + 4k + f is word f of milestone
    /// k
    /// @param ballots Packed as `IJury.judgeBatch` says, over exactly these cases in this order
    /// @custom:reverts BatchMalformed when the items are empty or end too early
    /// @custom:reverts JuryMismatch never; it is what `BatchItemSkipped` says of another jury's item
    /// @custom:reverts BallotsMalformed when the packed ballots have a wrong length
    /// @custom:reverts SeatUnknown when the ballots' mask names a seat that the panel lacks
    /// @custom:reverts TemplateUnknown when an item names a template that is not there
    /// @custom:reverts GasTooLow when a payment could not be tried honestly
    /// @custom:reverts Reentered when called from inside
    function settleBatch(
        uint8 round,
        Terms[] calldata templates,
        bytes calldata items,
        bytes calldata ballots
    ) external;

    /// @notice Pins a deliverable on-chain, so that silence is the jury's and not the seller's. By
    /// the seller, or by anybody with its signed `Delivery`.
    /// @param requested Empty, or one party's request with a fee for the caller; a longer list asks
    /// for nothing
    /// @custom:reverts DealUnknown when no such deal is open
    /// @custom:reverts MilestoneUnknown when the index is out of range
    /// @custom:reverts MilestoneAlreadyEnded when it ended
    /// @custom:reverts OutOfOrder when an earlier milestone of a sequence has not ended
    /// @custom:reverts NotPending when something happened on-chain already
    /// @custom:reverts DeadlinePassed when `deliverBy` is over
    /// @custom:reverts SignatureInvalid when the seller did not sign it
    /// @custom:reverts RequestCount when there is more than one request
    /// @custom:reverts NotAParty when a request is somebody else's
    /// @custom:reverts ConsentExpired when a request's `validUntil` has passed
    /// @custom:reverts FeeUncovered when nothing covers the fee that was signed
    /// @custom:reverts AuthorizationMalformed when the fee's authorization is too short
    /// @custom:reverts RouteUnknown when the fee's authorization has an unknown first byte
    /// @custom:reverts TransferMismatch when the fee did not arrive whole
    /// @custom:reverts GasTooLow when a payment could not be tried honestly
    /// @custom:reverts Reentered when called from inside
    function deliver(
        Terms calldata terms,
        uint8 milestone,
        bytes32 deliverable,
        string calldata uri,
        bytes calldata signature,
        Requested[] calldata requested
    ) external;

    /// @notice The buyer releases the milestone's money to the seller, and any appeal's bond.
    /// @custom:reverts DealUnknown when no such deal is open
    /// @custom:reverts MilestoneUnknown when the index is out of range
    /// @custom:reverts MilestoneAlreadyEnded when it ended
    /// @custom:reverts OutOfOrder when an earlier milestone of a sequence has not ended
    /// @custom:reverts StateMismatch when the handed-in state is not the stored one
    /// @custom:reverts ConsentExpired when `validUntil` has passed
    /// @custom:reverts SignatureInvalid when the buyer neither calls nor signed
    /// @custom:reverts FeeUncovered when nothing covers the fee that was signed
    /// @custom:reverts AuthorizationMalformed when the fee's authorization is too short
    /// @custom:reverts RouteUnknown when the fee's authorization has an unknown first byte
    /// @custom:reverts TransferMismatch when the fee did not arrive whole
    /// @custom:reverts GasTooLow when a payment could not be tried honestly
    /// @custom:reverts Reentered when called from inside
    function accept(
        Terms calldata terms,
        uint8 milestone,
        SlowState[] calldata state,
        Consent calldata buyer
    ) external;

    /// @notice The seller gives the milestone's money, its bond share and any appeal's bond to the
    /// buyer.
    /// @custom:reverts DealUnknown when no such deal is open
    /// @custom:reverts MilestoneUnknown when the index is out of range
    /// @custom:reverts MilestoneAlreadyEnded when it ended
    /// @custom:reverts OutOfOrder when an earlier milestone of a sequence has not ended
    /// @custom:reverts StateMismatch when the handed-in state is not the stored one
    /// @custom:reverts ConsentExpired when `validUntil` has passed
    /// @custom:reverts SignatureInvalid when the seller neither calls nor signed
    /// @custom:reverts FeeUncovered when nothing covers the fee that was signed
    /// @custom:reverts AuthorizationMalformed when the fee's authorization is too short
    /// @custom:reverts RouteUnknown when the fee's authorization has an unknown first byte
    /// @custom:reverts TransferMismatch when the fee did not arrive whole
    /// @custom:reverts GasTooLow when a payment could not be tried honestly
    /// @custom:reverts Reentered when called from inside
    function concede(
        Terms calldata terms,
        uint8 milestone,
        SlowState[] calldata state,
        Consent calldata seller
    ) external;

    /// @notice Both parties split what fees leave of the milestone's money and bond share, as they
    /// signed. An appeal's bond goes back.
    /// @custom:reverts DealUnknown when no such deal is open
    /// @custom:reverts MilestoneUnknown when the index is out of range
    /// @custom:reverts MilestoneAlreadyEnded when it ended
    /// @custom:reverts OutOfOrder when an earlier milestone of a sequence has not ended
    /// @custom:reverts StateMismatch when the handed-in state is not the stored one
    /// @custom:reverts ConsentExpired when `validUntil` has passed
    /// @custom:reverts SignatureInvalid when a party neither calls nor signed
    /// @custom:reverts SplitTooLarge when the seller's part exceeds what is there
    /// @custom:reverts FeeUncovered when nothing covers the fee that was signed
    /// @custom:reverts AuthorizationMalformed when the fee's authorization is too short
    /// @custom:reverts RouteUnknown when the fee's authorization has an unknown first byte
    /// @custom:reverts TransferMismatch when the fee did not arrive whole
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

    /// @notice The loser of the standing verdict asks for round 2 and posts the appeal's bond.
    /// @param fee What the caller gets, pulled together with the bond
    /// @param authorization The loser's funding of bond and fee, as `open` takes it: validBefore
    /// `validUntil`, its digest that of the `Appeal`
    /// @custom:reverts DealUnknown when no such deal is open
    /// @custom:reverts MilestoneUnknown when the index is out of range
    /// @custom:reverts MilestoneAlreadyEnded when it ended
    /// @custom:reverts OutOfOrder when an earlier milestone of a sequence has not ended
    /// @custom:reverts StateMismatch when the handed-in state is not the stored one
    /// @custom:reverts StatusMismatch when no verdict waits for its appeal
    /// @custom:reverts DeadlinePassed when the window is over
    /// @custom:reverts ConsentExpired when `validUntil` has passed
    /// @custom:reverts SignatureInvalid when the loser neither calls nor signed
    /// @custom:reverts AuthorizationMalformed when the authorization is too short
    /// @custom:reverts RouteUnknown when the authorization's first byte is unknown
    /// @custom:reverts TransferMismatch when the money did not arrive whole
    /// @custom:reverts GasTooLow when a payment could not be tried honestly
    /// @custom:reverts Reentered when called from inside
    function appeal(
        Terms calldata terms,
        uint8 milestone,
        SlowState[] calldata state,
        uint96 fee,
        uint40 validUntil,
        bytes calldata authorization
    ) external;

    /// @notice Gives the buyer everything back when nothing was delivered and judged in time.
    /// Anybody may call.
    /// @param requested Empty, or one party's request with a fee for the caller; a longer list asks
    /// for nothing
    /// @custom:reverts DealUnknown when no such deal is open
    /// @custom:reverts MilestoneUnknown when the index is out of range
    /// @custom:reverts MilestoneAlreadyEnded when it ended
    /// @custom:reverts OutOfOrder when an earlier milestone of a sequence has not ended
    /// @custom:reverts NotPending when something happened on-chain
    /// @custom:reverts TooEarly when the panel still has time
    /// @custom:reverts RequestCount when there is more than one request
    /// @custom:reverts NotAParty when a request is somebody else's
    /// @custom:reverts ConsentExpired when a request's `validUntil` has passed
    /// @custom:reverts SignatureInvalid when a request's party neither calls nor signed
    /// @custom:reverts FeeUncovered when nothing covers the fee that was signed
    /// @custom:reverts AuthorizationMalformed when the fee's authorization is too short
    /// @custom:reverts RouteUnknown when the fee's authorization has an unknown first byte
    /// @custom:reverts TransferMismatch when the fee did not arrive whole
    /// @custom:reverts GasTooLow when a payment could not be tried honestly
    /// @custom:reverts Reentered when called from inside
    function reclaim(Terms calldata terms, uint8 milestone, Requested[] calldata requested) external;

    /// @notice Asks the appeal panel when the panel was silent about a delivery. Anybody may call.
    /// @param requested Empty, or one party's request with a fee for the caller; a longer list asks
    /// for nothing
    /// @custom:reverts DealUnknown when no such deal is open
    /// @custom:reverts MilestoneUnknown when the index is out of range
    /// @custom:reverts MilestoneAlreadyEnded when it ended
    /// @custom:reverts OutOfOrder when an earlier milestone of a sequence has not ended
    /// @custom:reverts StateMismatch when the handed-in state is not the stored one
    /// @custom:reverts StatusMismatch when nothing is delivered, or a panel has spoken
    /// @custom:reverts PanelMissing when the jury has no appeal panel
    /// @custom:reverts TooEarly when the panel still has time
    /// @custom:reverts RequestCount when there is more than one request
    /// @custom:reverts NotAParty when a request is somebody else's
    /// @custom:reverts ConsentExpired when a request's `validUntil` has passed
    /// @custom:reverts SignatureInvalid when a request's party neither calls nor signed
    /// @custom:reverts FeeUncovered when nothing covers the fee that was signed
    /// @custom:reverts AuthorizationMalformed when the fee's authorization is too short
    /// @custom:reverts RouteUnknown when the fee's authorization has an unknown first byte
    /// @custom:reverts TransferMismatch when the fee did not arrive whole
    /// @custom:reverts GasTooLow when a payment could not be tried honestly
    /// @custom:reverts Reentered when called from inside
    function escalate(
        Terms calldata terms,
        uint8 milestone,
        SlowState[] calldata state,
        Requested[] calldata requested
    ) external;

    /// @notice Ends a milestone whose last panel was silent: by the standing verdict, or by what
    /// the terms say about silence. Anybody may call.
    /// @param requested Empty, or one party's request with a fee for the caller; a longer list asks
    /// for nothing
    /// @custom:reverts DealUnknown when no such deal is open
    /// @custom:reverts MilestoneUnknown when the index is out of range
    /// @custom:reverts MilestoneAlreadyEnded when it ended
    /// @custom:reverts OutOfOrder when an earlier milestone of a sequence has not ended
    /// @custom:reverts StateMismatch when the handed-in state is not the stored one
    /// @custom:reverts StatusMismatch when no panel is asked, or an appeal panel is still to ask
    /// @custom:reverts TooEarly when the panel still has time
    /// @custom:reverts RequestCount when there is more than one request
    /// @custom:reverts NotAParty when a request is somebody else's
    /// @custom:reverts ConsentExpired when a request's `validUntil` has passed
    /// @custom:reverts SignatureInvalid when a request's party neither calls nor signed
    /// @custom:reverts FeeUncovered when nothing covers the fee that was signed
    /// @custom:reverts AuthorizationMalformed when the fee's authorization is too short
    /// @custom:reverts RouteUnknown when the fee's authorization has an unknown first byte
    /// @custom:reverts TransferMismatch when the fee did not arrive whole
    /// @custom:reverts GasTooLow when a payment could not be tried honestly
    /// @custom:reverts Reentered when called from inside
    function expire(
        Terms calldata terms,
        uint8 milestone,
        SlowState[] calldata state,
        Requested[] calldata requested
    ) external;

    /// @notice Applies a standing verdict once its appeal window is over. Anybody may call.
    /// @param requested Empty, or one party's request with a fee for the caller; a longer list asks
    /// for nothing
    /// @custom:reverts DealUnknown when no such deal is open
    /// @custom:reverts MilestoneUnknown when the index is out of range
    /// @custom:reverts MilestoneAlreadyEnded when it ended
    /// @custom:reverts OutOfOrder when an earlier milestone of a sequence has not ended
    /// @custom:reverts StateMismatch when the handed-in state is not the stored one
    /// @custom:reverts StatusMismatch when no verdict waits for its appeal
    /// @custom:reverts TooEarly when the window is still open
    /// @custom:reverts RequestCount when there is more than one request
    /// @custom:reverts NotAParty when a request is somebody else's
    /// @custom:reverts ConsentExpired when a request's `validUntil` has passed
    /// @custom:reverts SignatureInvalid when a request's party neither calls nor signed
    /// @custom:reverts FeeUncovered when nothing covers the fee that was signed
    /// @custom:reverts AuthorizationMalformed when the fee's authorization is too short
    /// @custom:reverts RouteUnknown when the fee's authorization has an unknown first byte
    /// @custom:reverts TransferMismatch when the fee did not arrive whole
    /// @custom:reverts GasTooLow when a payment could not be tried honestly
    /// @custom:reverts Reentered when called from inside
    function finalize(
        Terms calldata terms,
        uint8 milestone,
        SlowState[] calldata state,
        Requested[] calldata requested
    ) external;

    /// @notice Pays `owner` its whole credit. Anybody may call; nobody else can receive it.
    /// @custom:reverts CreditEmpty when there is none
    /// @custom:reverts TransferRefused when the token refuses the owner
    /// @custom:reverts Reentered when called from inside
    function withdraw(address token, address owner) external;

    /// @notice Performs several of these calls in order, or none: an `agree` and the `open` that
    /// its money funds. Reverts with the error of the first that fails.
    function multicall(bytes[] calldata calls) external returns (bytes[] memory results);

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

    /// @notice The jury contract whose tallies this escrow applies.
    function jury() external view returns (address);

    /// @notice The registry that this escrow records facts in.
    function registry() external view returns (address);

    /// @notice The only token this escrow takes.
    function token() external view returns (address);
}
