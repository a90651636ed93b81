//! ffprobe, ffmpeg, mpv and VLC watch HLS that ffmpeg packages live and nginx serves, through a support node
//! and a client, several of them at once.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::hls_broadcast::HlsBroadcast;
use crate::hls_origin::{Form, Origin};
use crate::player::{
    assert_ffmpeg_decodes, assert_mpv_loses_nothing, assert_vlc_loses_nothing, height, probe,
};

const FRAMES_PER_SECOND: u32 = 25;
const PROBED_SECONDS: u32 = 4;

/// Lets the players watch at once; a failure of one is a failure of the test.
fn at_once<const N: usize>(players: [&(dyn Fn() + Sync); N]) {
    std::thread::scope(|scope| {
        for player in players {
            scope.spawn(player);
        }
    });
}

fn assert_ffprobe_finds(broadcast: &HlsBroadcast, url: &str, variants: usize) {
    let found = probe(url, PROBED_SECONDS);
    let names: Vec<_> = found.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["h264", "aac"].repeat(variants), "{}", broadcast.story());
    // variants are joined one after the other, so one may begin a segment later; sounds are more than pictures
    let pictures = (PROBED_SECONDS - u32::from(variants > 1)) * FRAMES_PER_SECOND;
    assert!(found.iter().all(|(_, frames)| *frames >= pictures), "{found:?}");
}

/// ffprobe, mpv and VLC watch the playlist.
fn assert_playlist_plays(broadcast: &HlsBroadcast) {
    let url = &broadcast.manifest_url;
    at_once([
        &|| assert_ffprobe_finds(broadcast, url, 1),
        &|| assert_mpv_loses_nothing(url, || broadcast.story()),
        &|| assert_vlc_loses_nothing(url, || broadcast.story()),
    ]);
}

/// The playlist as the client hands it out.
fn playlist(broadcast: &HlsBroadcast) -> String {
    let address = broadcast.manifest_url.strip_prefix("http://").unwrap();
    let (host, path) = address.split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(stream, "GET /{path} HTTP/1.0\r\nHost: {host}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("#EXTINF"), "{answer}\n{}", broadcast.story());
    answer
}

#[test]
#[ignore = "needs ffmpeg, nginx, mpv and VLC"]
fn transport_stream_segments_play_as_playlist_and_as_one_stream() {
    let broadcast = HlsBroadcast::public(Form::TransportStream);
    let stream = &broadcast.stream_url;
    at_once([
        &|| assert_playlist_plays(&broadcast),
        &|| assert_mpv_loses_nothing(stream, || broadcast.story()),
        &|| assert_ffmpeg_decodes(stream, 8, || broadcast.story()),
    ]);
}

#[test]
#[ignore = "needs ffmpeg, nginx, mpv and VLC"]
fn fragmented_mp4_plays() {
    assert_playlist_plays(&HlsBroadcast::public(Form::FragmentedMp4));
}

#[test]
#[ignore = "needs ffmpeg, nginx and mpv"]
fn both_variants_play_and_either_is_had_as_one_stream() {
    let broadcast = HlsBroadcast::public(Form::TwoVariants);
    let (url, stream) = (&broadcast.manifest_url, &broadcast.stream_url);
    at_once([
        &|| assert_ffprobe_finds(&broadcast, url, 2),
        &|| assert_mpv_loses_nothing(url, || broadcast.story()),
        &|| assert_ffmpeg_decodes(stream, 5, || broadcast.story()),
        &|| assert_eq!((height(stream), height(&format!("{stream}&quality=180"))), (360, 180)),
    ]);
}

#[test]
#[ignore = "needs ffmpeg, nginx, mpv and VLC"]
fn encrypted_segments_of_a_public_broadcast_play_with_the_key_of_the_origin() {
    let broadcast = HlsBroadcast::public(Form::Encrypted);
    let key = format!("METHOD=AES-128,URI=\"http://{}/aes/key.bin\"", Origin::shared().authority());
    let told = playlist(&broadcast);
    assert!(told.contains(&key), "{told}");
    assert_playlist_plays(&broadcast);
}

#[test]
#[ignore = "needs ffmpeg, nginx, mpv and VLC"]
fn encrypted_segments_of_a_private_broadcast_play_without_a_key() {
    let broadcast = HlsBroadcast::private(Form::Encrypted);
    let told = playlist(&broadcast);
    assert!(!told.contains("EXT-X-KEY") && !told.contains(&Origin::shared().authority()), "{told}");
    at_once([&|| assert_playlist_plays(&broadcast), &|| {
        assert_ffmpeg_decodes(&broadcast.stream_url, 5, || broadcast.story())
    }]);
}

#[test]
#[ignore = "needs ffmpeg, nginx, mpv and VLC"]
fn fragmented_mp4_of_a_private_broadcast_plays() {
    let broadcast = HlsBroadcast::private(Form::FragmentedMp4);
    let told = playlist(&broadcast);
    assert!(told.contains("EXT-X-MAP") && !told.contains(&Origin::shared().authority()), "{told}");
    assert_playlist_plays(&broadcast);
}
