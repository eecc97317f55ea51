// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {PactRegistry} from "../../src/PactRegistry.sol";
import {IJury} from "../../src/interfaces/IJury.sol";
import {IPactRegistry} from "../../src/interfaces/IPactRegistry.sol";
import {IReputationRegistry} from "../../src/interfaces/IReputationRegistry.sol";
import {Fixture} from "./Fixture.sol";
import {vm} from "./Vm.sol";

/// @notice A world with a pact registry, an agent, two presenters and a jury of five with pots.
abstract contract PactFixture is Fixture {
    uint256 internal constant AGENT_KEY = 0xA6E47;
    uint256 internal constant PRESENTER_KEY = 0x94E5E47E4;
    uint256 internal constant OTHER_KEY = 0x07E4;
    address internal constant NOBODY = 0x000000000000000000000000000000000000dEaD;
    bytes32 internal constant WHOLE = bytes32(type(uint256).max);

    /// @dev The windows of `makePact`'s period 0; each later one is a day later.
    uint40 internal constant PACT_OPEN_BY = uint40(START + 1 hours);
    uint40 internal constant START_AT = uint40(START + 1 days);
    uint40 internal constant PERIOD_END = uint40(START + 2 days);
    uint40 internal constant PRESENT_END = uint40(START + 3 days);
    uint40 internal constant PACT_JUDGE_END = uint40(START + 4 days);
    /// @dev When period 9 can no longer be judged.
    uint40 internal constant LAST_END = uint40(START + 13 days);

    PactRegistry internal pacts;
    address internal agent;
    address internal presenter;
    address internal other;

    function setUp() public virtual override {
        super.setUp();
        pacts = new PactRegistry(address(jury), address(usdc));
        agent = vm.addr(AGENT_KEY);
        presenter = vm.addr(PRESENTER_KEY);
        other = vm.addr(OTHER_KEY);
        usdc.mint(agent, usd(10_000));
        usdc.mint(presenter, usd(10_000));
        usdc.mint(other, usd(10_000));
    }

    /// @dev Ten days of a day each; 1,000 USDC of which a rejected period costs 100; a record costs
    /// 5; every key is sampled.
    function makePact() internal view returns (IPactRegistry.Pact memory p) {
        p.agent = agent;
        p.jury = five;
        p.rule = oneCriterion();
        p.criteria = keccak256("criteria");
        p.bond = usd(1000);
        p.slashBps = 1000;
        p.juryFee = usd(5);
        p.sampleBps = 10_000;
        p.openBy = PACT_OPEN_BY;
        p.startAt = START_AT;
        p.periodSecs = 1 days;
        p.periods = 10;
        p.presentWithin = 1 days;
        p.judgeWithin = 1 days;
        p.document = keccak256("the promise");
        p.salt = keccak256("salt");
    }

    function open(IPactRegistry.Pact memory p) internal returns (bytes32) {
        bytes memory a =
            authorization(AGENT_KEY, p.bond, p.openBy, pacts.pactIdOf(p), address(pacts));
        vm.prank(RELAYER);
        return pacts.open(p, a);
    }

    /// @dev An open pact.
    function opened() internal returns (IPactRegistry.Pact memory p) {
        p = makePact();
        open(p);
    }

    function makeRecord(IPactRegistry.Pact memory p, uint32 period, uint256 key)
        internal
        view
        returns (IPactRegistry.Record memory)
    {
        return IPactRegistry.Record(
            pacts.pactIdOf(p), period, bytes32(key), keccak256(abi.encode("content", key))
        );
    }

    function makeClaim(IPactRegistry.Record memory r, uint256 key)
        internal
        view
        returns (IPactRegistry.Claim memory)
    {
        return IPactRegistry.Claim(
            pacts.recordDigest(r), vm.addr(key), "https://record.example", uint40(nowAt() + 1 hours)
        );
    }

    function feeAuthorization(
        IPactRegistry.Pact memory p,
        IPactRegistry.Claim memory c,
        uint256 key
    ) internal view returns (bytes memory) {
        return authorization(key, p.juryFee, c.validUntil, pacts.claimDigest(c), address(pacts));
    }

    /// @dev By `key`'s wallet, through the relayer.
    function present(IPactRegistry.Pact memory p, IPactRegistry.Record memory r, uint256 key)
        internal
    {
        bytes memory s = sign(AGENT_KEY, pacts.recordDigest(r));
        IPactRegistry.Claim memory c = makeClaim(r, key);
        bytes memory a = feeAuthorization(p, c, key);
        vm.prank(RELAYER);
        pacts.present(p, r, s, c, a);
    }

    function presentReverts(
        IPactRegistry.Pact memory p,
        IPactRegistry.Record memory r,
        bytes memory with
    ) internal {
        bytes memory s = sign(AGENT_KEY, pacts.recordDigest(r));
        IPactRegistry.Claim memory c = makeClaim(r, PRESENTER_KEY);
        bytes memory a = feeAuthorization(p, c, PRESENTER_KEY);
        vm.expectRevert(with);
        pacts.present(p, r, s, c, a);
    }

    /// @dev Period 0 with one record of the presenter's, just after it ended.
    function claimed(IPactRegistry.Pact memory p) internal returns (IPactRegistry.Record memory r) {
        if (nowAt() < PERIOD_END) vm.warp(PERIOD_END);
        r = makeRecord(p, 0, 1);
        present(p, r, PRESENTER_KEY);
    }

    function packedFor(
        IPactRegistry.Pact memory p,
        uint32 period,
        uint16 seats,
        IJury.Outcome outcome
    ) internal view returns (bytes memory) {
        bytes32 id = pacts.pactIdOf(p);
        bytes32 caseId = jury.caseId(
            IJury.Case(
                block.chainid,
                address(jury),
                address(pacts),
                pacts.subjectOf(id, period),
                0,
                1,
                pacts.periodState(id, period).evidence
            )
        );
        uint16 met = outcome == IJury.Outcome.Accepted ? 1 : 0;
        uint16 failed = outcome == IJury.Outcome.Rejected ? 1 : 0;
        return ballots(seats, caseId, met, failed);
    }

    function settle(IPactRegistry.Pact memory p, uint32 period, uint16 seats, IJury.Outcome outcome)
        internal
    {
        bytes memory packed = packedFor(p, period, seats, outcome);
        vm.prank(RELAYER);
        pacts.settle(p, period, packed);
    }

    function err(bytes4 selector, uint256 a, uint256 b) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(selector, a, b);
    }

    function stateOf(bytes32 id) internal view returns (IPactRegistry.PactState memory) {
        return pacts.pactState(id);
    }

    function periodOf(bytes32 id, uint32 period)
        internal
        view
        returns (IPactRegistry.PeriodState memory)
    {
        return pacts.periodState(id, period);
    }

    function facts() internal view returns (IReputationRegistry.Standing memory) {
        return pacts.standing(agent);
    }
}
