//! Who is let in at a node, and that what a private one publishes does not say where it is: everybody reads a
//! transport file.

use std::net::{IpAddr, SocketAddr};

use super::config::CommonConfig;
use crate::base::listed::networks;
use crate::base::net::canonical;
use crate::base::openings::PrivateLists;
use crate::net::door::Door;
use crate::net::interfaces::own_addresses;

/// The door that the operator's options describe.
///
/// # Errors
/// The rules about addresses cannot be read or understood.
pub fn door(common: &CommonConfig) -> anyhow::Result<Door> {
    let lists = common.door.is_private.then(|| PrivateLists {
        upload_to: networks(&common.upload_to),
        download_from: networks(&common.download_from),
        monitor: common.service.monitor_ip,
    });
    if lists.is_some() {
        warn(common);
    }
    Ok(Door::new(lists, common.door.filter.clone(), common.max_connections)?)
}

/// Tells what the operator of a private node may have meant otherwise.
fn warn(common: &CommonConfig) {
    const LOG: &str = "acestream.LM";
    if common.upload_to.is_empty() && common.download_from.is_empty() {
        tracing::warn!(target: LOG, "private node: no peer is let in: give --upload-to or --download-from");
    }
    if common.service.is_remote {
        tracing::warn!(target: LOG, "private node: --service-remote-access does nothing: see --monitor-node-ip");
    }
}

/// Checks what would be written to a transport file that others read. `host` is a name of this node, if it has one.
///
/// # Errors
/// A startup node or a tracker is this node itself; loopback gives nothing away.
pub fn ensure_unnamed<'a>(
    startup_nodes: &[SocketAddr],
    urls: impl IntoIterator<Item = (&'static str, &'a String)>,
    host: Option<&str>,
) -> anyhow::Result<()> {
    if let Some(own) = startup_nodes.iter().find(|node| is_own(node.ip(), host)) {
        anyhow::bail!("--startup-node {own}: {WHY}");
    }
    for (option, url) in urls {
        let Ok(parsed) = url::Url::parse(url) else { continue };
        let Some(named) = parsed.host_str() else { continue };
        let ip = named.trim_matches(['[', ']']).parse::<IpAddr>();
        let is_own = Some(named) == host || ip.is_ok_and(|ip| is_own(ip, host));
        anyhow::ensure!(!is_own, "--{option} {url}: {WHY}");
    }
    Ok(())
}

const WHY: &str = "this is the private node itself, and everybody would read it in the transport file";

fn is_own(ip: IpAddr, host: Option<&str>) -> bool {
    let ip = canonical(ip);
    let is_host = host.is_some_and(|host| host.trim_matches(['[', ']']).parse() == Ok(ip));
    is_host || (!ip.is_loopback() && own_addresses().contains(&ip))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(startup_node: &str, tracker: &str) -> Result<(), String> {
        let (startup_nodes, tracker) = ([startup_node.parse().expect("an address")], tracker.to_owned());
        let checked = ensure_unnamed(&startup_nodes, [("tracker", &tracker)], Some("192.0.2.1"));
        checked.map_err(|error| error.to_string())
    }

    #[test]
    fn node_itself_is_not_published() {
        assert_eq!(check("203.0.113.77:1", "http://192.0.2.3:80/announce"), Ok(()));
        assert_eq!(check("127.0.0.1:1", "udp://127.0.0.1:80"), Ok(()), "loopback is nobody's place");
        let complaint = check("192.0.2.1:7764", "udp://t:80").expect_err("the host");
        assert!(complaint.starts_with("--startup-node 192.0.2.1:7764: "), "{complaint}");
        for own in ["http://192.0.2.1:7764/announce", "udp://192.0.2.1:7764", "udp://[::ffff:192.0.2.1]:1/a"]
        {
            let complaint = check("203.0.113.77:1", own).expect_err(own);
            assert!(complaint.starts_with(&format!("--tracker {own}: ")), "{complaint}");
        }
    }
}
