// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ReputationRegistry} from "../../src/ReputationRegistry.sol";
import {IReputationRegistry} from "../../src/interfaces/IReputationRegistry.sol";
import {FormulaLib} from "../../src/libraries/FormulaLib.sol";
import {Fact, StandingLib} from "../../src/libraries/StandingLib.sol";
import {vm} from "../utils/Vm.sol";
import {svm} from "./Svm.sol";

/// @notice Writing a fact cannot revert, for any input: what `cargo x deep` proves.
/// @dev Writing is run as a whole at a few moments, because fading branches on every bit of the
/// second. What it does at every other second is the same code with another factor, which
/// `Exhaustive` computes for all 7,776,000 of them; with any such factor, moment and word,
/// `withFact` neither reverts nor mixes fields. Facts are written as `DealEscrow` writes them, by
/// `recordBatch`; `record` runs the same code once, without the loop.
contract ReputationSymbolic {
    uint256 internal constant IN_2026 = 1_795_399_999;

    ReputationRegistry internal registry;

    function setUp() external {
        registry = new ReputationRegistry();
    }

    /// @notice A fact never reverts, whatever happened: any caller, wallets without a word,
    /// ending and flags (also ones that no ending has), the least, a usual and the largest amount,
    /// in 1970, in 2026 and when 32 bits of time have passed.
    /// @dev An amount is asked for nothing but its weight, which has no branch that reverts.
    function check_recordNeverReverts(
        address recorder,
        address[2] calldata wallets,
        uint8 amount,
        uint8 ending,
        uint8 flags,
        uint8 moment
    ) external {
        vm.assume(moment < 3);
        uint256 second = moment == 0 ? 0 : moment == 1 ? IN_2026 : 1 << 32;
        recorded(recorder, wallets[0], wallets[1], oneOf(amount), ending, flags, second);
    }

    /// @notice A fact never reverts, whatever the buyer's word holds: any caller and wallets, any
    /// stored word of the buyer, a good fact, and a bad one with an appeal lost, the least, a usual
    /// and the largest amount, in 2026.
    /// @dev The two words have keys that differ in the role, and neither half reads the other's.
    function check_recordNeverRevertsForAnyBuyer(
        address recorder,
        address[2] calldata wallets,
        uint8 amount,
        bool lost,
        bytes32 word
    ) external {
        store(recorder, wallets[0], IReputationRegistry.Role.Buyer, word);
        uint8 flags = lost ? 2 : 0;
        recorded(recorder, wallets[0], wallets[1], oneOf(amount), 1, flags, IN_2026);
    }

    /// @notice A fact never reverts, whatever the seller's word holds: any caller and wallets, any
    /// stored word of the seller, a good fact, and a bad one with an appeal lost, the least, a usual
    /// and the largest amount, in 2026.
    function check_recordNeverRevertsForAnySeller(
        address recorder,
        address[2] calldata wallets,
        uint8 amount,
        bool lost,
        bytes32 word
    ) external {
        store(recorder, wallets[1], IReputationRegistry.Role.Seller, word);
        (uint8 ending, uint8 flags) = lost ? (2, 4) : (1, 0);
        recorded(recorder, wallets[0], wallets[1], oneOf(amount), ending, flags, IN_2026);
    }

    /// @notice Two neutral facts do not revert: any caller, wallets, amount and stored words, at
    /// any second.
    function check_neutralFactsNeverRevert(
        address recorder,
        address buyer,
        address seller,
        uint96 amount,
        uint8 ending,
        uint256 moment
    ) external {
        vm.assume(ending == 0 || ending > 4);
        svm.enableSymbolicStorage(address(registry));
        recorded(recorder, buyer, seller, amount, ending, 0, moment);
    }

    function oneOf(uint8 amount) private pure returns (uint96) {
        vm.assume(amount < 3);
        return amount == 0 ? 0 : amount == 1 ? 100e6 : type(uint96).max;
    }

    function store(address recorder, address wallet, IReputationRegistry.Role role, bytes32 word)
        private
    {
        bytes32 key = keccak256(abi.encode(recorder, wallet, role));
        vm.store(address(registry), keccak256(abi.encode(key, 0)), word);
        assert(vm.load(address(registry), keccak256(abi.encode(key, 0))) == word);
    }

    function recorded(
        address recorder,
        address buyer,
        address seller,
        uint96 amount,
        uint8 ending,
        uint8 flags,
        uint256 moment
    ) private {
        IReputationRegistry.Ended[] memory facts = new IReputationRegistry.Ended[](1);
        facts[0] = IReputationRegistry.Ended(buyer, seller, amount, ending, flags);
        vm.warp(moment);
        vm.prank(recorder);
        (bool done,) = address(registry).call(abi.encodeCall(registry.recordBatch, (facts)));
        assert(done);
    }

    /// @notice The bucket lets in what it has room for and is never overdrawn by it: any weight
    /// of 32 bits, any stored draught.
    /// @custom:halmos --panic-error-codes *
    function check_theBucketIsNeverOverdrawn(uint32 w, uint32 drawn) external pure {
        (uint256 added, uint256 next) = FormulaLib.admit(w, drawn);
        assert(added <= w);
        assert(next < FormulaLib.BUCKET + 1 || next < uint256(drawn) + 1);
    }

    /// @notice A fact neither reverts nor lets a field run into another: any word, any fact, any
    /// weight of 32 bits, any moment, any factor and shift of `growth`.
    /// @custom:halmos --panic-error-codes *
    function check_aFactKeepsToItsFields(
        uint256 word,
        uint8 kind,
        uint32 w,
        uint32 nowAt,
        uint72 factor,
        bool whole
    ) external pure {
        vm.assume(kind <= uint8(type(Fact).max));
        uint256 drawn = uint32(word >> 128);
        uint256 last = uint32(word >> 96);
        if (nowAt > last) drawn = FormulaLib.refill(drawn, nowAt - last);
        (, uint256 next) = FormulaLib.admit(w, drawn);
        // As the check before this one says.
        vm.assume(next <= type(uint32).max);
        uint256 after_ = StandingLib.withFact(word, Fact(kind), w, nowAt, factor, whole ? 64 : 63);

        bool good = kind == uint8(Fact.Good);
        uint256 wrong = uint32(after_ >> 96) ^ nowAt;
        wrong |= uint32(after_ >> 64) ^ firstOf(word, nowAt);
        wrong |= uint32(after_ >> 128) ^ (good ? next : drawn);
        for (uint256 i; i < 4; ++i) {
            uint256 count = uint24(word >> (160 + 24 * i));
            wrong |= uint24(after_ >> (160 + 24 * i)) ^ (count + isMore(count, i, kind));
        }
        assert(wrong == 0);
    }

    // ---- without a branch: a path less for the solver

    function firstOf(uint256 word, uint256 nowAt) private pure returns (uint256 first) {
        first = uint32(word >> 64);
        assembly {
            first := or(first, and(nowAt, sub(0, iszero(first))))
        }
    }

    function isMore(uint256 count, uint256 i, uint256 kind) private pure returns (uint256 yes) {
        assembly {
            yes := and(eq(i, kind), iszero(eq(count, 0xffffff)))
        }
    }

    /// @notice A lost appeal counts up to the field's end and touches nothing else: any word.
    /// @custom:halmos --panic-error-codes *
    function check_aLostAppealKeepsToItsField(uint256 word) external pure {
        uint256 next = StandingLib.withLostAppeal(word);
        uint256 lost = word >> 232;
        assert(next >> 232 == (lost == type(uint24).max ? lost : lost + 1));
        assert(uint232(next) == uint232(word));
    }
}
