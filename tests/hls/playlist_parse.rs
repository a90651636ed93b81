use start_engine::base::limits::{HLS_STREAMS_MAX, PLAYLIST_MAX_BYTES, PLAYLIST_SEGMENTS_MAX};
use start_engine::media::playlist::parse::playlist;
use start_engine::media::playlist::{Master, Media, Playlist, Segment};
use start_engine::wire::hls::catalog::{Rendition, Stream, Variant};
use start_engine::wire::hls::segment::{ByteRange, Key};

pub const BASE: &str = "https://cdn.example/live/index.m3u8?token=1";

pub fn media(text: &str) -> Media {
    match playlist(text.as_bytes(), BASE).expect("a playlist") {
        Playlist::Media(media) => media,
        Playlist::Master(master) => panic!("{master:?}"),
    }
}

/// A media playlist with these lines behind its head.
fn listed(lines: &str) -> Vec<Segment> {
    media(&format!("#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:7\n{lines}"))
        .segments
}

fn master(lines: &str) -> Master {
    match playlist(format!("#EXTM3U\n{lines}").as_bytes(), BASE).expect("a playlist") {
        Playlist::Master(master) => master,
        Playlist::Media(media) => panic!("{media:?}"),
    }
}

fn variants(lines: &str) -> Vec<Variant> {
    let variant = |stream| match stream {
        Stream::Variant(variant) => Some(variant),
        Stream::Rendition(_) => None,
    };
    master(lines).catalog.streams.into_iter().filter_map(variant).collect()
}

fn urls(segments: &[Segment]) -> Vec<&str> {
    segments.iter().map(|segment| &*segment.at.url).collect()
}

#[test]
fn live_playlist_of_ffmpeg_is_read_as_it_is() {
    let media = media(
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:41\n\
         #EXT-X-DISCONTINUITY-SEQUENCE:3\n#EXTINF:2.000000,\n\
         #EXT-X-PROGRAM-DATE-TIME:2026-07-01T12:00:00.123+0000\ns00041.ts\n\
         #EXT-X-DISCONTINUITY\n#EXTINF:1.960000,\n\
         #EXT-X-PROGRAM-DATE-TIME:2026-07-01T12:00:02.123+0000\ns00042.ts\n",
    );
    assert_eq!((media.target_duration_s, media.discontinuity_sequence, media.is_ended), (2, 3, false));
    let [first, second] = &media.segments[..] else { panic!("{media:?}") };
    assert_eq!((first.sequence, first.duration_us), (41, 2_000_000));
    assert_eq!(&*first.at.url, "https://cdn.example/live/s00041.ts");
    assert_eq!(first.tags.program_date_time.as_deref(), Some("2026-07-01T12:00:00.123+0000"));
    assert!(!first.tags.discontinuity && second.tags.discontinuity);
    assert_eq!((second.sequence, second.duration_us), (42, 1_960_000));
    assert_eq!((&first.key, &first.init), (&None, &None));
}

#[test]
fn addresses_are_made_absolute() {
    let segments = listed(
        "#EXTINF:4,\na.ts\n#EXTINF:4,\n../b.ts?x=1#t=0\n#EXTINF:4,\n/c d.ts\n\
         #EXTINF:4,\n//other.example/d.ts\n#EXTINF:4,\nhttp://third.example:81/e.ts\n",
    );
    let expected = [
        "https://cdn.example/live/a.ts",
        "https://cdn.example/b.ts?x=1",
        "https://cdn.example/c%20d.ts",
        "https://other.example/d.ts",
        "http://third.example:81/e.ts",
    ];
    assert_eq!(urls(&segments), expected);
}

#[test]
fn durations_are_exact_to_the_microsecond() {
    let cases = [
        ("4.004,", 4_004_000),
        ("10.010,title", 10_010_000),
        ("6,", 6_000_000),
        ("1.0000005", 1_000_001),
        ("5.96 ,x", 5_960_000),
        ("0,", 0),
        ("1e9,", 3_600_000_000),
        // not readable: as long as the target
        ("soon,", 4_000_000),
    ];
    for (text, expected) in cases {
        assert_eq!(listed(&format!("#EXTINF:{text}\na.ts\n"))[0].duration_us, expected, "{text}");
    }
}

#[test]
fn titles_comments_and_line_ends_of_any_kind_make_no_segments() {
    let segments = listed(
        "#EXTINF:4,Hello, World, again\r\n\r\n# a comment\r\n a.ts \r\n\
         #EXTINF:4 tvg-id=\"x\",T\rb.ts\nstray-address.ts\n#EXTINF:4,\n",
    );
    assert_eq!(urls(&segments), ["https://cdn.example/live/a.ts", "https://cdn.example/live/b.ts"]);
}

#[test]
fn byte_order_mark_and_bytes_that_are_no_text_are_tolerated() {
    let text = b"\xef\xbb\xbf#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\xff\xfe\na.ts\n";
    assert!(matches!(playlist(text, BASE), Ok(Playlist::Media(media)) if media.segments.len() == 1));
}

#[test]
fn target_duration_is_found_where_it_is_odd_or_missing() {
    let target = |lines: &str| media(&format!("#EXTM3U\n{lines}#EXTINF:3.2,\na.ts\n")).target_duration_s;
    assert_eq!(target("#EXT-X-TARGETDURATION:9.5\n"), 10);
    assert_eq!(target("#EXT-X-TARGETDURATION: 6 \n"), 6);
    assert_eq!(target("#EXT-X-TARGETDURATION:99999999999999999999\n"), 3600);
    assert_eq!(target("#EXT-X-TARGETDURATION:-3\n"), 4);
    assert_eq!(target(""), 4);
}

#[test]
fn low_latency_tags_and_tags_nobody_knows_are_passed_over() {
    let segments = listed(
        "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.0\n#EXT-X-PART-INF:PART-TARGET=0.3\n\
         #EXT-X-BITRATE:800\n#EXT-X-DATERANGE:ID=\"ad\",START-DATE=\"x\",SCTE35-OUT=0xFC\n\
         #EXT-X-CUE-OUT:30\n#EXT-X-PART:DURATION=0.3,URI=\"p1.m4s\"\n#EXTINF:4,\na.m4s\n\
         #EXT-X-PART:DURATION=0.3,URI=\"p2.m4s\",INDEPENDENT=YES\n\
         #EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"p3.m4s\"\n#EXT-X-RENDITION-REPORT:URI=\"../x.m3u8\",LAST-MSN=7\n\
         #EXT-X-DISCONTINUITY-LOOKALIKE\n#EXT-WHATEVER\n#EXTINF:4,\nb.m4s\n",
    );
    assert_eq!(urls(&segments), ["https://cdn.example/live/a.m4s", "https://cdn.example/live/b.m4s"]);
    assert!(segments.iter().all(|segment| !segment.tags.discontinuity));
}

#[test]
fn gaps_are_told() {
    let segments = listed("#EXTINF:4,\n#EXT-X-GAP\na.ts\n#EXTINF:4,\nb.ts\n");
    assert_eq!(segments.iter().map(|segment| segment.tags.gap).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn date_that_could_be_anything_else_is_left_out() {
    for text in ["", "2026\u{7f}", &"2".repeat(65), "2026\"", "2026-07-01 ö"] {
        let lines = format!("#EXT-X-PROGRAM-DATE-TIME:{text}\n#EXTINF:4,\na.ts\n");
        assert_eq!(listed(&lines)[0].tags.program_date_time, None, "{text:?}");
    }
}

#[test]
fn byte_range_without_a_start_goes_on_where_the_last_one_ended() {
    let segments = listed(
        "#EXTINF:4,\n#EXT-X-BYTERANGE:100@50\na.ts\n#EXTINF:4,\n#EXT-X-BYTERANGE:30\na.ts\n\
         #EXT-X-BYTERANGE:7\n#EXTINF:4,\na.ts\n#EXTINF:4,\nb.ts\n",
    );
    let ranges: Vec<_> = segments.iter().map(|segment| segment.at.range).collect();
    let range = |start, length| Some(ByteRange { start, length });
    assert_eq!(ranges, [range(50, 100), range(150, 30), range(180, 7), None]);
}

#[test]
fn map_holds_until_the_next_one() {
    let segments = listed(
        "#EXT-X-MAP:URI=\"i1.mp4\"\n#EXTINF:4,\na.m4s\n#EXTINF:4,\nb.m4s\n\
         #EXT-X-MAP:BYTERANGE=\"700@20\",URI=\"all.mp4\"\n#EXTINF:4,\nc.m4s\n\
         #EXT-X-MAP:URI=\"all.mp4\",BYTERANGE=\"9\"\n#EXTINF:4,\nd.m4s\n",
    );
    let init = |at: usize| segments[at].init.as_ref().expect("an init section").at.clone();
    assert_eq!(segments[0].init, segments[1].init);
    assert_eq!((&*init(0).url, init(0).range), ("https://cdn.example/live/i1.mp4", None));
    assert_eq!(init(2).range, Some(ByteRange { start: 20, length: 700 }));
    assert_eq!(init(3).range, Some(ByteRange { start: 0, length: 9 }));
}

#[test]
fn key_holds_for_segments_and_maps_behind_it_until_it_is_ended() {
    let segments = listed(
        "#EXT-X-MAP:URI=\"i.mp4\"\n#EXT-X-KEY:METHOD=AES-128,URI=\"k1\"\n#EXTINF:4,\na.m4s\n\
         #EXT-X-KEY:METHOD=AES-128,URI=\"k2?a=b,c\",IV=0x0000000000000000000000000000ABCD,KEYFORMAT=\"identity\"\n\
         #EXT-X-MAP:URI=\"i.mp4\"\n#EXTINF:4,\nb.m4s\n#EXT-X-KEY:METHOD=NONE\n#EXTINF:4,\nc.m4s\n",
    );
    let key = |url: &str, iv| Some(Key { url: url.into(), iv });
    let mut iv = [0; 16];
    iv[14..].copy_from_slice(&[0xab, 0xcd]);
    let second = key("https://cdn.example/live/k2?a=b,c", Some(iv));
    let keys: Vec<_> = segments.iter().map(|segment| segment.key.clone()).collect();
    assert_eq!(keys, [key("https://cdn.example/live/k1", None), second.clone(), None]);
    let init_keys: Vec<_> = segments.iter().map(|segment| segment.init.clone().unwrap().key).collect();
    assert_eq!(init_keys, [None, second.clone(), second]);
}

#[test]
fn attribute_without_a_value_swallows_nothing() {
    let segments =
        listed("#EXT-X-KEY:METHOD=AES-128,URI=\"k\",ODD\n#EXTINF:4,\na.ts?x=1\n#EXTINF:4,\nb.ts?y=2\n");
    assert_eq!(segments.len(), 2);
    assert!(segments.iter().all(|segment| segment.key.is_some()));
}

#[test]
fn ended_playlist_says_so() {
    let text = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\na.ts\n";
    assert!(!media(text).is_ended);
    assert!(media(&format!("{text}#EXT-X-ENDLIST\n")).is_ended);
    assert!(media(&text.replace("#EXT-X-T", "#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-T")).is_ended);
    assert!(!media(&text.replace("#EXT-X-T", "#EXT-X-PLAYLIST-TYPE:EVENT\n#EXT-X-T")).is_ended);
}

#[test]
fn playlist_that_grows_for_ever_keeps_its_newest_segments() {
    let count = PLAYLIST_SEGMENTS_MAX + 100;
    let lines = (0..count).map(|n| format!("#EXT-X-DISCONTINUITY\n#EXTINF:4,\n{n}.ts\n")).collect::<String>();
    let text = format!("#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:10\n#EXT-X-DISCONTINUITY-SEQUENCE:2\n{lines}");
    assert!(text.len() < PLAYLIST_MAX_BYTES);
    let media = media(&text);
    assert_eq!((media.segments.len(), media.segments[0].sequence), (PLAYLIST_SEGMENTS_MAX, 110));
    assert_eq!(media.discontinuity_sequence, 102);
    assert!(media.segments.last().unwrap().at.url.ends_with(&format!("/{}.ts", count - 1)));
}

#[test]
fn master_playlist_gives_variants_then_renditions() {
    let master = master(
        "#EXT-X-INDEPENDENT-SEGMENTS\n\
         #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"aud\",NAME=\"Deutsch\",LANGUAGE=\"de\",DEFAULT=YES,AUTOSELECT=YES,\
         FORCED=NO,CHARACTERISTICS=\"\",CHANNELS=\"2\",URI=\"audio/de.m3u8\"\n\
         #EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"sub\",NAME=\"English\",FORCED=YES,URI=\"sub/en.m3u8\"\n\
         #EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID=\"cc\",NAME=\"CC\",INSTREAM-ID=\"CC1\"\n\
         #EXT-X-STREAM-INF:BANDWIDTH=1280000,AVERAGE-BANDWIDTH=1000000,CODECS=\"avc1.4d401f,mp4a.40.2\",\
         RESOLUTION=1280x720,FRAME-RATE=29.970,AUDIO=\"aud\",SUBTITLES=\"sub\",CLOSED-CAPTIONS=\"cc\"\n\
         hi/index.m3u8\n\
         #EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=90000,URI=\"iframe.m3u8\"\n\
         #EXT-X-STREAM-INF:BANDWIDTH=300000,CLOSED-CAPTIONS=NONE\nhttp://b.example/lo.m3u8\n",
    );
    let addresses: Vec<_> = master.urls.iter().map(|url| &**url).collect();
    let expected = [
        "https://cdn.example/live/hi/index.m3u8",
        "http://b.example/lo.m3u8",
        "https://cdn.example/live/audio/de.m3u8",
        "https://cdn.example/live/sub/en.m3u8",
    ];
    assert_eq!(addresses, expected);
    let text = |text: &str| Some(text.to_owned());
    let high = Variant {
        bandwidth: 1_280_000,
        average_bandwidth: Some(1_000_000),
        codecs: text("avc1.4d401f,mp4a.40.2"),
        resolution: Some((1280, 720)),
        frame_rate_milli: Some(29_970),
        audio: text("aud"),
        video: None,
        subtitles: text("sub"),
        closed_captions: None,
    };
    let low = Variant { bandwidth: 300_000, closed_captions: text("NONE"), ..Variant::default() };
    let german = Rendition {
        kind: "AUDIO".to_owned(),
        group_id: "aud".to_owned(),
        name: "Deutsch".to_owned(),
        language: text("de"),
        is_default: true,
        is_autoselect: true,
        channels: text("2"),
        ..Rendition::default()
    };
    let english = Rendition {
        kind: "SUBTITLES".to_owned(),
        group_id: "sub".to_owned(),
        name: "English".to_owned(),
        is_forced: true,
        ..Rendition::default()
    };
    let streams =
        [Stream::Variant(high), Stream::Variant(low), Stream::Rendition(german), Stream::Rendition(english)];
    assert_eq!(master.catalog.streams, streams);
    assert!(master.catalog.is_master && master.catalog.has_independent_segments);
}

#[test]
fn slips_in_a_master_playlist_that_players_forgive_are_forgiven() {
    let found = variants(
        "#EXT-X-STREAM-INF:PROGRAM-ID=1,RESOLUTION=640X360,CODECS=avc1.42\na.m3u8\n\
         #EXT-X-STREAM-INF:BANDWIDTH=\"500000.7\",RESOLUTION=wide,FRAME-RATE=fast, CODECS = \"x\" \n\nb.m3u8\n",
    );
    assert_eq!((found[0].bandwidth, found[0].resolution), (0, Some((640, 360))));
    assert_eq!(found[0].codecs.as_deref(), Some("avc1.42"));
    assert_eq!((found[1].bandwidth, found[1].resolution, found[1].frame_rate_milli), (500_000, None, None));
    assert_eq!(found[1].codecs.as_deref(), Some("x"));
}

#[test]
fn rendition_inside_its_variants_is_no_stream_and_its_group_is_not_named() {
    let found = variants(
        "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"Main\",DEFAULT=YES\n\
         #EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO=\"a\"\nv.m3u8\n",
    );
    assert_eq!(found, [Variant { bandwidth: 1, ..Variant::default() }]);
}

#[test]
fn variant_that_is_there_word_for_word_counts_once() {
    let twice = "#EXT-X-STREAM-INF:BANDWIDTH=1\nv.m3u8\n".repeat(2);
    let backup = "#EXT-X-STREAM-INF:BANDWIDTH=1\nbackup.m3u8\n";
    assert_eq!(variants(&format!("{twice}{backup}")).len(), 2);
}

#[test]
fn master_playlist_without_end_gives_its_first_streams() {
    let lines = (0..100).map(|n| format!("#EXT-X-STREAM-INF:BANDWIDTH={n}\n{n}.m3u8\n")).collect::<String>();
    let found = variants(&lines);
    assert_eq!(found.len(), HLS_STREAMS_MAX as usize);
    assert_eq!(found.last().unwrap().bandwidth, u64::from(HLS_STREAMS_MAX) - 1);
}
