// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Assert} from "../utils/Assert.sol";
import {JuryHandler} from "./JuryHandler.sol";

// Whatever eight jurors, a consumer, a reporter, strangers and the clock do, in any order:
//
// 1. The jury's balance is what is at stake, what is in pots, and what was donated and put into no
//    pot: never a unit less, and never a unit more. Its own count of what it owes is exact.
// 2. Each key owns, at stake and outside, what it brought and what its pots gave it, except for a
//    slashed stake: a tenth of that is the reporter's, the rest nobody's.
// 3. A key that was struck off never registers again; nobody is slashed twice, or after leaving.
// 4. Everybody can leave and be paid, without any consumer; then nothing but gifts stays.
contract StakesTest is Assert {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    JuryHandler internal handler;

    function setUp() public {
        handler = new JuryHandler();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function targetSelectors() public view returns (FuzzSelector[] memory targets) {
        bytes4[] memory acts = new bytes4[](10);
        acts[0] = handler.registerKey.selector;
        acts[1] = handler.registerKey.selector;
        acts[2] = handler.unbondKey.selector;
        acts[3] = handler.claimStake.selector;
        acts[4] = handler.slashKey.selector;
        acts[5] = handler.fundPanel.selector;
        acts[6] = handler.fundPanel.selector;
        acts[7] = handler.claimPot.selector;
        acts[8] = handler.donate.selector;
        acts[9] = handler.passTime.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(handler), acts);
    }

    /// @dev One function, because each would be a campaign of its own over the same histories.
    function invariant_theBalanceCoversStakesAndFees() public {
        handler.checkSolvency();
        handler.checkOwners();
    }

    /// @dev Runs once at the end of each history.
    function afterInvariant() public {
        handler.emptyEverything();
        handler.checkSolvency();
        handler.checkOwners();
    }

    /// @dev One long history by hand, so that a broken handler shows before the fuzzer runs.
    function test_aHistoryThatUsesEveryAct() public {
        for (uint256 i; i < 90; ++i) {
            uint256 seed = uint256(keccak256(abi.encode(i)));
            if (i % 9 == 0) handler.registerKey(seed, seed >> 9);
            else if (i % 9 == 1) handler.fundPanel(seed, seed >> 9);
            else if (i % 9 == 2) handler.unbondKey(seed);
            else if (i % 9 == 3) handler.claimPot(seed);
            else if (i % 9 == 4) handler.donate(seed);
            else if (i % 9 == 5) handler.claimStake(seed);
            else if (i % 9 == 6) handler.passTime(seed);
            else if (i % 9 == 7) handler.fundPanel(seed, seed >> 9);
            else if (i % 27 == 8) handler.slashKey(seed);
            invariant_theBalanceCoversStakesAndFees();
        }
        assertTrue(handler.rewarded() != 0 && handler.acts() > 30, "it was a history");
        afterInvariant();
    }
}
