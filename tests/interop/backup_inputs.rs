//! ffmpeg plays on when another input takes over, and again when the first one is back.

use std::process::{Command, Stdio};

use crate::broadcast::{self, H264_AAC, Source};
use crate::program::{Running, free_port, wait_for};

/// Pictures that a second has.
const RATE: u32 = 25;

#[test]
#[ignore = "needs ffmpeg"]
fn ffmpeg_decodes_on_over_both_switches() {
    let inputs = [(); 2].map(|()| format!("udp://127.0.0.1:{}", free_port()));
    let send = |input: &str| broadcast::ffmpeg(H264_AAC, &format!("{input}?pkt_size=1316"));
    let first = send(&inputs[0]);
    let _backup = send(&inputs[1]);
    let dir = tempfile::tempdir().unwrap();
    let more = ["--skip-internal-tracker", "--source", &inputs[1], "--source-read-timeout", "1"];
    let source = Source::start(dir, &inputs[0], &more, Some(first));
    let log = source.dir.path().join("source.log");
    let says = |text: &str| std::fs::read_to_string(&log).unwrap_or_default().contains(text);
    let (_client, url) = broadcast::client(source.dir.path(), &["--download-from", &source.address()]);

    let shown = source.dir.path().join("progress");
    let mut player = Command::new("ffmpeg");
    player.args(["-nostdin", "-v", "error", "-progress"]).arg(&shown).args(["-i", &url, "-f", "null", "-"]);
    let _player = Running::start_as_it_is(player.stdout(Stdio::null()).stderr(Stdio::null()));
    let pictures = || {
        let text = std::fs::read_to_string(&shown).unwrap_or_default();
        let told = text.lines().filter_map(|line| line.strip_prefix("frame=")).next_back();
        told.and_then(|count| count.trim().parse().ok()).unwrap_or(0_u32)
    };
    let plays_on = |what: &str| {
        let wanted = pictures() + 5 * RATE;
        wait_for(what, || pictures() >= wanted);
    };
    plays_on("the first input to be seen");
    let source = source.without_ffmpeg();
    wait_for("the backup to take over", || says("source udp://127.0.0.1") && says("is next, in 0.0 s"));
    plays_on("the backup to be seen");
    let _first = send(&inputs[0]);
    wait_for("the first input to take over", || says("is back and takes over"));
    plays_on("the first input to be seen again");
    drop(source);
}
