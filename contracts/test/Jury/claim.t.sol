// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IJury} from "../../src/interfaces/IJury.sol";
import {Fixture} from "../utils/Fixture.sol";
import {vm} from "../utils/Vm.sol";

// claim
// ├── when the 30 days are over
// │   └── it pays the stake to the key, whoever calls; the claims stay
// ├── when the key is unknown
// │   └── it reverts
// ├── when the juror serves, or its 30 days are not over
// │   └── it reverts
// └── when the token refuses the juror
//     └── it reverts, and can be tried again
contract ClaimTest is Fixture {
    uint256 internal constant STAKED = 200;
    uint256 internal constant OUT = START + 30 days;

    function setUp() public override {
        super.setUp();
        IJury.Registration memory r = registration(STAKED);
        r.stake = usd(500);
        usdc.mint(r.juror, r.stake);
        bytes32 digest = jury.registrationDigest(r);
        jury.register(
            r, authorization(jurorKey(STAKED), r.stake, r.validUntil, digest, address(jury))
        );
    }

    function test_paysTheStakeToTheKey_whoeverCalls(address caller, uint256 late) public {
        unbond(STAKED);
        late = late % 4 < 2 ? late % 4 : bound(late, 0, 1000 days);
        vm.warp(OUT + late);
        vm.expectEmit(true, true, true, true, address(jury));
        emit IJury.JurorLeft(juror(STAKED), usd(500));
        vm.prank(caller);
        jury.claim(juror(STAKED));
        assertEq(usdc.balanceOf(juror(STAKED)), usd(500), "juror");
        assertEq(usdc.balanceOf(address(jury)), 0, "jury");
        IJury.Registration memory r = registration(STAKED);
        assertEq(
            abi.encode(jury.juror(juror(STAKED))),
            abi.encode(IJury.Juror(0, 1, 0, false, r.family, r.operator, r.url, false)),
            "the claims stay"
        );
    }

    function test_leavesWithoutAStake() public {
        unbond(0);
        vm.warp(OUT);
        jury.claim(juror(0));
        assertTrue(!jury.juror(juror(0)).registered, "left");
    }

    function test_reverts_whenTheKeyIsUnknown(address key) public {
        if (jury.juror(key).registered) key = RELAYER;
        vm.expectRevert(abi.encodeWithSelector(IJury.JurorUnknown.selector, key));
        jury.claim(key);
    }

    function test_reverts_theSecondTime() public {
        unbond(STAKED);
        vm.warp(OUT);
        jury.claim(juror(STAKED));
        vm.expectRevert(abi.encodeWithSelector(IJury.JurorUnknown.selector, juror(STAKED)));
        jury.claim(juror(STAKED));
    }

    function test_reverts_whileTheJurorServes() public {
        vm.expectRevert(abi.encodeWithSelector(IJury.StakeBonded.selector, START, type(uint40).max));
        jury.claim(juror(STAKED));
    }

    function test_reverts_beforeTheThirtyDaysAreOver(uint256 early) public {
        unbond(STAKED);
        early = early % 2 == 0 ? 1 : bound(early, 1, 30 days);
        vm.warp(OUT - early);
        vm.expectRevert(abi.encodeWithSelector(IJury.StakeBonded.selector, OUT - early, OUT));
        jury.claim(juror(STAKED));
    }

    function test_reverts_whenTheTokenRefuses_andPaysLater() public {
        unbond(STAKED);
        vm.warp(OUT);
        usdc.blacklist(juror(STAKED));
        vm.expectRevert(
            abi.encodeWithSelector(
                IJury.TransferRefused.selector, address(usdc), juror(STAKED), usd(500)
            )
        );
        jury.claim(juror(STAKED));
        usdc.unBlacklist(juror(STAKED));
        jury.claim(juror(STAKED));
        assertEq(usdc.balanceOf(juror(STAKED)), usd(500), "juror");
    }

    function unbond(uint256 seat) internal {
        vm.prank(juror(seat));
        jury.unbond(IJury.Unbonding(juror(seat), 1, 0), "");
    }
}
