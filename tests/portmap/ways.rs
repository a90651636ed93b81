//! Each way of asking, and what becomes of the answers.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU16;
use std::time::{Duration, Instant};

use start_engine::net::portmap::{self, Mapping, PortMapConfig, Spot, Way};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::igd_router::IgdRouter;
use crate::pmp_router::{PmpRouter, Speaks, TCP, UDP, loopback, nowhere};

const PORT: u16 = 8621;
const OUTSIDE: Ipv4Addr = Ipv4Addr::new(45, 1, 1, 1);
const DEADLINE: Duration = Duration::from_secs(60);
const BOTH: [(u8, u16, u16); 2] = [(TCP, PORT, PORT), (UDP, PORT, PORT)];

struct Kept {
    task: JoinHandle<()>,
    told: watch::Receiver<Option<Mapping>>,
    stop: watch::Sender<bool>,
}

impl Kept {
    fn by(router: Ipv4Addr, ssdp: SocketAddr) -> Self {
        let (port, own_ip) = (NonZeroU16::new(PORT).expect("not zero"), Ipv4Addr::LOCALHOST);
        let config = PortMapConfig {
            router: Some(Spot { router, own_ip, port, ssdp }),
            refresh_max: Duration::from_millis(100),
            retry_start: Duration::from_millis(100),
            ..PortMapConfig::new(PORT, Vec::new(), 7, [1, 2, 3])
        };
        let (sender, told) = watch::channel(None);
        let (stop, stopped) = watch::channel(false);
        Self { task: tokio::spawn(portmap::run(config, sender, stopped)), told, stop }
    }

    async fn mapping(&mut self) -> Mapping {
        let told = timeout(DEADLINE, self.told.wait_for(Option::is_some)).await;
        told.expect("in time").expect("it runs").expect("a mapping")
    }

    async fn end(self) -> Duration {
        let start = Instant::now();
        self.stop.send_replace(true);
        timeout(DEADLINE, self.task).await.expect("in time").expect("no panic");
        start.elapsed()
    }
}

async fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < DEADLINE, "{what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn pcp_and_nat_pmp_map_both_protocols_until_the_node_ends() {
    for (speaks, way) in [(Speaks::Pcp, Way::Pcp), (Speaks::NatPmp, Way::NatPmp)] {
        let router = PmpRouter::start(speaks, OUTSIDE);
        let mut kept = Kept::by(router.ip, nowhere());
        let mapping = kept.mapping().await;
        assert_eq!((mapping.way, mapping.external_ip), (way, Some(OUTSIDE.into())));
        assert_eq!((mapping.tcp_port, mapping.udp_port), (PORT, Some(PORT)));
        assert!(!mapping.is_behind_another());
        assert_eq!(router.mapped(), BOTH);
        kept.end().await;
        assert_eq!(router.mapped(), []);
    }
}

#[tokio::test]
async fn port_that_somebody_else_has_is_replaced_by_what_the_router_gives() {
    let router = PmpRouter::start(Speaks::NatPmp, OUTSIDE);
    router.take(PORT);
    let mut kept = Kept::by(router.ip, nowhere());
    let mapping = kept.mapping().await;
    assert_eq!((mapping.tcp_port, mapping.udp_port), (PORT + 1, Some(PORT + 1)));
    assert_eq!(mapping.port_for_others(), Some(PORT + 1));
    kept.end().await;
}

#[tokio::test]
async fn router_that_lost_its_memory_is_asked_again() {
    let router = PmpRouter::start(Speaks::Pcp, OUTSIDE);
    let mut kept = Kept::by(router.ip, nowhere());
    kept.mapping().await;
    router.forget();
    wait_until("mapped again", || router.mapped() == BOTH).await;
    router.now_speaks(Speaks::Nothing);
    let lost = timeout(DEADLINE, kept.told.wait_for(Option::is_none)).await.expect("in time").is_ok();
    assert!(lost);
    router.forget();
    router.now_speaks(Speaks::NatPmp);
    assert_eq!(kept.mapping().await.way, Way::NatPmp);
    kept.end().await;
}

#[tokio::test]
async fn router_that_talks_nonsense_maps_nothing_and_breaks_nothing() {
    let answers: [&[u8]; 6] = [
        &[],
        &[0],
        &[2, 0x81],
        &[0, 0x82, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0],
        &[0xff; 1100],
        &[2; 60],
    ];
    for bytes in answers {
        let router = PmpRouter::start(Speaks::Nonsense(bytes), OUTSIDE);
        let kept = Kept::by(router.ip, nowhere());
        wait_until("it was asked in both ways", || router.requests() >= 2).await;
        assert_eq!(*kept.told.borrow(), None);
        kept.end().await;
    }
}

#[tokio::test]
async fn node_ends_soon_though_its_router_is_silent() {
    let router = PmpRouter::start(Speaks::Pcp, OUTSIDE);
    let mut kept = Kept::by(router.ip, nowhere());
    kept.mapping().await;
    router.now_speaks(Speaks::Nothing);
    assert!(kept.end().await < Duration::from_secs(5));
}

#[tokio::test]
async fn upnp_maps_where_nothing_else_is_spoken() {
    let router = IgdRouter::start();
    let mut kept = Kept::by(router.ip, router.ssdp);
    let mapping = kept.mapping().await;
    assert_eq!((mapping.way, mapping.tcp_port, mapping.udp_port), (Way::Upnp, PORT, Some(PORT)));
    assert!(mapping.is_behind_another(), "100.64.0.9 is another router's");
    assert_eq!(mapping.port_for_others(), None);
    let to = format!("127.0.0.1:{PORT}");
    assert_eq!(router.mapped(), [("TCP".into(), PORT, to.clone()), ("UDP".into(), PORT, to)]);
    kept.end().await;
    assert_eq!(router.mapped(), []);
}

#[tokio::test]
async fn upnp_takes_another_port_or_a_mapping_for_ever_where_it_must() {
    let router = IgdRouter::start();
    router.take(PORT);
    router.know_only_permanent();
    let mut kept = Kept::by(router.ip, router.ssdp);
    let mapping = kept.mapping().await;
    assert_ne!(mapping.tcp_port, PORT);
    assert_eq!(mapping.udp_port, Some(mapping.tcp_port));
    kept.end().await;
    assert_eq!(router.mapped(), []);
}

/// Returns when a search was given up and the next began.
async fn searched_twice(router: &IgdRouter) {
    /// Datagrams of one search, each for another kind of device.
    const ONE_SEARCH: usize = 3;
    wait_until("another search", || router.searches() > ONE_SEARCH).await;
}

#[tokio::test]
async fn description_made_to_exhaust_the_reader_maps_nothing() {
    let descriptions = ["<a>".repeat(100_000), "x".repeat(3_000_000), "<a>&lol;</a>".into(), String::new()];
    let lies = descriptions.into_iter().map(|description| async move {
        let router = IgdRouter::start();
        router.describe_as(description);
        let kept = Kept::by(router.ip, router.ssdp);
        searched_twice(&router).await;
        assert_eq!(*kept.told.borrow(), None);
        kept.end().await;
    });
    futures_util::future::join_all(lies).await;
}

#[tokio::test]
async fn only_the_router_itself_is_believed() {
    let stranger = IgdRouter::start();
    let kept = Kept::by(loopback(), stranger.ssdp);
    searched_twice(&stranger).await;
    assert_eq!(*kept.told.borrow(), None);
    kept.end().await;
    assert_eq!(stranger.mapped(), []);
}
