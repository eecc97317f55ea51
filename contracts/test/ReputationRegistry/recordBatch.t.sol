// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ReputationRegistry} from "../../src/ReputationRegistry.sol";
import {IReputationRegistry} from "../../src/interfaces/IReputationRegistry.sol";
import {Assert} from "../utils/Assert.sol";
import {vm} from "../utils/Vm.sol";

// recordBatch
// ├── it leaves what `record` leaves, called once for each fact in the same second
// ├── it never reverts, whatever it is given, and emits nothing
// └── nothing is done for no facts
contract RecordBatchTest is Assert {
    address[3] internal wallets = [address(0xB0B), address(0x5E1), address(0xA11)];

    ReputationRegistry internal apart;
    ReputationRegistry internal together;

    function setUp() public {
        apart = new ReputationRegistry();
        together = new ReputationRegistry();
    }

    function test_isRecordForEachFact(uint256 seed, uint256[4] memory gaps) public {
        uint256 moment = 1_800_000_000;
        for (uint256 i; i < gaps.length; ++i) {
            moment += gaps[i] % 200 days;
            vm.warp(moment);
            IReputationRegistry.Ended[] memory ended = facts(seed, i);
            for (uint256 k; k < ended.length; ++k) {
                IReputationRegistry.Ended memory e = ended[k];
                apart.record(e.buyer, e.seller, e.amount, e.ending, e.flags);
            }
            vm.recordLogs();
            together.recordBatch(ended);
            assertEq(vm.getRecordedLogs().length, 0, "logs");
            assertSame();
        }
    }

    /// @dev Also before 1970's first second has passed, and when 32 bits of time have.
    function test_neverReverts(uint256 seed, uint256 moment) public {
        vm.warp(moment % (1 << 34));
        together.recordBatch(facts(seed, 0));
        vm.warp(0);
        together.recordBatch(facts(seed, 1));
    }

    function test_noFactsAreNone() public {
        together.recordBatch(new IReputationRegistry.Ended[](0));
        assertSame();
    }

    /// @dev Up to six facts about three wallets, often the same pair or one wallet in both roles;
    /// now and then all ones.
    function facts(uint256 seed, uint256 turn)
        internal
        view
        returns (IReputationRegistry.Ended[] memory ended)
    {
        ended = new IReputationRegistry.Ended[](draw(seed, turn, 100) % 7);
        for (uint256 k; k < ended.length; ++k) {
            uint256 random = draw(seed, turn, k);
            ended[k] = IReputationRegistry.Ended({
                buyer: wallets[random % 3],
                seller: wallets[(random >> 8) % 3],
                amount: (random >> 16) % 4 == 0 ? type(uint96).max : uint96(random >> 24),
                ending: uint8((random >> 120) % 11),
                flags: (random >> 128) % 3 == 0 ? uint8(random >> 136) : 0
            });
        }
    }

    function draw(uint256 seed, uint256 turn, uint256 k) internal pure returns (uint256) {
        return uint256(keccak256(abi.encode(seed, turn, k)));
    }

    function assertSame() internal view {
        for (uint256 i; i < wallets.length; ++i) {
            for (uint256 role; role < 2; ++role) {
                IReputationRegistry.Role as_ = IReputationRegistry.Role(role);
                bytes memory needed = abi.encode(apart.standing(address(this), wallets[i], as_));
                bytes memory got = abi.encode(together.standing(address(this), wallets[i], as_));
                assertEq(got, needed, "standing");
            }
        }
    }
}
