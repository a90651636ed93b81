//! A client node: fetches what its players ask for, and relays it while they watch.

mod sessions;
mod transports;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use anyhow::Context;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::config::ClientConfig;
use super::life::Life;
use super::station::{Station, fresh_peer_id};
use crate::http::client_api::ClientApi;
use crate::http::serve::HttpServices;
use crate::http::service::Version;
use crate::net::bind::bind_tcp;
use crate::net::connections::Connections;
use crate::net::door::Door;
use crate::net::listen::{self, ListenTargets};
use crate::net::stop::stopped;
use crate::obs::node_name::of_node;
use crate::store::pid_file::PidFile;
use sessions::Sessions;

/// Runs the node until it is told to stop.
///
/// # Errors
/// A port in use, or a directory that cannot be used.
pub async fn run(config: ClientConfig, life: impl Into<Life>) -> anyhow::Result<()> {
    Client::start(config, life)?.finish().await
}

/// A client node that listens to players.
pub struct Client {
    /// Where players connect.
    pub http_port: u16,
    sessions: Arc<Sessions>,
    parts: Vec<JoinHandle<()>>,
    stop: watch::Receiver<bool>,
    _pid_file: PidFile,
}

impl Client {
    /// # Errors
    /// As [`run`].
    pub fn start(config: ClientConfig, life: impl Into<Life>) -> anyhow::Result<Self> {
        let life = life.into();
        let stop = life.stop.clone();
        let (station, bound) = Station::open(config.common.clone(), false, |_| fresh_peer_id())?;
        let player_ip = match config.bind_all {
            true => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            false => IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        let players = bind_tcp(&[player_ip], config.http_port)?;
        let pid_file = PidFile::create(&config.common.pid_file_dir, station.port)?;
        life.listens(station.port);
        tracing::info!(target: "acestream.coreapp", "state_dir={}", station.state_dir.path().display());

        let nothing_here = HttpServices { tracker: None, app: axum::Router::new() };
        let peers = station.listen(bound, nothing_here, stop.clone());
        let mapping = station.map_port(stop.clone())?;
        // players have as many beside: a crowd of peers must not keep them out
        let for_players = Connections::new(config.common.max_connections);
        let buffer = config.live_buffer_time;
        let sessions = Arc::new(Sessions::new(station, config, stop.clone()));
        let api = ClientApi {
            broadcasts: sessions.clone(),
            version: Version::of_engine(),
            buffer,
            start_timeout: ClientApi::START_TIMEOUT,
        };
        let services = HttpServices { tracker: None, app: api.router() };
        // whom players' access concerns is not who shares a swarm with this node
        let targets = ListenTargets { door: Door::open(), http: Arc::new(services), peers: None };
        let http_port = players.port;
        let players = tokio::spawn(of_node(listen::run(players.tcp, for_players, targets, stop.clone())));
        let allow_remote = u8::from(!player_ip.is_loopback());
        tracing::info!(
            target: "acestream.VideoServer",
            "start: addr={player_ip} port={http_port} allow_remote={allow_remote}"
        );
        let parts = [peers, players].into_iter().chain(mapping).collect();
        Ok(Self { http_port, sessions, parts, stop, _pid_file: pid_file })
    }

    /// Serves players until the end.
    ///
    /// # Errors
    /// A part broke.
    pub async fn finish(self) -> anyhow::Result<()> {
        let Self { sessions, parts, mut stop, .. } = self;
        // Players that are told of the end let go of their connections, which the parts wait for.
        stopped(&mut stop).await;
        sessions.ended().await;
        for part in parts {
            part.await.context("a part of the node broke")?;
        }
        Ok(())
    }

    /// The broadcasts that are open now.
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }
}
