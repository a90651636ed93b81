//! Makes the transport files of an HLS broadcast and runs the support node that feeds it: both steps in one.

use std::net::SocketAddr;

use anyhow::Context;

use super::create::{self, TransportPair};
use crate::net::stop::stopped;
use crate::node::config::{PLAYER_HTTP_PORT, PublishHlsConfig};
use crate::node::life::Life;
use crate::node::own_ip::own_ip;
use crate::node::privacy::ensure_unnamed;
use crate::node::support::Support;

/// The key of an earlier run is used again, so that a hidden broadcast keeps its infohash.
///
/// # Errors
/// The playlist cannot be broadcast, a file cannot be written, or the node cannot run.
pub async fn run(config: PublishHlsConfig, life: impl Into<Life>) -> anyhow::Result<()> {
    let life = life.into();
    let mut stop = life.stop.clone();
    let common = &config.support.common;
    let (bind, from) = (common.bind.clone(), common.dials_from());
    let checked = create::check_playlist(&config.create.broadcast.url, from);
    tokio::select! {
        checked = checked => checked.context("--url")?,
        () = stopped(&mut stop) => return Ok(()),
    }
    let (is_private, broadcast) = (common.door.is_private, &config.create.broadcast);
    if is_private {
        let trackers = broadcast.trackers.iter().map(|url| ("tracker", url));
        ensure_unnamed(&broadcast.startup_nodes, trackers, None)?;
    }
    let earlier = config.create.output_private.as_deref().map(create::earlier_key);
    let key = earlier.transpose()?.flatten().map_or_else(create::fresh_key, Ok)?;
    let pair = create::make(&config.create, key)?;
    let Some(support) = Support::start(config.support, life).await? else { return Ok(()) };
    if !config.create.quiet {
        let here = SocketAddr::new(own_ip(&bind), support.port());
        let where_to = if is_private { for_supports(here) } else { addresses(here, &pair) };
        let text = create::report(&config.create, &pair) + &where_to;
        create::print(&text).context("standard output")?;
    }
    support.finish().await
}

/// What the nodes of `--upload-to` are given; nobody else gets in here.
fn for_supports(here: SocketAddr) -> String {
    let file = format!("http://{here}/app/get_transport_file?format=raw");
    format!("support nodes run with: --url {file} --download-from {here}\n")
}

/// What viewers are given: where the file is, and what they open in a player beside their own node.
fn addresses(here: SocketAddr, pair: &TransportPair) -> String {
    let file = format!("http://{here}/app/get_transport_file?format=raw");
    let viewer = format!("http://127.0.0.1:{PLAYER_HTTP_PORT}/ace/manifest.m3u8");
    let descriptor = &pair.public.descriptor;
    let is_found = !(descriptor.trackers.is_empty() && descriptor.startup_nodes.is_empty());
    // without tracker or startup node nobody would be found by the infohash alone
    let by_infohash = is_found.then(|| format!("or: {viewer}?infohash={}\n", pair.public.infohash));
    format!(
        "transport file on the network: {file}\nviewers open: {viewer}?url={file}\n{}",
        by_infohash.unwrap_or_default()
    )
}
