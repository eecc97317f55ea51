// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealOperations} from "../interfaces/IDealOperations.sol";
import {IJury} from "../interfaces/IJury.sol";
import {DealWord} from "../libraries/DealWordLib.sol";
import {PayoutLib} from "../libraries/PayoutLib.sol";
import {RefusalLib} from "../libraries/RefusalLib.sol";
import {SignatureLib} from "../libraries/SignatureLib.sol";
import {TermsLib} from "../libraries/TermsLib.sol";
import {TillLib} from "../libraries/TillLib.sol";
import {EIP712} from "solady/utils/EIP712.sol";

/// @title What every operation begins with: storage, the guard, a milestone loaded and checked
abstract contract Base is IDealOperations, EIP712 {
    /// @dev A live milestone, loaded and checked, and the payments it leads to.
    /// @param m The milestone's terms, once it is known to be there
    /// @param bond Its share of the seller's bond
    /// @param state Its slow-path state; all zero while nothing is on-chain
    /// @param given The digest of the state that was handed in; zero for none
    /// @param first What round 1 is owed, once it is counted
    /// @param second The same of round 2
    /// @param submitter2 Who handed in round 2's ballots; round 1's is in the state
    /// @param asCredit Whether both parties agreed to be credited
    struct Live {
        Terms terms;
        Milestone m;
        TillLib.Till till;
        bytes32 dealId;
        DealWord word;
        uint256 milestone;
        uint256 amount;
        uint256 bond;
        SlowState state;
        bytes32 given;
        PayoutLib.Due first;
        PayoutLib.Due second;
        address submitter2;
        bool asCredit;
    }

    /// @dev Seller, buyer, fee receiver, two submitters and whoever performs an act, with credits
    /// apart.
    uint256 internal constant PAYEES = 12;

    /// @inheritdoc IDealOperations
    address public immutable jury;
    /// @inheritdoc IDealOperations
    address public immutable registry;
    /// @inheritdoc IDealOperations
    address public immutable token;

    mapping(bytes32 dealId => DealWord) internal _deals;
    mapping(bytes32 dealId => mapping(uint256 milestone => bytes32)) internal _states;
    /// @dev A whole word: a narrower flag costs another transient load per write.
    uint256 private transient _entered;

    modifier nonReentrant() {
        _enter();
        _;
        _entered = 0;
    }

    function _enter() private {
        if (_entered != 0) revert Reentered();
        _entered = 1;
    }

    /// @dev Addresses without code cannot be a jury, a registry or a token: better no escrow than a
    /// dead one.
    constructor(address jury_, address registry_, address token_) {
        if (jury_.code.length == 0 || registry_.code.length == 0 || token_.code.length == 0) {
            revert CodeMissing(jury_, registry_, token_);
        }
        // Juror fees go into the jury's pots: in another token they would stop every ending.
        address needed = IJury(jury_).token();
        if (token_ != needed) revert TokenNotAllowed(token_, needed);
        (jury, registry, token) = (jury_, registry_, token_);
    }

    function _dealId(Terms memory t) internal view returns (bytes32) {
        return _hashTypedData(TermsLib.hash(t));
    }

    /// @dev A list of one, as `TermsLib.load` says. Reverts when the milestone is not live or the
    /// state not the stored one.
    function _load(Terms calldata terms, uint256 milestone, SlowState[] calldata state)
        internal
        view
        returns (Live[] memory one)
    {
        one = _begin(terms, milestone);
        Live memory live = one[0];
        if (state.length == 1) {
            live.state = state[0];
            live.given = keccak256(abi.encode(live.state));
        }
        RefusalLib.revertWith(_refusal(live));
    }

    /// @dev The same where only Pending will do.
    function _loadPending(Terms calldata terms, uint256 milestone)
        internal
        view
        returns (Live[] memory one)
    {
        one = _begin(terms, milestone);
        Live memory live = one[0];
        if (milestone < 16 && _deals[live.dealId].isSlow(milestone)) {
            revert NotPending(live.dealId, milestone);
        }
        RefusalLib.revertWith(_refusal(live));
    }

    function _begin(Terms calldata terms, uint256 milestone)
        private
        view
        returns (Live[] memory one)
    {
        one = _lives(1);
        Live memory live = one[0];
        live.terms = TermsLib.load(terms)[0];
        live.dealId = _dealId(live.terms);
        live.milestone = milestone;
        live.till = TillLib.make(PAYEES, _facts(live.terms), live.terms.jury);
    }

    /// @dev How many facts one act on these terms can write: a sequence may end with it.
    function _facts(Terms memory t) internal pure returns (uint256) {
        return t.sequential ? t.milestones.length : 1;
    }

    /// @dev Zeros: fourteen words each, then the state's nine; then three that all have for both
    /// rounds, since what is owed is replaced and never changed while it is nothing. Terms, milestone
    /// and till are left to the caller.
    function _lives(uint256 count) internal pure returns (Live[] memory lives) {
        assembly ("memory-safe") {
            lives := mload(0x40)
            mstore(lives, count)
            let at_ := lives
            let live := add(lives, mul(add(count, 1), 0x20))
            let due := add(live, mul(count, 0x2e0))
            calldatacopy(live, calldatasize(), add(sub(due, live), 0x60))
            for {} lt(live, due) { live := add(live, 0x2e0) } {
                at_ := add(at_, 0x20)
                mstore(at_, live)
                mstore(add(live, 0x100), add(live, 0x1c0))
                mstore(add(live, 0x140), due)
                mstore(add(live, 0x160), due)
            }
            mstore(0x40, add(due, 0x60))
        }
    }

    /// @dev Completes `live` from its terms, milestone and state, or says why it is not live, as
    /// the error that a single operation reverts with and a batch reports.
    function _refusal(Live memory live) internal view returns (bytes memory refusal) {
        (bytes32 dealId, uint256 milestone) = (live.dealId, live.milestone);
        Terms memory t = live.terms;
        DealWord word = _deals[dealId];
        if (!word.isLive()) return RefusalLib.encode(DealUnknown.selector, uint256(dealId));
        uint256 count = t.milestones.length;
        if (milestone >= count) {
            return RefusalLib.encode(MilestoneUnknown.selector, milestone, count);
        }
        if (word.isEnded(milestone)) {
            return RefusalLib.encode(MilestoneAlreadyEnded.selector, uint256(dealId), milestone);
        }
        if (t.sequential && word.lowest() != milestone) {
            return RefusalLib.encode(OutOfOrder.selector, milestone, word.lowest());
        }
        if (word.isSlow(milestone) || live.given != 0) {
            bytes32 needed = _states[dealId][milestone];
            if (live.given != needed) {
                return
                    RefusalLib.encode(StateMismatch.selector, uint256(live.given), uint256(needed));
            }
        }
        live.word = word;
        live.m = t.milestones[milestone];
        live.amount = live.m.amount;
        live.bond = word.bondShare(live.amount);
        SlowState memory state = live.state;
        if (state.voted != 0 || state.relayFee != 0) {
            live.first = PayoutLib.Due(state.seatFee, state.voted, state.relayFee);
        }
    }

    /// @dev Writes the milestone's new slow-path state. Whoever calls emits it: nobody can go on
    /// without the preimage.
    function _keep(Live memory live) internal {
        _deals[live.dealId] = live.word.slowed(live.milestone);
        _states[live.dealId][live.milestone] = keccak256(abi.encode(live.state));
    }

    function _move(Live memory live) internal {
        _keep(live);
        emit MilestoneMoved(live.dealId, uint8(live.milestone), live.state);
    }

    /// @dev When the window closes that is open now: the panel's while nothing is on-chain.
    function _until(Live memory live) internal pure returns (uint256) {
        if (live.state.status != Status.Pending) return live.state.until;
        unchecked {
            return uint256(live.m.deliverBy) + live.terms.judgeWithin;
        }
    }

    /// @dev Below 2^40: a deal's whole life ends within two years of its opening.
    function _in(uint256 secs) internal view returns (uint40) {
        return uint40(block.timestamp + secs);
    }

    /// @dev The round that signed acts name.
    function _round(Live memory live) internal pure returns (uint8) {
        return live.state.status == Status.Round2 ? 2 : 1;
    }

    function _requireStatus(Live memory live, Status needed) internal pure {
        if (live.state.status != needed) revert StatusMismatch(live.state.status, needed);
    }

    function _requireOver(uint256 until) internal view {
        if (block.timestamp < until) revert TooEarly(block.timestamp, until);
    }

    function _requireSignature(address party, bytes32 digest, bytes calldata signature)
        internal
        view
    {
        if (!SignatureLib.isValid(party, digest, signature)) {
            revert SignatureInvalid(party, digest);
        }
    }

    function _domainNameAndVersion()
        internal
        pure
        override
        returns (string memory name, string memory version)
    {
        return ("Surety", "1");
    }
}
