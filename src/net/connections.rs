//! How many connections a node has and may have: established and pending, accepted and dialled. It counts them
//! and never closes one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The count of one node. A copy shares it.
#[derive(Debug, Clone)]
pub struct Connections(Arc<Count>);

#[derive(Debug)]
struct Count {
    open: AtomicUsize,
    max: AtomicUsize,
}

/// Held as long as a connection is open or being made: counts it.
#[derive(Debug)]
pub struct ConnectionPermit(Arc<Count>);

impl Connections {
    pub fn new(max: usize) -> Self {
        Self(Arc::new(Count { open: AtomicUsize::new(0), max: AtomicUsize::new(max) }))
    }

    /// Room for one more connection; `None` when all that may be are there.
    pub fn enter(&self) -> Option<ConnectionPermit> {
        let max = self.max();
        let one_more = |open: usize| (open < max).then_some(open + 1);
        let entered = self.0.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        entered.ok().map(|_| ConnectionPermit(self.0.clone()))
    }

    /// Connections there are now.
    pub fn open(&self) -> usize {
        self.0.open.load(Ordering::Relaxed)
    }

    pub fn max(&self) -> usize {
        self.0.max.load(Ordering::Relaxed)
    }

    /// For connections to come; those beyond a lower number stay until they end.
    pub fn set_max(&self, max: usize) {
        self.0.max.store(max, Ordering::Relaxed);
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_enter_than_may_whatever_the_limit_was_before() {
        let connections = Connections::new(3);
        let mut permits: Vec<_> = (0..5).filter_map(|_| connections.enter()).collect();
        assert_eq!((permits.len(), connections.open()), (3, 3));
        connections.set_max(2);
        permits.pop();
        assert!(connections.enter().is_none(), "two are there");
        permits.pop();
        permits.extend(connections.enter());
        assert_eq!(connections.open(), 2);
        connections.set_max(4);
        permits.extend((0..5).filter_map(|_| connections.enter()));
        assert_eq!((permits.len(), connections.max()), (4, 4));
    }
}
