// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Jury} from "../../src/Jury.sol";
import {IJury} from "../../src/interfaces/IJury.sol";
import {Fixture} from "../utils/Fixture.sol";
import {vm} from "../utils/Vm.sol";

// createJury
// ├── when the panel has 3 to 15 seats, and the appeal panel none or as many
// │   ├── it stores both for ever, in order, and returns their digest
// │   └── it gives one digest for one jury, and emits once
// ├── when a panel is out of range
// │   └── it reverts
// ├── when a seat is not registered, or leaving
// │   └── it reverts
// └── when two seats share key, family or operator, within or across panels
//     └── it reverts
// checkJury
// ├── when the jury is unknown, or lacks the appeal panel that is needed
// │   └── it reverts
// └── when a party sits in either panel
//     └── it reverts
// panel
// └── it returns the keys of a round in order, none for another round
contract CreateJuryTest is Fixture {
    /// forge-config: default.fuzz.runs = 32
    function test_storesBothPanelsInOrder(uint256 n, uint256 appeal) public {
        n = bound(n, 3, 15);
        appeal = bound(appeal, 2, 15);
        if (appeal == 2) appeal = 0;
        address[] memory panel = makeSeats(20, n);
        address[] memory appealPanel = makeSeats(40, appeal);
        bytes32 digest = digestOf(panel, appealPanel);
        vm.expectEmit(true, true, true, true, address(jury));
        emit IJury.JuryCreated(digest, panel, appealPanel);
        assertEq(jury.createJury(panel, appealPanel), digest, "digest");
        assertEq(abi.encode(jury.panel(digest, 1)), abi.encode(panel), "panel");
        assertEq(abi.encode(jury.panel(digest, 2)), abi.encode(appealPanel), "appeal panel");
        assertEq(jury.panel(digest, 0).length, 0, "round 0");
        assertEq(jury.panel(digest, 3).length, 0, "round 3");
    }

    function test_theSameJuryTwiceIsOne() public {
        vm.recordLogs();
        assertEq(createJury(5), five, "digest");
        assertEq(vm.getRecordedLogs().length, 0, "no event");
    }

    function test_anotherOrderIsAnotherJury() public {
        address[] memory seats = makeSeats(0, 5);
        (seats[0], seats[1]) = (seats[1], seats[0]);
        assertTrue(jury.createJury(seats, new address[](0)) != five, "digest");
    }

    function test_aPanelAndItsAppealPanelAreNotOneLongPanel() public {
        assertTrue(createJury(3, 3) != createJury(6), "digest");
    }

    function test_aJurysCodeCanNeverRun() public {
        address[] memory panel = jury.panel(five, 1);
        bytes32 digest = digestOf(panel, new address[](0));
        address where = address(
            uint160(
                uint256(
                    keccak256(abi.encodePacked(bytes1(0xff), address(jury), bytes32(0), digest))
                )
            )
        );
        assertTrue(where.code[0] == 0, "stops at once");
        (bool ok, bytes memory answer) = where.call("anything");
        assertTrue(ok && answer.length == 0, "answers nothing");
    }

    function test_reverts_whenAPanelIsOutOfRange() public {
        sizeReverts(0, 0, 0);
        sizeReverts(2, 0, 2);
        sizeReverts(16, 0, 16);
        sizeReverts(5, 1, 1);
        sizeReverts(5, 2, 2);
        sizeReverts(5, 16, 16);
    }

    /// forge-config: default.fuzz.runs = 48
    function test_reverts_whenASeatIsNotRegistered(uint256 seat) public {
        (address[] memory panel, address[] memory appealPanel) = (makeSeats(0, 3), makeSeats(3, 3));
        seat = bound(seat, 0, 5);
        put(panel, appealPanel, seat, RELAYER);
        reverts(panel, appealPanel, abi.encodeWithSelector(IJury.JurorUnknown.selector, RELAYER));
    }

    /// forge-config: default.fuzz.runs = 48
    function test_reverts_whenASeatIsLeavingOrLeft(uint256 seat) public {
        (address[] memory panel, address[] memory appealPanel) = (makeSeats(0, 3), makeSeats(3, 3));
        address key = juror(bound(seat, 0, 5));
        vm.prank(key);
        jury.unbond(IJury.Unbonding(key, 1, 0), "");
        uint40 unbondsAt = uint40(START + 30 days);
        reverts(
            panel, appealPanel, abi.encodeWithSelector(IJury.JurorLeaving.selector, key, unbondsAt)
        );
        vm.warp(unbondsAt);
        jury.claim(key);
        reverts(panel, appealPanel, abi.encodeWithSelector(IJury.JurorUnknown.selector, key));
    }

    /// forge-config: default.fuzz.runs = 48
    function test_reverts_whenTwoSeatsShareAKey(uint256 a, uint256 b) public {
        (address[] memory panel, address[] memory appealPanel) = (makeSeats(0, 3), makeSeats(3, 3));
        (a, b) = (bound(a, 0, 5), bound(b, 0, 4));
        if (b >= a) ++b;
        put(panel, appealPanel, a, juror(b));
        reverts(panel, appealPanel, seatsShare("key", juror(b), juror(b)));
    }

    /// forge-config: default.fuzz.runs = 48
    function test_reverts_whenTwoSeatsShareAFamily(uint256 a, uint256 b) public {
        shareReverts("family", a, b);
    }

    /// forge-config: default.fuzz.runs = 48
    function test_reverts_whenTwoSeatsShareAnOperator(uint256 a, uint256 b) public {
        shareReverts("operator", a, b);
    }

    // ---- checkJury and panel

    /// forge-config: default.fuzz.runs = 48
    function test_checksTheParties(uint256 seat) public {
        bytes32 both = createJury(5, 3);
        jury.checkJury(both, buyer, seller, true);
        jury.checkJury(five, buyer, seller, false);
        address key = juror(bound(seat, 0, 7));
        bytes memory with = abi.encodeWithSelector(IJury.PartyIsJuror.selector, key);
        vm.expectRevert(with);
        jury.checkJury(both, key, seller, false);
        vm.expectRevert(with);
        jury.checkJury(both, buyer, key, true);
    }

    function test_reverts_whenAnAppealPanelIsNeededAndAbsent() public {
        vm.expectRevert(abi.encodeWithSelector(IJury.PanelMissing.selector, five, 2));
        jury.checkJury(five, buyer, seller, true);
    }

    function test_reverts_whenTheJuryIsUnknown(bytes32 digest) public {
        if (digest == five) digest = 0;
        bytes memory with = abi.encodeWithSelector(IJury.JuryUnknown.selector, digest);
        vm.expectRevert(with);
        jury.checkJury(digest, buyer, seller, false);
        vm.expectRevert(with);
        jury.panel(digest, 1);
    }

    function test_reverts_inAnotherJuryContract() public {
        Jury other = new Jury(address(usdc));
        vm.expectRevert(abi.encodeWithSelector(IJury.JuryUnknown.selector, five));
        other.panel(five, 1);
    }

    function test_staysForEver_whenItsJurorsLeave() public {
        address[] memory before = jury.panel(five, 1);
        for (uint256 i; i < 5; ++i) {
            vm.prank(before[i]);
            jury.unbond(IJury.Unbonding(before[i], 1, 0), "");
        }
        vm.warp(START + 30 days);
        for (uint256 i; i < 5; ++i) {
            jury.claim(before[i]);
        }
        assertEq(abi.encode(jury.panel(five, 1)), abi.encode(before), "panel");
        jury.checkJury(five, buyer, seller, false);
    }

    // ---- helpers

    /// @dev The hash of the creation code, written out: a loader of ten bytes, a zero byte, two
    /// sizes, the keys.
    function digestOf(address[] memory panel, address[] memory appealPanel)
        internal
        pure
        returns (bytes32)
    {
        bytes memory data =
            abi.encodePacked(bytes1(0), uint8(panel.length), uint8(appealPanel.length));
        for (uint256 i; i < panel.length; ++i) {
            data = abi.encodePacked(data, panel[i]);
        }
        for (uint256 i; i < appealPanel.length; ++i) {
            data = abi.encodePacked(data, appealPanel[i]);
        }
        return keccak256(abi.encodePacked(hex"61", uint16(data.length), hex"80600a3d393df3", data));
    }

    function put(address[] memory panel, address[] memory appealPanel, uint256 seat, address key)
        internal
        pure
    {
        if (seat < panel.length) panel[seat] = key;
        else appealPanel[seat - panel.length] = key;
    }

    function sizeReverts(uint256 n, uint256 appeal, uint256 got) internal {
        address[] memory panel = makeSeats(0, n);
        address[] memory appealPanel = makeSeats(n, appeal);
        reverts(panel, appealPanel, abi.encodeWithSelector(IJury.PanelSize.selector, got, 3, 15));
    }

    /// @dev Seats a and b of six share their claim: juror 50 has another's.
    function shareReverts(string memory field, uint256 a, uint256 b) internal {
        (address[] memory panel, address[] memory appealPanel) = (makeSeats(0, 3), makeSeats(3, 3));
        (a, b) = (bound(a, 0, 5), bound(b, 0, 4));
        if (b >= a) ++b;
        IJury.Registration memory r = registration(50);
        bool family = keccak256(bytes(field)) == keccak256("family");
        if (family) r.family = registration(b).family;
        else r.operator = registration(b).operator;
        jury.register(r, sign(jurorKey(50), jury.registrationDigest(r)));
        put(panel, appealPanel, a, juror(50));
        bytes memory with =
            a < b ? seatsShare(field, juror(50), juror(b)) : seatsShare(field, juror(b), juror(50));
        reverts(panel, appealPanel, with);
    }

    function seatsShare(string memory field, address first, address second)
        internal
        pure
        returns (bytes memory)
    {
        return abi.encodeWithSelector(IJury.SeatsShare.selector, field, first, second);
    }

    function reverts(address[] memory panel, address[] memory appealPanel, bytes memory with)
        internal
    {
        vm.expectRevert(with);
        jury.createJury(panel, appealPanel);
    }
}
