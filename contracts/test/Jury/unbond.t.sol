// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IJury} from "../../src/interfaces/IJury.sol";
import {Fixture} from "../utils/Fixture.sol";
import {vm} from "../utils/Vm.sol";

// unbond
// ├── when the juror calls, or anybody with its signature
// │   └── it starts the 30 days
// ├── when the key is unknown, or leaving already
// │   └── it reverts
// ├── when the nonce is not that of the present registration
// │   └── it reverts
// └── when the signature is another's, or its last moment has passed
//     └── it reverts
contract UnbondTest is Fixture {
    uint40 internal constant UNTIL = uint40(START + 1 days);

    function test_startsThirtyDays_whenTheJurorCalls(uint40 anything) public {
        vm.expectEmit(true, true, true, true, address(jury));
        emit IJury.JurorUnbonding(juror(0), uint40(START + 30 days));
        vm.prank(juror(0));
        jury.unbond(IJury.Unbonding(juror(0), 1, anything), "");
        assertEq(jury.juror(juror(0)).unbondsAt, START + 30 days, "unbondsAt");
        assertTrue(jury.juror(juror(0)).registered, "registered until it claims");
    }

    function test_startsThirtyDays_whoeverSubmitsTheSignature(address submitter) public {
        IJury.Unbonding memory u = unbonding(0);
        bytes memory signature = sign(jurorKey(0), jury.unbondingDigest(u));
        vm.warp(UNTIL - 1);
        vm.prank(submitter);
        jury.unbond(u, signature);
        assertEq(jury.juror(juror(0)).unbondsAt, uint256(UNTIL) - 1 + 30 days, "unbondsAt");
    }

    function test_reverts_whenTheKeyIsUnknown() public {
        IJury.Unbonding memory u = unbonding(0);
        u.juror = RELAYER;
        reverts(u, "", abi.encodeWithSelector(IJury.JurorUnknown.selector, RELAYER));
    }

    function test_reverts_whenTheJurorIsLeaving() public {
        IJury.Unbonding memory u = unbonding(0);
        bytes memory signature = sign(jurorKey(0), jury.unbondingDigest(u));
        jury.unbond(u, signature);
        reverts(
            u,
            signature,
            abi.encodeWithSelector(IJury.JurorLeaving.selector, juror(0), uint40(START + 30 days))
        );
    }

    function test_reverts_whenTheNonceIsAnother(uint32 nonce) public {
        IJury.Unbonding memory u = unbonding(0);
        u.nonce = nonce == 1 ? 0 : nonce;
        bytes memory signature = sign(jurorKey(0), jury.unbondingDigest(u));
        reverts(u, signature, abi.encodeWithSelector(IJury.NonceMismatch.selector, u.nonce, 1));
    }

    function test_reverts_whenAnOldSignatureIsReplayedAfterReturning() public {
        IJury.Unbonding memory u = unbonding(0);
        u.validUntil = uint40(START + 365 days);
        bytes memory signature = sign(jurorKey(0), jury.unbondingDigest(u));
        jury.unbond(u, signature);
        vm.warp(START + 30 days);
        jury.claim(juror(0));
        registerJuror(0);
        reverts(u, signature, abi.encodeWithSelector(IJury.NonceMismatch.selector, 1, 2));
    }

    function test_reverts_whenTheSignaturesLastMomentHasPassed(uint256 late) public {
        IJury.Unbonding memory u = unbonding(0);
        bytes memory signature = sign(jurorKey(0), jury.unbondingDigest(u));
        late = late % 4 < 2 ? late % 4 : bound(late, 0, 365 days);
        vm.warp(UNTIL + late);
        reverts(
            u,
            signature,
            abi.encodeWithSelector(IJury.SignatureExpired.selector, UNTIL + late, uint256(UNTIL))
        );
    }

    function test_reverts_whenAnotherSigned() public {
        IJury.Unbonding memory u = unbonding(0);
        bytes32 digest = jury.unbondingDigest(u);
        bytes memory with =
            abi.encodeWithSelector(IJury.SignatureInvalid.selector, juror(0), digest);
        reverts(u, sign(jurorKey(1), digest), with);
        reverts(u, "", with);
    }

    function unbonding(uint256 seat) internal pure returns (IJury.Unbonding memory) {
        return IJury.Unbonding(juror(seat), 1, UNTIL);
    }

    function reverts(IJury.Unbonding memory u, bytes memory signature, bytes memory with) internal {
        vm.expectRevert(with);
        vm.prank(RELAYER);
        jury.unbond(u, signature);
    }
}
