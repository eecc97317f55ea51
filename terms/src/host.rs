//! Which hosts a service of ours may connect to when a stranger named them.
//!
//! A juror registers its own URL and a delivery carries its own URI. Either may point into the
//! network of whoever follows it, so an address is asked only when it belongs to the public
//! internet. Warning: check the address that is connected to, after the name was resolved, and
//! follow no redirect; a name may resolve differently a second time.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether an address belongs to the public internet, as the IANA special-purpose registries say.
///
/// An address that carries an IPv4 one (mapped, NAT64, 6to4) is as public as that one. Whatever
/// lies outside of IPv6's global unicast range is not, nor are Teredo's tunnels, whose end is
/// hidden in the address.
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => carried(ip).map_or_else(|| is_public_v6(ip), is_public_v4),
    }
}

const fn is_public_v4(ip: Ipv4Addr) -> bool {
    let special = ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_documentation()
        || match ip.octets() {
            // This network; reserved and broadcast; carrier-grade NAT; protocol assignments; 6to4
            // relays; benchmarks.
            [0 | 240.., ..]
            | [100, 64..=127, ..]
            | [192, 0, 0, _]
            | [192, 88, 99, _]
            | [198, 18 | 19, ..] => true,
            _ => false,
        };
    !special
}

const fn is_public_v6(ip: Ipv6Addr) -> bool {
    match ip.segments() {
        // Teredo, benchmarks, ORCHID and the rest of the protocol assignments; documentation.
        [0x2001, 0..=0x01ff | 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] => false,
        // Global unicast. Outside of it: unspecified, loopback, unique local, link-local,
        // site-local, multicast, discard-only, local NAT64, segment routing.
        [0x2000..=0x3fff, ..] => true,
        _ => false,
    }
}

/// The IPv4 address at the other end of an IPv6 one, if the address says so.
const fn carried(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    match (ip.segments(), ip.octets()) {
        // IPv4-mapped; NAT64.
        (
            [0, 0, 0, 0, 0, 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..],
            [.., a, b, c, d],
        )
        // 6to4.
        | ([0x2002, ..], [_, _, a, b, c, d, ..]) => Some(Ipv4Addr::new(a, b, c, d)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_addresses_are_not_public_from_the_first_to_the_last() {
        for (what, first, last) in [
            ("this network", "0.0.0.0", "0.255.255.255"),
            ("private", "10.0.0.0", "10.255.255.255"),
            ("carrier-grade NAT", "100.64.0.0", "100.127.255.255"),
            ("loopback", "127.0.0.0", "127.255.255.255"),
            ("link-local, metadata services", "169.254.0.0", "169.254.255.255"),
            ("private", "172.16.0.0", "172.31.255.255"),
            ("protocol assignments", "192.0.0.0", "192.0.0.255"),
            ("documentation", "192.0.2.0", "192.0.2.255"),
            ("6to4 relays", "192.88.99.0", "192.88.99.255"),
            ("private", "192.168.0.0", "192.168.255.255"),
            ("benchmarks", "198.18.0.0", "198.19.255.255"),
            ("documentation", "198.51.100.0", "198.51.100.255"),
            ("documentation", "203.0.113.0", "203.0.113.255"),
            ("multicast", "224.0.0.0", "239.255.255.255"),
            ("reserved, broadcast", "240.0.0.0", "255.255.255.255"),
            ("unspecified", "::", "::"),
            ("loopback", "::1", "::1"),
            ("IPv4-compatible", "::127.0.0.1", "::8.8.8.8"),
            ("mapped loopback", "::ffff:127.0.0.0", "::ffff:127.255.255.255"),
            ("mapped metadata service", "::ffff:169.254.169.254", "::ffff:169.254.169.254"),
            ("IPv4-translated", "::ffff:0:8.8.8.8", "::ffff:0:127.0.0.1"),
            ("NAT64 of private", "64:ff9b::10.0.0.0", "64:ff9b::10.255.255.255"),
            ("local NAT64", "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff"),
            ("discard-only", "100::", "100::ffff:ffff:ffff:ffff"),
            ("Teredo", "2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("benchmarks", "2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff"),
            ("ORCHID", "2001:10::", "2001:2f:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("protocol assignments", "2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("documentation", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("6to4 of loopback", "2002:7f00::", "2002:7fff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("6to4 of private", "2002:c0a8::", "2002:c0a8:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("documentation", "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("beyond global unicast", "4000::", "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("segment routing", "5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("unique local", "fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("link-local", "fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("site-local", "fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("multicast", "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ] {
            for ip in [first, last] {
                assert!(!is_public(ip.parse().unwrap()), "{what}: {ip}");
            }
        }
    }

    #[test]
    fn the_neighbours_of_special_addresses_are_public() {
        for ip in [
            "1.0.0.0",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.0.3.0",
            "192.88.98.255",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "198.51.101.0",
            "203.0.112.255",
            "223.255.255.255",
            "2000::",
            "2001:200::",
            "2001:db7:ffff::",
            "2001:db9::",
            "2003::",
            "2606:4700::1111",
            "3ffe:ffff::",
            "3fff:1000::",
            "3fff:ffff::",
        ] {
            assert!(is_public(ip.parse().unwrap()), "{ip}");
        }
    }

    #[test]
    fn an_address_that_carries_another_is_as_public_as_that_one() {
        for (v4, public) in [
            ("8.8.8.8", true),
            ("100.128.0.1", true),
            ("10.1.2.3", false),
            ("127.0.0.1", false),
            ("169.254.169.254", false),
            ("100.64.0.1", false),
            ("0.0.0.0", false),
        ] {
            let v4: Ipv4Addr = v4.parse().unwrap();
            let [a, b, c, d] = v4.octets();
            for carrier in [
                format!("::ffff:{v4}"),
                format!("64:ff9b::{v4}"),
                format!("2002:{a:02x}{b:02x}:{c:02x}{d:02x}::1"),
            ] {
                assert_eq!(is_public(carrier.parse().unwrap()), public, "{carrier}");
            }
        }
    }
}
