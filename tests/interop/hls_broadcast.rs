//! An HLS broadcast by our own program: a transport file of an origin's playlist, a support node with the
//! private file, and a client that knows only the support node.

use std::net::TcpStream;
use std::process::Command;

use crate::broadcast::{client, node};
use crate::hls_origin::{Form, Origin};
use crate::program::{Running, free_port, output_of, wait_for};

pub struct HlsBroadcast {
    /// What an HLS player opens.
    pub manifest_url: String,
    /// What a player of transport streams opens.
    pub stream_url: String,
    _client: Running,
    _support: Running,
    dir: tempfile::TempDir,
}

impl HlsBroadcast {
    /// Every node may know the origin.
    pub fn public(form: Form) -> Self {
        Self::of(form, &[])
    }

    /// Only the support node knows the origin.
    pub fn private(form: Form) -> Self {
        Self::of(form, &["--hide-hls-manifest", "--hide-hls-segments"])
    }

    fn of(form: Form, more: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut create = Command::new(env!("CARGO_BIN_EXE_start-engine"));
        create.current_dir(dir.path()).args(["--create-hls-transport", "--url", &Origin::shared().url(form)]);
        create.args(["--title", "Test Stream", "--output-public", "test.acelive"]);
        let output = output_of(create.args(["--output-private", "private.acelive"]).args(more));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let port = free_port();
        let words = ["--stream-support-node", "--url", "private.acelive", "--metadata-dir", "."];
        let support = node(dir.path(), "support", port, &words);
        wait_for("the support node to listen", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        let (client, stream_url) = client(dir.path(), &["--download-from", &format!("127.0.0.1:{port}")]);
        let manifest_url = stream_url.replace("/ace/getstream", "/ace/manifest.m3u8");
        Self { manifest_url, stream_url, _client: client, _support: support, dir }
    }

    /// What the nodes logged, for a failure's message.
    pub fn story(&self) -> String {
        let read = |name| std::fs::read_to_string(self.dir.path().join(name)).unwrap_or_default();
        ["support.log", "client.log"].map(read).join("\n")
    }
}
