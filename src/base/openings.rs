//! What a node's port has for whom. A public node has everything for everybody; a private one has for each
//! address what the operator's lists name it for, and nothing for all others, this machine among them.

use std::net::IpAddr;

use super::cidr::{Network, Networks};

/// The parts of a node's port that are open to one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Openings {
    pub peer_wire: bool,
    /// Over HTTP and UDP.
    pub tracker: bool,
    pub transport_file: bool,
    /// Monitor, metrics, health and updates.
    pub state: bool,
}

impl Openings {
    pub const ALL: Self = Self { peer_wire: true, tracker: true, transport_file: true, state: true };
    pub const NONE: Self = Self { peer_wire: false, tracker: false, transport_file: false, state: false };

    /// Whether a request over HTTP can be answered at all.
    pub fn http(&self) -> bool {
        self.tracker || self.transport_file || self.state
    }
}

/// Whom a private node knows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PrivateLists {
    /// `--upload-to`: peers that fetch here.
    pub upload_to: Networks,
    /// `--download-from`: peers that this node fetches from.
    pub download_from: Networks,
    /// `--monitor-node-ip`.
    pub monitor: Option<IpAddr>,
}

impl PrivateLists {
    pub fn openings(&self, address: IpAddr) -> Openings {
        let may_fetch = self.upload_to.contain(address);
        let is_monitor = self.monitor.is_some_and(|monitor| Network::of(monitor).contains(address));
        Openings {
            peer_wire: may_fetch || self.download_from.contain(address),
            tracker: may_fetch,
            transport_file: may_fetch || is_monitor,
            state: is_monitor,
        }
    }

    /// Whether a peer there may be dialled.
    pub fn may_dial(&self, address: IpAddr) -> bool {
        self.download_from.contain(address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists() -> PrivateLists {
        let networks = |texts: &[&str]| texts.iter().map(|text| text.parse().expect("a network")).collect();
        PrivateLists {
            upload_to: networks(&["10.0.0.0/8", "fd00::1"]),
            download_from: networks(&["192.0.2.1", "10.1.1.1"]),
            monitor: "192.0.2.9".parse().ok(),
        }
    }

    fn of(address: &str) -> Openings {
        lists().openings(address.parse().expect("an address"))
    }

    #[test]
    fn each_list_opens_what_it_is_for() {
        let fetcher = Openings { state: false, ..Openings::ALL };
        for address in ["10.2.3.4", "::ffff:10.2.3.4", "fd00::1", "10.1.1.1"] {
            assert_eq!(of(address), fetcher, "{address}");
        }
        assert_eq!(of("192.0.2.1"), Openings { peer_wire: true, ..Openings::NONE });
        assert_eq!(of("192.0.2.9"), Openings { transport_file: true, state: true, ..Openings::NONE });
    }

    #[test]
    fn nothing_is_open_to_others_and_this_machine_is_one_of_them() {
        for address in ["127.0.0.1", "::1", "192.0.2.2", "fd00::2", "0.0.0.0"] {
            assert_eq!(of(address), Openings::NONE, "{address}");
            assert_eq!(
                PrivateLists::default().openings(address.parse().expect("an address")),
                Openings::NONE
            );
        }
    }

    #[test]
    fn only_who_is_downloaded_from_is_dialled() {
        let may_dial = |address: &str| lists().may_dial(address.parse().expect("an address"));
        assert!(may_dial("192.0.2.1") && may_dial("10.1.1.1"));
        assert!(!may_dial("10.2.3.4") && !may_dial("192.0.2.9") && !may_dial("127.0.0.1"));
    }
}
