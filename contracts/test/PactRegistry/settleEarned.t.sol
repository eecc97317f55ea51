// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IJury} from "../../src/interfaces/IJury.sol";
import {IPactRegistry} from "../../src/interfaces/IPactRegistry.sol";
import {PactFixture} from "../utils/PactFixture.sol";
import {vm} from "../utils/Vm.sol";

// settle
// ├── when no seat earned anything
// │   └── it asks neither token nor jury
// ├── when the smallest part is earned
// │   └── it is paid
// └── when a part becomes credit
//     └── it says so
contract PactSettleEarnedTest is PactFixture {
    function test_asksNeitherTokenNorJury_whenNobodyEarned() public {
        IPactRegistry.Pact memory p = opened();
        claimed(p);
        vm.warp(PRESENT_END);
        bytes memory packed = packedFor(p, 0, ALL_SEATS, IJury.Outcome.Undetermined);
        vm.recordLogs();
        pacts.settle(p, 0, packed);
        assertEq(vm.getRecordedLogs().length, 1, "the period's end and nothing else");
    }

    function test_paysASingleUnit() public {
        IPactRegistry.Pact memory p = makePact();
        (p.bond, p.juryFee) = (3200, 5);
        bytes32 id = open(p);
        claimed(p);
        vm.warp(PRESENT_END);
        bytes32 subject = pacts.subjectOf(id, 0);
        bytes32 caseId = jury.caseId(
            IJury.Case(
                block.chainid,
                address(jury),
                address(pacts),
                subject,
                0,
                1,
                periodOf(id, 0).evidence
            )
        );
        bytes memory packed = abi.encodePacked(ALL_SEATS, ballot(0, caseId, 1, 0));
        for (uint256 seat = 1; seat < 5; ++seat) {
            packed = bytes.concat(packed, ballot(seat, caseId, 0, 0));
        }
        pacts.settle(p, 0, packed);
        assertEq(jury.fees(five, 1, 0), 1, "a fifth of the fee");
        assertEq(usdc.balanceOf(address(jury)), 1, "jury");
        assertEq(usdc.balanceOf(address(pacts)), 3204, "the bond, and what comes back");
    }

    function test_tellsOfACredit() public {
        IPactRegistry.Pact memory p = opened();
        claimed(p);
        usdc.blacklist(address(jury));
        vm.warp(PRESENT_END);
        bytes memory packed = packedFor(p, 0, ALL_SEATS, IJury.Outcome.Accepted);
        for (uint256 seat; seat < 5; ++seat) {
            vm.expectEmit(true, true, true, true, address(pacts));
            emit IPactRegistry.Credited(juror(seat), usd(1));
        }
        pacts.settle(p, 0, packed);
    }
}
