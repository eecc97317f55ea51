// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Jury} from "../../src/Jury.sol";
import {PactRegistry} from "../../src/PactRegistry.sol";
import {IDealEscrow} from "../../src/interfaces/IDealEscrow.sol";
import {IPactRegistry} from "../../src/interfaces/IPactRegistry.sol";
import {OddToken} from "../doubles/OddToken.sol";
import {PactFixture} from "../utils/PactFixture.sol";
import {vm} from "../utils/Vm.sol";

// tokens that misbehave
// ├── when the token takes a fee
// │   └── opening and presenting revert with what arrived and what was signed
// ├── when the token calls back
// │   └── every operation that writes refuses
// ├── when a push burns its gas, lies or bombs: it becomes credit
// └── when there is too little gas to push honestly
//     └── it reverts
contract PactTokensTest is PactFixture {
    OddToken internal odd;

    function setUp() public override {
        super.setUp();
        odd = OddToken(vm.deployCode("OddToken.sol:OddToken", ""));
        jury = new Jury(address(odd));
        five = createJury(5);
        pacts = new PactRegistry(address(jury), address(odd));
        odd.mint(agent, usd(10_000));
        odd.mint(presenter, usd(10_000));
    }

    function test_reverts_whenTheTokenTakesAFee() public {
        IPactRegistry.Pact memory p = makePact();
        odd.become(OddToken.Mode.TakesFee);
        vm.expectRevert(err(IPactRegistry.TransferMismatch.selector, usd(990), usd(1000)));
        pacts.open(p, "");
        odd.become(OddToken.Mode.Honest);
        pacts.open(p, "");
        vm.warp(PERIOD_END);
        odd.become(OddToken.Mode.TakesFee);
        presentReverts(
            p,
            makeRecord(p, 0, 1),
            err(IPactRegistry.TransferMismatch.selector, usd(5) - 50_000, usd(5))
        );
    }

    function test_everyWriterRefuses_whenTheTokenCallsBack() public {
        IPactRegistry.Pact memory p = makePact();
        IPactRegistry.Record memory r = makeRecord(p, 0, 1);
        IPactRegistry.Claim memory c = makeClaim(r, PRESENTER_KEY);
        bytes[10] memory calls = [
            abi.encodeCall(pacts.open, (p, "")),
            abi.encodeCall(pacts.giveNotice, (p, 0, "")),
            abi.encodeCall(pacts.close, (p)),
            abi.encodeCall(pacts.draw, (p, 0)),
            abi.encodeCall(pacts.fixSeed, (p, 0)),
            abi.encodeCall(pacts.present, (p, r, "", c, "")),
            abi.encodeCall(pacts.settle, (p, 0, "")),
            abi.encodeCall(pacts.expire, (p, 0)),
            abi.encodeCall(pacts.collect, (r)),
            abi.encodeCall(pacts.withdraw, (agent))
        ];
        for (uint256 i; i < calls.length; ++i) {
            p.salt = keccak256(abi.encode(i));
            odd.reenter(address(pacts), calls[i]);
            pacts.open(p, "");
            assertTrue(!odd.answered(), "refused");
            assertEq(odd.answer(), abi.encodeWithSelector(IPactRegistry.Reentered.selector), "why");
        }
    }

    function test_aPushThatFailsBecomesCredit() public {
        OddToken.Mode[5] memory modes = [
            OddToken.Mode.SaysFalse,
            OddToken.Mode.SaysTwo,
            OddToken.Mode.SaysHalfAWord,
            OddToken.Mode.Bomb,
            OddToken.Mode.Burns
        ];
        for (uint256 i; i < modes.length; ++i) {
            IPactRegistry.Pact memory p = makePact();
            p.salt = keccak256(abi.encode(i));
            vm.warp(START);
            odd.become(OddToken.Mode.Honest);
            pacts.open(p, "");
            vm.warp(LAST_END);
            odd.become(modes[i]);
            pacts.close(p);
            assertEq(pacts.credits(agent), (i + 1) * usd(1000), "credit");
        }
    }

    function test_reverts_whenGasIsTooLowToPush() public {
        IPactRegistry.Pact memory p = makePact();
        pacts.open(p, "");
        vm.warp(LAST_END);
        (bool ok, bytes memory answer) =
            address(pacts).call{gas: 150_000}(abi.encodeCall(pacts.close, (p)));
        assertTrue(!ok, "reverted");
        assertEq(bytes32(bytes4(answer)), bytes32(IDealEscrow.GasTooLow.selector), "why");
    }
}
