// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealOperations} from "../interfaces/IDealOperations.sol";
import {IJury} from "../interfaces/IJury.sol";
import {Ending} from "../interfaces/IReputationRegistry.sol";
import {DealWord} from "../libraries/DealWordLib.sol";
import {FactsLib} from "../libraries/FactsLib.sol";
import {PanelLib} from "../libraries/PanelLib.sol";
import {PayoutLib} from "../libraries/PayoutLib.sol";
import {TillLib} from "../libraries/TillLib.sol";
import {TokenLib} from "../libraries/TokenLib.sol";
import {Base} from "./Base.sol";

/// @title How milestones end and money leaves
/// @dev All money leaves through `_pay`, `_paySeats` and `withdraw`.
abstract contract Payouts is Base {
    using TillLib for TillLib.Till;

    uint8 internal constant REJECTION_STOOD = 1;
    uint8 internal constant BUYER_LOST_APPEAL = 2;
    uint8 internal constant SELLER_LOST_APPEAL = 4;

    uint8 internal constant ACCEPTED = uint8(IJury.Outcome.Accepted);
    uint8 internal constant REJECTED = uint8(IJury.Outcome.Rejected);

    /// @inheritdoc IDealOperations
    mapping(address token => mapping(address owner => uint256)) public credits;

    /// @inheritdoc IDealOperations
    function withdraw(address token_, address owner) external nonReentrant {
        uint256 amount = credits[token_][owner];
        if (amount == 0) revert CreditEmpty(token_, owner);
        credits[token_][owner] = 0;
        emit Withdrawn(token_, owner, amount);
        if (!TokenLib.tryTransfer(token_, owner, amount, gasleft())) {
            revert TransferRefused(token_, owner, amount);
        }
    }

    // ---- endings

    /// @dev The buyer gets everything back, less the fees of counted rounds.
    function _refund(Live memory live, Ending ending, uint8 flags) internal {
        PayoutLib.Payout memory p =
            PayoutLib.refund(live.amount, live.bond, live.first, live.second);
        _end(live, ending, flags, p);
        if (live.terms.sequential) _cancelRest(live);
    }

    /// @dev The seller gets a share of the money, and its bond.
    function _share(Live memory live, Ending ending, uint8 flags, uint256 sellerBps) internal {
        Terms memory t = live.terms;
        PayoutLib.Payout memory p =
            PayoutLib.share(live.amount, live.bond, sellerBps, t.feeBps, live.first, live.second);
        _end(live, ending, flags, p);
    }

    /// @dev As the verdict says that was counted or stands.
    function _byVerdict(Live memory live, uint8 verdict, uint256 metBps, uint8 flags) internal {
        if (verdict == REJECTED) return _refund(live, Ending.Rejected, flags);
        bool proRata = live.m.rule & (1 << 254) != 0;
        _share(live, Ending.Accepted, flags, proRata ? metBps : PayoutLib.BPS);
    }

    /// @dev The only way a milestone ends: word and event, then its fact and payments. `p` and the fees
    /// sum to amount and bond.
    function _end(Live memory live, Ending ending, uint8 flags, PayoutLib.Payout memory p)
        internal
    {
        (Terms memory t, TillLib.Till memory till) = (live.terms, live.till);
        live.word = live.word.ended(live.milestone, live.amount, live.bond);
        _deals[live.dealId] = live.word;
        if (live.state.status != Status.Pending) delete _states[live.dealId][live.milestone];
        emit MilestoneEnded(
            live.dealId, uint8(live.milestone), uint8(ending), uint128(p.seller), uint128(p.buyer)
        );
        FactsLib.add(till.facts, t.buyer, t.seller, live.amount, ending, flags);
        till.add(t.seller, p.seller, live.asCredit || t.payAsCredit);
        till.add(t.buyer, p.buyer, live.asCredit);
        uint256 fees = PayoutLib.sum(live.first) + PayoutLib.sum(live.second);
        if (fees + p.receiver == 0) return;
        _addRound(live, 1, live.first, live.state.submitter);
        _addRound(live, 2, live.second, live.submitter2);
        till.add(t.feeReceiver, p.receiver, false);
        emit FeesPaid(live.dealId, uint8(live.milestone), fees, p.receiver);
    }

    /// @dev A sequence ends with its first failure: the buyer's money and the seller's bond go
    /// back. Nothing later can have left Pending, so there is no state and no fee.
    function _cancelRest(Live memory live) private {
        Terms memory t = live.terms;
        DealWord word = live.word;
        for (uint256 k = live.milestone + 1; k < t.milestones.length; ++k) {
            uint256 amount = t.milestones[k].amount;
            uint256 bond = word.bondShare(amount);
            word = word.ended(k, amount, bond);
            emit MilestoneEnded(
                live.dealId, uint8(k), uint8(Ending.Cancelled), uint128(bond), uint128(amount)
            );
            FactsLib.add(live.till.facts, t.buyer, t.seller, amount, Ending.Cancelled, 0);
            live.till.add(t.seller, bond, t.payAsCredit);
            live.till.add(t.buyer, amount, false);
        }
        _deals[live.dealId] = word;
    }

    // ---- appeals' bonds

    /// @dev Whether an appellant's bond is held, and whether the buyer is the appellant: the loser
    /// of the standing verdict.
    function _appealed(Live memory live) internal pure returns (bool held, bool byBuyer) {
        held = live.state.status == Status.Round2 && live.state.standing != 0;
        byBuyer = live.state.standing == ACCEPTED;
    }

    /// @dev Pays the appellant's bond, less round 2's fees if it bears them; what it bears the
    /// milestone does not.
    function _payAppealBond(Live memory live, bool toBuyer, bool bearsRound2) internal {
        Terms memory t = live.terms;
        uint256 amount = t.appealBond;
        uint256 fees;
        if (bearsRound2) {
            fees = PayoutLib.sum(live.second);
            amount -= fees;
            _addRound(live, 2, live.second, live.submitter2);
            live.second = PayoutLib.Due(0, 0, 0);
        }
        if (toBuyer) live.till.add(t.buyer, amount, live.asCredit);
        else live.till.add(t.seller, amount, live.asCredit || t.payAsCredit);
        emit AppealBondPaid(
            live.dealId, uint8(live.milestone), toBuyer ? t.buyer : t.seller, amount, fees
        );
    }

    /// @dev What the facts say besides the ending.
    function _flags(Live memory live, bool appealLost) internal pure returns (uint8 flags) {
        (bool held, bool byBuyer) = _appealed(live);
        if (live.state.standing == REJECTED) flags = REJECTION_STOOD;
        if (held && appealLost) flags |= byBuyer ? BUYER_LOST_APPEAL : SELLER_LOST_APPEAL;
    }

    // ---- payments

    function _addRound(Live memory live, uint256 round, PayoutLib.Due memory due, address submitter)
        private
        pure
    {
        TillLib.Till memory till = live.till;
        if (due.seatFee != 0) {
            if (round == 1) till.seats1 = TillLib.addSeats(till.seats1, due.seatFee, due.voted);
            else till.seats2 = TillLib.addSeats(till.seats2, due.seatFee, due.voted);
        }
        till.add(submitter, due.relayFee, false);
    }

    /// @dev Writes the facts and pays everybody. State and events are written by now.
    function _flush(TillLib.Till memory till) internal {
        FactsLib.record(till.facts, registry);
        uint256[] memory entries = till.entries;
        for (uint256 i; i < entries.length; i += 2) {
            uint256 payee = entries[i];
            _pay(address(uint160(payee)), entries[i + 1], payee & TillLib.AS_CREDIT != 0);
        }
        for (uint256 round = 1; round <= 2; ++round) {
            uint256[] memory shares = round == 1 ? till.seats1 : till.seats2;
            if (shares.length != 0) _paySeats(till.panels, uint8(round), shares);
        }
    }

    /// @dev Pushes, or credits when asked to or refused.
    function _pay(address to, uint256 amount, bool asCredit) internal {
        if (amount == 0) return;
        if (!asCredit && TokenLib.tryPush(token, to, amount)) return;
        credits[token][to] += amount;
        emit Credited(token, to, amount);
    }

    /// @dev Into the panel's pots; if the token refuses the jury, to the seats' keys as credit.
    function _paySeats(bytes32 panels, uint8 round, uint256[] memory shares) private {
        (uint256 first, uint256 second) = PanelLib.sizes(jury, panels);
        uint256 seats = round == 1 ? first : second;
        uint256 total;
        assembly ("memory-safe") {
            mstore(shares, seats)
        }
        for (uint256 i; i < seats; ++i) {
            total += shares[i];
        }
        if (total == 0) return;
        if (TokenLib.tryPush(token, jury, total)) return IJury(jury).fund(panels, round, shares);
        address[] memory keys = IJury(jury).panel(panels, round);
        for (uint256 i; i < seats; ++i) {
            _pay(keys[i], shares[i], true);
        }
    }
}
