// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Assert} from "../utils/Assert.sol";
import {PactHandler} from "./PactHandler.sol";

// Whatever three agents, three presenters, a relayer, strangers, the token's admin and the clock
// do, in any order:
//
// 1. The registry's balance is bonds, locked parts, posted fees, what presenters may collect,
//    credits, and what was donated: never a unit less, and never a unit more.
// 2. An agent loses exactly what rejected periods had locked.
// 3. A period is judged once at most, whatever ballots are handed in again, and each judgement is
//    one fact of its agent.
// 4. Every period and every pact can be ended by time alone; then the registry holds nothing but
//    credits and donations.
contract PactsTest is Assert {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    PactHandler internal handler;

    function setUp() public {
        handler = new PactHandler();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function targetSelectors() public view returns (FuzzSelector[] memory targets) {
        bytes4[] memory acts = new bytes4[](16);
        acts[0] = handler.openPact.selector;
        acts[1] = handler.openPact.selector;
        acts[2] = handler.presentRecord.selector;
        acts[3] = handler.presentRecord.selector;
        acts[4] = handler.presentRecord.selector;
        acts[5] = handler.settlePeriod.selector;
        acts[6] = handler.settlePeriod.selector;
        acts[7] = handler.settleAgain.selector;
        acts[8] = handler.expirePeriod.selector;
        acts[9] = handler.collectRecord.selector;
        acts[10] = handler.noticePact.selector;
        acts[11] = handler.closePact.selector;
        acts[12] = handler.withdrawCredit.selector;
        acts[13] = handler.passTime.selector;
        acts[14] = handler.listOrDelist.selector;
        acts[15] = handler.donate.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(handler), acts);
    }

    /// @dev One function, because each would be a campaign of its own over the same histories.
    function invariant_theBondsAreAlwaysRight() public view {
        handler.checkSolvency();
        handler.checkAgents();
        handler.checkVerdicts();
    }

    /// @dev Runs once at the end of each history.
    function afterInvariant() public {
        handler.closeEverything();
        invariant_theBondsAreAlwaysRight();
        handler.checkClosed();
    }

    /// @dev One long history by hand, so that a broken handler shows before the fuzzer runs.
    function test_aHistoryThatUsesEveryAct() public {
        for (uint256 i; i < 300; ++i) {
            uint256 seed = uint256(keccak256(abi.encode(i)));
            uint256 act = i % 12;
            if (act == 0) handler.openPact(seed);
            else if (act == 1 || act == 2 || act == 7) handler.presentRecord(seed);
            else if (act == 3) handler.settlePeriod(seed, i / 12);
            else if (act == 4) handler.settleAgain(seed, seed >> 9);
            else if (act == 5) handler.collectRecord(seed);
            else if (act == 6) handler.passTime(seed);
            else if (act == 8) handler.expirePeriod(seed);
            else if (act == 9) handler.openPact(seed);
            else if (act == 10) handler.withdrawCredit(seed);
            else handler.closePact(seed);
            if (i % 17 == 16) handler.listOrDelist(seed);
            if (i % 37 == 36) handler.pauseOrUnpause();
            if (i % 40 == 39) handler.noticePact(seed);
            if (i % 25 == 24) handler.donate(seed);
            invariant_theBondsAreAlwaysRight();
        }
        afterInvariant();
        assertTrue(handler.judged() > 3, "it was a history: judged");
        assertTrue(handler.rejected() > 0, "rejected");
        assertTrue(handler.expired() > 0, "expired");
        assertTrue(handler.closed() > 3, "closed");
    }
}
