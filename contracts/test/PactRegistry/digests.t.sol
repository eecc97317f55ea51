// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IPactRegistry} from "../../src/interfaces/IPactRegistry.sol";
import {PactFixture} from "../utils/PactFixture.sol";
import {vm} from "../utils/Vm.sol";

// digests
// ├── the pact's id and each signed struct's digest are what EIP-712 says, in "Surety Pacts" 1
// └── they follow the live chain id and the contract's address
contract PactDigestsTest is PactFixture {
    string internal constant PACT =
        "Pact(address agent,uint256 agentId,bytes32 jury,uint256 rule,bytes32 criteria,uint96 bond,uint16 slashBps,uint96 juryFee,uint16 sampleBps,uint40 openBy,uint40 startAt,uint40 periodSecs,uint16 periods,uint40 presentWithin,uint40 judgeWithin,bytes32 document,bytes32 salt)";

    function test_thePactsId(IPactRegistry.Pact memory p) public {
        bytes memory first = abi.encode(
            keccak256(bytes(PACT)),
            p.agent,
            p.agentId,
            p.jury,
            p.rule,
            p.criteria,
            p.bond,
            p.slashBps,
            p.juryFee
        );
        bytes memory second = abi.encode(
            p.sampleBps,
            p.openBy,
            p.startAt,
            p.periodSecs,
            p.periods,
            p.presentWithin,
            p.judgeWithin,
            p.document,
            p.salt
        );
        bytes32 structHash = keccak256(bytes.concat(first, second));
        assertEq(pacts.pactIdOf(p), digestOf(structHash, 31_337), "here");
        vm.chainId(8453);
        assertEq(pacts.pactIdOf(p), digestOf(structHash, 8453), "elsewhere");
    }

    function test_aRecordsDigest(IPactRegistry.Record memory r) public view {
        bytes32 typehash =
            keccak256("Record(bytes32 pactId,uint32 period,bytes32 key,bytes32 content)");
        bytes32 structHash = keccak256(abi.encode(typehash, r.pactId, r.period, r.key, r.content));
        assertEq(pacts.recordDigest(r), digestOf(structHash, 31_337), "record");
    }

    function test_aClaimsDigest(IPactRegistry.Claim memory c) public view {
        bytes32 typehash =
            keccak256("Claim(bytes32 record,address presenter,string uri,uint40 validUntil)");
        bytes32 structHash = keccak256(
            abi.encode(typehash, c.record, c.presenter, keccak256(bytes(c.uri)), c.validUntil)
        );
        assertEq(pacts.claimDigest(c), digestOf(structHash, 31_337), "claim");
    }

    function test_aNoticesDigest(IPactRegistry.Notice memory n) public view {
        bytes32 typehash = keccak256("Notice(bytes32 pactId,uint40 validUntil)");
        bytes32 structHash = keccak256(abi.encode(typehash, n.pactId, n.validUntil));
        assertEq(pacts.noticeDigest(n), digestOf(structHash, 31_337), "notice");
    }

    function test_aPeriodsSubject(bytes32 pactId, uint32 period) public view {
        bytes32 typehash = keccak256("Subject(bytes32 pactId,uint32 period)");
        assertEq(
            pacts.subjectOf(pactId, period),
            keccak256(abi.encode(typehash, pactId, period)),
            "subject"
        );
    }

    function digestOf(bytes32 structHash, uint256 chainId) internal view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                ),
                keccak256("Surety Pacts"),
                keccak256("1"),
                chainId,
                address(pacts)
            )
        );
        return keccak256(abi.encodePacked(hex"1901", domain, structHash));
    }
}
