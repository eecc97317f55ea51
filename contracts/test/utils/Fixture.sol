// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {DealDigests} from "../../src/DealDigests.sol";
import {DealEscrow} from "../../src/DealEscrow.sol";
import {Jury} from "../../src/Jury.sol";
import {ReputationRegistry} from "../../src/ReputationRegistry.sol";
import {IDealEscrow} from "../../src/interfaces/IDealEscrow.sol";
import {IJury} from "../../src/interfaces/IJury.sol";
import {Ending, IReputationRegistry} from "../../src/interfaces/IReputationRegistry.sol";
import {TestUSDC} from "../doubles/TestUSDC.sol";
import {Assert} from "./Assert.sol";
import {vm} from "./Vm.sol";

/// @notice A world with a token, the three contracts, a buyer, a seller, a jury of five and a
/// relayer.
/// @dev One criterion of weight 10,000 per milestone unless a test says otherwise.
abstract contract Fixture is Assert {
    uint256 internal constant START = 1_800_000_000;
    uint256 internal constant BUYER_KEY = 0xB0B;
    uint256 internal constant SELLER_KEY = 0x5E11E4;
    uint256 internal constant JUROR_KEY = 0x10000;
    address internal constant RELAYER = address(0x4E1A);
    bytes32 internal constant WORK = keccak256("the work");
    bytes32 internal constant OTHER_WORK = keccak256("other work");

    uint16 internal constant ALL_SEATS = 31;
    uint16 internal constant FOUR_SEATS = 15;

    /// @dev The windows of `makeTerms`.
    uint40 internal constant OPEN_BY = uint40(START + 1 days);
    uint40 internal constant DELIVER_BY = uint40(START + 2 days);
    uint40 internal constant JUDGE_END = uint40(START + 3 days);

    /// @dev A deal's word as `deal` unpacks it.
    struct Word {
        bool opened;
        bool revoked;
        uint16 ended;
        uint16 slow;
        uint96 remainingAmount;
        uint96 remainingBond;
    }

    /// @dev Who holds what at one moment.
    struct Purses {
        uint256 buyer;
        uint256 seller;
        uint256 escrow;
        uint256 buyerCredit;
        uint256 sellerCredit;
    }

    TestUSDC internal usdc;
    Jury internal jury;
    ReputationRegistry internal registry;
    DealEscrow internal escrow;
    DealDigests internal digests;
    address internal buyer;
    address internal seller;
    bytes32 internal five;

    function setUp() public virtual {
        vm.warp(START);
        usdc = TestUSDC(vm.deployCode("TestUSDC.sol:TestUSDC", abi.encode(address(this))));
        jury = new Jury(address(usdc));
        registry = new ReputationRegistry();
        digests = new DealDigests();
        escrow = newEscrow(address(usdc));
        buyer = vm.addr(BUYER_KEY);
        seller = vm.addr(SELLER_KEY);
        usdc.mint(buyer, usd(1_000_000));
        usdc.mint(seller, usd(1_000_000));
        five = createJury(5);
    }

    /// @dev Another escrow with the same jury and registry.
    function newEscrow(address token) internal returns (DealEscrow) {
        return new DealEscrow(address(jury), address(registry), token);
    }

    /// @dev Not `block.timestamp`: the compiler may read that once for a whole test.
    function nowAt() internal view returns (uint256) {
        return vm.getBlockTimestamp();
    }

    // ---- money and people

    function usd(uint256 dollars) internal pure returns (uint96) {
        return uint96(dollars * 1e6);
    }

    function jurorKey(uint256 seat) internal pure returns (uint256) {
        return JUROR_KEY + seat;
    }

    function juror(uint256 seat) internal pure returns (address) {
        return vm.addr(jurorKey(seat));
    }

    function registration(uint256 seat) internal view returns (IJury.Registration memory r) {
        r.juror = juror(seat);
        r.family = string.concat("family-", vm.toString(seat));
        r.operator = string.concat("operator-", vm.toString(seat), ".example");
        r.url = "https://juror.example/v1";
        r.nonce = jury.juror(r.juror).registrations;
        r.validUntil = uint40(nowAt() + 1 days);
    }

    function registerJuror(uint256 seat) internal {
        IJury.Registration memory r = registration(seat);
        jury.register(r, sign(jurorKey(seat), jury.registrationDigest(r)));
    }

    /// @dev Jurors `from` to `from + n - 1`, registered when they are not.
    function makeSeats(uint256 from, uint256 n) internal returns (address[] memory seats) {
        seats = new address[](n);
        for (uint256 i; i < n; ++i) {
            if (!jury.juror(juror(from + i)).registered) registerJuror(from + i);
            seats[i] = juror(from + i);
        }
    }

    /// @dev Seats are jurors 0 to n-1.
    function createJury(uint256 n) internal returns (bytes32) {
        return createJury(n, 0);
    }

    /// @dev The appeal panel's seats follow the panel's.
    function createJury(uint256 n, uint256 appeal) internal returns (bytes32) {
        address[] memory panel = makeSeats(0, n);
        address[] memory appealPanel = makeSeats(n, appeal);
        return jury.createJury(panel, appealPanel);
    }

    // ---- terms

    /// @dev 100 USDC in `count` equal milestones, no bond, a day to open, two to deliver, one to
    /// judge.
    function makeTerms(uint256 count) internal view returns (IDealEscrow.Terms memory t) {
        t.buyer = buyer;
        t.seller = seller;
        t.token = address(usdc);
        t.total = uint96(usd(100) * count);
        t.jury = five;
        t.openBy = OPEN_BY;
        t.judgeWithin = 1 days;
        t.silentSellerBps = 2500;
        t.splitSellerBps = 5000;
        t.document = keccak256("the term sheet");
        t.salt = keccak256("salt");
        t.milestones = new IDealEscrow.Milestone[](count);
        for (uint256 i; i < count; ++i) {
            t.milestones[i] =
                IDealEscrow.Milestone(usd(100), DELIVER_BY, keccak256("criteria"), oneCriterion());
        }
    }

    function oneCriterion() internal pure returns (uint256) {
        return rule(10_000, 0, 0, 0, 10_000);
    }

    function rule(uint256 w0, uint256 w1, uint256 w2, uint256 mandatory, uint256 passBps)
        internal
        pure
        returns (uint256)
    {
        return w0 | (w1 << 14) | (w2 << 28) | (mandatory << 224) | (passBps << 240);
    }

    // ---- signatures

    function sign(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    function authorization(
        uint256 key,
        uint256 value,
        uint256 validBefore,
        bytes32 nonce,
        address to
    ) internal view returns (bytes memory) {
        bytes32 structHash = keccak256(
            abi.encode(
                usdc.RECEIVE_WITH_AUTHORIZATION_TYPEHASH(),
                vm.addr(key),
                to,
                value,
                0,
                validBefore,
                nonce
            )
        );
        return
            sign(key, keccak256(abi.encodePacked(hex"1901", usdc.DOMAIN_SEPARATOR(), structHash)));
    }

    /// @dev By ERC-3009.
    function byNonce(uint256 key, uint256 value, uint256 validBefore, bytes32 nonce)
        internal
        view
        returns (bytes memory)
    {
        return bytes.concat(hex"00", authorization(key, value, validBefore, nonce, address(escrow)));
    }

    function buyerAuthorization(IDealEscrow.Terms memory t) internal view returns (bytes memory) {
        return byNonce(BUYER_KEY, t.total, t.openBy, escrow.dealIdOf(t));
    }

    /// @dev For the bond when there is one, else the signature of the terms.
    function sellerAuthorization(IDealEscrow.Terms memory t) internal view returns (bytes memory) {
        bytes32 id = escrow.dealIdOf(t);
        if (t.bond == 0) return sign(SELLER_KEY, id);
        return byNonce(SELLER_KEY, t.bond, t.openBy, id);
    }

    // ---- acts

    function open(IDealEscrow.Terms memory t) internal returns (bytes32) {
        return open(t, buyerAuthorization(t), sellerAuthorization(t));
    }

    function open(IDealEscrow.Terms memory t, bytes memory b, bytes memory s)
        internal
        returns (bytes32)
    {
        vm.prank(RELAYER);
        return escrow.open(t, b, s);
    }

    function openReverts(IDealEscrow.Terms memory t, bytes memory with) internal {
        openReverts(t, buyerAuthorization(t), sellerAuthorization(t), with);
    }

    function openReverts(
        IDealEscrow.Terms memory t,
        bytes memory b,
        bytes memory s,
        bytes memory with
    ) internal {
        vm.expectRevert(with);
        open(t, b, s);
    }

    /// @dev By the relayer.
    function settle(
        IDealEscrow.Terms memory t,
        uint8 milestone,
        IDealEscrow.SlowState[] memory state,
        bytes32 deliverable,
        bytes memory packed
    ) internal {
        vm.prank(RELAYER);
        escrow.settle(t, milestone, state, deliverable, packed);
    }

    /// @dev All five seats answer so that the milestone's verdict is `outcome`, and the relayer
    /// settles.
    function settleAs(
        IDealEscrow.Terms memory t,
        uint8 milestone,
        IDealEscrow.SlowState[] memory state,
        IJury.Outcome outcome
    ) internal {
        bytes32 deliverable = state.length == 0 ? WORK : state[0].deliverable;
        settle(t, milestone, state, deliverable, fullVote(t, milestone, state, outcome));
    }

    /// @dev Every seat of the panel that is asked now answers so that this is the outcome.
    function fullVote(
        IDealEscrow.Terms memory t,
        uint8 milestone,
        IDealEscrow.SlowState[] memory state,
        IJury.Outcome outcome
    ) internal view returns (bytes memory) {
        bytes32 deliverable = state.length == 0 ? WORK : state[0].deliverable;
        bytes32 id = escrow.dealIdOf(t);
        if (state.length == 0 || state[0].status != IDealEscrow.Status.Round2) {
            return ballotsFor(outcome, caseOf(id, milestone, deliverable));
        }
        return appealBallots(outcome, caseOf(id, milestone, 2, deliverable));
    }

    /// @dev Of a panel of five and an appeal panel of five.
    function appealBallots(IJury.Outcome outcome, bytes32 caseId)
        internal
        view
        returns (bytes memory)
    {
        uint16 met = outcome == IJury.Outcome.Accepted ? 1 : 0;
        uint16 failed = outcome == IJury.Outcome.Rejected ? 1 : 0;
        return ballots(ALL_SEATS, 5, caseId, met, failed);
    }

    function ballotsFor(IJury.Outcome outcome, bytes32 caseId)
        internal
        view
        returns (bytes memory)
    {
        uint16 met = outcome == IJury.Outcome.Accepted ? 1 : 0;
        uint16 failed = outcome == IJury.Outcome.Rejected ? 1 : 0;
        return ballots(ALL_SEATS, caseId, met, failed);
    }

    /// @dev The seller pins `deliverable` now.
    function deliver(IDealEscrow.Terms memory t, uint8 milestone, bytes32 deliverable)
        internal
        returns (IDealEscrow.SlowState[] memory)
    {
        vm.prank(t.seller);
        escrow.deliver(t, milestone, deliverable, "https://seller.example/work", "", unasked());
        return deliveredState(t, deliverable);
    }

    // ---- what is expected

    /// @dev What `require` reverts with.
    function text(string memory reason) internal pure returns (bytes memory) {
        return abi.encodeWithSignature("Error(string)", reason);
    }

    function wordOf(bytes32 id) internal view returns (Word memory w) {
        (w.opened, w.revoked, w.ended, w.slow, w.remainingAmount, w.remainingBond) = escrow.deal(id);
    }

    function assertWord(bytes32 id, Word memory needed) internal view {
        assertEq(abi.encode(wordOf(id)), abi.encode(needed), "word");
    }

    function purses() internal view returns (Purses memory) {
        address token = escrow.token();
        return Purses(
            usdc.balanceOf(buyer),
            usdc.balanceOf(seller),
            usdc.balanceOf(address(escrow)),
            escrow.credits(token, buyer),
            escrow.credits(token, seller)
        );
    }

    /// @dev Both were paid by transfer, and nobody else was.
    function assertPaid(Purses memory before, uint256 toSeller, uint256 toBuyer) internal view {
        before.buyer += toBuyer;
        before.seller += toSeller;
        before.escrow -= toBuyer + toSeller;
        assertEq(abi.encode(purses()), abi.encode(before), "purses");
    }

    /// @dev The next call must end a milestone exactly so.
    function expectEnded(
        bytes32 id,
        uint8 milestone,
        Ending ending,
        uint256 toSeller,
        uint256 toBuyer
    ) internal {
        vm.expectEmit(true, true, true, true, address(escrow));
        emit IDealEscrow.MilestoneEnded(
            id, milestone, uint8(ending), uint128(toSeller), uint128(toBuyer)
        );
    }

    function standingOf(address wallet, IReputationRegistry.Role role)
        internal
        view
        returns (IReputationRegistry.Standing memory)
    {
        return registry.standing(address(escrow), wallet, role);
    }

    function noState() internal pure returns (IDealEscrow.SlowState[] memory) {
        return new IDealEscrow.SlowState[](0);
    }

    /// @dev The state after `deliver` at the present time.
    function deliveredState(IDealEscrow.Terms memory t, bytes32 deliverable)
        internal
        view
        returns (IDealEscrow.SlowState[] memory states)
    {
        states = new IDealEscrow.SlowState[](1);
        states[0].status = IDealEscrow.Status.Delivered;
        states[0].deliverable = deliverable;
        states[0].until = uint40(nowAt() + t.judgeWithin);
    }

    function consent(uint256 key, bytes32 digest, uint40 validUntil)
        internal
        pure
        returns (IDealEscrow.Consent memory)
    {
        return IDealEscrow.Consent(0, validUntil, sign(key, digest), "");
    }

    function noConsent() internal pure returns (IDealEscrow.Consent memory) {
        return IDealEscrow.Consent(0, 0, "", "");
    }

    /// @dev A consent that nobody signed.
    function unsignedConsent(uint40 validUntil) internal pure returns (IDealEscrow.Consent memory) {
        return IDealEscrow.Consent(0, validUntil, "", "");
    }

    function unasked() internal pure returns (IDealEscrow.Requested[] memory) {
        return new IDealEscrow.Requested[](0);
    }

    function caseOf(bytes32 dealId, uint8 milestone, bytes32 deliverable)
        internal
        view
        returns (bytes32)
    {
        return caseOf(dealId, milestone, 1, deliverable);
    }

    function caseOf(bytes32 dealId, uint8 milestone, uint8 round, bytes32 deliverable)
        internal
        view
        returns (bytes32)
    {
        return jury.caseId(
            IJury.Case(
                block.chainid, address(jury), address(escrow), dealId, milestone, round, deliverable
            )
        );
    }

    /// @dev One packed ballot without its seat bit.
    function ballot(uint256 seat, bytes32 caseId, uint16 met, uint16 failed)
        internal
        view
        returns (bytes memory)
    {
        bytes32 transcript = keccak256(abi.encode("transcript", seat));
        bytes32 digest = jury.ballotDigest(IJury.Ballot(caseId, met, failed, 0, transcript));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(jurorKey(seat), digest);
        bytes32 vs = bytes32(uint256(s) | (uint256(v - 27) << 255));
        return abi.encodePacked(met, failed, uint8(0), transcript, r, vs);
    }

    /// @dev The same answer from every seat of the mask.
    function ballots(uint16 seats, bytes32 caseId, uint16 met, uint16 failed)
        internal
        view
        returns (bytes memory packed)
    {
        return ballots(seats, 0, caseId, met, failed);
    }

    /// @dev Seat 0 is juror `first`.
    function ballots(uint16 seats, uint256 first, bytes32 caseId, uint16 met, uint16 failed)
        internal
        view
        returns (bytes memory packed)
    {
        packed = abi.encodePacked(seats);
        for (uint256 seat; seat < 16; ++seat) {
            if (seats >> seat & 1 != 0) {
                packed = bytes.concat(packed, ballot(first + seat, caseId, met, failed));
            }
        }
    }
}
