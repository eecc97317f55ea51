// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Ending, IReputationRegistry} from "./interfaces/IReputationRegistry.sol";
import {FormulaLib} from "./libraries/FormulaLib.sol";
import {Fact, StandingLib} from "./libraries/StandingLib.sol";

/// @title ReputationRegistry
/// @dev One storage word per (recorder, wallet, role); `StandingLib` knows its layout.
contract ReputationRegistry is IReputationRegistry {
    uint8 internal constant REJECTION_STOOD = 1;
    uint8 internal constant BUYER_LOST_APPEAL = 2;
    uint8 internal constant SELLER_LOST_APPEAL = 4;

    struct Word {
        uint256 value;
    }

    mapping(bytes32 key => Word) private _words;

    /// @inheritdoc IReputationRegistry
    function record(address buyer, address seller, uint96 amount, uint8 ending, uint8 flags)
        external
    {
        _record(buyer, seller, amount, ending, flags, StandingLib.present(), 0, 0);
    }

    /// @inheritdoc IReputationRegistry
    function recordBatch(Ended[] calldata ended) external {
        uint256 nowAt = StandingLib.present();
        (uint256 factor, uint256 shift) = (0, 0);
        for (uint256 i; i < ended.length; ++i) {
            Ended calldata e = ended[i];
            (factor, shift) =
                _record(e.buyer, e.seller, e.amount, e.ending, e.flags, nowAt, factor, shift);
        }
    }

    /// @inheritdoc IReputationRegistry
    function standing(address recorder, address wallet, Role role)
        external
        view
        returns (Standing memory)
    {
        return StandingLib.unpack(_words[_key(recorder, wallet, role)].value);
    }

    /// @inheritdoc IReputationRegistry
    function score(address recorder, address wallet, Role role)
        external
        view
        returns (uint256 points, uint256 good, uint256 bad)
    {
        (good, bad) = StandingLib.faded(
            _words[_key(recorder, wallet, role)].value, StandingLib.present()
        );
        points = FormulaLib.score(good, bad);
    }

    /// @param factor What `FormulaLib.growth(nowAt)` says, or zero for "not asked yet"
    /// @param shift The same
    /// @return The two, asked for only when a fact weighs something: two neutral ones do not
    function _record(
        address buyer,
        address seller,
        uint256 amount,
        uint256 ending,
        uint256 flags,
        uint256 nowAt,
        uint256 factor,
        uint256 shift
    ) private returns (uint256, uint256) {
        Fact asBuyer = ending == uint256(Ending.Accepted) ? Fact.Good : Fact.Neutral;
        Fact asSeller = asBuyer;
        bool buyerLost = flags & BUYER_LOST_APPEAL != 0;
        bool sellerLost = flags & SELLER_LOST_APPEAL != 0;
        if (buyerLost) asBuyer = Fact.Bad;
        if (
            flags & (SELLER_LOST_APPEAL | REJECTION_STOOD) != 0
                || (ending >= uint256(Ending.Rejected) && ending <= uint256(Ending.Reclaimed))
        ) asSeller = Fact.Bad;

        uint256 w;
        if (asBuyer != Fact.Neutral || asSeller != Fact.Neutral) {
            w = FormulaLib.weight(amount);
            if (factor == 0) (factor, shift) = FormulaLib.growth(nowAt);
        }
        _write(_key(msg.sender, buyer, Role.Buyer), asBuyer, buyerLost, w, nowAt, factor, shift);
        _write(_key(msg.sender, seller, Role.Seller), asSeller, sellerLost, w, nowAt, factor, shift);
        return (factor, shift);
    }

    function _write(
        bytes32 key,
        Fact fact,
        bool lostAppeal,
        uint256 w,
        uint256 nowAt,
        uint256 factor,
        uint256 shift
    ) private {
        Word storage word = _words[key];
        uint256 value = StandingLib.withFact(word.value, fact, w, nowAt, factor, shift);
        word.value = lostAppeal ? StandingLib.withLostAppeal(value) : value;
    }

    /// @dev `keccak256(abi.encode(recorder, wallet, role))`, without allocating.
    function _key(address recorder, address wallet, Role role) private pure returns (bytes32 key) {
        assembly ("memory-safe") {
            let at_ := mload(0x40)
            mstore(at_, shr(96, shl(96, recorder)))
            mstore(add(at_, 0x20), shr(96, shl(96, wallet)))
            mstore(add(at_, 0x40), role)
            key := keccak256(at_, 0x60)
        }
    }
}
