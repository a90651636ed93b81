//! What two nodes of one process cannot have in common.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use super::error::UsageError;
use super::file::Table;
use crate::node::config::{NamedNode, NodeConfig};

/// Looks at the nodes of `tables`, in their order.
///
/// # Errors
/// The first thing that an earlier node has too.
pub fn check(nodes: &[NamedNode], tables: &[Table]) -> Result<(), UsageError> {
    let pairs =
        nodes.iter().enumerate().flat_map(|(at, node)| nodes[..at].iter().map(move |o| (at, o, node)));
    for (at, earlier, node) in pairs {
        if let Some(common) = port_of_both(&earlier.config, &node.config) {
            let complaint = format!("{} and {} both take port {common}", earlier.name, node.name);
            return Err(UsageError::new(complaint).at(&tables[at].origin));
        }
    }
    let mut owners: HashMap<String, &NamedNode> = HashMap::new();
    for (at, node) in nodes.iter().enumerate() {
        for thing in things_of(node) {
            if let Some(earlier) = owners.insert(thing.clone(), node) {
                let complaint = format!("{} and {} have the same {thing}", earlier.name, node.name);
                return Err(UsageError::new(complaint).at(&tables[at].origin));
            }
        }
    }
    Ok(())
}

fn port_of_both(one: &NodeConfig, other: &NodeConfig) -> Option<u16> {
    // the pid file is named after the port
    if one.port() != 0 && one.port() == other.port() && one.pid_file_dir() == other.pid_file_dir() {
        return Some(one.port());
    }
    let others = listens(other);
    let meets = |(port, binds): &(u16, Vec<IpAddr>)| {
        others.iter().any(|(taken, by)| *port != 0 && taken == port && overlap(binds, by))
    };
    listens(one).iter().find(|listen| meets(listen)).map(|(port, _)| *port)
}

/// Ports and addresses; no address stands for all of them.
fn listens(config: &NodeConfig) -> Vec<(u16, Vec<IpAddr>)> {
    let peers = (config.port(), config.bind().to_vec());
    match config {
        NodeConfig::Client(client) => {
            let players = if client.bind_all { vec![] } else { vec![IpAddr::V4(Ipv4Addr::LOCALHOST)] };
            vec![peers, (client.http_port, players)]
        }
        _ => vec![peers],
    }
}

fn overlap(one: &[IpAddr], other: &[IpAddr]) -> bool {
    let is_all = |binds: &[IpAddr]| binds.is_empty() || binds.iter().any(IpAddr::is_unspecified);
    is_all(one) || is_all(other) || one.iter().any(|ip| other.contains(ip))
}

/// Files and names that are one node's alone, in words.
fn things_of(node: &NamedNode) -> Vec<String> {
    let state = node.config.common().and_then(|common| common.state_dir.as_ref());
    let state = state.map(|dir| format!("--state-dir {}", dir.display()));
    let own = match &node.config {
        NodeConfig::Source(config) => {
            let stdin = (config.source == "-").then(|| "--source -, the standard input".to_owned());
            vec![Some(format!("--name {}", config.name)), stdin]
        }
        NodeConfig::PublishHls(config) => {
            let private = config.create.output_private.as_ref();
            let private = private.map(|path| format!("--output-private {}", path.display()));
            vec![Some(format!("--output-public {}", config.create.output_public.display())), private]
        }
        _ => vec![],
    };
    own.into_iter().flatten().chain(state).collect()
}
