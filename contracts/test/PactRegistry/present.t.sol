// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IPactRegistry} from "../../src/interfaces/IPactRegistry.sol";
import {PactFixture} from "../utils/PactFixture.sol";
import {vm} from "../utils/Vm.sol";

// present
// ├── when the record is signed by the agent, sampled and paid for
// │   ├── the first one locks a slash; each extends the evidence; whoever submits
// │   └── two contents under one key are two records
// ├── when the period is not over, or presenting is, to the second; or it is not covered
// │   └── it reverts
// ├── when the seed is not fixed, or the key is not in the sample
// │   └── it reverts, unless every key is sampled
// ├── when the record is another pact's, the claim another record's, or the record presented
// │   └── it reverts
// ├── when the agent did not sign it, or the presenter did not pay for exactly it
// │   └── it reverts
// ├── when 64 places are taken
// │   └── it reverts
// └── when the bond would not give a fee back
//     └── it reverts
contract PresentTest is PactFixture {
    function test_locksASlashAndKeepsTheFee() public {
        IPactRegistry.Pact memory p = opened();
        bytes32 id = pacts.pactIdOf(p);
        vm.warp(PERIOD_END);
        IPactRegistry.Record memory r = makeRecord(p, 0, 7);
        bytes32 digest = pacts.recordDigest(r);
        bytes32 evidence = keccak256(abi.encode(bytes32(0), digest));
        vm.expectEmit(true, true, true, true, address(pacts));
        emit IPactRegistry.RecordPresented(
            id,
            0,
            presenter,
            r.key,
            r.content,
            sign(AGENT_KEY, digest),
            "https://record.example",
            evidence
        );
        present(p, r, PRESENTER_KEY);
        assertEq(usdc.balanceOf(presenter), usd(9995), "presenter");
        assertEq(usdc.balanceOf(address(pacts)), usd(1005), "registry");
        assertEq(stateOf(id).bond, usd(900), "bond");
        assertEq(stateOf(id).claimed, 1, "claimed");
        assertEq(pacts.presenterOf(digest), presenter, "presenterOf");
        IPactRegistry.PeriodState memory needed;
        (needed.status, needed.count) = (IPactRegistry.Status.Claimed, 1);
        (needed.locked, needed.evidence) = (usd(100), evidence);
        assertEq(abi.encode(periodOf(id, 0)), abi.encode(needed), "period");
    }

    function test_theSecondLocksNothingMore() public {
        IPactRegistry.Pact memory p = opened();
        bytes32 id = pacts.pactIdOf(p);
        IPactRegistry.Record memory r = claimed(p);
        bytes32 first = keccak256(abi.encode(bytes32(0), pacts.recordDigest(r)));
        // The same key with another content: the agent cannot hide one behind the other.
        r.content = keccak256("something else");
        present(p, r, OTHER_KEY);
        assertEq(stateOf(id).bond, usd(900), "bond");
        assertEq(stateOf(id).claimed, 1, "claimed");
        IPactRegistry.PeriodState memory s = periodOf(id, 0);
        assertEq(s.count, 2, "count");
        assertEq(s.locked, usd(100), "locked");
        assertEq(s.evidence, keccak256(abi.encode(first, pacts.recordDigest(r))), "evidence");
    }

    function test_theWindowIsHalfOpen() public {
        IPactRegistry.Pact memory p = opened();
        IPactRegistry.Record memory r = makeRecord(p, 0, 1);
        vm.warp(PERIOD_END - 1);
        presentReverts(p, r, err(IPactRegistry.TooEarly.selector, PERIOD_END - 1, PERIOD_END));
        vm.warp(PRESENT_END);
        presentReverts(p, r, err(IPactRegistry.DeadlinePassed.selector, PRESENT_END, PRESENT_END));
        vm.warp(PRESENT_END - 1);
        present(p, r, PRESENTER_KEY);
    }

    function test_reverts_whenThePeriodIsNotCovered() public {
        IPactRegistry.Pact memory p = opened();
        uint256 last = START_AT + 10 days;
        presentReverts(
            p,
            makeRecord(p, 10, 1),
            err(IPactRegistry.PeriodNotCovered.selector, last + 1 days, last)
        );
    }

    function test_reverts_whenTheKeyIsNotSampled() public {
        IPactRegistry.Pact memory p = makePact();
        p.sampleBps = 5000;
        bytes32 id = open(p);
        vm.warp(PERIOD_END);
        IPactRegistry.Record memory r = makeRecord(p, 0, 1);
        bytes memory missing =
            abi.encodeWithSelector(IPactRegistry.SeedMissing.selector, id, uint32(0));
        presentReverts(p, r, missing);
        vm.roll(1000);
        pacts.draw(p, 0);
        presentReverts(p, r, missing);
        vm.roll(1033);
        pacts.fixSeed(p, 0);
        (uint256 in_, uint256 out) = (1, 1);
        while (!pacts.isSampled(p, 0, bytes32(in_))) ++in_;
        while (pacts.isSampled(p, 0, bytes32(out))) ++out;
        presentReverts(
            p,
            makeRecord(p, 0, out),
            abi.encodeWithSelector(IPactRegistry.KeyNotSampled.selector, bytes32(out))
        );
        present(p, makeRecord(p, 0, in_), PRESENTER_KEY);
    }

    function test_reverts_whenTheRecordIsAnotherPacts() public {
        IPactRegistry.Pact memory p = opened();
        vm.warp(PERIOD_END);
        IPactRegistry.Record memory r = makeRecord(p, 0, 1);
        r.pactId = keccak256("another");
        presentReverts(
            p,
            r,
            abi.encodeWithSelector(
                IPactRegistry.RecordMismatch.selector, r.pactId, pacts.pactIdOf(p)
            )
        );
    }

    function test_reverts_whenTheClaimIsAnotherRecords() public {
        IPactRegistry.Pact memory p = opened();
        vm.warp(PERIOD_END);
        IPactRegistry.Record memory r = makeRecord(p, 0, 1);
        IPactRegistry.Claim memory c = makeClaim(makeRecord(p, 0, 2), PRESENTER_KEY);
        vm.expectRevert(
            abi.encodeWithSelector(
                IPactRegistry.RecordMismatch.selector, c.record, pacts.recordDigest(r)
            )
        );
        pacts.present(p, r, "", c, "");
    }

    function test_reverts_whenTheRecordWasPresented() public {
        IPactRegistry.Pact memory p = opened();
        IPactRegistry.Record memory r = claimed(p);
        presentReverts(
            p, r, abi.encodeWithSelector(IPactRegistry.RecordExists.selector, pacts.recordDigest(r))
        );
    }

    function test_reverts_whenTheAgentDidNotSign() public {
        IPactRegistry.Pact memory p = opened();
        vm.warp(PERIOD_END);
        IPactRegistry.Record memory r = makeRecord(p, 0, 1);
        bytes32 digest = pacts.recordDigest(r);
        IPactRegistry.Claim memory c = makeClaim(r, PRESENTER_KEY);
        bytes memory s = sign(PRESENTER_KEY, digest);
        bytes memory a = feeAuthorization(p, c, PRESENTER_KEY);
        vm.expectRevert(
            abi.encodeWithSelector(IPactRegistry.SignatureInvalid.selector, agent, digest)
        );
        pacts.present(p, r, s, c, a);
    }

    function test_theTokenRefuses_whenTheFeeIsForAnotherClaim() public {
        IPactRegistry.Pact memory p = opened();
        vm.warp(PERIOD_END);
        IPactRegistry.Record memory r = makeRecord(p, 0, 1);
        bytes memory s = sign(AGENT_KEY, pacts.recordDigest(r));
        IPactRegistry.Claim memory c = makeClaim(r, PRESENTER_KEY);
        bytes memory a = feeAuthorization(p, c, PRESENTER_KEY);
        c.uri = "https://elsewhere.example";
        vm.expectRevert(text("FiatTokenV2: invalid signature"));
        pacts.present(p, r, s, c, a);
    }

    function test_aPeriodHas64Places() public {
        IPactRegistry.Pact memory p = opened();
        vm.warp(PERIOD_END);
        for (uint256 i; i < 64; ++i) {
            present(p, makeRecord(p, 0, i), OTHER_KEY);
        }
        presentReverts(p, makeRecord(p, 0, 64), err(IPactRegistry.PlacesTaken.selector, 64, 64));
    }

    function test_locksWhatIsLeft_andRefusesLessThanAFee() public {
        IPactRegistry.Pact memory p = makePact();
        (p.bond, p.slashBps, p.juryFee) = (usd(250), 4800, usd(10));
        bytes32 id = open(p);
        vm.warp(PERIOD_END);
        present(p, makeRecord(p, 0, 1), PRESENTER_KEY);
        assertEq(stateOf(id).bond, usd(130), "one slash is locked");
        vm.warp(PERIOD_END + 1 days);
        present(p, makeRecord(p, 1, 1), PRESENTER_KEY);
        assertEq(periodOf(id, 1).locked, usd(120), "another");
        assertEq(stateOf(id).bond, usd(10), "what is left");
        vm.warp(PERIOD_END + 2 days);
        present(p, makeRecord(p, 2, 1), PRESENTER_KEY);
        assertEq(periodOf(id, 2).locked, usd(10), "what is left is locked");
        vm.warp(PERIOD_END + 3 days);
        presentReverts(p, makeRecord(p, 3, 1), err(IPactRegistry.BondTooLow.selector, 0, usd(10)));
        pacts.expire(p, 0);
        present(p, makeRecord(p, 3, 1), PRESENTER_KEY);
    }

    function test_reverts_whenThePactIsUnknown() public {
        IPactRegistry.Pact memory p = makePact();
        presentReverts(
            p,
            makeRecord(p, 0, 1),
            abi.encodeWithSelector(IPactRegistry.PactUnknown.selector, pacts.pactIdOf(p))
        );
    }
}
