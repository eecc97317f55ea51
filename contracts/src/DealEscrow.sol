// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealEscrow} from "./interfaces/IDealEscrow.sol";
import {IERC3009} from "./interfaces/IERC3009.sol";
import {IJury} from "./interfaces/IJury.sol";
import {Ending, IReputationRegistry} from "./interfaces/IReputationRegistry.sol";
import {ActLib} from "./libraries/ActLib.sol";
import {DealWord, DealWordLib} from "./libraries/DealWordLib.sol";
import {PanelLib} from "./libraries/PanelLib.sol";
import {SignatureLib} from "./libraries/SignatureLib.sol";
import {TermsLib} from "./libraries/TermsLib.sol";
import {TokenLib} from "./libraries/TokenLib.sol";
import {EIP712} from "solady/utils/EIP712.sol";

/// @title DealEscrow
/// @dev Every operation loads and checks, writes the state, emits, and calls out last. All money
/// leaves through `_pay` and `withdraw`. Invariant: the token balance is never less than open
/// amounts, open bonds and credits together.
contract DealEscrow is IDealEscrow, EIP712 {
    /// @dev What a push may burn. USDC needs about 50,000; the rest is room for its future
    /// versions.
    uint256 internal constant PUSH_GAS = 200_000;
    uint256 internal constant PUSH_GAS_FLOOR = PUSH_GAS + PUSH_GAS / 63 + 5000;

    /// @dev A live milestone, loaded and checked.
    struct Live {
        bytes32 dealId;
        DealWord word;
        uint256 milestone;
        uint256 amount;
        uint256 bond;
        bool slow;
    }

    /// @inheritdoc IDealEscrow
    address public immutable jury;
    /// @inheritdoc IDealEscrow
    address public immutable registry;
    /// @inheritdoc IDealEscrow
    address public immutable token;

    /// @inheritdoc IDealEscrow
    mapping(address token => mapping(address owner => uint256)) public credits;
    mapping(bytes32 dealId => DealWord) private _deals;
    mapping(bytes32 dealId => mapping(uint256 milestone => bytes32)) private _states;
    /// @dev A whole word: a narrower flag costs another transient load per write.
    uint256 private transient _entered;

    modifier nonReentrant() {
        if (_entered != 0) revert Reentered();
        _entered = 1;
        _;
        _entered = 0;
    }

    /// @dev Addresses without code cannot be a jury, a registry or a token: better no escrow than a
    /// dead one.
    constructor(address jury_, address registry_, address token_) {
        if (jury_.code.length == 0 || registry_.code.length == 0 || token_.code.length == 0) {
            revert CodeMissing(jury_, registry_, token_);
        }
        (jury, registry, token) = (jury_, registry_, token_);
    }

    // ---- opening

    /// @inheritdoc IDealEscrow
    function open(
        Terms calldata terms,
        bytes calldata buyerAuthorization,
        bytes calldata sellerAuthorization
    ) external nonReentrant returns (bytes32 dealId) {
        TermsLib.requireSupported(terms);
        uint256 sum = TermsLib.requireValid(terms, token);
        PanelLib.requireFor(jury, terms.jury, terms.buyer, terms.seller, false);
        dealId = dealIdOf(terms);
        if (DealWord.unwrap(_deals[dealId]) != 0) revert DealExists(dealId);
        uint256 bond = terms.bond;
        // With a bond, the seller's authorization is checked by the token: its nonce is the deal
        // id.
        if (bond == 0) _requireSignature(terms.seller, dealId, sellerAuthorization);

        _deals[dealId] = DealWordLib.opened(sum, bond);
        _emitOpened(terms, dealId);

        uint256 before = IERC3009(token).balanceOf(address(this));
        _pull(terms.buyer, terms.total, terms.openBy, dealId, buyerAuthorization);
        if (bond != 0) _pull(terms.seller, bond, terms.openBy, dealId, sellerAuthorization);
        uint256 got = IERC3009(token).balanceOf(address(this)) - before;
        uint256 needed = terms.total + bond;
        if (got != needed) revert TransferMismatch(got, needed);
    }

    // ---- judgement

    /// @inheritdoc IDealEscrow
    function settle(
        Terms calldata terms,
        uint8 milestone,
        SlowState[] calldata state,
        bytes32 deliverable,
        bytes calldata ballots
    ) external nonReentrant {
        Live memory live = _load(terms, milestone, state);
        uint256 judgeEnd = live.slow ? state[0].until : _judgeEnd(terms, milestone);
        if (block.timestamp >= judgeEnd) revert DeadlinePassed(block.timestamp, judgeEnd);
        IJury.Tally memory t = IJury(jury)
            .judge(
                terms.jury,
                1,
                live.dealId,
                milestone,
                deliverable,
                terms.milestones[milestone].rule,
                ballots
            );
        if (t.outcome == IJury.Outcome.NoVerdict) revert NoVerdict(t.seats);
        // A seller that signed several deliveries is not saved by the last: any of them may be
        // rejected.
        if (live.slow && deliverable != state[0].deliverable && t.outcome != IJury.Outcome.Rejected)
        {
            revert DeliverableMismatch(deliverable, state[0].deliverable);
        }

        emit MilestoneSettled(
            live.dealId,
            milestone,
            deliverable,
            1,
            uint8(t.outcome),
            t.seats,
            t.met,
            t.failed,
            msg.sender
        );
        if (t.outcome == IJury.Outcome.Accepted) _endAccepted(terms, live);
        else if (t.outcome == IJury.Outcome.Rejected) _endForBuyer(terms, live, Ending.Rejected);
        else _endSplit(terms, live, Ending.Undetermined, terms.splitSellerBps);
    }

    // ---- the parties' own acts

    /// @inheritdoc IDealEscrow
    function deliver(
        Terms calldata terms,
        uint8 milestone,
        bytes32 deliverable,
        string calldata uri,
        bytes calldata signature
    ) external nonReentrant {
        Live memory live = _loadAny(terms, milestone);
        if (live.slow) revert StatusMismatch(Status.Delivered, Status.Pending);
        uint256 deliverBy = terms.milestones[milestone].deliverBy;
        if (block.timestamp >= deliverBy) revert DeadlinePassed(block.timestamp, deliverBy);
        if (msg.sender != terms.seller) {
            _requireSignature(
                terms.seller,
                deliveryDigest(Delivery(live.dealId, milestone, deliverable, uri)),
                signature
            );
        }

        SlowState memory state;
        state.status = Status.Delivered;
        state.deliverable = deliverable;
        // Below 2^40: the deal's whole life ends within two years of its opening.
        state.until = uint40(block.timestamp + terms.judgeWithin);
        _deals[live.dealId] = live.word.slowed(milestone);
        _states[live.dealId][milestone] = keccak256(abi.encode(state));
        emit MilestoneDelivered(live.dealId, milestone, state, uri);
    }

    /// @inheritdoc IDealEscrow
    function accept(
        Terms calldata terms,
        uint8 milestone,
        SlowState[] calldata state,
        Consent calldata buyer
    ) external nonReentrant {
        Live memory live = _load(terms, milestone, state);
        if (msg.sender != terms.buyer) {
            (uint8 round, uint8 standing) = _stage(state);
            _requireConsent(
                terms.buyer,
                acceptDigest(Accept(live.dealId, milestone, round, standing, buyer.validUntil)),
                buyer
            );
        }
        _endAccepted(terms, live);
    }

    /// @inheritdoc IDealEscrow
    function concede(
        Terms calldata terms,
        uint8 milestone,
        SlowState[] calldata state,
        Consent calldata seller
    ) external nonReentrant {
        Live memory live = _load(terms, milestone, state);
        if (msg.sender != terms.seller) {
            (uint8 round, uint8 standing) = _stage(state);
            _requireConsent(
                terms.seller,
                concedeDigest(Concede(live.dealId, milestone, round, standing, seller.validUntil)),
                seller
            );
        }
        _endForBuyer(terms, live, Ending.Conceded);
    }

    /// @inheritdoc IDealEscrow
    function agree(
        Terms calldata terms,
        uint8 milestone,
        SlowState[] calldata state,
        uint128 sellerAmount,
        bool asCredit,
        Consent calldata buyer,
        Consent calldata seller
    ) external nonReentrant {
        Live memory live = _load(terms, milestone, state);
        if (sellerAmount > live.amount + live.bond) {
            revert SplitTooLarge(sellerAmount, live.amount + live.bond);
        }
        (uint8 round, uint8 standing) = _stage(state);
        Agree memory act = Agree(live.dealId, milestone, round, standing, sellerAmount, asCredit, 0);
        if (msg.sender != terms.buyer) {
            act.validUntil = buyer.validUntil;
            _requireConsent(terms.buyer, _hashTypedData(ActLib.hash(act)), buyer);
        }
        if (msg.sender != terms.seller) {
            act.validUntil = seller.validUntil;
            _requireConsent(terms.seller, _hashTypedData(ActLib.hash(act)), seller);
        }
        _end(terms, live, Ending.Agreed, sellerAmount, asCredit || terms.payAsCredit, asCredit);
    }

    // ---- timed endings

    /// @inheritdoc IDealEscrow
    function reclaim(Terms calldata terms, uint8 milestone) external nonReentrant {
        Live memory live = _loadAny(terms, milestone);
        if (live.slow) revert StatusMismatch(Status.Delivered, Status.Pending);
        uint256 judgeEnd = _judgeEnd(terms, milestone);
        if (block.timestamp < judgeEnd) revert TooEarly(block.timestamp, judgeEnd);
        _endForBuyer(terms, live, Ending.Reclaimed);
    }

    /// @inheritdoc IDealEscrow
    function expire(Terms calldata terms, uint8 milestone, SlowState[] calldata state)
        external
        nonReentrant
    {
        Live memory live = _load(terms, milestone, state);
        if (!live.slow) revert StatusMismatch(Status.Pending, Status.Delivered);
        if (block.timestamp < state[0].until) revert TooEarly(block.timestamp, state[0].until);
        _endSplit(terms, live, Ending.Silent, terms.silentSellerBps);
    }

    // ---- credits

    /// @inheritdoc IDealEscrow
    function withdraw(address token_, address owner) external nonReentrant {
        uint256 amount = credits[token_][owner];
        if (amount == 0) revert CreditEmpty(token_, owner);
        credits[token_][owner] = 0;
        emit Withdrawn(token_, owner, amount);
        if (!TokenLib.tryTransfer(token_, owner, amount, gasleft())) {
            revert TransferRefused(token_, owner, amount);
        }
    }

    // ---- views

    /// @inheritdoc IDealEscrow
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
        )
    {
        DealWord word = _deals[dealId];
        opened = DealWord.unwrap(word) != 0 && !word.isRevoked();
        revoked = word.isRevoked();
        ended = word.endedMask();
        slow = word.slowMask();
        remainingAmount = word.remainingAmount();
        remainingBond = word.remainingBond();
    }

    /// @inheritdoc IDealEscrow
    function stateDigest(bytes32 dealId, uint8 milestone) external view returns (bytes32) {
        return _states[dealId][milestone];
    }

    /// @inheritdoc IDealEscrow
    function dealIdOf(Terms calldata terms) public view returns (bytes32) {
        return _hashTypedData(TermsLib.hash(terms));
    }

    /// @inheritdoc IDealEscrow
    function deliveryDigest(Delivery memory delivery) public view returns (bytes32) {
        return _hashTypedData(ActLib.hash(delivery));
    }

    /// @inheritdoc IDealEscrow
    function acceptDigest(Accept memory act) public view returns (bytes32) {
        return _hashTypedData(ActLib.hash(act));
    }

    /// @inheritdoc IDealEscrow
    function concedeDigest(Concede memory act) public view returns (bytes32) {
        return _hashTypedData(ActLib.hash(act));
    }

    /// @inheritdoc IDealEscrow
    function agreeDigest(Agree memory act) public view returns (bytes32) {
        return _hashTypedData(ActLib.hash(act));
    }

    // ---- loading and checking

    function _loadAny(Terms calldata terms, uint8 milestone)
        private
        view
        returns (Live memory live)
    {
        live.dealId = dealIdOf(terms);
        live.word = _deals[live.dealId];
        if (!live.word.isLive()) revert DealUnknown(live.dealId);
        uint256 count = terms.milestones.length;
        if (milestone >= count) revert MilestoneUnknown(milestone, count);
        if (live.word.isEnded(milestone)) revert MilestoneAlreadyEnded(live.dealId, milestone);
        live.milestone = milestone;
        live.amount = terms.milestones[milestone].amount;
        live.bond = live.word.bondShare(live.amount);
        live.slow = live.word.isSlow(milestone);
    }

    function _load(Terms calldata terms, uint8 milestone, SlowState[] calldata state)
        private
        view
        returns (Live memory live)
    {
        live = _loadAny(terms, milestone);
        if (!live.slow && state.length == 0) return live;
        bytes32 got = state.length == 1 ? keccak256(abi.encode(state[0])) : bytes32(0);
        bytes32 needed = _states[live.dealId][milestone];
        if (got != needed || !live.slow) revert StateMismatch(got, needed);
    }

    /// @dev The panel's time while nothing is on-chain.
    function _judgeEnd(Terms calldata terms, uint8 milestone) private pure returns (uint256) {
        return uint256(terms.milestones[milestone].deliverBy) + terms.judgeWithin;
    }

    /// @dev The round and the standing verdict that signed acts name.
    function _stage(SlowState[] calldata state) private pure returns (uint8 round, uint8 standing) {
        if (state.length == 0) return (1, 0);
        return (state[0].status == Status.Round2 ? 2 : 1, state[0].standing);
    }

    function _requireConsent(address party, bytes32 digest, Consent calldata consent) private view {
        if (block.timestamp >= consent.validUntil) {
            revert ConsentExpired(block.timestamp, consent.validUntil);
        }
        _requireSignature(party, digest, consent.signature);
    }

    function _requireSignature(address party, bytes32 digest, bytes calldata signature)
        private
        view
    {
        if (!SignatureLib.isValid(party, digest, signature)) {
            revert SignatureInvalid(party, digest);
        }
    }

    // ---- endings and money

    function _endAccepted(Terms calldata terms, Live memory live) private {
        _end(terms, live, Ending.Accepted, live.amount + live.bond, terms.payAsCredit, false);
    }

    function _endForBuyer(Terms calldata terms, Live memory live, Ending ending) private {
        _end(terms, live, ending, 0, false, false);
    }

    /// @dev The seller's share of the money, rounded down, and its bond; the remainder is the
    /// buyer's.
    function _endSplit(Terms calldata terms, Live memory live, Ending ending, uint256 sellerBps)
        private
    {
        uint256 toSeller = live.amount * sellerBps / TermsLib.BPS + live.bond;
        _end(terms, live, ending, toSeller, terms.payAsCredit, false);
    }

    /// @dev The only way a milestone ends: word, event, fact, then the two payments, whose sum is
    /// always amount and bond.
    function _end(
        Terms calldata terms,
        Live memory live,
        Ending ending,
        uint256 toSeller,
        bool sellerAsCredit,
        bool buyerAsCredit
    ) private {
        uint256 toBuyer = live.amount + live.bond - toSeller;
        _deals[live.dealId] = live.word.ended(live.milestone, live.amount, live.bond);
        if (live.slow) delete _states[live.dealId][live.milestone];
        (address buyer, address seller) = (terms.buyer, terms.seller);
        emit MilestoneEnded(
            live.dealId, uint8(live.milestone), uint8(ending), uint128(toSeller), uint128(toBuyer)
        );
        IReputationRegistry(registry).record(buyer, seller, uint96(live.amount), uint8(ending), 0);
        _pay(seller, toSeller, sellerAsCredit);
        _pay(buyer, toBuyer, buyerAsCredit);
    }

    /// @dev Pushes, or credits when asked to or refused. A starved push reverts: it must not turn
    /// into a credit.
    function _pay(address to, uint256 amount, bool asCredit) private {
        if (amount == 0) return;
        if (!asCredit) {
            if (gasleft() < PUSH_GAS_FLOOR) revert GasTooLow(gasleft(), PUSH_GAS_FLOOR);
            if (TokenLib.tryTransfer(token, to, amount, PUSH_GAS)) return;
        }
        credits[token][to] += amount;
        emit Credited(token, to, amount);
    }

    /// @dev `emit DealOpened(dealId, terms.buyer, terms.seller, terms)`, without decoding the
    /// terms; a test compares.
    function _emitOpened(Terms calldata terms, bytes32 dealId) private {
        bytes32 topic = DealOpened.selector;
        (address buyer, address seller) = (terms.buyer, terms.seller);
        bytes memory data = TermsLib.encode(terms);
        assembly ("memory-safe") {
            log4(add(data, 0x20), mload(data), topic, dealId, buyer, seller)
        }
    }

    function _pull(
        address from,
        uint256 amount,
        uint256 validBefore,
        bytes32 nonce,
        bytes calldata signature
    ) private {
        IERC3009(token)
            .receiveWithAuthorization(from, address(this), amount, 0, validBefore, nonce, signature);
    }

    function _domainNameAndVersion()
        internal
        pure
        override
        returns (string memory name, string memory version)
    {
        return ("Surety", "1");
    }
}
