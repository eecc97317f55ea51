// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {DealEscrow} from "../../src/DealEscrow.sol";
import {Jury} from "../../src/Jury.sol";
import {ReputationRegistry} from "../../src/ReputationRegistry.sol";
import {IDealEscrow} from "../../src/interfaces/IDealEscrow.sol";
import {IJury} from "../../src/interfaces/IJury.sol";
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

    uint16 internal constant ALL_SEATS = 31;

    TestUSDC internal usdc;
    Jury internal jury;
    ReputationRegistry internal registry;
    DealEscrow internal escrow;
    address internal buyer;
    address internal seller;
    bytes32 internal five;

    function setUp() public virtual {
        vm.warp(START);
        usdc = new TestUSDC(address(this));
        jury = new Jury(address(usdc));
        registry = new ReputationRegistry();
        escrow = new DealEscrow(address(jury), address(registry), address(usdc));
        buyer = vm.addr(BUYER_KEY);
        seller = vm.addr(SELLER_KEY);
        usdc.mint(buyer, usd(1_000_000));
        usdc.mint(seller, usd(1_000_000));
        five = createJury(5);
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
        r.validUntil = uint40(block.timestamp + 1 days);
    }

    function registerJuror(uint256 seat) internal {
        IJury.Registration memory r = registration(seat);
        jury.register(r, sign(jurorKey(seat), jury.registrationDigest(r)));
    }

    /// @dev Seats are jurors 0 to n-1, registered when they are not.
    function createJury(uint256 n) internal returns (bytes32) {
        address[] memory seats = new address[](n);
        for (uint256 i; i < n; ++i) {
            if (!jury.juror(juror(i)).registered) registerJuror(i);
            seats[i] = juror(i);
        }
        return jury.createJury(seats, new address[](0));
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
        t.openBy = uint40(START + 1 days);
        t.judgeWithin = 1 days;
        t.silentSellerBps = 2500;
        t.splitSellerBps = 5000;
        t.document = keccak256("the term sheet");
        t.salt = keccak256("salt");
        t.milestones = new IDealEscrow.Milestone[](count);
        for (uint256 i; i < count; ++i) {
            t.milestones[i] = IDealEscrow.Milestone(
                usd(100), uint40(START + 2 days), keccak256("criteria"), oneCriterion()
            );
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

    function buyerAuthorization(IDealEscrow.Terms memory t) internal view returns (bytes memory) {
        return authorization(BUYER_KEY, t.total, t.openBy, escrow.dealIdOf(t), address(escrow));
    }

    /// @dev For the bond when there is one, else the signature of the terms.
    function sellerAuthorization(IDealEscrow.Terms memory t) internal view returns (bytes memory) {
        bytes32 id = escrow.dealIdOf(t);
        if (t.bond == 0) return sign(SELLER_KEY, id);
        return authorization(SELLER_KEY, t.bond, t.openBy, id, address(escrow));
    }

    // ---- acts

    function open(IDealEscrow.Terms memory t) internal returns (bytes32) {
        (bytes memory b, bytes memory s) = (buyerAuthorization(t), sellerAuthorization(t));
        vm.prank(RELAYER);
        return escrow.open(t, b, s);
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
        states[0].until = uint40(block.timestamp + t.judgeWithin);
    }

    function consent(uint256 key, bytes32 digest, uint40 validUntil)
        internal
        pure
        returns (IDealEscrow.Consent memory)
    {
        return IDealEscrow.Consent(validUntil, sign(key, digest));
    }

    function noConsent() internal pure returns (IDealEscrow.Consent memory) {
        return IDealEscrow.Consent(0, "");
    }

    function caseOf(bytes32 dealId, uint8 milestone, bytes32 deliverable)
        internal
        view
        returns (bytes32)
    {
        return jury.caseId(
            IJury.Case(
                block.chainid, address(jury), address(escrow), dealId, milestone, 1, deliverable
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
        packed = abi.encodePacked(seats);
        for (uint256 seat; seat < 16; ++seat) {
            if (seats >> seat & 1 != 0) {
                packed = bytes.concat(packed, ballot(seat, caseId, met, failed));
            }
        }
    }
}
