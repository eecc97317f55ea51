// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IPactRegistry} from "../../src/interfaces/IPactRegistry.sol";
import {PactFixture} from "../utils/PactFixture.sol";
import {vm} from "../utils/Vm.sol";

// collect
// ├── when the record's period has ended
// │   ├── it pays the presenter once, whoever calls
// │   └── as credit when the token refuses the presenter
// ├── when the period has not ended
// │   └── it reverts
// └── when the record was not presented, or was collected
//     └── it reverts
// withdraw
// ├── it pays the owner's whole credit, whoever calls
// └── when there is none, or the token still refuses
//     └── it reverts
contract CollectTest is PactFixture {
    function test_paysThePresenterOnce_whoeverCalls(address caller) public {
        IPactRegistry.Pact memory p = opened();
        IPactRegistry.Record memory r = claimed(p);
        bytes32 digest = pacts.recordDigest(r);
        vm.warp(PACT_JUDGE_END);
        pacts.expire(p, 0);
        vm.expectEmit(true, true, true, true, address(pacts));
        emit IPactRegistry.Collected(digest, presenter, usd(5));
        vm.prank(caller);
        pacts.collect(r);
        assertEq(usdc.balanceOf(presenter), usd(10_000), "presenter");
        vm.expectRevert(abi.encodeWithSelector(IPactRegistry.RecordUnknown.selector, digest));
        pacts.collect(r);
    }

    function test_reverts_whenThePeriodHasNotEnded() public {
        IPactRegistry.Pact memory p = opened();
        IPactRegistry.Record memory r = claimed(p);
        vm.warp(PACT_JUDGE_END);
        vm.expectRevert(
            abi.encodeWithSelector(
                IPactRegistry.StatusMismatch.selector,
                IPactRegistry.Status.Claimed,
                IPactRegistry.Status.Ended
            )
        );
        pacts.collect(r);
    }

    function test_reverts_whenTheRecordWasNotPresented() public {
        IPactRegistry.Record memory r = makeRecord(makePact(), 0, 1);
        bytes32 digest = pacts.recordDigest(r);
        vm.expectRevert(abi.encodeWithSelector(IPactRegistry.RecordUnknown.selector, digest));
        pacts.collect(r);
    }

    function test_aRefusedPresenterHasCredit_andNobodyWaits() public {
        IPactRegistry.Pact memory p = opened();
        IPactRegistry.Record memory r = claimed(p);
        usdc.blacklist(presenter);
        vm.warp(PACT_JUDGE_END);
        pacts.expire(p, 0);
        pacts.collect(r);
        assertEq(pacts.credits(presenter), usd(5), "credit");
        vm.expectRevert(err(IPactRegistry.TransferRefused.selector, uint160(presenter), usd(5)));
        pacts.withdraw(presenter);
        usdc.unBlacklist(presenter);
        vm.expectEmit(true, true, true, true, address(pacts));
        emit IPactRegistry.Withdrawn(presenter, usd(5));
        vm.prank(other);
        pacts.withdraw(presenter);
        assertEq(usdc.balanceOf(presenter), usd(10_000), "presenter");
        vm.expectRevert(abi.encodeWithSelector(IPactRegistry.CreditEmpty.selector, presenter));
        pacts.withdraw(presenter);
    }
}
