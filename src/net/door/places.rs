//! How many connections each group of limited number has now. Bounded: a group is named by the operator's file,
//! and one without connections is forgotten.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The places that a group may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Share {
    pub group: String,
    pub max: usize,
}

type Counts = BTreeMap<String, usize>;

#[derive(Debug, Clone, Default)]
pub(super) struct Crowd(Arc<Mutex<Counts>>);

/// The places of one connection; dropping it gives them back.
#[derive(Debug, Default)]
pub struct Places {
    crowd: Crowd,
    groups: Vec<String>,
}

impl Crowd {
    /// Takes a place in each group, or none.
    ///
    /// # Errors
    /// The group that is full.
    pub fn take(&self, shares: &[Share]) -> Result<Places, String> {
        if shares.is_empty() {
            return Ok(Places::default());
        }
        let mut counts = self.lock();
        let taken = |group: &String| counts.get(group).copied().unwrap_or(0);
        if let Some(full) = shares.iter().find(|share| taken(&share.group) >= share.max) {
            return Err(full.group.clone());
        }
        let groups: Vec<_> = shares.iter().map(|share| share.group.clone()).collect();
        groups.iter().for_each(|group| *counts.entry(group.clone()).or_default() += 1);
        Ok(Places { crowd: self.clone(), groups })
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Places {
    fn drop(&mut self) {
        if self.groups.is_empty() {
            return;
        }
        let mut counts = self.crowd.lock();
        for group in &self.groups {
            match counts.get_mut(group) {
                Some(count) if *count > 1 => *count -= 1,
                _ => _ = counts.remove(group),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(group: &str, max: usize) -> Share {
        Share { group: group.to_owned(), max }
    }

    #[test]
    fn group_takes_its_share_and_gives_places_back() {
        let crowd = Crowd::default();
        let first = crowd.take(&[share("a", 2)]).expect("a place");
        let _second = crowd.take(&[share("a", 2), share("b", 1)]).expect("a place in both");
        assert_eq!(crowd.take(&[share("c", 1), share("a", 2)]).expect_err("full"), "a");
        assert_eq!(crowd.take(&[share("b", 1)]).expect_err("full"), "b");
        drop(first);
        let third = crowd.take(&[share("a", 2)]).expect("the place that was given back");
        drop((third, _second));
        assert!(crowd.lock().is_empty());
    }

    #[test]
    fn who_finds_one_group_full_takes_no_place_in_another() {
        let crowd = Crowd::default();
        crowd.take(&[share("a", 1), share("b", 0)]).expect_err("b is closed");
        crowd.take(&[share("a", 1)]).expect("a place");
    }
}
