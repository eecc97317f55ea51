// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealEscrow} from "../../src/interfaces/IDealEscrow.sol";
import {Fixture} from "../utils/Fixture.sol";
import {vm} from "../utils/Vm.sol";

// digests
// ├── the deal id and each act's digest are what EIP-712 says, in the domain "Surety" 1
// └── they follow the live chain id and the contract's address
contract DigestsTest is Fixture {
    string internal constant MILESTONE =
        "Milestone(uint96 amount,uint40 deliverBy,bytes32 criteria,uint256 rule)";
    string internal constant TERMS =
        "Terms(address buyer,address seller,uint256 buyerAgent,uint256 sellerAgent,address token,uint96 total,uint96 bond,bytes32 jury,uint96 juryFee,uint96 relayFee,uint96 openFee,uint16 feeBps,address feeReceiver,bool payAsCredit,uint40 openBy,uint40 judgeWithin,uint40 appealWithin,uint96 appealBond,uint16 silentSellerBps,uint16 splitSellerBps,bool sequential,bytes32 document,bytes32 salt,Milestone[] milestones)";

    function test_theDealIdIsTheTermsDigest(IDealEscrow.Terms memory t) public {
        if (t.milestones.length > 20) {
            IDealEscrow.Milestone[] memory list = t.milestones;
            assembly ("memory-safe") {
                mstore(list, 20)
            }
        }
        assertEq(escrow.dealIdOf(t), digestOf(hashOf(t), 31_337, address(escrow)), "here");
        vm.chainId(8453);
        assertEq(escrow.dealIdOf(t), digestOf(hashOf(t), 8453, address(escrow)), "elsewhere");
    }

    function test_theDealIdFollowsTheContract() public {
        IDealEscrow.Terms memory t = makeTerms(2);
        assertTrue(escrow.dealIdOf(t) != newEscrow(address(usdc)).dealIdOf(t), "ids");
    }

    function test_aDeliverysDigest(IDealEscrow.Delivery memory d) public view {
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256(
                    "Delivery(bytes32 dealId,uint8 milestone,bytes32 deliverable,string uri)"
                ),
                d.dealId,
                d.milestone,
                d.deliverable,
                keccak256(bytes(d.uri))
            )
        );
        assertEq(digests.deliveryDigest(address(escrow), d), here(structHash), "delivery");
    }

    function test_anAcceptsAndAConcedesDigest(IDealEscrow.Accept memory a) public view {
        string memory fields =
            "(bytes32 dealId,uint8 milestone,uint8 round,uint8 standing,uint96 fee,uint40 validUntil)";
        bytes memory tail = abi.encode(a);
        bytes32 typehash = keccak256(bytes(string.concat("Accept", fields)));
        assertEq(
            digests.acceptDigest(address(escrow), a),
            here(keccak256(bytes.concat(typehash, tail))),
            "accept"
        );
        IDealEscrow.Concede memory c =
            IDealEscrow.Concede(a.dealId, a.milestone, a.round, a.standing, a.fee, a.validUntil);
        typehash = keccak256(bytes(string.concat("Concede", fields)));
        assertEq(
            digests.concedeDigest(address(escrow), c),
            here(keccak256(bytes.concat(typehash, tail))),
            "concede"
        );
    }

    function test_anAgreesDigest(IDealEscrow.Agree memory a) public view {
        bytes32 typehash = keccak256(
            "Agree(bytes32 dealId,uint8 milestone,uint8 round,uint8 standing,uint128 sellerAmount,bool asCredit,uint96 fee,uint40 validUntil)"
        );
        bytes memory tail = abi.encode(a);
        assertEq(
            digests.agreeDigest(address(escrow), a),
            here(keccak256(bytes.concat(typehash, tail))),
            "agree"
        );
    }

    function test_aRevokesDigest(IDealEscrow.Revoke memory r) public view {
        bytes32 typehash = keccak256("Revoke(bytes32 dealId,uint96 fee,uint40 validUntil)");
        bytes32 needed = here(keccak256(bytes.concat(typehash, abi.encode(r))));
        assertEq(digests.revokeDigest(address(escrow), r), needed, "revoke");
    }

    function test_anAppealsDigest(IDealEscrow.Appeal memory a) public view {
        bytes32 typehash = keccak256(
            "Appeal(bytes32 dealId,uint8 milestone,uint8 standing,uint96 fee,uint40 validUntil)"
        );
        bytes32 needed = here(keccak256(bytes.concat(typehash, abi.encode(a))));
        assertEq(digests.appealDigest(address(escrow), a), needed, "appeal");
    }

    function test_aRequestsDigest(IDealEscrow.Request memory r) public view {
        bytes32 typehash = keccak256(
            "Request(bytes4 action,bytes32 dealId,uint8 milestone,uint8 round,uint8 standing,uint96 fee,uint40 validUntil)"
        );
        bytes32 needed = here(keccak256(bytes.concat(typehash, abi.encode(r))));
        assertEq(digests.requestDigest(address(escrow), r), needed, "request");
    }

    // ---- EIP-712, written out

    function hashOf(IDealEscrow.Terms memory t) internal pure returns (bytes32) {
        bytes memory hashes;
        for (uint256 i; i < t.milestones.length; ++i) {
            hashes = bytes.concat(
                hashes, keccak256(abi.encode(keccak256(bytes(MILESTONE)), t.milestones[i]))
            );
        }
        bytes memory first = abi.encode(
            keccak256(bytes(string.concat(TERMS, MILESTONE))),
            t.buyer,
            t.seller,
            t.buyerAgent,
            t.sellerAgent,
            t.token,
            t.total,
            t.bond
        );
        bytes memory second = abi.encode(
            t.jury, t.juryFee, t.relayFee, t.openFee, t.feeBps, t.feeReceiver, t.payAsCredit
        );
        bytes memory third =
            abi.encode(t.openBy, t.judgeWithin, t.appealWithin, t.appealBond, t.silentSellerBps);
        bytes memory fourth =
            abi.encode(t.splitSellerBps, t.sequential, t.document, t.salt, keccak256(hashes));
        return keccak256(bytes.concat(first, second, third, fourth));
    }

    function here(bytes32 structHash) internal view returns (bytes32) {
        return digestOf(structHash, 31_337, address(escrow));
    }

    function digestOf(bytes32 structHash, uint256 chainId, address verifier)
        internal
        pure
        returns (bytes32)
    {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                ),
                keccak256("Surety"),
                keccak256("1"),
                chainId,
                verifier
            )
        );
        return keccak256(abi.encodePacked(hex"1901", domain, structHash));
    }
}
