// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title A token that misbehaves in one chosen way
/// @notice Pulls need no signature; `transfer` and pulls follow `mode`.
contract OddToken {
    /// - Honest: moves what it says, and says true.
    /// - TakesFee: moves one per cent less.
    /// - SaysFalse, SaysTwo, SaysHalfAWord: moves nothing and answers that.
    /// - SaysNothing: moves, without an answer.
    /// - Bomb: reverts with 100,000 bytes.
    /// - Burns: uses all its gas.
    /// - Reenters: calls `target` first and keeps the answer, then is honest.
    enum Mode {
        Honest,
        TakesFee,
        SaysFalse,
        SaysTwo,
        SaysHalfAWord,
        SaysNothing,
        Bomb,
        Burns,
        Reenters
    }

    Mode public mode;
    mapping(address owner => uint256) public balanceOf;
    address public target;
    bytes public question;
    bool public answered;
    bytes public answer;

    function mint(address to, uint256 value) external {
        balanceOf[to] += value;
    }

    function become(Mode mode_) external {
        mode = mode_;
    }

    function reenter(address target_, bytes calldata question_) external {
        (mode, target, question) = (Mode.Reenters, target_, question_);
    }

    function receiveWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256,
        uint256,
        bytes32,
        bytes calldata
    ) external {
        _reenter();
        _move(from, to, value);
    }

    /// @dev Every allowance stands.
    function transferFrom(address from, address to, uint256 value) external returns (bool) {
        if (mode == Mode.SaysFalse) return false;
        _reenter();
        _move(from, to, value);
        return true;
    }

    function permit(address, address, uint256, uint256, uint8, bytes32, bytes32) external {
        _reenter();
    }

    function transfer(address to, uint256 value) external {
        if (mode == Mode.SaysFalse) _say(0, 32);
        if (mode == Mode.SaysTwo) _say(2, 32);
        if (mode == Mode.SaysHalfAWord) _say(1 << 128, 16);
        if (mode == Mode.Bomb) {
            assembly {
                revert(0, 100000)
            }
        }
        while (mode == Mode.Burns) {}
        _reenter();
        _move(msg.sender, to, value);
        if (mode == Mode.SaysNothing) _say(0, 0);
        _say(1, 32);
    }

    function _say(uint256 word, uint256 size) private pure {
        assembly {
            mstore(0, word)
            return(0, size)
        }
    }

    function _reenter() private {
        if (mode != Mode.Reenters) return;
        (answered, answer) = target.call(question);
    }

    function _move(address from, address to, uint256 value) private {
        balanceOf[from] -= value;
        balanceOf[to] += mode == Mode.TakesFee ? value - value / 100 : value;
    }
}
