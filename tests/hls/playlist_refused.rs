use proptest::prelude::*;
use start_engine::base::limits::PLAYLIST_MAX_BYTES;
use start_engine::media::playlist::parse::{PlaylistError, playlist};
use start_engine::media::playlist::{Playlist, write};

use crate::playlist_parse::BASE;

/// Why a playlist with these lines is refused, and that the reason is one line without an address.
fn refused(text: &str) -> PlaylistError {
    let error = playlist(text.as_bytes(), BASE).expect_err(text);
    let line = error.to_string();
    assert!(!line.contains('\n') && !line.contains("//") && !line.contains("example"), "{line}");
    error
}

fn refused_media(lines: &str) -> PlaylistError {
    refused(&format!("#EXTM3U\n#EXT-X-TARGETDURATION:4\n{lines}\n#EXTINF:4,\nlast.ts\n"))
}

#[test]
fn what_is_no_playlist_is_told_by_its_looks() {
    let cases = [
        ("", "an empty answer"),
        (" \n", "an empty answer"),
        ("<!DOCTYPE html><title>Not found</title>", "a web page"),
        ("\u{feff}\n<HTML>", "a web page"),
        ("<?xml version=\"1.0\"?><MPD type=\"dynamic\">", "a DASH manifest"),
        ("<?xml version=\"1.0\"?><smil>", "XML"),
        ("{\"error\": 1}", "JSON"),
        ("http://cdn.example/a.ts\n", "a list of addresses"),
        ("G\0\u{10}", "media or other binary data"),
        ("not here", "some other text"),
        ("#EXTM3U\n#EXTINF:-1 tvg-id=\"1\",News\nhttp://tv.example/1\n", "a list of channels"),
    ];
    for (text, looks_like) in cases {
        assert_eq!(refused(text), PlaylistError::NotAPlaylist { looks_like }, "{text}");
    }
}

#[test]
fn playlist_without_segments_or_streams_is_empty() {
    assert_eq!(refused("#EXTM3U"), PlaylistError::Empty);
    assert_eq!(refused("#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:0\n"), PlaylistError::Empty);
    assert_eq!(refused("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n"), PlaylistError::NoStreams);
}

#[test]
fn playlist_beyond_the_limit_is_not_read() {
    let text = "#EXTM3U\n".to_owned() + &"#".repeat(PLAYLIST_MAX_BYTES);
    assert_eq!(refused(&text), PlaylistError::TooLarge);
}

#[test]
fn protected_streams_are_refused_and_say_by_what() {
    let drm = |method: &str, key_format: &str| PlaylistError::Drm {
        method: method.to_owned(),
        key_format: key_format.to_owned(),
    };
    let apple = "com.apple.streamingkeydelivery";
    let cases = [
        ("METHOD=SAMPLE-AES,URI=\"k\"", drm("SAMPLE-AES", "identity")),
        ("METHOD=SAMPLE-AES-CTR,URI=\"k\",KEYFORMAT=\"urn:uuid:1\"", drm("SAMPLE-AES-CTR", "urn:uuid:1")),
        (&format!("METHOD=AES-128,URI=\"skd://x\",KEYFORMAT=\"{apple}\""), drm("AES-128", apple)),
        ("METHOD=AES-128,URI=\"k\",KEYFORMAT=\"http://keys.example/\"", drm("AES-128", "of its own")),
        (&format!("METHOD={}", "A".repeat(99)), drm("of its own", "identity")),
    ];
    for (list, error) in cases {
        assert_eq!(refused_media(&format!("#EXT-X-KEY:{list}")), error, "{list}");
        let master = format!("#EXTM3U\n#EXT-X-SESSION-KEY:{list}\n#EXT-X-STREAM-INF:BANDWIDTH=1\nv.m3u8\n");
        assert_eq!(refused(&master), error, "{list}");
    }
}

#[test]
fn malformed_tags_are_named() {
    let cases = [
        ("#EXT-X-MEDIA-SEQUENCE:soon", "EXT-X-MEDIA-SEQUENCE"),
        ("#EXT-X-MEDIA-SEQUENCE:18446744073709551615", "EXT-X-MEDIA-SEQUENCE"),
        ("#EXT-X-DISCONTINUITY-SEQUENCE:-1", "EXT-X-DISCONTINUITY-SEQUENCE"),
        ("#EXT-X-BYTERANGE:1@x\n#EXTINF:4,\na.ts", "EXT-X-BYTERANGE"),
        ("#EXT-X-BYTERANGE:0@1\n#EXTINF:4,\na.ts", "EXT-X-BYTERANGE"),
        ("#EXT-X-BYTERANGE:18446744073709551615@1\n#EXTINF:4,\na.ts", "EXT-X-BYTERANGE"),
        // nothing before it to go on from
        ("#EXT-X-BYTERANGE:10\n#EXTINF:4,\na.ts", "EXT-X-BYTERANGE"),
        ("#EXT-X-BYTERANGE:10@0\n#EXTINF:4,\na.ts\n#EXT-X-BYTERANGE:10\n#EXTINF:4,\nb.ts", "EXT-X-BYTERANGE"),
        ("#EXT-X-MAP:BYTERANGE=\"1@0\"", "EXT-X-MAP"),
        ("#EXT-X-MAP:URI=\"i.mp4\",BYTERANGE=\"0@0\"", "EXT-X-MAP"),
        ("#EXT-X-MAP:URI=\"i.mp4\",BYTERANGE=\"x\"", "EXT-X-MAP"),
        ("#EXT-X-KEY:URI=\"k\"", "EXT-X-KEY"),
        ("#EXT-X-KEY:METHOD=AES-128", "EXT-X-KEY"),
        ("#EXT-X-KEY:METHOD=AES-128,URI=\"k\",IV=12", "EXT-X-KEY"),
        ("#EXT-X-KEY:METHOD=AES-128,URI=\"k\",IV=0x", "EXT-X-KEY"),
        ("#EXT-X-KEY:METHOD=AES-128,URI=\"k\",IV=0x123456789012345678901234567890123", "EXT-X-KEY"),
    ];
    for (lines, tag) in cases {
        assert_eq!(refused_media(lines), PlaylistError::Malformed { tag }, "{lines}");
    }
}

#[test]
fn what_cannot_be_broadcast_is_named() {
    for what in ["EXT-X-I-FRAMES-ONLY", "EXT-X-DEFINE", "EXT-X-SKIP"] {
        assert_eq!(refused_media(&format!("#{what}:X=1")), PlaylistError::Unsupported { what });
    }
}

#[test]
fn addresses_of_other_kinds_and_endless_ones_are_refused() {
    let long = "a".repeat(5000);
    for uri in ["ftp://x.example/a.ts", "file:///etc/passwd", "data:,x", "http://[::1", "http://", &long] {
        assert_eq!(refused_media(&format!("#EXTINF:4,\n{uri}")), PlaylistError::Address, "{uri}");
        assert_eq!(refused_media(&format!("#EXT-X-MAP:URI=\"{uri}\"")), PlaylistError::Address, "{uri}");
        let master = format!("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{uri}\n");
        assert_eq!(refused(&master), PlaylistError::Address, "{uri}");
    }
    assert_eq!(playlist(b"#EXTM3U\n", "nowhere"), Err(PlaylistError::Address));
}

/// Lines that are nearly right, to get far into the reader.
fn nearly_a_line() -> impl Strategy<Value = String> {
    let names = prop::sample::select(vec![
        "#EXTINF:",
        "#EXT-X-KEY:",
        "#EXT-X-MAP:",
        "#EXT-X-BYTERANGE:",
        "#EXT-X-MEDIA-SEQUENCE:",
        "#EXT-X-DISCONTINUITY-SEQUENCE:",
        "#EXT-X-TARGETDURATION:",
        "#EXT-X-PROGRAM-DATE-TIME:",
        "#EXT-X-STREAM-INF:",
        "#EXT-X-MEDIA:",
        "#EXT-X-GAP",
        "",
    ]);
    let values = prop::sample::select(vec![
        "METHOD=NONE",
        "METHOD=AES-128,URI=\"k\"",
        "URI=\"i\"",
        "URI=",
        "TYPE=AUDIO,GROUP-ID=\"g\",NAME=\"n\",URI=\"u\"",
        "BANDWIDTH=1",
        "18446744073709551615",
        "1@18446744073709551615",
        "4",
        "4611686018427387904",
        "x.ts",
    ]);
    (names, prop_oneof![values.prop_map(str::to_owned), ".{0,12}"])
        .prop_map(|(name, value)| format!("{name}{value}\n"))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn any_lines_at_all_are_read_or_refused(lines in prop::collection::vec(nearly_a_line(), 0..20)) {
        let text = format!("#EXTM3U\n{}", lines.concat());
        if let Ok(Playlist::Master(master)) = playlist(text.as_bytes(), BASE) {
            let written = write::master(&master.catalog, |index| format!("{index}.m3u8"));
            let again = playlist(written.as_bytes(), BASE);
            prop_assert!(matches!(again, Ok(Playlist::Master(again)) if again.catalog == master.catalog));
        }
    }

    #[test]
    fn any_bytes_at_all_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = playlist(&[b"#EXTM3U\n", &bytes[..]].concat(), BASE);
        let _ = playlist(&bytes, BASE);
    }
}
