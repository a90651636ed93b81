//! Machines of one network meet through a tracker.

use crate::cast::{Place, assert_plays, at};
use crate::network::Network;

#[test]
fn viewers_on_other_machines_meet_through_the_internal_tracker() {
    let Some(mut network) = Network::open() else { return };
    let lan = network.lan([10, 1, 1]);
    let [source_host, support_host, viewer_host] = network.hosts(lan);
    let (home, support, client) =
        (Place::on(&source_host), Place::on(&support_host), Place::on(&viewer_host));
    let origin = home.origin();
    let _source = home.source(&origin, &[]);
    let url = format!("http://{}/app/get_transport_file?format=raw", at(source_host.ip(), 7764));
    let _support = support.support(&url, &[]);
    let mut engine = client.client(&[]);
    let viewer = client.viewer(&mut engine, &format!("url={url}"), &origin);
    assert_plays(&viewer, &origin);
}
