// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IJury} from "../../src/interfaces/IJury.sol";
import {BatchFixture} from "../utils/BatchFixture.sol";
import {vm} from "../utils/Vm.sol";

/// @notice Acts on the jury as eight jurors, a consumer, a reporter and strangers would, in any
/// order; inputs are folded so that every call does what it should. Beside it runs a model of what
/// everybody should own.
contract JuryHandler is BatchFixture {
    uint256 internal constant KEYS = 8;
    address internal constant REPORTER = address(0x4E904);
    address internal constant NOBODY = 0x000000000000000000000000000000000000dEaD;

    /// @dev `five` seats jurors 0 to 4; `both` seats 0 to 3, and 4 to 7 for appeals.
    bytes32 internal both;
    uint256 internal _clock = START;

    /// @notice What each key should have been paid: stakes and fees.
    mapping(uint256 seat => uint256) public paid;
    /// @notice What each key should have at stake.
    mapping(uint256 seat => uint256) public staked;
    /// @notice What each seat should have in its pot.
    mapping(bytes32 pot => uint256) public pots;
    /// @notice What strangers gave and nobody put into pots.
    uint256 public free;
    /// @notice What the reporter and nobody should have.
    uint256 public rewarded;
    uint256 public burned;
    /// @notice How often each act did something.
    uint256 public acts;

    constructor() {
        setUp();
        both = createJury(4, 4);
        // The fixture's jurors have no stakes.
        for (uint256 seat; seat < KEYS; ++seat) {
            unbondKey(seat);
            claimStake(seat);
            registerKey(seat % 5 == 0 ? seat + KEYS : seat, usd(100));
        }
    }

    // ---- acts

    function registerKey(uint256 seed, uint256 amount) public {
        vm.warp(_clock);
        uint256 seat = seed % KEYS;
        IJury.Juror memory j = jury.juror(juror(seat));
        IJury.Registration memory r = registration(seat);
        r.stake = seed % 5 == 0 ? 0 : uint96(bound(amount, 1, usd(1000)));
        usdc.mint(r.juror, r.stake);
        paid[seat] += r.stake;
        bytes32 digest = jury.registrationDigest(r);
        bytes memory signature = r.stake == 0
            ? sign(jurorKey(seat), digest)
            : authorization(jurorKey(seat), r.stake, r.validUntil, digest, address(jury));
        if (j.slashed) vm.expectRevert(about(IJury.JurorSlashed.selector, r.juror));
        else if (j.registered) vm.expectRevert(about(IJury.JurorExists.selector, r.juror));
        jury.register(r, signature);
        if (j.slashed || j.registered) return;
        paid[seat] -= r.stake;
        staked[seat] = r.stake;
        ++acts;
    }

    function unbondKey(uint256 seed) public {
        vm.warp(_clock);
        address key = juror(seed % KEYS);
        IJury.Juror memory j = jury.juror(key);
        if (!j.registered || j.unbondsAt != 0) return;
        vm.prank(key);
        jury.unbond(IJury.Unbonding(key, j.registrations, 0), "");
        ++acts;
    }

    function claimStake(uint256 seed) public {
        vm.warp(_clock);
        uint256 seat = seed % KEYS;
        IJury.Juror memory j = jury.juror(juror(seat));
        if (!j.registered || j.unbondsAt == 0) return;
        if (j.unbondsAt > _clock) vm.warp(_clock = j.unbondsAt);
        jury.claim(juror(seat));
        paid[seat] += staked[seat];
        staked[seat] = 0;
        ++acts;
    }

    function slashKey(uint256 seed) public {
        vm.warp(_clock);
        uint256 seat = seed % KEYS;
        bool registered = jury.juror(juror(seat)).registered;
        IJury.Statement memory first = ballotStatement(seat, bytes32(seed), MET);
        bytes32[] memory ids = new bytes32[](2);
        ids[1] = bytes32(seed);
        IJury.Statement memory second =
            batchStatement(seat, ids, abi.encodePacked(ABSENT, FAILED), 1);
        if (!registered) {
            (bool ok,) = address(jury)
                .call(abi.encodeCall(jury.slash, (juror(seat), bytes32(seed), first, second)));
            assertTrue(!ok, "nobody to slash");
            return;
        }
        vm.prank(REPORTER);
        jury.slash(juror(seat), bytes32(seed), first, second);
        rewarded += staked[seat] / 10;
        burned += staked[seat] - staked[seat] / 10;
        staked[seat] = 0;
        ++acts;
    }

    /// @dev With new money, or with what strangers gave.
    function fundPanel(uint256 seed, uint256 amount) public {
        (bytes32 id, uint8 round) = panelOf(seed);
        uint256 count = jury.panel(id, round).length;
        uint256 each = seed % 4 == 0
            ? free / count
            : bound(amount, 0, seed % 3 == 0 ? 1 << 50 : uint256(usd(10)));
        uint256[] memory shares = new uint256[](count);
        uint256 sum;
        for (uint8 seat; seat < count; ++seat) {
            shares[seat] = seed % 4 == 0 || (seed >> seat) & 1 == 0 ? each : each / 2;
            sum += shares[seat];
            pots[potOf(id, round, seat)] += shares[seat];
        }
        if (seed % 4 == 0) free -= sum;
        else usdc.mint(address(jury), sum);
        jury.fund(id, round, shares);
        ++acts;
    }

    function claimPot(uint256 seed) public {
        (bytes32 id, uint8 round) = panelOf(seed);
        claimPotOf(id, round, uint8((seed >> 16) % jury.panel(id, round).length));
    }

    function donate(uint256 amount) public {
        amount = bound(amount, 1, usd(10));
        usdc.mint(address(jury), amount);
        free += amount;
    }

    function passTime(uint256 seed) public {
        _clock += bound(seed, 1, 20 days);
    }

    // ---- what must hold

    /// @dev The balance is what the model says, and the contract's own count of it is exact: one
    /// unit more than what is free can be put into no pot.
    function checkSolvency() public {
        uint256 owed = owedInAll();
        uint256 balance = usdc.balanceOf(address(jury));
        assertEq(balance, owed + free, "balance");
        uint256[] memory shares = new uint256[](5);
        shares[0] = free + 1;
        vm.expectRevert(abi.encodeWithSelector(IJury.Unfunded.selector, balance, owed + free + 1));
        jury.fund(five, 1, shares);
    }

    /// @dev Everybody owns what the model says, at stake, in pots and outside.
    function checkOwners() public view {
        for (uint256 seat; seat < KEYS; ++seat) {
            assertEq(jury.juror(juror(seat)).stake, staked[seat], "stake");
            assertEq(usdc.balanceOf(juror(seat)), paid[seat], "paid");
        }
        for (uint256 panel; panel < 3; ++panel) {
            (bytes32 id, uint8 round) = panelOf(panel);
            for (uint8 seat; seat < 15; ++seat) {
                assertEq(jury.fees(id, round, seat), pots[potOf(id, round, seat)], "pot");
            }
        }
        assertEq(usdc.balanceOf(REPORTER), rewarded, "reporter");
        assertEq(usdc.balanceOf(NOBODY), burned, "nobody");
    }

    /// @dev Everybody leaves and takes what is its own; nothing but gifts stays.
    function emptyEverything() public {
        for (uint256 seat; seat < KEYS; ++seat) {
            unbondKey(seat);
            claimStake(seat);
        }
        for (uint256 panel; panel < 3; ++panel) {
            (bytes32 id, uint8 round) = panelOf(panel);
            uint256 count = jury.panel(id, round).length;
            for (uint8 seat; seat < count; ++seat) {
                claimPotOf(id, round, seat);
            }
        }
        assertEq(owedInAll(), 0, "owed");
    }

    // ---- helpers

    function claimPotOf(bytes32 id, uint8 round, uint8 seat) internal {
        bytes32 pot = potOf(id, round, seat);
        if (pots[pot] == 0) {
            vm.expectRevert(abi.encodeWithSelector(IJury.FeesEmpty.selector, id, round, seat));
            jury.claimFees(id, round, seat);
            return;
        }
        jury.claimFees(id, round, seat);
        paid[seatOf(id, round, seat)] += pots[pot];
        pots[pot] = 0;
        ++acts;
    }

    function owedInAll() internal view returns (uint256 owed) {
        for (uint256 seat; seat < KEYS; ++seat) {
            owed += staked[seat];
        }
        for (uint256 panel; panel < 3; ++panel) {
            (bytes32 id, uint8 round) = panelOf(panel);
            for (uint8 seat; seat < 15; ++seat) {
                owed += pots[potOf(id, round, seat)];
            }
        }
    }

    function panelOf(uint256 seed) internal view returns (bytes32 id, uint8 round) {
        if (seed % 3 == 0) return (five, 1);
        return (both, uint8(seed % 3));
    }

    function potOf(bytes32 id, uint8 round, uint8 seat) internal pure returns (bytes32) {
        return keccak256(abi.encode(id, round, seat));
    }

    /// @dev Which juror sits there.
    function seatOf(bytes32 id, uint8 round, uint8 seat) internal view returns (uint256) {
        return id == both && round == 2 ? 4 + uint256(seat) : seat;
    }

    function about(bytes4 selector, address key) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(selector, key);
    }
}
