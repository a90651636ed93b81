//! streamlink lists the variants of a broadcast, and pulls one of them.

use std::process::Command;

use crate::hls_broadcast::HlsBroadcast;
use crate::hls_origin::Form;
use crate::player::{height, probe};
use crate::program::output_of;

/// streamlink's words; what it wrote.
fn streamlink(words: &[&str]) -> String {
    let output = output_of(Command::new("python3").args(["-m", "streamlink"]).args(words));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("No module named"), "streamlink is needed for this test (PyPI): {said}");
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{told}");
    told
}

#[test]
#[ignore = "needs ffmpeg, nginx and streamlink"]
fn streamlink_lists_both_variants_and_pulls_the_smaller() {
    let broadcast = HlsBroadcast::public(Form::TwoVariants);
    let url = format!("hls://{}", broadcast.manifest_url);
    let listed = streamlink(&[&url]);
    assert!(
        listed.contains("Available streams: 180p (worst), 360p (best)"),
        "{listed}\n{}",
        broadcast.story()
    );
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pulled.ts").display().to_string();
    streamlink(&["--stream-segmented-duration", "4", "--output", &file, &url, "180p"]);
    assert_eq!(height(&file), 180);
    let found = probe(&file, 60);
    let [(video, pictures), (audio, _)] = &found[..] else { panic!("{found:?}\n{}", broadcast.story()) };
    assert_eq!((video.as_str(), audio.as_str()), ("h264", "aac"));
    assert!(*pictures >= 100, "{found:?}");
}
