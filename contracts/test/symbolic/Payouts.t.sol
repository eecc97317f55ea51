// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {PayoutLib} from "../../src/libraries/PayoutLib.sol";
import {vm} from "../utils/Vm.sol";

/// @notice Who gets what when a milestone ends, for all amounts: what `cargo x deep` proves. A
/// panic of any kind is a failure here, so what is proven also does not revert.
contract PayoutsSymbolic {
    /// @notice A multiple of up to 16 fits, and of an equal part gives at most the whole: any
    /// whole of 128 bits.
    /// @custom:halmos --loop 17
    function check_equalPartsAreAtMostTheWhole(uint128 whole, uint8 parts) external pure {
        vm.assume(parts <= 16);
        uint256 n = concrete(parts);
        unchecked {
            assert(fits(whole, n));
            if (n != 0) assert(uint256(whole) + 1 > whole / n * n);
        }
    }

    /// @notice A fee of which there is too little for all is at least an equal part of what there
    /// is: any fee of 96 bits, any whole of 128 bits, up to 16 parts.
    /// @custom:halmos --loop 17
    function check_anEqualPartIsAtMostTheFee(uint256 fee, uint256 whole, uint8 parts)
        external
        pure
    {
        // Whole words, because the solver over integers dislikes slices of bits.
        vm.assume((fee >> 96) | (whole >> 128) == 0);
        vm.assume(parts != 0 && parts <= 16);
        uint256 n = concrete(parts);
        unchecked {
            vm.assume(fee * n > whole);
            assert(fee + 1 > whole / n);
        }
    }

    /// @notice Fees and what is left of them are what was available, and no fee grows: any fees of
    /// 96 bits of any number of seats up to 16, any 128 bits that are available.
    /// @custom:halmos --loop 17 --panic-error-codes *
    function check_feesNeverExceedWhatIsThere(
        uint256 seatFee,
        uint8 seats,
        uint256 relayFee,
        uint256 available
    ) external pure {
        // Whole words, because the solver over integers dislikes slices of bits.
        vm.assume((seatFee >> 96) | (relayFee >> 96) | (available >> 128) == 0);
        vm.assume(seats <= 16);
        uint256 count = concrete(seats);
        uint256 voted = (1 << count) - 1;
        PayoutLib.Due memory d = PayoutLib.Due(seatFee, voted, relayFee);
        shared(seatFee, available, count);
        uint256 rest = PayoutLib.cap(d, available);
        unchecked {
            assert(rest + d.seatFee * count + d.relayFee == available);
            assert(d.seatFee < seatFee + 1);
            assert(d.relayFee < relayFee + 1);
            assert(d.voted == voted);
        }
    }

    /// @notice A refund is exact: any amount, bond, and fees of two rounds.
    /// @custom:halmos --loop 17 --panic-error-codes *
    function check_aRefundIsExact(uint96 amount, uint96 bond, uint96[2] calldata fees)
        external
        pure
    {
        (PayoutLib.Due memory first, PayoutLib.Due memory second) = rounds(fees);
        PayoutLib.Payout memory p = PayoutLib.refund(amount, bond, first, second);
        assert(p.seller == 0 && p.receiver == 0);
        assertSum(p, first, second, uint256(amount) + bond);
    }

    /// @notice A part in basis points is at most the whole: any whole of 128 bits, any part up to
    /// all of it.
    /// @custom:halmos --panic-error-codes *
    function check_aPartIsAtMostTheWhole(uint128 whole, uint16 bps) external pure {
        vm.assume(bps <= 10_000);
        // Not `<=`, which is simplified into slices of bits that the solver over integers dislikes.
        assert(uint256(whole) + 1 > uint256(whole) * bps / PayoutLib.BPS);
    }

    /// @notice A share is exact, and the buyer keeps the remainder: any amount, bond, shares, and
    /// fees of two rounds.
    /// @custom:halmos --loop 17 --panic-error-codes *
    function check_aShareIsExact(
        uint96 amount,
        uint96 bond,
        uint16 sellerBps,
        uint16 feeBps,
        uint96[2] calldata fees
    ) external pure {
        vm.assume(sellerBps <= 10_000 && feeBps <= 1000);
        uint256 net = left(fees, amount);
        part(part(net, sellerBps), feeBps);
        (PayoutLib.Due memory first, PayoutLib.Due memory second) = rounds(fees);
        PayoutLib.Payout memory p = PayoutLib.share(amount, bond, sellerBps, feeBps, first, second);
        assert(p.seller >= bond);
        assertSum(p, first, second, uint256(amount) + bond);
    }

    /// @notice A signed split is exact or refused: any amount, bond, signed amount, and fees of
    /// two rounds.
    /// @custom:halmos --loop 17 --panic-error-codes *
    function check_aSplitIsExactOrRefused(
        uint96 amount,
        uint96 bond,
        uint128 sellerAmount,
        uint16 feeBps,
        uint96[2] calldata fees
    ) external pure {
        vm.assume(feeBps <= 1000);
        if (sellerAmount > bond) part(uint256(sellerAmount) - bond, feeBps);
        (PayoutLib.Due memory first, PayoutLib.Due memory second) = rounds(fees);
        (PayoutLib.Payout memory p, uint256 most) =
            PayoutLib.split(amount, bond, sellerAmount, feeBps, first, second);
        if (sellerAmount > most) {
            assert(p.seller == 0 && p.buyer == 0 && p.receiver == 0);
        } else {
            assert(p.seller + p.receiver == sellerAmount);
            assertSum(p, first, second, uint256(amount) + bond);
        }
    }

    /// @notice The seats of a counted round are owed at most the terms' jury fee: any fee, 3 to
    /// 15 seats, any number of them that answered.
    /// @custom:halmos --loop 17 --panic-error-codes *
    function check_seatsAreOwedAtMostTheJuryFee(uint96 juryFee, uint8 seats, uint8 voted)
        external
        pure
    {
        vm.assume(seats >= 3 && seats <= 15 && voted <= seats);
        uint256 n = concrete(seats);
        uint256 answered = concrete(voted);
        multiple(juryFee / n, answered);
        PayoutLib.Due memory d = PayoutLib.due(juryFee, 0, n, 0, (1 << answered) - 1);
        assert(uint256(juryFee) + 1 > PayoutLib.sum(d));
    }

    /// @notice The submitter of a counted round is owed at most the terms' relay fee: any fee, 3
    /// to 15 seats, any number of them counted.
    /// @custom:halmos --loop 17 --panic-error-codes *
    function check_theSubmitterIsOwedAtMostTheRelayFee(uint96 relayFee, uint8 seats, uint8 counted)
        external
        pure
    {
        vm.assume(seats >= 3 && seats <= 15 && counted <= seats);
        uint256 n = concrete(seats);
        uint256 ballots = concrete(counted);
        multiple(relayFee, ballots);
        PayoutLib.Due memory d = PayoutLib.due(0, relayFee, n, (1 << ballots) - 1, 0);
        assert(uint256(relayFee) + 1 > PayoutLib.sum(d));
    }

    // ---- helpers

    /// @dev Two rounds with any fees. A round with seats leaves what one without leaves that is
    /// owed as much, and no more is taken than is there: that is
    /// `check_feesNeverExceedWhatIsThere`.
    function rounds(uint96[2] calldata fees)
        private
        pure
        returns (PayoutLib.Due memory first, PayoutLib.Due memory second)
    {
        first = PayoutLib.Due(0, 0, fees[0]);
        second = PayoutLib.Due(0, 0, fees[1]);
    }

    /// @dev What two rounds leave of `amount`.
    function left(uint96[2] calldata fees, uint256 amount) private pure returns (uint256) {
        (PayoutLib.Due memory first, PayoutLib.Due memory second) = rounds(fees);
        return PayoutLib.cap(second, PayoutLib.cap(first, amount));
    }

    /// @dev A part that the code will take, with what `check_aPartIsAtMostTheWhole` says of it:
    /// the product fits, and the part does not exceed the whole. So the solver needs no
    /// arithmetic.
    function part(uint256 whole, uint256 bps) private pure returns (uint256 some) {
        unchecked {
            uint256 product = whole * bps;
            vm.assume(whole == 0 || product / whole == bps);
            some = product / PayoutLib.BPS;
            vm.assume(some <= whole);
        }
    }

    /// @dev The same number up to 16, on one path for each: a solver divides by a constant with
    /// ease.
    function concrete(uint256 n) private pure returns (uint256 i) {
        while (i < 16 && i != n) {
            ++i;
        }
    }

    /// @dev As the compiler checks a product.
    function fits(uint256 a, uint256 b) private pure returns (bool) {
        unchecked {
            return a == 0 || a * b / a == b;
        }
    }

    /// @dev A product that the code may compute, of a number of 128 bits, with what
    /// `check_equalPartsAreAtMostTheWhole` says of it.
    function multiple(uint256 a, uint256 n) private pure {
        vm.assume(a >> 128 == 0 && fits(a, n));
    }

    /// @dev What the code may compute of the fees of `n` seats, and of seats that share the rest,
    /// with what the checks of equal parts say of it.
    function shared(uint256 fee, uint256 whole, uint256 n) private pure {
        multiple(fee, n);
        if (n == 0) return;
        uint256 equal = whole / n;
        multiple(equal, n);
        unchecked {
            vm.assume(whole + 1 > equal * n);
            vm.assume(either(whole + 1 > fee * n, fee + 1 > equal));
        }
    }

    /// @dev One of the two, without a branch.
    function either(bool a, bool b) private pure returns (bool yes) {
        assembly {
            yes := or(a, b)
        }
    }

    function assertSum(
        PayoutLib.Payout memory p,
        PayoutLib.Due memory first,
        PayoutLib.Due memory second,
        uint256 needed
    ) private pure {
        uint256 fees = PayoutLib.sum(first) + PayoutLib.sum(second);
        assert(p.seller + p.buyer + p.receiver + fees == needed);
    }
}
