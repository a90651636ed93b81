//! The nodes that answered, of one family: 8 for each number of first bits that they share with this node's
//! own place, so that many are known near it and some everywhere.
//!
//! It decides who stays when there is no room: whoever answers stays; one that does not answer makes room,
//! and so does one in a place that its address may not take. It never sends: who is to be asked again is told.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::id::{distance, is_place_of, shared_bits};
use crate::base::ids::DhtId;
use crate::base::net::{is_dialable, is_public};
use crate::wire::krpc::Contact;

/// Nodes that share a number of bits; also how many are asked for and announced to (BEP 5).
pub const BUCKET: usize = 8;
/// A node that was not heard of for so long must be asked before it is trusted again.
const GOOD_FOR: Duration = Duration::from_secs(15 * 60);
/// Questions in a row that a node may leave unanswered, once it has answered.
const FAILURES_MAX: u8 = 2;
/// With so many it is forgotten, even if nobody wants its room.
const FORGOTTEN_AFTER: u8 = 5;

/// One known node.
#[derive(Debug, Clone)]
struct Node {
    contact: Contact,
    /// It answered, or it asked after it had answered; `None` on one that was only told of.
    heard: Option<Instant>,
    /// Questions in a row that it did not answer.
    failures: u8,
}

impl Node {
    fn is_good(&self, now: Instant) -> bool {
        let is_recent = |heard| now.saturating_duration_since(heard) < GOOD_FOR;
        self.failures == 0 && self.heard.is_some_and(is_recent)
    }

    fn is_bad(&self) -> bool {
        self.failures >= if self.heard.is_some() { FAILURES_MAX } else { 1 }
    }

    fn is_rightful(&self) -> bool {
        is_place_of(&self.contact.id, self.contact.addr.ip())
    }
}

/// The nodes of one family, in no order.
#[derive(Debug, Clone)]
pub struct Table {
    own: DhtId,
    nodes: Vec<Node>,
}

impl Table {
    pub fn new(own: DhtId) -> Self {
        Self { own, nodes: Vec::new() }
    }

    pub fn own(&self) -> DhtId {
        self.own
    }

    /// Moves this node to another place; those who no longer have room there are forgotten.
    pub fn move_to(&mut self, own: DhtId) {
        let nodes = std::mem::take(&mut self.nodes);
        self.own = own;
        nodes.into_iter().for_each(|node| {
            if self.bucket(&node.contact.id).count() < BUCKET {
                self.nodes.push(node);
            }
        });
    }

    /// Remembers a node of an earlier run: it has yet to answer.
    pub fn recall(&mut self, contact: Contact) {
        if self.has_room(&contact) {
            self.nodes.push(Node { contact, heard: None, failures: 0 });
        }
    }

    /// Whether this node would be kept if it answered.
    pub fn has_room(&self, contact: &Contact) -> bool {
        contact.id != self.own && !self.is_taken(contact) && self.room(contact).is_some()
    }

    /// It answered.
    pub fn answered(&mut self, now: Instant, contact: Contact) {
        let is_same_place = |node: &Node| node.contact.addr == contact.addr && node.contact.id != contact.id;
        self.nodes.retain(|node| !is_same_place(node));
        if let Some(node) = self.find(&contact) {
            (node.heard, node.failures) = (Some(now), 0);
            return;
        }
        if contact.id == self.own || self.is_taken(&contact) {
            return;
        }
        match self.room(&contact) {
            Some(Room::Free) => {}
            Some(Room::Instead(at)) => _ = self.nodes.swap_remove(at),
            None => return,
        }
        self.nodes.push(Node { contact, heard: Some(now), failures: 0 });
    }

    /// It asked something, which shows that it runs if it has answered before.
    pub fn asked(&mut self, now: Instant, contact: Contact) {
        if let Some(node) = self.find(&contact)
            && node.heard.is_some()
        {
            node.heard = Some(now);
        }
    }

    /// A question to this address was not answered, or not by the node that was known there.
    pub fn failed(&mut self, addr: SocketAddr) {
        let Some(at) = self.nodes.iter().position(|node| node.contact.addr == addr) else { return };
        self.nodes[at].failures = self.nodes[at].failures.saturating_add(1);
        let Node { heard, failures, .. } = self.nodes[at];
        if heard.is_none() || failures >= FORGOTTEN_AFTER {
            self.nodes.swap_remove(at);
        }
    }

    /// At most `count` nodes that answer, as far as is known, nearest to `target` first.
    pub fn nearest(&self, target: &DhtId, count: usize) -> Vec<Contact> {
        let mut nodes: Vec<_> =
            self.nodes.iter().filter(|node| !node.is_bad()).map(|node| node.contact).collect();
        nodes.sort_by_key(|node| distance(&node.id, target));
        nodes.truncate(count);
        nodes
    }

    /// The same for others: only those who answered us.
    pub fn nearest_proven(&self, target: &DhtId, count: usize) -> Vec<Contact> {
        let proven = self.nodes.iter().filter(|node| !node.is_bad() && node.heard.is_some());
        let mut nodes: Vec<_> = proven.map(|node| node.contact).collect();
        nodes.sort_by_key(|node| distance(&node.id, target));
        nodes.truncate(count);
        nodes
    }

    /// Who should be asked whether it still runs, the longest silent first, at most `count`.
    pub fn doubtful(&self, now: Instant, count: usize) -> Vec<Contact> {
        let doubtful = self.nodes.iter().filter(|node| !node.is_good(now));
        let mut nodes: Vec<_> = doubtful.map(|node| (node.heard, node.contact)).collect();
        nodes.sort_unstable();
        nodes.into_iter().take(count).map(|(_, contact)| contact).collect()
    }

    /// Who answered last time, for the next run.
    pub fn proven(&self) -> Vec<Contact> {
        self.nearest_proven(&self.own, self.nodes.len())
    }

    pub fn good_count(&self, now: Instant) -> usize {
        self.nodes.iter().filter(|node| node.is_good(now)).count()
    }

    /// Nodes that answered and are not known to be gone.
    pub fn proven_count(&self) -> usize {
        self.nodes.iter().filter(|node| node.heard.is_some() && !node.is_bad()).count()
    }

    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    fn find(&mut self, contact: &Contact) -> Option<&mut Node> {
        self.nodes.iter_mut().find(|node| node.contact == *contact)
    }

    /// Somebody who is not known to be gone has its id, its address or, on a public network, its IP.
    fn is_taken(&self, contact: &Contact) -> bool {
        let is_public = is_public(contact.addr.ip());
        self.nodes.iter().filter(|node| !node.is_bad()).any(|node| {
            node.contact.id == contact.id
                || node.contact.addr == contact.addr
                || (is_public && node.contact.addr.ip() == contact.addr.ip())
        })
    }

    fn room(&self, contact: &Contact) -> Option<Room> {
        // one that is gone and comes back elsewhere does not count twice
        let same = self.nodes.iter().position(|node| node.contact.id == contact.id);
        if let Some(at) = same {
            return Some(Room::Instead(at));
        }
        if self.bucket(&contact.id).count() < BUCKET {
            return Some(Room::Free);
        }
        let bad = self.bucket(&contact.id).find(|(_, node)| node.is_bad());
        let wrongful = || {
            let is_rightful = is_place_of(&contact.id, contact.addr.ip());
            self.bucket(&contact.id).find(|(_, node)| is_rightful && !node.is_rightful())
        };
        bad.or_else(wrongful).map(|(at, _)| Room::Instead(at))
    }

    fn bucket(&self, id: &DhtId) -> impl Iterator<Item = (usize, &Node)> {
        let bits = shared_bits(&self.own, id);
        let is_in = move |(_, node): &(usize, &Node)| shared_bits(&self.own, &node.contact.id) == bits;
        self.nodes.iter().enumerate().filter(is_in)
    }
}

/// Where a newcomer would go.
enum Room {
    Free,
    Instead(usize),
}

/// Whether an address may be asked at all: IPs of no public network are for those who allow them.
pub fn may_be_asked(addr: SocketAddr, allows_private: bool) -> bool {
    is_dialable(addr) && (allows_private || is_public(addr.ip()))
}
