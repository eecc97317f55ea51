// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IJury} from "../../src/interfaces/IJury.sol";
import {Fixture} from "../utils/Fixture.sol";
import {vm} from "../utils/Vm.sol";

// judge
// ├── it counts the caller's case: masks of seats, voters and criteria, and the weight met
// ├── it counts ballots of jurors that have left
// ├── it counts the appeal panel's ballots in round 2
// ├── it counts for each consumer its own ballots
// ├── when the jury is unknown
// │   └── it reverts
// ├── when the jury has no panel for the round
// │   └── it reverts
// ├── when the packed ballots are malformed
// │   └── it reverts
// └── when their mask names a seat beyond the panel
//     └── it reverts
// caseId, ballotDigest, ballotBatchDigest, registrationDigest, unbondingDigest
// └── they are what EIP-712 says
contract JudgeTest is Fixture {
    bytes32 internal constant DEAL = keccak256("a deal of some consumer");
    address internal constant CONSUMER = address(0xC0);

    function test_countsTheCallersCase() public {
        bytes32 id = caseId(1);
        // Criterion 0: four met. Criterion 1: four failed. Criterion 2: three met, two abstain.
        bytes memory packed = abi.encodePacked(
            ALL_SEATS,
            ballot(0, id, 5, 2),
            ballot(1, id, 5, 2),
            ballot(2, id, 5, 2),
            ballot(3, id, 1, 2),
            ballot(4, id, 0, 0)
        );
        IJury.Tally memory t = judge(five, 1, rule(5000, 2000, 3000, 1, 6000), packed);
        IJury.Tally memory needed =
            IJury.Tally(IJury.Outcome.Undetermined, 5000, ALL_SEATS, FOUR_SEATS, 1, 2, 5, 0);
        assertEq(abi.encode(t), abi.encode(needed), "tally");
    }

    function test_countsBallotsOfJurorsThatLeft() public {
        for (uint256 i; i < 5; ++i) {
            address key = juror(i);
            vm.prank(key);
            jury.unbond(IJury.Unbonding(key, 1, 0), "");
        }
        vm.warp(START + 30 days);
        for (uint256 i; i < 5; ++i) {
            jury.claim(juror(i));
        }
        IJury.Tally memory t = judge(five, 1, oneCriterion(), ballots(31, caseId(1), 1, 0));
        assertEq(uint256(t.outcome), uint256(IJury.Outcome.Accepted), "outcome");
    }

    function test_countsTheAppealPanelInRoundTwo() public {
        bytes32 both = createJury(5, 3);
        bytes32 id = caseId(2);
        bytes memory packed = abi.encodePacked(
            uint16(7), ballot(5, id, 0, 1), ballot(6, id, 0, 1), ballot(7, id, 0, 1)
        );
        IJury.Tally memory t = judge(both, 2, oneCriterion(), packed);
        IJury.Tally memory needed = IJury.Tally(IJury.Outcome.Rejected, 0, 7, 7, 0, 1, 3, 3);
        assertEq(abi.encode(t), abi.encode(needed), "tally");
    }

    function test_thePanelsBallotsDoNotCountInRoundTwo() public {
        bytes32 both = createJury(5, 3);
        IJury.Tally memory t = judge(both, 2, oneCriterion(), ballots(7, caseId(2), 0, 1));
        assertEq(t.seats, 0, "seats");
        assertEq(uint256(t.outcome), uint256(IJury.Outcome.NoVerdict), "outcome");
    }

    function test_aForeignConsumerWithTheSameIdsCountsNothing(address foreign) public {
        if (foreign == CONSUMER) foreign = RELAYER;
        bytes memory packed = ballots(31, caseId(1), 1, 0);
        vm.prank(foreign);
        IJury.Tally memory t = jury.judge(five, 1, DEAL, 0, WORK, oneCriterion(), packed);
        assertEq(t.seats, 0, "seats");
    }

    function test_everySeatOfTheLargestJuryCounts() public {
        bytes32 both = createJury(15, 15);
        IJury.Tally memory t = judge(both, 1, oneCriterion(), ballots(0x7fff, caseId(1), 1, 0));
        assertEq(t.seats, 0x7fff, "seats");
        assertEq(uint256(t.outcome), uint256(IJury.Outcome.Accepted), "outcome");
    }

    function test_reverts_whenTheJuryIsUnknown() public {
        vm.expectRevert(abi.encodeWithSelector(IJury.JuryUnknown.selector, DEAL));
        judge(DEAL, 1, oneCriterion(), hex"0000");
    }

    function test_reverts_whenTheJuryHasNoPanelForTheRound(uint8 round) public {
        if (round == 1) round = 2;
        vm.expectRevert(abi.encodeWithSelector(IJury.PanelMissing.selector, five, round));
        judge(five, round, oneCriterion(), hex"0000");
    }

    function test_reverts_whenTheBallotsAreMalformed() public {
        vm.expectRevert(abi.encodeWithSelector(IJury.BallotsMalformed.selector, 0, 2));
        judge(five, 1, oneCriterion(), "");
        vm.expectRevert(abi.encodeWithSelector(IJury.BallotsMalformed.selector, 2, 103));
        judge(five, 1, oneCriterion(), hex"0001");
        vm.expectRevert(abi.encodeWithSelector(IJury.BallotsMalformed.selector, 3, 2));
        judge(five, 1, oneCriterion(), hex"000000");
    }

    function test_reverts_whenTheMaskNamesASeatBeyondThePanel() public {
        bytes memory packed = ballots(0x20, caseId(1), 1, 0);
        vm.expectRevert(abi.encodeWithSelector(IJury.SeatUnknown.selector, 0x20, 5));
        judge(five, 1, oneCriterion(), packed);
        packed = bytes.concat(packed, "x");
        vm.expectRevert(abi.encodeWithSelector(IJury.BallotsMalformed.selector, 104, 103));
        judge(five, 1, oneCriterion(), packed);
        bytes32 both = createJury(5, 3);
        packed = ballots(0x08, caseId(2), 1, 0);
        vm.expectRevert(abi.encodeWithSelector(IJury.SeatUnknown.selector, 0x08, 3));
        judge(both, 2, oneCriterion(), packed);
    }

    // ---- digests

    function test_aCasesId(IJury.Case calldata c) public view {
        bytes32 typehash = keccak256(
            "Case(uint256 chainId,address jury,address consumer,bytes32 dealId,uint8 milestone,uint8 round,bytes32 deliverable)"
        );
        assertEq(jury.caseId(c), keccak256(abi.encode(typehash, c)), "case");
    }

    function test_aBallotsDigest(IJury.Ballot calldata b) public view {
        bytes32 typehash = keccak256(
            "Ballot(bytes32 caseId,uint16 met,uint16 failed,uint8 reason,bytes32 transcript)"
        );
        assertEq(jury.ballotDigest(b), digestOf(keccak256(abi.encode(typehash, b))), "ballot");
    }

    function test_aBatchsDigest(IJury.BallotBatch calldata b) public view {
        bytes32 typehash = keccak256("BallotBatch(bytes32[] cases,bytes votes,bytes32 transcript)");
        bytes memory list;
        for (uint256 i; i < b.cases.length; ++i) {
            list = bytes.concat(list, b.cases[i]);
        }
        bytes32 structHash =
            keccak256(abi.encode(typehash, keccak256(list), keccak256(b.votes), b.transcript));
        assertEq(jury.ballotBatchDigest(b), digestOf(structHash), "batch");
    }

    function test_anUnbondingsDigest(IJury.Unbonding calldata u) public view {
        bytes32 typehash = keccak256("Unbonding(address juror,uint32 nonce,uint40 validUntil)");
        assertEq(jury.unbondingDigest(u), digestOf(keccak256(abi.encode(typehash, u))), "unbonding");
    }

    function test_aRegistrationsDigest(IJury.Registration calldata r) public view {
        bytes32 typehash = keccak256(
            "Registration(address juror,string family,string operator,string url,uint96 stake,uint32 nonce,uint40 validUntil)"
        );
        bytes memory texts = abi.encode(
            keccak256(bytes(r.family)), keccak256(bytes(r.operator)), keccak256(bytes(r.url))
        );
        bytes memory head = abi.encode(typehash, r.juror);
        bytes memory tail = abi.encode(r.stake, r.nonce, r.validUntil);
        assertEq(
            jury.registrationDigest(r),
            digestOf(keccak256(bytes.concat(head, texts, tail))),
            "registration"
        );
    }

    function test_theDigestsFollowTheChain(IJury.Ballot calldata b) public {
        bytes32 before = jury.ballotDigest(b);
        vm.chainId(8453);
        assertTrue(jury.ballotDigest(b) != before, "digest");
    }

    // ---- helpers

    function caseId(uint8 round) internal view returns (bytes32) {
        return jury.caseId(IJury.Case(31_337, address(jury), CONSUMER, DEAL, 0, round, WORK));
    }

    function judge(bytes32 jury_, uint8 round, uint256 word, bytes memory packed)
        internal
        returns (IJury.Tally memory)
    {
        vm.prank(CONSUMER);
        return jury.judge(jury_, round, DEAL, 0, WORK, word, packed);
    }

    function digestOf(bytes32 structHash) internal view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                ),
                keccak256("Surety Jury"),
                keccak256("1"),
                31_337,
                address(jury)
            )
        );
        return keccak256(abi.encodePacked(hex"1901", domain, structHash));
    }
}
