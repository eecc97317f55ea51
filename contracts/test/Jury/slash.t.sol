// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Jury} from "../../src/Jury.sol";
import {IJury} from "../../src/interfaces/IJury.sol";
import {OddToken} from "../doubles/OddToken.sol";
import {BatchFixture} from "../utils/BatchFixture.sol";
import {vm} from "../utils/Vm.sol";

// slash
// ├── when the juror signed two answers to one case
// │   ├── it pays a tenth of the stake to the caller, the rest to nobody, and strikes the key off
// │   │   ├── for two ballots, two batches, one of each, or two places of one batch
// │   │   ├── while the juror serves, and while it leaves
// │   │   └── for any stake: the caller's part rounded down, or nothing at all
// │   ├── the key never registers again, but its ballots count and its pots are paid
// │   └── the juror that reports itself on an invented case gets no more than the tenth
// ├── when the answers are the same, whatever the reason and the transcript
// │   └── it reverts
// ├── when one of them is absent, or its masks overlap
// │   └── it reverts
// ├── when they answer two cases, or the index names another
// │   └── it reverts
// ├── when a signature is not the juror's: another's, of another chain, list or order, none, high
// │   └── it reverts
// ├── when a size is wrong
// │   └── it reverts
// ├── when the key is unknown, has left, or was struck off before
// │   └── it reverts
// └── when the token refuses the caller
//     └── it reverts, and anybody else can report
contract SlashTest is BatchFixture {
    uint256 internal constant STAKED = 200;
    address internal constant REPORTER = address(0x4E904);
    address internal constant NOBODY = 0x000000000000000000000000000000000000dEaD;
    bytes32 internal constant CASE = keccak256("a case");
    bytes32 internal constant OTHER_CASE = keccak256("another case");

    function setUp() public override {
        super.setUp();
        stake(STAKED, usd(500));
    }

    // ---- offences

    function test_takesTheWholeStakeForTwoBallots() public {
        IJury.Registration memory r = registration(STAKED);
        vm.expectEmit(true, true, true, true, address(jury));
        emit IJury.JurorStruck(juror(STAKED), CASE, REPORTER, usd(500));
        slash(CASE, one(MET), one(FAILED));
        assertEq(
            abi.encode(jury.juror(juror(STAKED))),
            abi.encode(IJury.Juror(0, 1, 0, false, r.family, r.operator, r.url, true)),
            "juror"
        );
        assertStruck(usd(500));
    }

    function test_takesItForTwoBatches(uint256 n, uint256 m, uint256 i, uint256 k) public {
        (n, m) = (bound(n, 1, 6), bound(m, 1, 6));
        (i, k) = (bound(i, 0, n - 1), bound(k, 0, m - 1));
        IJury.Statement memory first =
            batchStatement(STAKED, listWith(n, i, "first"), votesWith(n, i, MET), i);
        IJury.Statement memory second =
            batchStatement(STAKED, listWith(m, k, "second"), votesWith(m, k, ABSTAINED), k);
        slash(CASE, first, second);
        assertStruck(usd(500));
    }

    function test_takesItForABallotAndABatch(bool swapped) public {
        IJury.Statement memory ballot_ = one(FAILED);
        IJury.Statement memory batch =
            batchStatement(STAKED, listWith(3, 2, "list"), votesWith(3, 2, MET), 2);
        if (swapped) slash(CASE, batch, ballot_);
        else slash(CASE, ballot_, batch);
        assertStruck(usd(500));
    }

    function test_takesItForTwoLeavesUnderOneRoot() public {
        bytes32[] memory ids = listWith(3, 0, "list");
        ids[2] = CASE;
        bytes memory votes = abi.encodePacked(MET, MET, FAILED);
        slash(CASE, batchStatement(STAKED, ids, votes, 0), batchStatement(STAKED, ids, votes, 2));
        assertStruck(usd(500));
    }

    function test_takesItForAnyTwoAnswersThatDiffer(uint16 met, uint16 failed, uint256 bit) public {
        failed &= ~met;
        bytes5 first = bytes5(abi.encodePacked(met, failed, uint8(0)));
        // One criterion less, or one more that was open.
        uint16 mask = uint16(1 << bound(bit, 0, 15));
        if (failed & mask != 0) failed ^= mask;
        else met ^= mask;
        slash(CASE, one(first), one(bytes5(abi.encodePacked(met, failed, uint8(0)))));
        assertStruck(usd(500));
    }

    function test_takesItWhileTheJurorLeaves() public {
        vm.prank(juror(STAKED));
        jury.unbond(IJury.Unbonding(juror(STAKED), 1, 0), "");
        vm.warp(START + 30 days);
        slash(CASE, one(MET), one(FAILED));
        assertStruck(usd(500));
        vm.expectRevert(abi.encodeWithSelector(IJury.JurorUnknown.selector, juror(STAKED)));
        jury.claim(juror(STAKED));
    }

    function test_takesALaterStakeForEarlierEvidence() public {
        IJury.Statement memory first = one(MET);
        IJury.Statement memory second = one(FAILED);
        vm.prank(juror(STAKED));
        jury.unbond(IJury.Unbonding(juror(STAKED), 1, 0), "");
        vm.warp(START + 30 days);
        jury.claim(juror(STAKED));
        vm.expectRevert(abi.encodeWithSelector(IJury.JurorUnknown.selector, juror(STAKED)));
        jury.slash(juror(STAKED), CASE, first, second);
        stake(STAKED, usd(70));
        slash(CASE, first, second);
        assertStruck(usd(70));
    }

    function test_roundsTheReportersTenthDown(uint96 amount) public {
        amount = uint96(amount % 4 < 3 ? 8 + amount % 3 : bound(amount, 1, usd(1_000_000)));
        stake(STAKED + 1, amount);
        slashOf(STAKED + 1, CASE);
        assertEq(usdc.balanceOf(REPORTER), amount / 10, "reporter");
        assertEq(usdc.balanceOf(NOBODY), amount - amount / 10, "nobody");
        assertEq(usdc.balanceOf(address(jury)), usd(500), "jury");
    }

    function test_strikesOffAJurorWithoutAStake() public {
        vm.expectEmit(true, true, true, true, address(jury));
        emit IJury.JurorStruck(juror(0), CASE, REPORTER, 0);
        slashOf(0, CASE);
        assertTrue(jury.juror(juror(0)).slashed, "slashed");
        assertEq(usdc.balanceOf(address(jury)), usd(500), "another's stake");
    }

    // ---- afterwards

    function test_reverts_whenAStruckKeyRegistersAgain() public {
        slash(CASE, one(MET), one(FAILED));
        IJury.Registration memory r = registration(STAKED);
        bytes memory signature = sign(jurorKey(STAKED), jury.registrationDigest(r));
        vm.expectRevert(abi.encodeWithSelector(IJury.JurorSlashed.selector, juror(STAKED)));
        jury.register(r, signature);
    }

    function test_aStruckKeyServesInNoNewJury() public {
        slashOf(0, CASE);
        address[] memory seats = new address[](3);
        (seats[0], seats[1], seats[2]) = (juror(0), juror(1), juror(2));
        vm.expectRevert(abi.encodeWithSelector(IJury.JurorUnknown.selector, juror(0)));
        jury.createJury(seats, new address[](0));
    }

    function test_theBallotsOfAStruckKeyStillCountAndItsPotsArePaid() public {
        fundPots(five, 1, sharesOf(5, usd(1)));
        for (uint256 seat; seat < 5; ++seat) {
            slashOf(seat, CASE);
        }
        IJury.BatchCase[] memory cases = makeCases(1);
        bytes memory packed = batchBallots(ALL_SEATS, idsOf(cases, 1), same(MET, 1));
        vm.prank(CONSUMER);
        IJury.Tally[] memory tallies = jury.judgeBatch(five, 1, cases, packed);
        assertEq(uint256(tallies[0].outcome), uint256(IJury.Outcome.Accepted), "outcome");
        jury.claimFees(five, 1, 0);
        assertEq(usdc.balanceOf(juror(0)), usd(1), "fees");
    }

    function test_aJurorThatReportsItselfOnAnInventedCaseGainsNothing(bytes32 invented) public {
        IJury.Statement memory first = ballotStatement(STAKED, invented, MET);
        IJury.Statement memory second = ballotStatement(STAKED, invented, FAILED);
        vm.prank(juror(STAKED));
        jury.slash(juror(STAKED), invented, first, second);
        assertEq(usdc.balanceOf(juror(STAKED)), usd(50), "a tenth of what was its own");
        assertEq(usdc.balanceOf(NOBODY), usd(450), "the rest is lost");
        assertEq(usdc.balanceOf(address(jury)), 0, "and nobody else's");
    }

    // ---- no offences

    function test_reverts_whenOnlyTranscriptOrReasonDiffer() public {
        IJury.Statement memory first = one(MET);
        IJury.Statement memory second = one(MET);
        second.transcript = keccak256("asked again");
        resign(second, CASE, MET);
        noOffence(first, second, MET, MET);
        second = one(bytes5(bytes.concat(bytes4(MET), hex"03")));
        noOffence(first, second, MET, MET);
        noOffence(first, first, MET, MET);
    }

    function test_reverts_whenABallotAndABatchAgree() public {
        IJury.Statement memory batch =
            batchStatement(STAKED, listWith(3, 1, "list"), votesWith(3, 1, FAILED), 1);
        noOffence(one(FAILED), batch, FAILED, FAILED);
    }

    function test_reverts_whenOneIsAbsent() public {
        IJury.Statement memory absent =
            batchStatement(STAKED, listWith(3, 1, "list"), votesWith(3, 1, ABSENT), 1);
        noOffence(one(MET), absent, MET, ABSENT);
        noOffence(absent, one(ABSTAINED), ABSENT, ABSTAINED);
    }

    function test_reverts_whenTheMasksOfOneOverlap(uint16 met, uint16 failed) public {
        if (met & failed == 0) (met, failed) = (met | 0x8000, failed | 0x8000);
        bytes5 vote = bytes5(abi.encodePacked(met, failed, uint8(0)));
        noOffence(one(MET), one(vote), MET, vote);
        noOffence(one(vote), one(ABSTAINED), vote, ABSTAINED);
    }

    // ---- other cases

    function test_reverts_whenTheAnswersAreToTwoCases() public {
        IJury.Statement memory other = ballotStatement(STAKED, OTHER_CASE, FAILED);
        bytes32 digest = jury.ballotDigest(IJury.Ballot(CASE, 0, 1, 0, other.transcript));
        signatureInvalid(one(MET), other, digest);
        bytes32[] memory ids = listWith(2, 0, "list");
        IJury.Statement memory batch = batchStatement(STAKED, ids, same(FAILED, 2), 1);
        reverts(one(MET), batch, abi.encodeWithSelector(IJury.CaseMismatch.selector, ids[1], CASE));
    }

    // ---- signatures

    function test_reverts_whenAnotherSigned() public {
        IJury.Statement memory foreign = ballotStatement(0, CASE, FAILED);
        bytes32 digest = jury.ballotDigest(IJury.Ballot(CASE, 0, 1, 0, foreign.transcript));
        signatureInvalid(one(MET), foreign, digest);
        signatureInvalid(foreign, one(MET), digest);
    }

    function test_reverts_whenTheListIsReorderedOrCut() public {
        bytes32[] memory ids = listWith(3, 1, "list");
        IJury.Statement memory s = batchStatement(STAKED, ids, votesWith(3, 1, FAILED), 1);
        (s.cases[0], s.cases[2]) = (s.cases[2], s.cases[0]);
        signatureInvalid(one(MET), s, batchDigest(s));
        s = batchStatement(STAKED, ids, votesWith(3, 1, FAILED), 1);
        s.cases = new bytes32[](2);
        (s.cases[0], s.cases[1]) = (ids[0], ids[1]);
        s.votes = votesWith(2, 1, FAILED);
        signatureInvalid(one(MET), s, batchDigest(s));
    }

    function test_reverts_whenVotesOrTranscriptAreNotTheSignedOnes() public {
        IJury.Statement memory s =
            batchStatement(STAKED, listWith(2, 1, "list"), votesWith(2, 1, MET), 1);
        s.votes = votesWith(2, 1, FAILED);
        signatureInvalid(one(MET), s, batchDigest(s));
        s.votes = votesWith(2, 1, MET);
        s.transcript = CASE;
        signatureInvalid(one(FAILED), s, batchDigest(s));
    }

    function test_reverts_whenABatchOfOneIsHandedInAsABallot() public {
        IJury.Statement memory s = batchStatement(STAKED, listWith(1, 0, ""), same(FAILED, 1), 0);
        s.cases = new bytes32[](0);
        bytes32 digest = jury.ballotDigest(IJury.Ballot(CASE, 0, 1, 0, s.transcript));
        signatureInvalid(one(MET), s, digest);
    }

    function test_reverts_whenASignatureIsOfAnotherChainOrContract() public {
        IJury.Statement memory second = one(FAILED);
        Jury other = new Jury(address(usdc));
        bytes32 digest = other.ballotDigest(IJury.Ballot(CASE, 0, 1, 0, second.transcript));
        second.signature = compact(jurorKey(STAKED), digest);
        digest = jury.ballotDigest(IJury.Ballot(CASE, 0, 1, 0, second.transcript));
        signatureInvalid(one(MET), second, digest);
        IJury.Statement memory first = one(MET);
        second = one(FAILED);
        vm.chainId(8453);
        digest = jury.ballotDigest(IJury.Ballot(CASE, 1, 0, 0, first.transcript));
        signatureInvalid(first, second, digest);
    }

    function test_reverts_whenASignatureIsNoneOrItsSIsHigh() public {
        IJury.Statement memory s = one(FAILED);
        bytes32 digest = jury.ballotDigest(IJury.Ballot(CASE, 0, 1, 0, s.transcript));
        s.signature = new bytes(64);
        signatureInvalid(one(MET), s, digest);
        (uint8 v, bytes32 r, bytes32 low) = vm.sign(jurorKey(STAKED), digest);
        uint256 order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
        // Without and with the parity in its place.
        s.signature = abi.encodePacked(r, order - uint256(low));
        signatureInvalid(one(MET), s, digest);
        s.signature = abi.encodePacked(r, (order - uint256(low)) | (uint256(28 - v) << 255));
        signatureInvalid(one(MET), s, digest);
    }

    // ---- sizes

    function test_reverts_whenAnIndexIsTooLarge() public {
        IJury.Statement memory s = one(FAILED);
        s.index = 1;
        invalid(one(MET), s, "index", 1, 1);
        s = batchStatement(STAKED, listWith(3, 2, "list"), votesWith(3, 2, FAILED), 2);
        s.index = 3;
        invalid(one(MET), s, "index", 3, 3);
        s.index = type(uint256).max;
        invalid(s, one(MET), "index", type(uint256).max, 3);
    }

    function test_reverts_whenThereAreNotFiveBytesPerCase() public {
        IJury.Statement memory s = one(FAILED);
        s.votes = hex"00000001";
        invalid(one(MET), s, "votes", 4, 5);
        s.votes = "";
        invalid(one(MET), s, "votes", 0, 5);
        s = batchStatement(STAKED, listWith(3, 2, "list"), votesWith(3, 2, FAILED), 2);
        s.votes = bytes.concat(s.votes, hex"00");
        invalid(s, one(MET), "votes", 16, 15);
    }

    function test_reverts_whenASignatureHasNot64Bytes() public {
        IJury.Statement memory s = one(FAILED);
        s.signature = bytes.concat(s.signature, hex"00");
        invalid(one(MET), s, "signature", 65, 64);
        s.signature = new bytes(63);
        invalid(s, one(MET), "signature", 63, 64);
        s.signature = "";
        invalid(one(MET), s, "signature", 0, 64);
    }

    // ---- who and when

    function test_reverts_whenTheKeyIsUnknown() public {
        IJury.Statement memory first = ballotStatement(77, CASE, MET);
        IJury.Statement memory second = ballotStatement(77, CASE, FAILED);
        vm.expectRevert(abi.encodeWithSelector(IJury.JurorUnknown.selector, juror(77)));
        jury.slash(juror(77), CASE, first, second);
        vm.expectRevert(abi.encodeWithSelector(IJury.JurorUnknown.selector, address(0)));
        jury.slash(address(0), CASE, first, second);
    }

    function test_reverts_theSecondTime() public {
        slash(CASE, one(MET), one(FAILED));
        reverts(
            one(MET),
            one(FAILED),
            abi.encodeWithSelector(IJury.JurorSlashed.selector, juror(STAKED))
        );
    }

    function test_reverts_whenTheTokenRefusesTheCaller_andAnybodyElseCanReport() public {
        IJury.Statement memory first = one(MET);
        IJury.Statement memory second = one(FAILED);
        usdc.blacklist(REPORTER);
        vm.expectRevert(
            abi.encodeWithSelector(IJury.TransferRefused.selector, address(usdc), REPORTER, usd(50))
        );
        vm.prank(REPORTER);
        jury.slash(juror(STAKED), CASE, first, second);
        assertTrue(jury.juror(juror(STAKED)).registered, "nothing happened");
        usdc.pause();
        vm.expectRevert(
            abi.encodeWithSelector(IJury.TransferRefused.selector, address(usdc), RELAYER, usd(50))
        );
        vm.prank(RELAYER);
        jury.slash(juror(STAKED), CASE, first, second);
        usdc.unpause();
        vm.prank(RELAYER);
        jury.slash(juror(STAKED), CASE, first, second);
        assertEq(usdc.balanceOf(RELAYER), usd(50), "another reporter");
    }

    function test_aTokenThatCallsBackFindsNothingFree() public {
        OddToken odd = OddToken(vm.deployCode("OddToken.sol:OddToken", ""));
        jury = new Jury(address(odd));
        bytes32 three = createJury(3);
        IJury.Registration memory r = registration(STAKED);
        r.stake = usd(500);
        odd.mint(r.juror, r.stake);
        jury.register(r, "");
        uint256[] memory shares = new uint256[](3);
        shares[0] = 1;
        odd.reenter(address(jury), abi.encodeCall(jury.fund, (three, 1, shares)));
        slash(CASE, one(MET), one(FAILED));
        assertTrue(!odd.answered(), "refused");
        assertEq(odd.balanceOf(REPORTER), usd(50), "reporter");
        assertEq(odd.balanceOf(NOBODY), usd(450), "nobody");
    }

    // ---- helpers

    /// @dev A ballot of the staked juror on the case.
    function one(bytes5 vote) internal view returns (IJury.Statement memory) {
        return ballotStatement(STAKED, CASE, vote);
    }

    function slash(bytes32 id, IJury.Statement memory first, IJury.Statement memory second)
        internal
    {
        vm.prank(REPORTER);
        jury.slash(juror(STAKED), id, first, second);
    }

    function slashOf(uint256 seat, bytes32 id) internal {
        IJury.Statement memory first = ballotStatement(seat, id, MET);
        IJury.Statement memory second = ballotStatement(seat, id, FAILED);
        vm.prank(REPORTER);
        jury.slash(juror(seat), id, first, second);
    }

    /// @dev The staked juror's stake is gone to where it belongs.
    function assertStruck(uint256 stake_) internal view {
        assertEq(usdc.balanceOf(REPORTER), stake_ / 10, "reporter");
        assertEq(usdc.balanceOf(NOBODY), stake_ - stake_ / 10, "nobody");
        assertEq(usdc.balanceOf(address(jury)), 0, "jury");
        IJury.Juror memory j = jury.juror(juror(STAKED));
        assertTrue(!j.registered && j.slashed && j.stake == 0 && j.unbondsAt == 0, "juror");
    }

    function listWith(uint256 count, uint256 index, string memory salt)
        internal
        pure
        returns (bytes32[] memory ids)
    {
        ids = new bytes32[](count);
        for (uint256 i; i < count; ++i) {
            ids[i] = i == index ? CASE : keccak256(abi.encode(salt, i));
        }
    }

    /// @dev `vote` at the index, elsewhere abstentions.
    function votesWith(uint256 count, uint256 index, bytes5 vote)
        internal
        pure
        returns (bytes memory votes)
    {
        for (uint256 i; i < count; ++i) {
            votes = bytes.concat(votes, i == index ? vote : ABSTAINED);
        }
    }

    function resign(IJury.Statement memory s, bytes32 id, bytes5 vote) internal view {
        IJury.Ballot memory b = IJury.Ballot(
            id, uint16(bytes2(vote)), uint16(bytes2(vote << 16)), uint8(vote[4]), s.transcript
        );
        s.signature = compact(jurorKey(STAKED), jury.ballotDigest(b));
    }

    function batchDigest(IJury.Statement memory s) internal view returns (bytes32) {
        return jury.ballotBatchDigest(IJury.BallotBatch(s.cases, s.votes, s.transcript));
    }

    function noOffence(
        IJury.Statement memory first,
        IJury.Statement memory second,
        bytes5 a,
        bytes5 b
    ) internal {
        reverts(
            first, second, abi.encodeWithSelector(IJury.NoOffence.selector, bytes4(a), bytes4(b))
        );
    }

    function signatureInvalid(
        IJury.Statement memory first,
        IJury.Statement memory second,
        bytes32 digest
    ) internal {
        reverts(
            first,
            second,
            abi.encodeWithSelector(IJury.SignatureInvalid.selector, juror(STAKED), digest)
        );
    }

    function invalid(
        IJury.Statement memory first,
        IJury.Statement memory second,
        string memory field,
        uint256 got,
        uint256 needed
    ) internal {
        reverts(
            first,
            second,
            abi.encodeWithSelector(IJury.StatementInvalid.selector, field, got, needed)
        );
    }

    function reverts(IJury.Statement memory first, IJury.Statement memory second, bytes memory with)
        internal
    {
        vm.expectRevert(with);
        jury.slash(juror(STAKED), CASE, first, second);
    }
}
