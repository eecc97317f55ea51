//! How many requests one address may make.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use governor::clock::DefaultClock;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::state::keyed::{DashMapStateStore, ShrinkableKeyedStateStore};
use governor::{Quota, RateLimiter};

/// Addresses that are remembered before those that are quiet again are forgotten.
const REMEMBERED: usize = 10_000;
/// Addresses that are remembered at most.
const MOST: usize = 100_000;
/// The pause between two looks for who is quiet: each goes over all of them.
const PAUSE: Duration = Duration::from_secs(1);

/// Whose turn it is when a stranger comes and no more can be remembered: all of them have what one
/// address has. Nobody can ask from here.
const THE_REST: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

/// The requests of each address in the last moments.
#[derive(Debug)]
pub(crate) struct Flood {
    limiter: RateLimiter<IpAddr, Known, DefaultClock>,
    known: Known,
    remembered: usize,
    most: usize,
    /// When those that were quiet were last forgotten.
    forgot: Mutex<Option<Instant>>,
}

impl Flood {
    pub(crate) fn new(per_second: NonZeroU32, burst: NonZeroU32) -> Self {
        Self::remembering(Quota::per_second(per_second).allow_burst(burst), (REMEMBERED, MOST))
    }

    fn remembering(quota: Quota, (remembered, most): (usize, usize)) -> Self {
        let known = Known::default();
        let limiter = RateLimiter::new(quota, known.clone(), DefaultClock::default());
        Self { limiter, known, remembered, most, forgot: Mutex::default() }
    }

    /// Whether an address may make one more request. Who is remembered is never refused because
    /// many others are.
    pub(crate) fn admits(&self, address: IpAddr) -> bool {
        let mut whose = household(address);
        if self.known.len() >= self.remembered {
            self.forget_the_quiet();
            if self.known.len() >= self.most && !self.known.0.contains_key(&whose) {
                whose = THE_REST;
            }
        }
        self.limiter.check_key(&whose).is_ok()
    }

    /// Makes room, unless somebody just did or does.
    fn forget_the_quiet(&self) {
        let Ok(mut forgot) = self.forgot.try_lock() else { return };
        if forgot.is_none_or(|at| at.elapsed() >= PAUSE) {
            self.limiter.retain_recent();
            *forgot = Some(Instant::now());
        }
    }
}

/// What is remembered. The limiter keeps its store to itself, so it shares this one.
#[derive(Debug, Clone, Default)]
struct Known(Arc<DashMapStateStore<IpAddr>>);

impl StateStore for Known {
    type Key = IpAddr;

    fn measure_and_replace<T, F, E>(&self, key: &IpAddr, f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        self.0.measure_and_replace(key, f)
    }
}

impl ShrinkableKeyedStateStore<IpAddr> for Known {
    fn retain_recent(&self, drop_below: Nanos) {
        self.0.retain_recent(drop_below);
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The network that one stranger has alone. An IPv6 subscriber is given 2^64 addresses at least,
/// and often 256 times as many.
pub(crate) fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        v4 @ IpAddr::V4(_) => v4,
        IpAddr::V6(v6) => Ipv6Addr::from(u128::from(v6) >> 72 << 72).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hourly(burst: u32) -> Quota {
        Quota::per_hour(NonZeroU32::MIN).allow_burst(NonZeroU32::new(burst).unwrap())
    }

    /// One more request from the n-th address.
    fn asks(flood: &Flood, n: u32) -> bool {
        flood.admits(IpAddr::V4(n.into()))
    }

    #[test]
    fn an_address_has_its_burst_and_its_neighbours_have_theirs() {
        let flood = Flood::new(NonZeroU32::MIN, NonZeroU32::new(2).unwrap());
        let of = |text: &str| flood.admits(text.parse().unwrap());
        assert_eq!([of("2001:db8::1"), of("2001:db8::2"), of("2001:db8::3")], [true, true, false]);
        assert!(!of("2001:db8:0:ff::1"), "the 256 networks of a household are one");
        assert!(of("2001:db8:0:100::1") && of("192.0.2.1") && of("::ffff:192.0.2.1"));
        assert!(!of("192.0.2.1"), "the mapped address is the same one");
    }

    #[test]
    fn who_is_known_is_served_when_no_more_can_be_remembered() {
        let flood = Flood::remembering(hourly(3), (2, 4));
        assert!((0..4).all(|n| asks(&flood, n)));
        // Strangers share what one address has.
        assert_eq!([4, 5, 6, 7].map(|n| asks(&flood, n)), [true, true, true, false]);
        assert_eq!(flood.known.len(), 5);
        assert!((0..4).all(|n| asks(&flood, n) && asks(&flood, n) && !asks(&flood, n)));
    }

    #[test]
    fn who_is_quiet_again_is_forgotten_and_others_are_remembered() {
        let every_nanosecond = Quota::with_period(Duration::from_nanos(1)).unwrap();
        let flood = Flood::remembering(every_nanosecond, (2, 4));
        let is_known = |n: u32| flood.known.0.contains_key(&IpAddr::V4(n.into()));
        // Whoever has just looked does not look again.
        *flood.forgot.lock().unwrap() = Some(Instant::now() + Duration::from_hours(1));
        assert!((0..5).all(|n| asks(&flood, n)));
        assert!(is_known(0) && !is_known(4) && flood.known.0.contains_key(&THE_REST));
        *flood.forgot.lock().unwrap() = None;
        assert!(asks(&flood, 5));
        assert!(!is_known(0) && is_known(5));
    }
}
