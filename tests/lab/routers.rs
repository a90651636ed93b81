//! A node behind a router: miniupnpd in a namespace between a home and the Internet, asked in each way.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::process::{Child, Command, Stdio};

use crate::cast::{Place, SOURCE_PORT, assert_plays, at};
use crate::harness::wait_until;
use crate::network::{Host, Network};
use crate::node::Node;

/// What the home's computers may do, and where the router's daemon puts its own rules.
const RULES: &str = r#"
table inet filter {
    chain miniupnpd {
    }
    chain prerouting_miniupnpd {
    }
    chain postrouting_miniupnpd {
    }
    chain input {
        type filter hook input priority 0
    }
    chain forward {
        type filter hook forward priority 0; policy drop
        iifname "eth0" accept
        ct state established,related accept
        jump miniupnpd
    }
    chain prerouting {
        type nat hook prerouting priority -100
        jump prerouting_miniupnpd
    }
    chain postrouting {
        type nat hook postrouting priority 100
        oifname "eth1" masquerade
        jump postrouting_miniupnpd
    }
}
"#;
/// Short leases, so that a test sees them end.
const CONFIG: &str = "ext_ifname=eth1\nlistening_ip=eth0\nenable_natpmp=yes\nenable_upnp=yes\nsecure_mode=yes\n\
    upnp_table_name=filter\nupnp_nat_table_name=filter\nmin_lifetime=2\nmax_lifetime=10\n\
    uuid=00000000-0000-0000-0000-000000000001\nallow 1024-65535 0.0.0.0/0 1024-65535\n";
/// PCP is version 2 of the protocol on this port, NAT-PMP version 0.
const NO_PCP: &str = "add rule inet filter input udp dport 5351 @th,64,8 2 drop";
const NO_PMP: &str = "add rule inet filter input udp dport 5351 drop";

struct Router {
    host: Host,
    outside: Ipv4Addr,
    daemon: Option<Child>,
    files: tempfile::TempDir,
}

impl Router {
    /// `None`, and a line, where the daemon is not installed.
    fn start(host: Host) -> Option<Self> {
        let is_there = |program: &str| {
            let found =
                Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
            found.is_ok()
        };
        if !(is_there("miniupnpd") && is_there("nft")) {
            let test = std::thread::current();
            let name = test.name().unwrap_or("a test").to_owned();
            let _ = writeln!(std::io::stderr(), "{name}: skipped, no miniupnpd or nft here");
            return None;
        }
        host.run(|| std::fs::write("/proc/sys/net/ipv4/ip_forward", "1")).expect("it forwards");
        let IpAddr::V4(outside) = host.ips_in(1)[0] else { panic!("IPv4 first") };
        let files = tempfile::tempdir().expect("a directory");
        let mut router = Self { host, outside, daemon: None, files };
        std::fs::write(router.files.path().join("rules"), RULES).expect("writes");
        std::fs::write(router.files.path().join("config"), CONFIG).expect("writes");
        router.nft(&["-f", router.files.path().join("rules").to_str().expect("text")]);
        router.turn_on();
        Some(router)
    }

    fn nft(&self, words: &[&str]) -> String {
        let output = self.host.command("nft").args(words).output().expect("nft runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn forbid(&self, rule: &str) {
        self.nft(&rule.split(' ').collect::<Vec<_>>());
    }

    fn turn_on(&mut self) {
        let config = self.files.path().join("config");
        let pid_file = self.files.path().join("pid");
        let _ = std::fs::remove_file(&pid_file);
        let mut command = self.host.command("miniupnpd");
        command.args(["-d", "-f"]).arg(config).arg("-P").arg(&pid_file);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        self.daemon = Some(child.expect("miniupnpd runs"));
        wait_until("the router's daemon", || pid_file.exists());
    }

    /// It forgets its mappings.
    fn turn_off(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
        for chain in ["prerouting_miniupnpd", "postrouting_miniupnpd", "miniupnpd"] {
            self.nft(&["flush", "chain", "inet", "filter", chain]);
        }
    }

    fn mappings(&self) -> usize {
        let rules = self.nft(&["list", "chain", "inet", "filter", "prerouting_miniupnpd"]);
        rules.lines().filter(|line| line.contains("dnat")).count()
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        if let Some(daemon) = &mut self.daemon {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }
}

/// A computer at home, its router, and one on the Internet.
struct Homes {
    inside: Host,
    router: Router,
    outsider: Host,
    _network: Network,
}

fn homes(internet: [u8; 3]) -> Option<Homes> {
    let mut network = Network::open()?;
    let (home, far) = (network.lan([192, 168, 77]), network.lan(internet));
    let (router, inside, outsider) =
        (network.host(&[home, far]), network.host(&[home]), network.host(&[far]));
    inside.configure(&format!("route add default via {}\n", router.ip()));
    let router = Router::start(router)?;
    Some(Homes { inside, router, outsider, _network: network })
}

fn assert_reached(way: &str, forbidden: &[&str]) {
    let Some(homes) = homes([45, 1, 1]) else { return };
    forbidden.iter().for_each(|rule| homes.router.forbid(rule));
    let (place, far) = (Place::on(&homes.inside), Place::on(&homes.outsider));
    let origin = place.origin();
    let outside = homes.router.outside;
    let mut source = place.source(&origin, &["--upnp-enabled", "1", "--host", &outside.to_string()]);
    let line = source.line("acestream.upnp|router ");
    assert!(
        line.ends_with(&format!("maps by {way}: outside {outside}, TCP {SOURCE_PORT}, UDP {SOURCE_PORT}")),
        "{line}"
    );
    assert_eq!(homes.router.mappings(), 2);
    assert_shown(&place, way, outside);

    let url = format!("http://{}/app/get_transport_file?format=raw", at(outside, SOURCE_PORT));
    let mut client = far.client(&["--upnp-enabled", "0"]);
    let viewer = far.viewer(&mut client, &format!("url={url}"), &origin);
    assert_plays(&viewer, &origin);
    assert_eq!(source.end("INT").code, Some(0));
    assert_eq!(homes.router.mappings(), 0, "left behind");
}

fn assert_shown(place: &Place<'_>, way: &str, outside: Ipv4Addr) {
    let mapping = &place.monitor(SOURCE_PORT)["port_mapping"];
    assert_eq!(
        (mapping["way"].as_str(), mapping["tcp_port"].as_u64()),
        (Some(way), Some(SOURCE_PORT.into()))
    );
    assert_eq!(mapping["external_ip"].as_str(), Some(outside.to_string().as_str()));
    assert_eq!(mapping["is_behind_another"].as_bool(), Some(false));
}

#[test]
fn node_behind_a_router_is_reached_through_pcp() {
    assert_reached("PCP", &[]);
}

#[test]
fn node_behind_a_router_is_reached_through_nat_pmp() {
    assert_reached("NAT-PMP", &[NO_PCP]);
}

#[test]
fn node_behind_a_router_is_reached_through_upnp() {
    assert_reached("UPnP", &[NO_PMP]);
}

#[test]
fn mapping_is_there_again_after_the_router_restarted() {
    let Some(mut homes) = homes([45, 1, 1]) else { return };
    let place = Place::on(&homes.inside);
    let mut client = place.client(&[]);
    client.line("acestream.upnp|router ");
    homes.router.turn_off();
    assert_eq!(homes.router.mappings(), 0);
    homes.router.turn_on();
    wait_until("mapped again", || homes.router.mappings() == 2);
    assert_eq!(client.end("INT").code, Some(0));
    assert_eq!(homes.router.mappings(), 0, "left behind");
}

#[test]
fn router_behind_another_router_is_told_of_in_one_line() {
    let Some(homes) = homes([10, 9, 9]) else { return };
    let place = Place::on(&homes.inside);
    let mut client = place.client(&[]);
    let line = client.line("acestream.upnp|");
    assert!(line.contains("it has no public address itself: it is behind another router"), "{line}");
    assert_stops(&mut client);
}

#[test]
fn node_without_a_router_says_so_once() {
    let Some(mut network) = Network::open() else { return };
    let lan = network.lan([192, 168, 77]);
    let host = network.host(&[lan]);
    let mut client = Place::on(&host).client(&[]);
    client.line("the port is not mapped: there is no router");
    assert_stops(&mut client);
}

fn assert_stops(client: &mut Node) {
    assert_eq!(client.end("INT").code, Some(0));
    assert_eq!(client.log.count("acestream.upnp"), 1, "{}", client.story());
}
