// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IPactRegistry} from "../../src/interfaces/IPactRegistry.sol";
import {Wallet} from "../doubles/Wallet.sol";
import {PactFixture} from "../utils/PactFixture.sol";
import {vm} from "../utils/Vm.sol";

// Agents that are contracts.
// ├── when the agent is an ERC-1271 wallet
// │   ├── it opens, signs records and gives notice by its owner's signature
// │   └── what it says no to, in whatever form, is refused
// └── when the agent is an EIP-7702 account
//     └── its plain signature counts, whatever its delegate says
contract PactWalletsTest is PactFixture {
    uint256 internal constant OWNER_KEY = 0x0137;

    function test_aWalletOpensSignsRecordsAndGivesNotice() public {
        IPactRegistry.Pact memory p = walletsPact(Wallet.Mode.Honest);
        vm.warp(PERIOD_END);
        IPactRegistry.Record memory r = makeRecord(p, 0, 1);
        presentSigned(p, r, sign(OWNER_KEY, pacts.recordDigest(r)));
        assertEq(periodOf(r.pactId, 0).count, 1, "records");

        uint40 until = uint40(nowAt() + 1);
        bytes32 digest = pacts.noticeDigest(IPactRegistry.Notice(r.pactId, until));
        pacts.giveNotice(p, until, sign(OWNER_KEY, digest));
        assertTrue(stateOf(r.pactId).noticed, "noticed");
    }

    function test_reverts_whenTheWalletSaysNoToARecord() public {
        refused(Wallet.Mode.SaysNo);
    }

    function test_reverts_whenTheWalletsAnswerIsDirty() public {
        refused(Wallet.Mode.SaysDirty);
    }

    function test_reverts_whenTheWalletsAnswerIsShort() public {
        refused(Wallet.Mode.SaysShort);
    }

    function test_reverts_whenTheWalletRevertsAtLength() public {
        refused(Wallet.Mode.Bomb);
    }

    function test_reverts_whenAnotherKeySignedForTheWallet() public {
        IPactRegistry.Pact memory p = walletsPact(Wallet.Mode.Honest);
        vm.warp(PERIOD_END);
        IPactRegistry.Record memory r = makeRecord(p, 0, 1);
        bytes32 digest = pacts.recordDigest(r);
        vm.expectRevert(notSignedBy(p.agent, digest));
        this.presentSigned(p, r, sign(OTHER_KEY, digest));
    }

    /// @dev The token asks the delegate; so the bond is paid in before the account is delegated.
    function test_aDelegatedAccountsPlainSignatureCounts() public {
        IPactRegistry.Pact memory p = opened();
        delegate(agent, wallet(Wallet.Mode.SaysNo));
        claimed(p);
        assertEq(periodOf(pacts.pactIdOf(p), 0).count, 1, "records");
        uint40 until = uint40(nowAt() + 1);
        bytes32 digest = pacts.noticeDigest(IPactRegistry.Notice(pacts.pactIdOf(p), until));
        pacts.giveNotice(p, until, sign(AGENT_KEY, digest));
    }

    // ---- helpers

    function refused(Wallet.Mode mode) internal {
        IPactRegistry.Pact memory p = opened();
        IPactRegistry.Record memory r = makeRecord(p, 0, 1);
        bytes32 digest = pacts.recordDigest(r);
        // The agent's code changes after it opened; only its own key still counts.
        delegate(agent, wallet(mode));
        vm.warp(PERIOD_END);
        vm.expectRevert(notSignedBy(agent, digest));
        this.presentSigned(p, r, sign(OWNER_KEY, digest));
    }

    /// @dev An open pact whose agent is a wallet of `OWNER_KEY`.
    function walletsPact(Wallet.Mode mode) internal returns (IPactRegistry.Pact memory p) {
        p = makePact();
        p.agent = wallet(mode);
        usdc.mint(p.agent, p.bond);
        bytes32 id = pacts.pactIdOf(p);
        pacts.open(p, authorizationFrom(p.agent, OWNER_KEY, p.bond, p.openBy, id));
        assertEq(usdc.balanceOf(address(pacts)), p.bond, "the bond");
    }

    function presentSigned(
        IPactRegistry.Pact memory p,
        IPactRegistry.Record memory r,
        bytes memory signature
    ) public {
        IPactRegistry.Claim memory c = makeClaim(r, PRESENTER_KEY);
        pacts.present(p, r, signature, c, feeAuthorization(p, c, PRESENTER_KEY));
    }

    function wallet(Wallet.Mode mode) internal returns (address) {
        return
            vm.deployCode("Wallet.sol:Wallet", abi.encode(vm.addr(OWNER_KEY), mode, address(pacts)));
    }

    function delegate(address account, address to) internal {
        vm.etch(account, abi.encodePacked(hex"ef0100", to));
    }

    /// @dev As `Fixture.authorization`, of an account that signs with another's key.
    function authorizationFrom(
        address from,
        uint256 key,
        uint256 value,
        uint256 validBefore,
        bytes32 nonce
    ) internal view returns (bytes memory) {
        bytes32 structHash = keccak256(
            abi.encode(
                usdc.RECEIVE_WITH_AUTHORIZATION_TYPEHASH(),
                from,
                address(pacts),
                value,
                0,
                validBefore,
                nonce
            )
        );
        return
            sign(key, keccak256(abi.encodePacked(hex"1901", usdc.DOMAIN_SEPARATOR(), structHash)));
    }

    function notSignedBy(address signer, bytes32 digest) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IPactRegistry.SignatureInvalid.selector, signer, digest);
    }
}
