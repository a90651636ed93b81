//! Counts the connections of each address that did not send anything yet, so that one stranger cannot
//! hold them all. Bounded by the permits of the listener: each entry belongs to an open connection.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::base::limits::UNSNIFFED_PER_ADDRESS_MAX;

type Counts = HashMap<IpAddr, usize>;

#[derive(Default)]
pub(super) struct Unsniffed {
    counts: Arc<Mutex<Counts>>,
}

/// Gives the place back when dropped.
pub(super) struct UnsniffedSlot {
    counts: Arc<Mutex<Counts>>,
    ip: IpAddr,
}

impl Unsniffed {
    /// `None` when the address has too many already. Loopback is exempt.
    pub(super) fn enter(&self, ip: IpAddr) -> Option<UnsniffedSlot> {
        let mut counts = lock(&self.counts);
        let count = counts.entry(ip).or_default();
        if *count >= UNSNIFFED_PER_ADDRESS_MAX && !ip.is_loopback() {
            return None;
        }
        *count += 1;
        Some(UnsniffedSlot { counts: self.counts.clone(), ip })
    }
}

impl Drop for UnsniffedSlot {
    fn drop(&mut self) {
        let mut counts = lock(&self.counts);
        match counts.get_mut(&self.ip) {
            Some(count) if *count > 1 => *count -= 1,
            _ => _ = counts.remove(&self.ip),
        }
    }
}

fn lock(counts: &Mutex<Counts>) -> MutexGuard<'_, Counts> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_holds_a_bounded_number_of_silent_connections() {
        let unsniffed = Unsniffed::default();
        let (ip, other) = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
        let mut slots: Vec<_> =
            (0..UNSNIFFED_PER_ADDRESS_MAX).map(|_| unsniffed.enter(ip).unwrap()).collect();
        assert!(unsniffed.enter(ip).is_none());
        assert!(unsniffed.enter(other).is_some());
        slots.pop();
        assert!(unsniffed.enter(ip).is_some());
        drop(slots);
        assert!(lock(&unsniffed.counts).is_empty());
    }

    #[test]
    fn loopback_is_exempt() {
        let unsniffed = Unsniffed::default();
        let slots: Vec<_> = (0..=UNSNIFFED_PER_ADDRESS_MAX)
            .map(|_| unsniffed.enter([127, 0, 0, 1].into()).is_some())
            .collect();
        assert!(slots.into_iter().all(|entered| entered));
    }
}
