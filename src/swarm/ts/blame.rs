//! Who forged: remembers what each peer gave to a piece that failed, until the true piece tells.

use std::collections::BTreeMap;

use sha1::{Digest, Sha1};

use crate::base::ids::LinkId;
use crate::live::assembler::Contribution;
use crate::live::piece::VerifiedPiece;
use crate::swarm::bans::BanKey;

/// Failed pieces remembered at once.
const CASES_MAX: usize = 64;

/// A contribution, and whom to ban for it even if the link is gone by then.
#[derive(Debug, Clone, Copy)]
pub struct Evidence {
    pub contribution: Contribution,
    pub ban_key: BanKey,
}

#[derive(Debug, Default)]
pub struct Blame {
    cases: BTreeMap<u64, Vec<Evidence>>,
}

impl Blame {
    /// Keeps the evidence of a failed piece.
    pub fn open(&mut self, number: u64, evidence: Vec<Evidence>) {
        if self.cases.len() >= CASES_MAX {
            self.cases.pop_first();
        }
        self.cases.entry(number).or_default().extend(evidence);
    }

    /// The true piece is here: who gave something else for it.
    pub fn settle(&mut self, piece: &VerifiedPiece) -> Vec<Evidence> {
        let evidence = self.cases.remove(&piece.number()).unwrap_or_default();
        let is_guilty = |evidence: &Evidence| {
            let truth = piece.chunk(evidence.contribution.chunk);
            truth.is_none_or(|truth| Sha1::digest(truth)[..] != evidence.contribution.digest)
        };
        evidence.into_iter().filter(is_guilty).collect()
    }

    /// Whether an open case names the link.
    pub fn names(&self, link: LinkId) -> bool {
        self.cases.values().flatten().any(|evidence| evidence.contribution.from == link)
    }

    /// Forgets cases about pieces that will never be fetched.
    pub fn remove_before(&mut self, number: u64) {
        self.cases = self.cases.split_off(&number);
    }
}
