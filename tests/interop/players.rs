//! ffprobe, ffmpeg, mpv and VLC watch live broadcasts that ffmpeg made and that went through a source, a
//! support node and a client.

use crate::broadcast::{Broadcast, H264_AAC};
use crate::player::{self, probe};
use crate::program::free_port;

#[test]
#[ignore = "needs ffmpeg"]
fn ffprobe_finds_picture_and_sound_from_the_first_packet_on() {
    let broadcast = Broadcast::of(H264_AAC);
    let found = probe(&broadcast.play_url, 5);
    let [(video, pictures), (audio, sounds)] = &found[..] else { panic!("{found:?}\n{}", broadcast.story()) };
    assert_eq!((video.as_str(), audio.as_str()), ("h264", "aac"));
    assert!(*pictures >= 100 && *sounds >= 180, "{found:?}");
}

#[test]
#[ignore = "needs ffmpeg"]
fn ffmpeg_decodes_ten_seconds_without_an_error() {
    let broadcast = Broadcast::of(H264_AAC);
    player::assert_ffmpeg_decodes(&broadcast.play_url, 10, || broadcast.story());
}

#[test]
#[ignore = "needs ffmpeg and mpv"]
fn mpv_plays_without_losing_a_frame() {
    let broadcast = Broadcast::of(H264_AAC);
    player::assert_mpv_loses_nothing(&broadcast.play_url, || broadcast.story());
}

#[test]
#[ignore = "needs ffmpeg and VLC"]
fn vlc_plays_without_losing_a_frame() {
    let broadcast = Broadcast::of(H264_AAC);
    player::assert_vlc_loses_nothing(&broadcast.play_url, || broadcast.story());
}

#[test]
#[ignore = "needs ffmpeg"]
fn codecs_of_television_pass_through_unchanged() {
    let picture = "-f lavfi -i testsrc2=size=320x180:rate=25";
    let tone = "-f lavfi -i sine=frequency=1000:sample_rate=48000";
    let mpeg2 = format!("{picture} {tone} -c:v mpeg2video -b:v 800k -g 12 -c:a mp2 -muxrate 1500k");
    let hevc = format!(
        "{picture} {tone} -c:v libx265 -preset ultrafast -x265-params log-level=none:keyint=25 \
         -b:v 500k -c:a ac3 -muxrate 1500k"
    );
    let radio = format!("{tone} -c:a aac -b:a 128k -muxrate 600k");
    for (recipe, expected) in
        [(mpeg2, &["mpeg2video", "mp2"][..]), (hevc, &["hevc", "ac3"]), (radio, &["aac"])]
    {
        let broadcast = Broadcast::of(&recipe);
        let found = probe(&broadcast.play_url, 3);
        let names: Vec<_> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, expected, "{}", broadcast.story());
        assert!(found.iter().all(|(_, frames)| *frames >= 60), "{found:?}");
    }
}

#[test]
#[ignore = "needs ffmpeg"]
fn datagrams_are_broadcast_from_one_host_and_from_a_group() {
    for group in [None, Some("239.77.1.1")] {
        let port = free_port();
        let to = group.unwrap_or("127.0.0.1");
        let sink = format!("udp://{to}:{port}?pkt_size=1316&ttl=0&localaddr=127.0.0.1");
        let address = match group {
            Some(group) => format!("udp://@{group}:{port}?localaddr=127.0.0.1"),
            None => format!("udp://127.0.0.1:{port}"),
        };
        let broadcast = Broadcast::over(H264_AAC, &sink, &address);
        let found = probe(&broadcast.play_url, 5);
        assert!(found.len() == 2 && found[0].1 >= 100, "{found:?}\n{}", broadcast.story());
    }
}
