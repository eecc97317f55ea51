// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ReputationRegistry} from "../../src/ReputationRegistry.sol";
import {Ending, IReputationRegistry} from "../../src/interfaces/IReputationRegistry.sol";
import {Assert} from "../utils/Assert.sol";
import {vm} from "../utils/Vm.sol";

// record
// ├── it writes both parties' words, in the caller's column only, and emits nothing
// ├── every ending is good, bad or neutral as the protocol says, by flags too
// ├── good weight is limited to 10 and 4 a day; bad weight is not
// ├── weights fade between facts
// ├── every field saturates
// └── it never reverts, whatever it is given and whenever
// score
// └── it fades to now; a stranger has 0
contract RecordTest is Assert {
    address internal constant BUYER = address(0xB0B);
    address internal constant SELLER = address(0x5E1);
    /// @dev A half-life begins here, so a weight is kept as it is; elsewhere it may lose a unit.
    uint256 internal constant START = 232 * 90 days;
    uint256 internal constant ONE = 1 << 16;
    uint96 internal constant DOLLAR = 1e6;

    ReputationRegistry internal registry;

    function setUp() public {
        vm.warp(START);
        registry = new ReputationRegistry();
    }

    function test_writesBothWordsAndEmitsNothing() public {
        vm.recordLogs();
        registry.record(BUYER, SELLER, DOLLAR, 1, 0);
        assertEq(vm.getRecordedLogs().length, 0, "logs");
        IReputationRegistry.Standing memory needed;
        (needed.good, needed.goodCount) = (uint32(ONE), 1);
        (needed.first, needed.last) = (uint32(START), uint32(START));
        needed.drawn = uint32(ONE * 675);
        assertStanding(buyerStanding(), needed);
        assertStanding(sellerStanding(), needed);
    }

    function test_writesOnlyIntoTheCallersColumn(address recorder) public {
        if (recorder == address(this)) recorder = BUYER;
        vm.prank(recorder);
        registry.record(BUYER, SELLER, DOLLAR, 1, 0);
        IReputationRegistry.Standing memory none;
        assertStanding(sellerStanding(), none);
        IReputationRegistry.Role role = IReputationRegistry.Role.Seller;
        assertEq(registry.standing(recorder, SELLER, role).goodCount, 1, "theirs");
        role = IReputationRegistry.Role.Buyer;
        assertStanding(registry.standing(recorder, SELLER, role), none);
    }

    /// @dev The table: what an ending is, without and with flags.
    function test_everyEndingIsWhatTheProtocolSays() public {
        string[9] memory buyers = ["n", "g", "n", "n", "n", "n", "n", "n", "n"];
        string[9] memory sellers = ["n", "g", "b", "b", "b", "n", "n", "n", "n"];
        for (uint8 ending; ending < 9; ++ending) {
            factIs(ending, 0, buyers[ending], sellers[ending]);
            factIs(ending, 1, buyers[ending], "b");
            factIs(ending, 2, "b", sellers[ending]);
            factIs(ending, 4, buyers[ending], "b");
            factIs(ending, 7, "b", "b");
        }
        factIs(200, 0, "n", "n");
    }

    function test_countsLostAppeals() public {
        registry.record(BUYER, SELLER, DOLLAR, uint8(Ending.Accepted), 2);
        registry.record(BUYER, SELLER, DOLLAR, uint8(Ending.Rejected), 4);
        registry.record(BUYER, SELLER, DOLLAR, uint8(Ending.Rejected), 1);
        assertEq(buyerStanding().appealsLost, 1, "buyer");
        assertEq(sellerStanding().appealsLost, 1, "seller");
        assertEq(sellerStanding().badCount, 2, "bad");
    }

    // ---- the rate limit

    function test_aHundredSelfDealsInADayAreWorthTen() public {
        for (uint256 i; i < 100; ++i) {
            registry.record(BUYER, SELLER, DOLLAR, 1, 0);
        }
        assertEq(sellerStanding().good, 10 * ONE, "good");
        assertEq(sellerStanding().goodCount, 100, "the count says how many");
        (uint256 points,,) = score(SELLER, IReputationRegistry.Role.Seller);
        assertEq(points, 833, "points");
    }

    function test_aDayRefillsFour() public {
        registry.record(BUYER, SELLER, type(uint96).max, 1, 0);
        assertEq(sellerStanding().good, 10 * ONE, "ten");
        vm.warp(START + 1 days);
        registry.record(BUYER, SELLER, type(uint96).max, 1, 0);
        assertEq(sellerStanding().good, 650_332 + 4 * ONE - 1, "what is left and four");
    }

    function test_badWeightIsNotLimited() public {
        for (uint256 i; i < 20; ++i) {
            registry.record(BUYER, SELLER, DOLLAR, uint8(Ending.Rejected), 0);
        }
        assertEq(sellerStanding().bad, 20 * ONE, "bad");
        assertEq(buyerStanding().bad, 0, "not the buyer's");
    }

    // ---- time

    function test_weightsHalveInNinetyDays() public {
        registry.record(BUYER, SELLER, 100 * DOLLAR, 1, 0);
        registry.record(BUYER, SELLER, 100 * DOLLAR, uint8(Ending.Rejected), 0);
        vm.warp(START + 90 days);
        (uint256 points, uint256 good, uint256 bad) = score(SELLER, IReputationRegistry.Role.Seller);
        assertEq(good, 436_352 / 2, "good");
        assertEq(bad, 436_352 / 2, "bad");
        assertEq(points, 1000 * good / (good + bad + 2 * ONE), "points");
        assertEq(sellerStanding().good, 436_352, "the word is as of the last fact");
        registry.record(BUYER, SELLER, 0, uint8(Ending.Agreed), 0);
        assertEq(sellerStanding().good, 436_352 / 2, "a neutral fact brings it to now");
        assertEq(sellerStanding().last, START + 90 days, "last");
        assertEq(sellerStanding().first, START, "first");
    }

    /// @dev The word keeps a weight as of the start of its half-life, which rounds down twice.
    function test_aWeightMayShowAUnitLess_inTheMiddleOfAHalfLife(uint256 ago) public {
        vm.warp(START + bound(ago, 0, 90 days - 1));
        registry.record(BUYER, SELLER, DOLLAR, 1, 0);
        registry.record(BUYER, SELLER, DOLLAR, uint8(Ending.Rejected), 0);
        IReputationRegistry.Standing memory s = sellerStanding();
        assertAtMost(s.good, ONE, "never more");
        assertAtMost(ONE, s.good + 2, "never two less");
        assertEq(s.good, s.bad, "bad as good");
        (, uint256 good, uint256 bad) = score(SELLER, IReputationRegistry.Role.Seller);
        assertEq(good, s.good, "the score says the same");
        assertEq(bad, s.bad, "of both");
    }

    function test_aStrangerHasNothing(address recorder, address wallet) public view {
        (uint256 points, uint256 good, uint256 bad) =
            registry.score(recorder, wallet, IReputationRegistry.Role.Seller);
        assertEq(points + good + bad, 0, "score");
    }

    function test_aScoreOnlyFallsWhileNothingHappens(uint96 amount, uint32 a, uint32 b) public {
        registry.record(BUYER, SELLER, amount, 1, 0);
        if (a > b) (a, b) = (b, a);
        vm.warp(START + a);
        (uint256 sooner,,) = score(SELLER, IReputationRegistry.Role.Seller);
        vm.warp(START + b);
        (uint256 later,,) = score(SELLER, IReputationRegistry.Role.Seller);
        assertAtMost(later, sooner, "points");
    }

    // ---- it cannot revert

    function test_neverReverts(
        uint256 buyerWord,
        uint256 sellerWord,
        uint96 amount,
        uint8 ending,
        uint8 flags,
        uint64 moment
    ) public {
        vm.store(address(registry), slotOf(BUYER, 0), bytes32(buyerWord));
        vm.store(address(registry), slotOf(SELLER, 1), bytes32(sellerWord));
        vm.warp(moment);
        registry.record(BUYER, SELLER, amount, ending, flags);
        score(BUYER, IReputationRegistry.Role.Buyer);
        score(SELLER, IReputationRegistry.Role.Seller);
    }

    function test_everyFieldSaturates() public {
        vm.store(address(registry), slotOf(SELLER, 1), bytes32(type(uint256).max));
        vm.warp(uint256(type(uint32).max));
        IReputationRegistry.Standing memory full = sellerStanding();
        for (uint8 ending; ending < 4; ++ending) {
            registry.record(BUYER, SELLER, type(uint96).max, ending, 4);
        }
        assertStanding(sellerStanding(), full);
        vm.warp(uint256(type(uint32).max) + 10 days);
        registry.record(BUYER, SELLER, type(uint96).max, 1, 0);
        assertEq(sellerStanding().last, type(uint32).max, "last");
        assertEq(sellerStanding().drawn, type(uint32).max, "drawn");
        assertEq(sellerStanding().goodCount, type(uint24).max, "goodCount");
    }

    function test_oneWalletMayBeBothParties(address wallet) public {
        registry.record(wallet, wallet, DOLLAR, uint8(Ending.Rejected), 0);
        IReputationRegistry.Role role = IReputationRegistry.Role.Buyer;
        assertEq(registry.standing(address(this), wallet, role).neutralCount, 1, "as buyer");
        role = IReputationRegistry.Role.Seller;
        assertEq(registry.standing(address(this), wallet, role).badCount, 1, "as seller");
    }

    // ---- helpers

    function factIs(uint8 ending, uint8 flags, string memory b, string memory s) internal {
        uint256 snapshot = vm.snapshotState();
        registry.record(BUYER, SELLER, DOLLAR, ending, flags);
        assertFact(buyerStanding(), b);
        assertFact(sellerStanding(), s);
        vm.revertToState(snapshot);
    }

    function assertFact(IReputationRegistry.Standing memory s, string memory fact) internal pure {
        bytes1 c = bytes(fact)[0];
        assertEq(s.goodCount, c == "g" ? 1 : 0, "goodCount");
        assertEq(s.badCount, c == "b" ? 1 : 0, "badCount");
        assertEq(s.neutralCount, c == "n" ? 1 : 0, "neutralCount");
        assertEq(s.good, c == "g" ? ONE : 0, "good");
        assertEq(s.bad, c == "b" ? ONE : 0, "bad");
        assertEq(s.first, START, "first");
    }

    function slotOf(address wallet, uint256 role) internal view returns (bytes32) {
        return keccak256(abi.encode(keccak256(abi.encode(address(this), wallet, role)), 0));
    }

    function buyerStanding() internal view returns (IReputationRegistry.Standing memory) {
        return registry.standing(address(this), BUYER, IReputationRegistry.Role.Buyer);
    }

    function sellerStanding() internal view returns (IReputationRegistry.Standing memory) {
        return registry.standing(address(this), SELLER, IReputationRegistry.Role.Seller);
    }

    function score(address wallet, IReputationRegistry.Role role)
        internal
        view
        returns (uint256, uint256, uint256)
    {
        return registry.score(address(this), wallet, role);
    }

    function assertStanding(
        IReputationRegistry.Standing memory got,
        IReputationRegistry.Standing memory needed
    ) internal pure {
        assertEq(abi.encode(got), abi.encode(needed), "standing");
    }
}
