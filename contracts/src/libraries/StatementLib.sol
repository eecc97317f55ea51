// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IJury} from "../interfaces/IJury.sol";
import {BallotLib} from "./BallotLib.sol";
import {BatchLib} from "./BatchLib.sol";

/// @title Whether two statements prove that a juror signed two answers
library StatementLib {
    uint256 internal constant SIGNATURE_BYTES = 64;

    /// @notice Reverts unless `key` signed both statements and they answer `caseId` differently.
    /// @dev Only the masks are compared: another reason or transcript is the same answer, and
    /// masks that overlap (*absent* among them) are none.
    function requireOffence(
        address key,
        bytes32 caseId,
        IJury.Statement calldata first,
        IJury.Statement calldata second,
        bytes32 domainSeparator
    ) internal pure {
        bytes4 a = _answer(first, key, caseId, domainSeparator);
        bytes4 b = _answer(second, key, caseId, domainSeparator);
        if (a == b || _overlaps(a) || _overlaps(b)) revert IJury.NoOffence(a, b);
    }

    /// @dev What `key` verifiably answers to `caseId` in statement `s`: met, then failed.
    function _answer(
        IJury.Statement calldata s,
        address key,
        bytes32 caseId,
        bytes32 domainSeparator
    ) private pure returns (bytes4) {
        bool batch = s.cases.length != 0;
        uint256 count = batch ? s.cases.length : 1;
        if (s.index >= count) revert IJury.StatementInvalid("index", s.index, count);
        uint256 needed = count * BatchLib.VOTE_BYTES;
        if (s.votes.length != needed) {
            revert IJury.StatementInvalid("votes", s.votes.length, needed);
        }
        if (s.signature.length != SIGNATURE_BYTES) {
            revert IJury.StatementInvalid("signature", s.signature.length, SIGNATURE_BYTES);
        }
        if (batch && s.cases[s.index] != caseId) {
            revert IJury.CaseMismatch(s.cases[s.index], caseId);
        }

        bytes32 structHash = batch ? _batchHash(s) : _ballotHash(s, caseId);
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", domainSeparator, structHash));
        (bytes32 r, bytes32 vs) = abi.decode(s.signature, (bytes32, bytes32));
        if (BallotLib.recover(digest, r, vs) != key) revert IJury.SignatureInvalid(key, digest);
        return bytes4(s.votes[s.index * BatchLib.VOTE_BYTES:]);
    }

    function _batchHash(IJury.Statement calldata s) private pure returns (bytes32) {
        return
            BatchLib.structHash(
                keccak256(abi.encodePacked(s.cases)), keccak256(s.votes), s.transcript
            );
    }

    function _ballotHash(IJury.Statement calldata s, bytes32 caseId)
        private
        pure
        returns (bytes32)
    {
        return keccak256(
            abi.encode(
                BallotLib.BALLOT_TYPEHASH,
                caseId,
                uint16(bytes2(s.votes)),
                uint16(bytes2(s.votes[2:])),
                uint8(s.votes[4]),
                s.transcript
            )
        );
    }

    function _overlaps(bytes4 answer) private pure returns (bool) {
        return bytes2(answer) & bytes2(answer << 16) != 0;
    }
}
