//! A tracker on loopback, and what tests ask of it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use start_engine::base::ids::{Infohash, PeerId};
use start_engine::node::config::TrackerConfig;
use start_engine::node::tracker::Tracker;
use start_engine::wire::announce::{AnnounceEvent, AnnounceRequest};
use start_engine::wire::tracker_url::TrackerUrl;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A tracker that runs until it is stopped.
pub struct RunningTracker {
    pub port: u16,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl RunningTracker {
    pub fn start() -> Self {
        Self::start_on(Ipv4Addr::LOCALHOST.into())
    }

    pub fn start_on(ip: IpAddr) -> Self {
        let config = TrackerConfig { bind: vec![ip], port: 0, pid_file_dir: PathBuf::new() };
        let tracker = Tracker::bind(&config).unwrap();
        let port = tracker.port();
        let (stop, stopped) = watch::channel(false);
        Self { port, stop, task: tokio::spawn(tracker.run(stopped)) }
    }

    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    pub fn http_url(&self) -> TrackerUrl {
        format!("http://127.0.0.1:{}/announce", self.port).parse().unwrap()
    }

    pub fn udp_url(&self) -> TrackerUrl {
        format!("udp://127.0.0.1:{}", self.port).parse().unwrap()
    }

    /// Fails the test when anything of the tracker is still running after it stopped.
    pub async fn stop(self) {
        self.stop.send(true).unwrap();
        self.task.await.unwrap();
    }
}

pub fn infohash(number: u8) -> Infohash {
    Infohash([number; 20])
}

/// A viewer that listens on `port` and starts.
pub fn request(swarm: u8, port: u16) -> AnnounceRequest {
    AnnounceRequest {
        infohash: infohash(swarm),
        peer_id: PeerId::from_random([port as u8; 11]),
        port,
        uploaded: 0,
        downloaded: 0,
        left: 1,
        event: AnnounceEvent::Started,
        num_want: None,
        key: 7,
    }
}
