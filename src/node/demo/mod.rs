//! `--demo`: a source, a support node and a client in one process, with the clip that the binary
//! carries. Shows that everything works on this machine, and where to look.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::client::Client;
use super::config::{
    ClientConfig, CommonConfig, DemoConfig, PLAYER_HTTP_PORT, SOURCE_PORT, SUPPORT_PORT, SourceConfig,
    SupportConfig,
};
use super::source::Source;
use super::support;
use crate::net::ingest::SourceAddress;
use crate::net::stop::stopped;
use crate::obs::node_name::of_node;
use crate::swarm::stats::SwarmStats;

/// Some seconds of H.264 and AAC; `tests/vectors/make-clip.sh` made it.
static CLIP: &[u8] = include_bytes!("clip.ts");
const STATUS_INTERVAL: Duration = Duration::from_secs(1);

/// Runs the demo until `stop` turns true.
///
/// # Errors
/// A port that was asked for is in use, or the temporary directory cannot be written to.
pub async fn run(config: DemoConfig, mut stop: watch::Receiver<bool>) -> anyhow::Result<()> {
    let dir = tempfile::tempdir().context("temporary directory")?;
    let source_config = source_config(dir.path(), choose_port(config.port, SOURCE_PORT));
    let address = SourceAddress::Clip(CLIP);
    let Some(source) = Source::start(source_config, vec![address], stop.clone()).await? else {
        return Ok(());
    };
    let support_port = choose_port(None, SUPPORT_PORT);
    let support_config = support_config(dir.path(), source.port, support_port);
    let support = tokio::spawn(of_node(support::run(support_config, stop.clone())));
    let http_port = choose_port(config.http_port, PLAYER_HTTP_PORT);
    let client = Client::start(client_config(dir.path(), support_port, http_port), stop.clone())?;

    let transport = dir.path().join("demo.acelive");
    let play_url =
        format!("http://127.0.0.1:{}/ace/getstream?url=file://{}", client.http_port, transport.display());
    say(&introduction(&source, support_port, &play_url));
    let mut ticks = interval(STATUS_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut player = tokio::spawn(of_node(play(play_url)));
    let mut support = support;
    let ended_early = loop {
        tokio::select! {
            _ = ticks.tick() => {
                let watched = client.sessions().stats().await.into_iter().next();
                let source_stats = source.stats.borrow().clone();
                say(&status(&source, &source_stats, watched));
            }
            ended = &mut support => break Some(ended),
            () = stopped(&mut stop) => break None,
        }
    };
    player.abort();
    let _ = (&mut player).await;
    say("stopping\n");
    let ended = match ended_early {
        Some(ended) => ended,
        None => support.await,
    };
    ended.context("the support node broke")??;
    client.finish().await?;
    source.finish().await
}

/// The port asked for, else the usual one if it is free, else any.
fn choose_port(asked: Option<u16>, usual: u16) -> u16 {
    let is_free = |port| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).map(|l| l.local_addr()).ok();
    match asked {
        Some(port) => port,
        None if is_free(usual).is_some() => usual,
        None => is_free(0).and_then(Result::ok).map_or(0, |addr| addr.port()),
    }
}

fn common(dir: &Path, name: &str, port: u16) -> CommonConfig {
    CommonConfig {
        bind: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
        state_dir: Some(dir.join(name)),
        pid_file_dir: dir.to_owned(),
        cache_dir: dir.to_owned(),
        ..CommonConfig::new(port)
    }
}

fn source_config(dir: &Path, port: u16) -> SourceConfig {
    SourceConfig {
        common: common(dir, "source", port),
        categories: vec!["entertaining".to_owned()],
        publish_dir: dir.to_owned(),
        metadata_dir: dir.to_owned(),
        ..SourceConfig::new("demo", "clip", "start-engine demo")
    }
}

fn support_config(dir: &Path, source_port: u16, port: u16) -> SupportConfig {
    let url = format!("http://127.0.0.1:{source_port}/app/get_transport_file?format=raw");
    let source = SocketAddr::from((Ipv4Addr::LOCALHOST, source_port));
    let common = CommonConfig { download_from: vec![source.into()], ..common(dir, "support", port) };
    SupportConfig { common, ..SupportConfig::new(url) }
}

fn client_config(dir: &Path, support_port: u16, http_port: u16) -> ClientConfig {
    let support = SocketAddr::from((Ipv4Addr::LOCALHOST, support_port));
    let common = CommonConfig { download_from: vec![support.into()], ..common(dir, "client", 0) };
    ClientConfig { common, http_port, ..ClientConfig::new() }
}

fn introduction(source: &Source, support_port: u16, play_url: &str) -> String {
    format!(
        "start-engine demo: a source, a support node and a client on this machine\n\
         \x20 source     127.0.0.1:{}   tracker http://127.0.0.1:{}/announce\n\
         \x20 support    127.0.0.1:{support_port}\n\
         \x20 infohash   {}\n\
         \x20 watch      {play_url}\n\
         \x20 monitor    http://127.0.0.1:{}/app/monitor\n\
         Open the address after \"watch\" in mpv, VLC or any player. Ctrl-C stops.\n",
        source.port, source.port, source.file.infohash, source.port
    )
}

fn status(source: &Source, stats: &SwarmStats, watched: Option<(SwarmStats, Option<u64>)>) -> String {
    let kilobits = source.file.descriptor.bitrate * 8 / 1000;
    let (client, latency_ms) = watched.unwrap_or_default();
    let newest = |stats: &SwarmStats| stats.newest_piece.map_or("-".to_owned(), |piece| piece.to_string());
    let latency = latency_ms.map_or("-".to_owned(), |latency_ms| format!("{latency_ms} ms"));
    format!(
        "{kilobits} kbit/s  piece {} made, {} played  peers {} source, {} client  latency {latency}\n",
        newest(stats),
        newest(&client),
        stats.peers.len(),
        client.peers.len(),
    )
}

/// Watches the broadcast as a player does, so that there is something to see.
async fn play(url: String) {
    let client = crate::net::fetch::http_client();
    loop {
        if let Ok(mut response) = client.get(&url).send().await {
            while let Ok(Some(_media)) = response.chunk().await {}
        }
        tokio::time::sleep(STATUS_INTERVAL).await;
    }
}

/// Standard output that is closed does not end the demo.
fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
