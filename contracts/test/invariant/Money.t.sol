// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Assert} from "../utils/Assert.sol";
import {Handler} from "./Handler.sol";

// Whatever six wallets, a relayer, strangers, the token's admin and the clock do, in any order:
//
// 1. The escrow's balance is what open milestones hold (amounts, bonds and appeals' bonds), what it
//    owes as credits, and what was donated: never a unit less, and never a unit more.
// 2. Each wallet owns, as balance and credit together, what it put in and what the escrow's events
//    say that it got, whoever submitted, whoever was blacklisted, whether or not the token was
//    paused. An ended milestone's amount and bond share went to seller, buyer and fees, to the
//    unit; an appeal's bond to one party and the fees of round 2.
// 3. Relayer, marketplace, jury and jurors own together exactly the fees, and nobody else's balance
//    changes.
// 4. A milestone ends once, and never opens again; a slow-path state exists exactly while its
//    milestone is live, and is the one of its last event.
// 5. Every ended milestone is one fact of its buyer and one of its seller.
// 6. Every deal can be closed by time alone, without buyer, seller, jury or relayer; then the
//    escrow holds nothing but credits and donations.
contract MoneyTest is Assert {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    Handler internal handler;

    function setUp() public {
        handler = new Handler();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function targetSelectors() public view returns (FuzzSelector[] memory targets) {
        bytes4[] memory acts = new bytes4[](19);
        acts[0] = handler.openDeal.selector;
        acts[1] = handler.openDeal.selector;
        acts[2] = handler.settleMilestone.selector;
        acts[3] = handler.settleMilestone.selector;
        acts[4] = handler.deliverMilestone.selector;
        acts[5] = handler.deliverMilestone.selector;
        acts[6] = handler.acceptMilestone.selector;
        acts[7] = handler.concedeMilestone.selector;
        acts[8] = handler.agreeMilestone.selector;
        acts[9] = handler.closeMilestoneByTime.selector;
        acts[10] = handler.withdrawCredit.selector;
        acts[11] = handler.passTime.selector;
        acts[12] = handler.listOrDelist.selector;
        acts[13] = handler.donate.selector;
        acts[14] = handler.pauseOrUnpause.selector;
        acts[15] = handler.appealMilestone.selector;
        acts[16] = handler.appealMilestone.selector;
        acts[17] = handler.settleEverything.selector;
        acts[18] = handler.revokeTerms.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(handler), acts);
    }

    /// @dev One function, because each would be a campaign of its own over the same histories.
    function invariant_theMoneyIsAlwaysRight() public view {
        handler.checkSolvency();
        handler.checkWealth();
        handler.checkDeals();
        handler.checkFacts();
    }

    /// @dev Runs once at the end of each history.
    function afterInvariant() public {
        handler.closeEverything();
        assertEq(handler.held(), 0, "nothing is open");
        handler.checkSolvency();
        handler.checkWealth();
        handler.checkDeals();
        handler.checkFacts();
    }

    /// @dev One long history by hand, so that a broken handler shows before the fuzzer runs.
    function test_aHistoryThatUsesEveryAct() public {
        for (uint256 i; i < 120; ++i) {
            uint256 seed = uint256(keccak256(abi.encode(i)));
            if (i % 6 == 0) handler.openDeal(seed);
            else if (i % 12 == 1) handler.settleMilestone(seed, i);
            else if (i % 12 == 2) handler.deliverMilestone(seed);
            else if (i % 12 == 3) handler.agreeMilestone(seed, seed >> 7, i % 2 == 0);
            else if (i % 12 == 4) handler.passTime(seed % 2 hours);
            else if (i % 12 == 5) handler.listOrDelist(seed);
            else if (i % 12 == 7) handler.acceptMilestone(seed, uint96(i));
            else if (i % 24 == 8) handler.concedeMilestone(seed);
            else if (i % 24 == 20) handler.revokeTerms(seed);
            else if (i % 12 == 9) handler.appealMilestone(seed, uint96(i));
            else if (i % 24 == 10) handler.closeMilestoneByTime(seed);
            else if (i % 24 == 22) handler.settleEverything(seed, uint8(i));
            else handler.withdrawCredit(seed);
            if (i % 20 == 19) handler.pauseOrUnpause();
            if (i % 15 == 14) handler.donate(seed);
            invariant_theMoneyIsAlwaysRight();
        }
        afterInvariant();
        assertTrue(handler.endings() > 5, "it was a history");
        assertTrue(handler.verdicts() > 5, "with verdicts");
        assertTrue(handler.skips() > 0, "and items that batches left out");
    }
}
