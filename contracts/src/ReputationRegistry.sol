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

    mapping(bytes32 key => uint256 word) private _words;

    /// @inheritdoc IReputationRegistry
    function record(address buyer, address seller, uint96 amount, uint8 ending, uint8 flags)
        external
    {
        Fact asBuyer = ending == uint8(Ending.Accepted) ? Fact.Good : Fact.Neutral;
        Fact asSeller = asBuyer;
        bool buyerLost = flags & BUYER_LOST_APPEAL != 0;
        bool sellerLost = flags & SELLER_LOST_APPEAL != 0;
        if (buyerLost) asBuyer = Fact.Bad;
        if (
            flags & (SELLER_LOST_APPEAL | REJECTION_STOOD) != 0
                || (ending >= uint8(Ending.Rejected) && ending <= uint8(Ending.Reclaimed))
        ) asSeller = Fact.Bad;

        uint256 nowAt = StandingLib.present();
        (uint256 w, uint256 factor, uint256 shift) = (0, 0, 0);
        // Two neutral facts weigh nothing.
        if (asBuyer != Fact.Neutral || asSeller != Fact.Neutral) {
            w = FormulaLib.weight(amount);
            (factor, shift) = FormulaLib.growth(nowAt);
        }
        bytes32 key = _key(msg.sender, buyer, Role.Buyer);
        uint256 word = StandingLib.withFact(_words[key], asBuyer, w, nowAt, factor, shift);
        _words[key] = buyerLost ? StandingLib.withLostAppeal(word) : word;
        key = _key(msg.sender, seller, Role.Seller);
        word = StandingLib.withFact(_words[key], asSeller, w, nowAt, factor, shift);
        _words[key] = sellerLost ? StandingLib.withLostAppeal(word) : word;
    }

    /// @inheritdoc IReputationRegistry
    function standing(address recorder, address wallet, Role role)
        external
        view
        returns (Standing memory)
    {
        return StandingLib.unpack(_words[_key(recorder, wallet, role)]);
    }

    /// @inheritdoc IReputationRegistry
    function score(address recorder, address wallet, Role role)
        external
        view
        returns (uint256 points, uint256 good, uint256 bad)
    {
        (good, bad) = StandingLib.faded(_words[_key(recorder, wallet, role)], StandingLib.present());
        points = FormulaLib.score(good, bad);
    }

    function _key(address recorder, address wallet, Role role) private pure returns (bytes32) {
        return keccak256(abi.encode(recorder, wallet, role));
    }
}
