// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealEscrow} from "../src/interfaces/IDealEscrow.sol";
import {IJury} from "../src/interfaces/IJury.sol";
import {IPactRegistry} from "../src/interfaces/IPactRegistry.sol";
import {IReputationRegistry} from "../src/interfaces/IReputationRegistry.sol";
import {Assert} from "./utils/Assert.sol";
import {BatchFixture} from "./utils/BatchFixture.sol";
import {Batching} from "./utils/Batching.sol";
import {Fixture} from "./utils/Fixture.sol";
import {PactFixture} from "./utils/PactFixture.sol";
import {vm} from "./utils/Vm.sol";

// calldata of every function that changes something
// ├── when it is cut, by a byte or by words
// │   ├── the compiler's decoder reverts without data, before any work
// │   └── unless nobody reads what is missing: then it does what the whole call does
// └── when something begins beyond its end
//     └── the decoder reverts without data

/// @dev docs/adr/0021-the-compiler-reads-calldata.md says why there is no error with a name.
abstract contract Calldata is Assert {
    /// @param spare How many bytes at the end nobody reads: padding, and the authorization of a fee
    /// of zero
    /// @param offsets The words, one byte each, that say where something begins
    struct Call {
        address to;
        address from;
        bytes data;
        uint256 spare;
        bytes offsets;
    }

    /// @dev The padding of a signature of 65 bytes, and with the empty authorization behind it.
    uint256 internal constant PADDING = 31;
    uint256 internal constant UNREAD = 63;
    /// @dev The padding of five packed ballots, and of five for a batch of two.
    uint256 internal constant FIVE_BALLOTS = 5;
    uint256 internal constant FIVE_FOR_TWO = 12;

    /// @dev Everything that a call could change.
    function world() internal view virtual returns (bytes32);

    function refusesLess(Call memory c) internal {
        bytes32 before = world();
        uint256 snapshot = vm.snapshotState();
        (bool ok, bytes memory answer) = perform(c, c.data.length);
        assertTrue(ok, "the whole call");
        bytes32 done = world();
        vm.revertToState(snapshot);
        for (uint256 size = c.data.length; size > 4; size -= 32) {
            cut(c, size - 1, before, done, answer);
            cut(c, size - 32, before, done, answer);
        }
        cut(c, 3, before, done, answer);
        cut(c, 0, before, done, answer);
        for (uint256 i; i < c.offsets.length; ++i) {
            uint256 word = uint8(c.offsets[i]);
            stray(c, word, c.data.length);
            stray(c, word, type(uint64).max);
            stray(c, word, type(uint256).max >> 1);
        }
        assertEq(world(), before, "the world");
    }

    function cut(Call memory c, uint256 size, bytes32 before, bytes32 done, bytes memory answer)
        private
    {
        bool whole = size + c.spare >= c.data.length;
        uint256 snapshot = whole ? vm.snapshotState() : 0;
        string memory what = string.concat("cut to ", vm.toString(size));
        uint256 gas = gasleft();
        (bool ok, bytes memory got) = perform(c, size);
        gas -= gasleft();
        assertEq(ok, whole, what);
        assertEq(got, whole ? answer : bytes(""), what);
        assertEq(world(), whole ? done : before, what);
        if (whole) vm.revertToState(snapshot);
        else assertAtMost(gas, 1_000_000, "refused, not starved");
    }

    function stray(Call memory c, uint256 word, uint256 offset) private {
        uint256 right = swap(c.data, word, offset);
        string memory what = string.concat("word ", vm.toString(word));
        uint256 gas = gasleft();
        (bool ok, bytes memory got) = perform(c, c.data.length);
        assertAtMost(gas - gasleft(), 1_000_000, "refused, not starved");
        assertTrue(!ok, what);
        assertEq(got, bytes(""), what);
        swap(c.data, word, right);
    }

    /// @dev The call with as much of its calldata.
    function perform(Call memory c, uint256 size) private returns (bool ok, bytes memory answer) {
        bytes memory data = c.data;
        uint256 whole = data.length;
        assembly ("memory-safe") {
            mstore(data, size)
        }
        vm.prank(c.from);
        (ok, answer) = c.to.call(data);
        assembly ("memory-safe") {
            mstore(data, whole)
        }
    }

    /// @dev Replaces a word behind the selector.
    function swap(bytes memory data, uint256 word, uint256 by) private pure returns (uint256 old) {
        assembly ("memory-safe") {
            let at_ := add(add(data, 0x24), shl(5, word))
            old := mload(at_)
            mstore(at_, by)
        }
    }
}

contract EscrowCalldataTest is Batching, Calldata {
    bytes32 internal id;

    function world() internal view override returns (bytes32) {
        uint256 relayer = usdc.balanceOf(RELAYER);
        return keccak256(abi.encode(purses(), relayer, wordOf(id), escrow.stateDigest(id, 0)));
    }

    function refusesLess(bytes memory data, uint256 spare, bytes memory offsets) internal {
        refusesLess(Call(address(escrow), RELAYER, data, spare, offsets));
    }

    /// @dev An open deal of one milestone.
    function begun(IDealEscrow.Terms memory t) internal returns (IDealEscrow.Terms memory) {
        id = open(t);
        return t;
    }

    function test_refusesLessThanOpenReads() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        id = escrow.dealIdOf(t);
        bytes memory data =
            abi.encodeCall(escrow.open, (t, buyerAuthorization(t), sellerAuthorization(t)));
        refusesLess(data, PADDING, hex"0001021a");
    }

    function test_refusesLessThanRevokeReads() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        id = escrow.dealIdOf(t);
        bytes32 digest = digests.revokeDigest(address(escrow), IDealEscrow.Revoke(id, 0, FOREVER));
        IDealEscrow.Consent memory c = signedFor(SELLER_KEY, digest, 0);
        refusesLess(abi.encodeCall(escrow.revoke, (t, seller, c)), UNREAD, hex"00021a");
    }

    function test_refusesLessThanSettleReads() public {
        IDealEscrow.Terms memory t = begun(makeTerms(1));
        bytes memory packed = ballots(ALL_SEATS, caseOf(id, 0, WORK), 1, 0);
        bytes memory data = abi.encodeCall(escrow.settle, (t, 0, noState(), WORK, packed));
        refusesLess(data, FIVE_BALLOTS, hex"0002041c");
    }

    /// @dev Also where a template begins in their list, and its milestones.
    function test_refusesLessThanSettleBatchReads() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        (bytes32[] memory ids, bytes memory items) = openMany(t, 2);
        id = ids[0];
        bytes memory packed = batchBallots(ALL_SEATS, 0, casesOf(ids, 1), same(MET, 2));
        bytes memory data = abi.encodeCall(escrow.settleBatch, (1, templatesOf(t), items, packed));
        refusesLess(data, FIVE_FOR_TWO, hex"010203051d");
    }

    function test_refusesLessThanDeliverReads() public {
        IDealEscrow.Terms memory t = begun(makeTerms(1));
        string memory uri = "https://seller.example/work";
        bytes memory data = abi.encodeCall(escrow.deliver, (t, 0, WORK, uri, "", unasked()));
        refusesLess(Call(address(escrow), seller, data, 0, hex"000304051d"));
    }

    function test_refusesLessThanAcceptReads() public {
        IDealEscrow.Terms memory t = begun(makeTerms(1));
        IDealEscrow.Consent memory c = signedAccept(t, 0, noState(), 0);
        refusesLess(abi.encodeCall(escrow.accept, (t, 0, noState(), c)), UNREAD, hex"0002031b");
    }

    function test_refusesLessThanConcedeReads() public {
        IDealEscrow.Terms memory t = begun(makeTerms(1));
        IDealEscrow.Consent memory c = signedConcede(t, 0, noState(), 0);
        refusesLess(abi.encodeCall(escrow.concede, (t, 0, noState(), c)), UNREAD, hex"0002031b");
    }

    function test_refusesLessThanAgreeReads() public {
        IDealEscrow.Terms memory t = begun(makeTerms(1));
        IDealEscrow.Consent memory b = signedAgree(BUYER_KEY, t, 0, noState(), 7, false, 0);
        IDealEscrow.Consent memory s = signedAgree(SELLER_KEY, t, 0, noState(), 7, false, 0);
        bytes memory data = abi.encodeCall(escrow.agree, (t, 0, noState(), 7, false, b, s));
        refusesLess(data, UNREAD, hex"000205061e");
    }

    /// @dev Its authorization has one byte more than a signature.
    function test_refusesLessThanAppealReads() public {
        IDealEscrow.Terms memory t = begun(appealTerms(1));
        IDealEscrow.SlowState[] memory state = judged(t, 0, ACCEPTED);
        bytes memory a = appealAuthorization(t, 0, state, 0);
        bytes memory data = abi.encodeCall(escrow.appeal, (t, 0, state, 0, FOREVER, a));
        refusesLess(data, PADDING - 1, hex"0002051d");
    }

    function test_refusesLessThanReclaimReads() public {
        IDealEscrow.Terms memory t = begun(makeTerms(1));
        vm.warp(JUDGE_END);
        refusesLess(abi.encodeCall(escrow.reclaim, (t, 0, unasked())), 0, hex"00021a");
    }

    function test_refusesLessThanEscalateReads() public {
        IDealEscrow.Terms memory t = begun(escalationTerms());
        IDealEscrow.SlowState[] memory state = deliver(t, 0, WORK);
        vm.warp(state[0].until);
        refusesLess(abi.encodeCall(escrow.escalate, (t, 0, state, unasked())), 0, hex"0002031b");
    }

    function test_refusesLessThanExpireReads() public {
        IDealEscrow.Terms memory t = begun(makeTerms(1));
        IDealEscrow.SlowState[] memory state = deliver(t, 0, WORK);
        vm.warp(state[0].until);
        refusesLess(abi.encodeCall(escrow.expire, (t, 0, state, unasked())), 0, hex"0002031b");
    }

    function test_refusesLessThanFinalizeReads() public {
        IDealEscrow.Terms memory t = begun(appealTerms(1));
        IDealEscrow.SlowState[] memory state = judged(t, 0, REJECTED);
        vm.warp(state[0].until);
        refusesLess(abi.encodeCall(escrow.finalize, (t, 0, state, unasked())), 0, hex"0002031b");
    }

    /// @dev Its call has four bytes more than whole words.
    function test_refusesLessThanMulticallReads() public {
        IDealEscrow.Terms memory t = begun(makeTerms(1));
        bytes[] memory calls = new bytes[](1);
        IDealEscrow.Consent memory c = signedAccept(t, 0, noState(), 0);
        calls[0] = abi.encodeCall(escrow.accept, (t, 0, noState(), c));
        refusesLess(abi.encodeCall(escrow.multicall, (calls)), 28, hex"0002");
    }

    function test_refusesLessThanWithdrawAndViewsRead() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        t.payAsCredit = true;
        begun(t);
        settleAs(t, 0, noState(), ACCEPTED);
        refusesLess(abi.encodeCall(escrow.withdraw, (address(usdc), seller)), 0, "");
        refusesLess(abi.encodeCall(escrow.credits, (address(usdc), seller)), 0, "");
        refusesLess(abi.encodeCall(escrow.deal, (id)), 0, "");
        refusesLess(abi.encodeCall(escrow.stateDigest, (id, 0)), 0, "");
        refusesLess(abi.encodeCall(escrow.dealIdOf, (t)), 0, hex"0018");
    }
}

contract JuryCalldataTest is BatchFixture, Calldata {
    uint256 internal constant NEW = 100;
    bytes32 internal constant CASE = keccak256("a case");

    function world() internal view override returns (bytes32) {
        uint256 held = usdc.balanceOf(address(jury));
        return keccak256(abi.encode(jury.juror(juror(NEW)), held, jury.fees(five, 1, 0)));
    }

    function refusesLess(bytes memory data, uint256 spare, bytes memory offsets) internal {
        refusesLess(Call(address(jury), CONSUMER, data, spare, offsets));
    }

    function test_refusesLessThanRegisterReads() public {
        IJury.Registration memory r = registration(NEW);
        bytes memory s = sign(jurorKey(NEW), jury.registrationDigest(r));
        refusesLess(abi.encodeCall(jury.register, (r, s)), PADDING, hex"0001030405");
    }

    function test_refusesLessThanUnbondAndClaimRead() public {
        registerJuror(NEW);
        IJury.Unbonding memory u = IJury.Unbonding(juror(NEW), 1, uint40(START + 1));
        bytes memory s = sign(jurorKey(NEW), jury.unbondingDigest(u));
        refusesLess(abi.encodeCall(jury.unbond, (u, s)), PADDING, hex"03");
        jury.unbond(u, s);
        vm.warp(START + 30 days);
        refusesLess(abi.encodeCall(jury.claim, (juror(NEW))), 0, "");
    }

    function test_refusesLessThanSlashReads() public {
        stake(NEW, usd(500));
        IJury.Statement memory first = ballotStatement(NEW, CASE, MET);
        IJury.Statement memory second = ballotStatement(NEW, CASE, FAILED);
        bytes memory data = abi.encodeCall(jury.slash, (juror(NEW), CASE, first, second));
        refusesLess(data, 0, hex"0203");
    }

    function test_refusesLessThanCreateJuryReads() public {
        address[] memory seats = makeSeats(0, 3);
        address[] memory none = new address[](0);
        refusesLess(abi.encodeCall(jury.createJury, (seats, none)), 0, hex"0001");
    }

    function test_refusesLessThanJudgeReads() public {
        IJury.BatchCase memory c = makeCases(1)[0];
        bytes memory packed = ballots(ALL_SEATS, idOf(c, 1), 1, 0);
        bytes memory data =
            abi.encodeCall(jury.judge, (five, 1, c.dealId, 0, c.deliverable, c.rule, packed));
        refusesLess(data, FIVE_BALLOTS, hex"06");
    }

    function test_refusesLessThanJudgeBatchReads() public {
        IJury.BatchCase[] memory cases = makeCases(2);
        bytes memory packed = batchBallots(ALL_SEATS, idsOf(cases, 1), same(MET, 2));
        bytes memory data = abi.encodeCall(jury.judgeBatch, (five, 1, cases, packed));
        refusesLess(data, FIVE_FOR_TWO, hex"0203");
    }

    function test_refusesLessThanFundAndClaimFeesRead() public {
        uint256[] memory shares = sharesOf(5, usd(1));
        usdc.mint(address(jury), usd(5));
        refusesLess(abi.encodeCall(jury.fund, (five, 1, shares)), 0, hex"02");
        jury.fund(five, 1, shares);
        refusesLess(abi.encodeCall(jury.claimFees, (five, 1, 0)), 0, "");
    }

    function test_refusesLessThanViewsRead() public {
        refusesLess(abi.encodeCall(jury.checkJury, (five, buyer, seller, false)), 0, "");
        refusesLess(abi.encodeCall(jury.panel, (five, 1)), 0, "");
        refusesLess(abi.encodeCall(jury.juror, (juror(0))), 0, "");
        refusesLess(abi.encodeCall(jury.fees, (five, 1, 0)), 0, "");
    }
}

contract PactCalldataTest is PactFixture, Calldata {
    bytes32 internal id;

    function setUp() public override {
        super.setUp();
        id = pacts.pactIdOf(makePact());
    }

    function world() internal view override returns (bytes32) {
        uint256 held = usdc.balanceOf(address(pacts));
        return keccak256(abi.encode(stateOf(id), periodOf(id, 0), held, pacts.credits(presenter)));
    }

    function refusesLess(bytes memory data, uint256 spare, bytes memory offsets) internal {
        refusesLess(Call(address(pacts), RELAYER, data, spare, offsets));
    }

    function test_refusesLessThanOpenReads() public {
        IPactRegistry.Pact memory p = makePact();
        bytes memory a = authorization(AGENT_KEY, p.bond, p.openBy, id, address(pacts));
        refusesLess(abi.encodeCall(pacts.open, (p, a)), PADDING, hex"11");
    }

    function test_refusesLessThanGiveNoticeAndCloseRead() public {
        IPactRegistry.Pact memory p = opened();
        uint40 until = uint40(START + 1 days);
        bytes memory s = sign(AGENT_KEY, pacts.noticeDigest(IPactRegistry.Notice(id, until)));
        refusesLess(abi.encodeCall(pacts.giveNotice, (p, until, s)), PADDING, hex"12");
        vm.warp(LAST_END);
        refusesLess(abi.encodeCall(pacts.close, (p)), 0, "");
    }

    function test_refusesLessThanDrawAndFixSeedRead() public {
        IPactRegistry.Pact memory p = opened();
        vm.warp(PERIOD_END);
        vm.roll(100_000);
        refusesLess(abi.encodeCall(pacts.draw, (p, 0)), 0, "");
        pacts.draw(p, 0);
        vm.roll(100_033);
        refusesLess(abi.encodeCall(pacts.fixSeed, (p, 0)), 0, "");
    }

    function test_refusesLessThanPresentReads() public {
        IPactRegistry.Pact memory p = opened();
        vm.warp(PERIOD_END);
        IPactRegistry.Record memory r = makeRecord(p, 0, 1);
        IPactRegistry.Claim memory c = makeClaim(r, PRESENTER_KEY);
        bytes memory s = sign(AGENT_KEY, pacts.recordDigest(r));
        bytes memory a = feeAuthorization(p, c, PRESENTER_KEY);
        refusesLess(abi.encodeCall(pacts.present, (p, r, s, c, a)), PADDING, hex"151617");
    }

    function test_refusesLessThanSettleReads() public {
        IPactRegistry.Pact memory p = opened();
        claimed(p);
        vm.warp(PRESENT_END);
        bytes memory packed = packedFor(p, 0, ALL_SEATS, IJury.Outcome.Accepted);
        refusesLess(abi.encodeCall(pacts.settle, (p, 0, packed)), FIVE_BALLOTS, hex"12");
    }

    function test_refusesLessThanExpireCollectAndWithdrawRead() public {
        IPactRegistry.Pact memory p = opened();
        IPactRegistry.Record memory r = claimed(p);
        vm.warp(PACT_JUDGE_END);
        refusesLess(abi.encodeCall(pacts.expire, (p, 0)), 0, "");
        pacts.expire(p, 0);
        refusesLess(abi.encodeCall(pacts.collect, (r)), 0, "");
        usdc.blacklist(presenter);
        pacts.collect(r);
        usdc.unBlacklist(presenter);
        refusesLess(abi.encodeCall(pacts.withdraw, (presenter)), 0, "");
    }
}

contract ReputationCalldataTest is Fixture, Calldata {
    function world() internal view override returns (bytes32) {
        IReputationRegistry.Role role = IReputationRegistry.Role.Seller;
        return keccak256(abi.encode(registry.standing(RELAYER, seller, role)));
    }

    function test_refusesLessThanRecordReads() public {
        bytes memory data = abi.encodeCall(registry.record, (buyer, seller, usd(1), 1, 0));
        refusesLess(Call(address(registry), RELAYER, data, 0, ""));
    }

    function test_refusesLessThanRecordBatchReads() public {
        IReputationRegistry.Ended[] memory ended = new IReputationRegistry.Ended[](2);
        ended[0] = IReputationRegistry.Ended(buyer, seller, usd(1), 1, 0);
        ended[1] = IReputationRegistry.Ended(buyer, seller, usd(2), 2, 0);
        bytes memory data = abi.encodeCall(registry.recordBatch, (ended));
        refusesLess(Call(address(registry), RELAYER, data, 0, hex"00"));
    }
}
