// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @notice How a milestone ended. Each value is final: nothing leaves it.
/// - Accepted: the jury or the buyer said yes. Good for both parties.
/// - Rejected, Conceded, Reclaimed: the jury said no, the seller gave in, nothing came. Bad for the
/// seller. - Undetermined: the jury did not agree. Silent: the jury did not answer. Agreed: the
/// parties split.
///   Cancelled: an earlier milestone of a sequence failed. Neutral, all four.
enum Ending {
    None,
    Accepted,
    Rejected,
    Conceded,
    Reclaimed,
    Undetermined,
    Silent,
    Agreed,
    Cancelled
}

/// @title Facts about wallets, written by whoever settles money between them
/// @notice Anybody may record; facts are kept per (recorder, wallet, role), so nobody writes into
/// another recorder's column, and a reader names the recorder it trusts. The formula is version 1
/// of docs/adr/0004-reputation-v1.md.
/// @dev Invariant: `record` and `recordBatch` make no call and cannot revert; counts and weights saturate. It emits
/// nothing: the recorder emits how each milestone ended, and from those events and their block
/// times anybody recomputes every word.
interface IReputationRegistry {
    /// @notice A wallet has one standing as buyer and one as seller.
    enum Role {
        Buyer,
        Seller
    }

    /// @notice What is kept of one wallet in one role, in one storage word.
    /// @param good S: good weight, 16 fractional bits, as of `last`
    /// @param bad F: bad weight, 16 fractional bits, as of `last`
    /// @param first Timestamp of the first fact
    /// @param last Timestamp of the last fact of any kind, whatever it weighed
    /// @param drawn What good facts have drawn from the rate limit's bucket and time has not
    /// refilled, as of `last`: 675 drops per unit of S; a bucket of 442,368,000 drops (a weight of
    /// 10) that refills by 2048 a second (a weight of 4 a day)
    struct Standing {
        uint32 good;
        uint32 bad;
        uint32 first;
        uint32 last;
        uint32 drawn;
        uint24 goodCount;
        uint24 badCount;
        uint24 neutralCount;
        uint24 appealsLost;
    }

    /// @notice The fact of one ended milestone: what `record` takes.
    struct Ended {
        address buyer;
        address seller;
        uint96 amount;
        uint8 ending;
        uint8 flags;
    }

    /// @notice Writes the fact of one ended milestone for both parties, in the caller's column.
    /// @param amount The milestone's money in the token's base units, six decimals
    /// @param ending An `Ending`; unknown values count as neutral
    /// @param flags 1: a rejection stood when it ended; 2: the buyer lost an appeal; 4: the seller
    /// lost an appeal
    function record(address buyer, address seller, uint96 amount, uint8 ending, uint8 flags)
        external;

    /// @notice Writes the facts of many ended milestones, as `record` would one after the other.
    function recordBatch(Ended[] calldata ended) external;

    /// @notice What `recorder` wrote about `wallet`, as of its last fact (weights not decayed to
    /// now).
    function standing(address recorder, address wallet, Role role)
        external
        view
        returns (Standing memory);

    /// @notice The score now, with both weights decayed to now: always show the three together.
    /// @return points 0 to 1000; a stranger has 0
    /// @return good S now, 16 fractional bits
    /// @return bad F now, 16 fractional bits
    function score(address recorder, address wallet, Role role)
        external
        view
        returns (uint256 points, uint256 good, uint256 bad);
}
