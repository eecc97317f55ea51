// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @notice The cheat codes that the script uses.
interface ScriptVm {
    function envOr(string calldata name, address fallback_) external view returns (address);
    function readFile(string calldata path) external view returns (string memory);
    function parseJsonBytes(string calldata json, string calldata key)
        external
        pure
        returns (bytes memory);
    function parseJsonAddress(string calldata json, string calldata key)
        external
        pure
        returns (address);
    function parseJsonBytes32(string calldata json, string calldata key)
        external
        pure
        returns (bytes32);
    function toString(uint256 value) external pure returns (string memory);
    function startBroadcast() external;
    function stopBroadcast() external;
}

interface IToken {
    function DOMAIN_SEPARATOR() external view returns (bytes32);
}

/// @title Deploys Jury, ReputationRegistry, DealEscrow and PactRegistry for Foundry users
/// @notice `forge script script/Deploy.s.sol --rpc-url <url>` shows what it would do; `--broadcast`
/// does it. It sends the committed bytecode of `bindings/artifacts` through the canonical CREATE2
/// factory with the published salt, so that
/// the addresses are those of `surety deploy` and of `script/deployments/<chain-id>.json`.
/// @dev What is already deployed is skipped, so a run that broke off can be run again.
contract Deploy {
    ScriptVm internal constant vm =
        ScriptVm(address(uint160(uint256(keccak256("hevm cheat code")))));
    address internal constant FACTORY = 0x4e59b44847b379578588920cA78FbF26c0B4956C;
    bytes32 internal constant SALT = keccak256("surety/1");

    error FactoryMissing(address factory);
    error TokenMissing(address token);
    error TokenDomainMismatch(bytes32 got, bytes32 needed);
    error AddressMismatch(string name, address got, address needed);

    /// @dev forge looks for this flag.
    bool public IS_SCRIPT = true;

    function run()
        external
        returns (address jury, address registry, address escrow, address pacts)
    {
        string memory file =
            vm.readFile(string.concat("script/deployments/", vm.toString(block.chainid), ".json"));
        address token = vm.parseJsonAddress(file, ".token.address");
        _preflight(token, vm.parseJsonBytes32(file, ".token.domainSeparator"));

        vm.startBroadcast();
        jury = _deploy("Jury", abi.encode(token));
        registry = _deploy("ReputationRegistry", "");
        escrow = _deploy("DealEscrow", abi.encode(jury, registry, token));
        pacts = _deploy("PactRegistry", abi.encode(jury, token));
        vm.stopBroadcast();

        _require("Jury", jury, vm.parseJsonAddress(file, ".contracts.jury"));
        _require(
            "ReputationRegistry",
            registry,
            vm.parseJsonAddress(file, ".contracts.reputationRegistry")
        );
        _require("DealEscrow", escrow, vm.parseJsonAddress(file, ".contracts.dealEscrow"));
        _require("PactRegistry", pacts, vm.parseJsonAddress(file, ".contracts.pactRegistry"));
    }

    /// @dev The chain id is checked by there being a file of that name.
    function _preflight(address token, bytes32 separator) private view {
        if (FACTORY.code.length == 0) revert FactoryMissing(FACTORY);
        if (token.code.length == 0) revert TokenMissing(token);
        bytes32 got = IToken(token).DOMAIN_SEPARATOR();
        if (got != separator) revert TokenDomainMismatch(got, separator);
    }

    function _deploy(string memory name, bytes memory arguments) private returns (address at_) {
        bytes memory code = bytes.concat(
            vm.parseJsonBytes(
                vm.readFile(string.concat("bindings/artifacts/", name, ".json")), ".bytecode.object"
            ),
            arguments
        );
        at_ = address(
            uint160(
                uint256(keccak256(abi.encodePacked(bytes1(0xff), FACTORY, SALT, keccak256(code))))
            )
        );
        if (at_.code.length != 0) return at_;
        (bool ok,) = FACTORY.call(bytes.concat(SALT, code));
        if (!ok || at_.code.length == 0) revert AddressMismatch(name, address(0), at_);
    }

    function _require(string memory name, address got, address needed) private pure {
        if (got != needed) revert AddressMismatch(name, got, needed);
    }
}
