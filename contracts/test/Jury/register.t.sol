// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Jury} from "../../src/Jury.sol";
import {IJury} from "../../src/interfaces/IJury.sol";
import {OddToken} from "../doubles/OddToken.sol";
import {Fixture} from "../utils/Fixture.sol";
import {vm} from "../utils/Vm.sol";

// register
// ├── when the juror signed, whoever submits
// │   ├── it registers the key; with a stake, the authorization is the signature
// │   └── again after leaving: under the same family and operator, with the next nonce
// ├── when the signature's last moment has passed
// │   └── it reverts
// ├── when the key is registered, or the nonce is another
// │   └── it reverts
// ├── when family, operator or URL is malformed
// │   └── it reverts
// ├── when family or operator changed
// │   └── it reverts
// ├── when the signature is another's or for something else
// │   └── it reverts
// └── when the stake does not arrive whole
//     └── it reverts
contract RegisterTest is Fixture {
    uint256 internal constant NEW = 100;

    function test_registersWithoutAStake_whoeverSubmits(address submitter) public {
        IJury.Registration memory r = registration(NEW);
        bytes memory signature = sign(jurorKey(NEW), jury.registrationDigest(r));
        vm.expectEmit(true, true, true, true, address(jury));
        emit IJury.JurorRegistered(r.juror, r.family, r.operator, r.url, 0, 0);
        vm.prank(submitter);
        jury.register(r, signature);
        assertJuror(r, IJury.Juror(0, 1, 0, true, r.family, r.operator, r.url, false));
    }

    function test_registersWithAStake_whoeverSubmits(address submitter, uint96 stake) public {
        IJury.Registration memory r = registration(NEW);
        r.stake = uint96(bound(stake, 1, usd(1_000_000)));
        usdc.mint(r.juror, r.stake);
        bytes memory signature = stakeAuthorization(r);
        vm.expectEmit(true, true, true, true, address(jury));
        emit IJury.JurorRegistered(r.juror, r.family, r.operator, r.url, r.stake, 0);
        vm.prank(submitter);
        jury.register(r, signature);
        assertJuror(r, IJury.Juror(r.stake, 1, 0, true, r.family, r.operator, r.url, false));
        assertEq(usdc.balanceOf(address(jury)), r.stake, "stake");
        assertEq(usdc.balanceOf(r.juror), 0, "juror");
    }

    function test_registersAgainAfterLeaving() public {
        registerJuror(NEW);
        quit(NEW);
        IJury.Registration memory r = registration(NEW);
        assertEq(r.nonce, 1, "nonce");
        r.url = "https://moved.example/v1";
        register(r);
        assertJuror(r, IJury.Juror(0, 2, 0, true, r.family, r.operator, r.url, false));
    }

    function test_aStrangerIsAllZero(address key) public view {
        if (jury.juror(key).registered) return;
        IJury.Juror memory none;
        assertEq(abi.encode(jury.juror(key)), abi.encode(none), "juror");
    }

    function test_registersUntilTheLastSecond() public {
        IJury.Registration memory r = registration(NEW);
        vm.warp(r.validUntil - 1);
        register(r);
    }

    function test_reverts_whenTheSignaturesLastMomentHasPassed(uint256 late) public {
        IJury.Registration memory r = registration(NEW);
        late = late % 4 < 2 ? late % 4 : bound(late, 0, 365 days);
        vm.warp(r.validUntil + late);
        reverts(
            r,
            abi.encodeWithSelector(
                IJury.SignatureExpired.selector, r.validUntil + late, r.validUntil
            )
        );
    }

    function test_reverts_whenTheKeyIsRegistered() public {
        IJury.Registration memory r = registration(0);
        reverts(r, abi.encodeWithSelector(IJury.JurorExists.selector, r.juror));
        unbond(0);
        reverts(r, abi.encodeWithSelector(IJury.JurorExists.selector, r.juror));
    }

    function test_reverts_whenTheNonceIsAnother(uint32 nonce) public {
        IJury.Registration memory r = registration(NEW);
        r.nonce = uint32(bound(nonce, 1, type(uint32).max));
        reverts(r, abi.encodeWithSelector(IJury.NonceMismatch.selector, r.nonce, 0));
    }

    function test_reverts_whenAnOldRegistrationIsReplayed() public {
        IJury.Registration memory r = registration(NEW);
        r.validUntil = uint40(START + 365 days);
        bytes memory signature = sign(jurorKey(NEW), jury.registrationDigest(r));
        jury.register(r, signature);
        quit(NEW);
        vm.expectRevert(abi.encodeWithSelector(IJury.NonceMismatch.selector, 0, 1));
        jury.register(r, signature);
    }

    // ---- texts

    function test_takesTextsAtTheirLimits() public {
        IJury.Registration memory r = registration(NEW);
        r.family = "abcdefghijklmnopqrstuvwxyz-01234";
        r.operator = "a.b-c.0123456789.abcdefghijklmnopqrstuvwxyz.abcdefghijklmnopqrst";
        r.url = string.concat("https://", ofLength(248, "/x"));
        assertEq(bytes(r.url).length, 256, "url");
        assertEq(bytes(r.operator).length, 64, "operator");
        register(r);
        r = registration(NEW + 1);
        (r.family, r.operator, r.url) = ("a", ".", "x");
        register(r);
    }

    function test_reverts_onAMalformedFamily() public {
        string[8] memory texts = ["", "Ab", "a b", "a.b", "a_b", unicode"é", "a/b", "a\x00"];
        IJury.Registration memory r = registration(NEW);
        for (uint256 i; i < texts.length; ++i) {
            r.family = texts[i];
            reverts(r, textInvalid("family", texts[i]));
        }
        r.family = ofLength(33, "a");
        reverts(r, textInvalid("family", r.family));
    }

    function test_reverts_onAMalformedOperator() public {
        string[7] memory texts = ["", "A.b", "a b", "a_b", "a:b", unicode"é", "a{b"];
        IJury.Registration memory r = registration(NEW);
        for (uint256 i; i < texts.length; ++i) {
            r.operator = texts[i];
            reverts(r, textInvalid("operator", texts[i]));
        }
        r.operator = ofLength(65, "a");
        reverts(r, textInvalid("operator", r.operator));
    }

    function test_reverts_onAMalformedUrl() public {
        string[3] memory texts = ["", "/", "https://juror.example/"];
        IJury.Registration memory r = registration(NEW);
        for (uint256 i; i < texts.length; ++i) {
            r.url = texts[i];
            reverts(r, textInvalid("url", texts[i]));
        }
        r.url = ofLength(257, "a");
        reverts(r, textInvalid("url", r.url));
    }

    /// @dev One character at a time, against the sets in the interface.
    function test_everyCharacterIsInItsSetOrRefused() public {
        for (uint256 c; c < 256; ++c) {
            bytes1 char = bytes1(uint8(c));
            bool letter = (c >= 97 && c <= 122) || (c >= 48 && c <= 57) || c == 45;
            IJury.Registration memory r = registration(NEW);
            r.family = string(abi.encodePacked("a", char));
            uint256 snapshot = vm.snapshotState();
            assertEq(tryRegister(r), letter, "family");
            vm.revertToState(snapshot);
            r = registration(NEW);
            r.operator = string(abi.encodePacked("a", char));
            snapshot = vm.snapshotState();
            assertEq(tryRegister(r), letter || c == 46, "operator");
            vm.revertToState(snapshot);
        }
    }

    // ---- claims

    function test_reverts_whenFamilyOrOperatorChanged() public {
        registerJuror(NEW);
        quit(NEW);
        IJury.Registration memory r = registration(NEW);
        string memory was = r.family;
        r.family = "another";
        reverts(r, abi.encodeWithSelector(IJury.ClaimChanged.selector, "family", r.family, was));
        r = registration(NEW);
        was = r.operator;
        r.operator = "another.example";
        reverts(r, abi.encodeWithSelector(IJury.ClaimChanged.selector, "operator", r.operator, was));
    }

    // ---- signatures and stakes

    function test_reverts_whenAnotherSignedOrNobody() public {
        IJury.Registration memory r = registration(NEW);
        bytes32 digest = jury.registrationDigest(r);
        bytes memory with = abi.encodeWithSelector(IJury.SignatureInvalid.selector, r.juror, digest);
        vm.expectRevert(with);
        jury.register(r, sign(jurorKey(NEW + 1), digest));
        vm.expectRevert(with);
        vm.prank(r.juror);
        jury.register(r, "");
    }

    function test_reverts_whenTheZeroKeySignsNothing() public {
        IJury.Registration memory r = registration(NEW);
        r.juror = address(0);
        bytes32 digest = jury.registrationDigest(r);
        vm.expectRevert(abi.encodeWithSelector(IJury.SignatureInvalid.selector, address(0), digest));
        jury.register(r, new bytes(65));
    }

    function test_reverts_whenAnythingChangedAfterSigning(uint256 field) public {
        IJury.Registration memory r = registration(NEW);
        bytes memory signature = sign(jurorKey(NEW), jury.registrationDigest(r));
        field = bound(field, 0, 3);
        if (field == 0) r.family = "another";
        if (field == 1) r.operator = "another.example";
        if (field == 2) r.url = "https://another.example";
        if (field == 3) r.validUntil += 1;
        bytes32 digest = jury.registrationDigest(r);
        vm.expectRevert(abi.encodeWithSelector(IJury.SignatureInvalid.selector, r.juror, digest));
        jury.register(r, signature);
    }

    function test_reverts_whenTheStakeIsAnotherThanAuthorized() public {
        IJury.Registration memory r = registration(NEW);
        r.stake = usd(100);
        usdc.mint(r.juror, usd(100));
        bytes memory signature = stakeAuthorization(r);
        r.stake = usd(50);
        vm.expectRevert(text("FiatTokenV2: invalid signature"));
        jury.register(r, signature);
    }

    function test_reverts_whenTheStakeDoesNotArriveWhole() public {
        OddToken odd = OddToken(vm.deployCode("OddToken.sol:OddToken", ""));
        odd.become(OddToken.Mode.TakesFee);
        Jury other = new Jury(address(odd));
        IJury.Registration memory r = registration(NEW);
        r.stake = usd(100);
        odd.mint(r.juror, usd(100));
        vm.expectRevert(abi.encodeWithSelector(IJury.TransferMismatch.selector, usd(99), usd(100)));
        other.register(r, "");
    }

    function test_aNestedRegistrationCannotCountTheSameStakeTwice() public {
        OddToken odd = OddToken(vm.deployCode("OddToken.sol:OddToken", ""));
        Jury other = new Jury(address(odd));
        IJury.Registration memory inner = registration(NEW);
        IJury.Registration memory outer = registration(NEW + 1);
        (inner.stake, outer.stake) = (usd(100), usd(100));
        odd.mint(inner.juror, usd(100));
        odd.mint(outer.juror, usd(100));
        odd.reenter(address(other), abi.encodeCall(other.register, (inner, "")));
        try other.register(outer, "") {} catch {}
        uint256 stakes = uint256(other.juror(inner.juror).stake) + other.juror(outer.juror).stake;
        assertAtMost(stakes, odd.balanceOf(address(other)), "stakes are backed");
    }

    // ---- helpers

    function register(IJury.Registration memory r) internal {
        jury.register(r, sign(jurorKey(keyOf(r.juror)), jury.registrationDigest(r)));
    }

    function tryRegister(IJury.Registration memory r) internal returns (bool ok) {
        bytes memory signature = sign(jurorKey(NEW), jury.registrationDigest(r));
        (ok,) = address(jury).call(abi.encodeCall(jury.register, (r, signature)));
    }

    function keyOf(address key) internal pure returns (uint256 seat) {
        while (juror(seat) != key) ++seat;
    }

    function reverts(IJury.Registration memory r, bytes memory with) internal {
        bytes memory signature = sign(jurorKey(NEW), jury.registrationDigest(r));
        vm.expectRevert(with);
        jury.register(r, signature);
    }

    function stakeAuthorization(IJury.Registration memory r) internal view returns (bytes memory) {
        bytes32 digest = jury.registrationDigest(r);
        return authorization(jurorKey(NEW), r.stake, r.validUntil, digest, address(jury));
    }

    function unbond(uint256 seat) internal {
        address key = juror(seat);
        uint32 nonce = jury.juror(key).registrations;
        vm.prank(key);
        jury.unbond(IJury.Unbonding(key, nonce, 0), "");
    }

    function quit(uint256 seat) internal {
        unbond(seat);
        vm.warp(nowAt() + 30 days);
        jury.claim(juror(seat));
    }

    function assertJuror(IJury.Registration memory r, IJury.Juror memory needed) internal view {
        assertEq(abi.encode(jury.juror(r.juror)), abi.encode(needed), "juror");
    }

    function ofLength(uint256 n, string memory end) internal pure returns (string memory) {
        bytes memory b = new bytes(n - bytes(end).length);
        for (uint256 i; i < b.length; ++i) {
            b[i] = "x";
        }
        return string.concat(string(b), end);
    }

    function textInvalid(string memory field, string memory got)
        internal
        pure
        returns (bytes memory)
    {
        return abi.encodeWithSelector(IJury.TextInvalid.selector, field, got);
    }
}
