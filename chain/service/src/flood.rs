//! How many requests one address may make.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;

use governor::clock::DefaultClock;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

/// Addresses that are remembered before those that are quiet again are forgotten.
const REMEMBERED: usize = 10_000;
/// Addresses that are remembered at most; a stranger beyond them has to wait.
const MOST: usize = 100_000;

/// The requests of each address in the last moments.
#[derive(Debug)]
pub(crate) struct Flood(RateLimiter<IpAddr, DashMapStateStore<IpAddr>, DefaultClock>);

impl Flood {
    pub(crate) fn new(per_second: NonZeroU32, burst: NonZeroU32) -> Self {
        Self(RateLimiter::dashmap(Quota::per_second(per_second).allow_burst(burst)))
    }

    /// Whether an address may make one more request.
    pub(crate) fn admits(&self, address: IpAddr) -> bool {
        if self.0.len() > REMEMBERED {
            self.0.retain_recent();
            if self.0.len() > MOST {
                return false;
            }
        }
        self.0.check_key(&household(address)).is_ok()
    }
}

/// The smallest network that one stranger owns alone: an IPv6 host has 2^64 addresses to itself.
pub(crate) fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        v4 @ IpAddr::V4(_) => v4,
        IpAddr::V6(v6) => Ipv6Addr::from(u128::from(v6) >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_burst_and_its_neighbours_have_theirs() {
        let flood = Flood::new(NonZeroU32::MIN, NonZeroU32::new(2).unwrap());
        let of = |text: &str| flood.admits(text.parse().unwrap());
        assert_eq!([of("2001:db8::1"), of("2001:db8::2"), of("2001:db8::3")], [true, true, false]);
        assert!(of("2001:db8:0:1::1") && of("192.0.2.1") && of("::ffff:192.0.2.1"));
        assert!(!of("192.0.2.1"), "the mapped address is the same one");
    }
}
