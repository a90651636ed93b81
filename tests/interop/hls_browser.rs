//! hls.js plays in Chromium, on a page that comes from elsewhere than the playlists.

use std::process::Command;

use serde_json::Value;

use crate::hls_broadcast::HlsBroadcast;
use crate::hls_origin::Form;
use crate::program::output_of;

/// Opens a page with hls.js for each playlist, and gives what each page saw.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/hls_browser.mjs");
/// Where hls.js and playwright-core are installed.
const PACKAGES: &str = env!("CARGO_TARGET_TMPDIR");

#[test]
#[ignore = "needs ffmpeg, nginx, node, Chromium, hls.js and playwright-core"]
fn hls_js_plays_every_form_in_chromium_and_changes_the_variant() {
    let broadcasts = [
        (HlsBroadcast::public(Form::TransportStream), 1),
        (HlsBroadcast::public(Form::FragmentedMp4), 1),
        (HlsBroadcast::public(Form::Encrypted), 1),
        (HlsBroadcast::private(Form::FragmentedMp4), 1),
        (HlsBroadcast::public(Form::TwoVariants), 2),
    ];
    let mut command = Command::new("node");
    command.args([SCRIPT, PACKAGES]).args(broadcasts.iter().map(|(broadcast, _)| &broadcast.manifest_url));
    let output = output_of(&mut command);
    let (told, said) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}{told}");
    let pages: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    println!("{told}");
    assert_eq!(pages.len(), broadcasts.len(), "{told}");
    for (page, (broadcast, variants)) in pages.iter().zip(&broadcasts) {
        let is_well = page["played"].as_f64() >= Some(5.0) && page["frames"].as_u64() >= Some(100);
        assert!(is_well && page["sound"].as_u64() > Some(0), "{page}\n{said}\n{}", broadcast.story());
        assert_eq!(page["errors"], Value::Array(Vec::new()), "{page}\n{said}\n{}", broadcast.story());
        assert_eq!(page["variants"], *variants, "{page}");
        let widths: &[u64] = if *variants == 2 { &[640, 320] } else { &[640] };
        assert_eq!(page["widths"], serde_json::json!(widths), "{page}");
    }
}
