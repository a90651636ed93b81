use proptest::prelude::*;
use start_engine::media::playlist::parse::playlist;
use start_engine::media::playlist::write::{self, WriteMap, WriteMedia, WriteSegment};
use start_engine::media::playlist::{InitSection, Media, Playlist, Segment};
use start_engine::wire::hls::catalog::{Catalog, Rendition, Stream, Variant};
use start_engine::wire::hls::segment::{Key, Resource, Tags};

use crate::playlist_parse::{BASE, media};

/// What a viewer would be told if the origin's addresses were ours.
fn repeated(media: &Media) -> WriteMedia {
    let map = |init: &InitSection| WriteMap { uri: init.at.url.to_string(), key: init.key.clone() };
    let segment = |segment: &Segment| WriteSegment {
        uri: segment.at.url.to_string(),
        duration_us: segment.duration_us,
        tags: segment.tags.clone(),
        map: segment.init.as_ref().map(map),
        key: segment.key.clone(),
    };
    WriteMedia {
        target_duration_s: media.target_duration_s,
        first_number: media.segments.first().map_or(0, |first| first.sequence),
        discontinuity_sequence: media.discontinuity_sequence,
        segments: media.segments.iter().map(segment).collect(),
    }
}

fn segment(uri: &str) -> WriteSegment {
    WriteSegment { uri: uri.to_owned(), duration_us: 2_000_000, ..WriteSegment::default() }
}

#[test]
fn plain_playlist_says_no_more_than_it_must() {
    let segments = vec![segment("/ace/c/x/0/7.ts"), segment("/ace/c/x/0/8.ts")];
    let text =
        write::media(WriteMedia { target_duration_s: 2, first_number: 7, segments, ..Default::default() });
    let expected = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:7\n\
                    #EXTINF:2.000000,\n/ace/c/x/0/7.ts\n#EXTINF:2.000000,\n/ace/c/x/0/8.ts\n";
    assert_eq!(text, expected);
}

#[test]
fn clear_map_behind_a_locked_segment_is_told_to_be_clear() {
    let key = Some(Key { url: "https://k.example/1".into(), iv: Some([0xab; 16]) });
    let map = Some(WriteMap { uri: "i.mp4".to_owned(), key: None });
    let tags = Tags {
        discontinuity: true,
        gap: true,
        program_date_time: Some("2026-07-01T12:00:00.000+0000".to_owned()),
    };
    let segments = vec![
        WriteSegment { key: key.clone(), ..segment("a.ts") },
        WriteSegment { key, map: map.clone(), tags, ..segment("b.m4s") },
        WriteSegment { map, ..segment("c.m4s") },
    ];
    let media = WriteMedia { discontinuity_sequence: 4, segments, ..WriteMedia::default() };
    let locked = format!("#EXT-X-KEY:METHOD=AES-128,URI=\"https://k.example/1\",IV=0x{}\n", "ab".repeat(16));
    let expected = format!(
        "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n\
         #EXT-X-DISCONTINUITY-SEQUENCE:4\n{locked}#EXTINF:2.000000,\na.ts\n\
         #EXT-X-DISCONTINUITY\n#EXT-X-KEY:METHOD=NONE\n#EXT-X-MAP:URI=\"i.mp4\"\n{locked}\
         #EXT-X-PROGRAM-DATE-TIME:2026-07-01T12:00:00.000+0000\n#EXT-X-GAP\n#EXTINF:2.000000,\nb.m4s\n\
         #EXT-X-KEY:METHOD=NONE\n#EXTINF:2.000000,\nc.m4s\n"
    );
    assert_eq!(write::media(media), expected);
}

#[test]
fn target_duration_is_never_below_a_segment() {
    let segments = vec![WriteSegment { duration_us: 6_500_000, ..segment("a.ts") }];
    let text = write::media(WriteMedia { target_duration_s: 4, segments, ..WriteMedia::default() });
    assert!(text.contains("#EXT-X-TARGETDURATION:7\n"), "{text}");
}

#[test]
fn no_text_can_make_a_line_or_an_attribute() {
    let evil = "x\",EVIL=1\n#EXT-X-ENDLIST\r\n".to_owned();
    let key = Some(Key { url: evil.as_str().into(), iv: None });
    let tags = Tags { program_date_time: Some(evil.clone()), ..Tags::default() };
    let map = Some(WriteMap { uri: evil.clone(), key: None });
    let segments = vec![WriteSegment { uri: evil.clone(), key, tags, map, duration_us: 1 }];
    let text = write::media(WriteMedia { segments, ..WriteMedia::default() });
    assert!(!text.contains("\n#EXT-X-ENDLIST") && !text.contains('\r'), "{text}");
    let some = || Some(evil.clone());
    let variant = Variant {
        codecs: some(),
        audio: some(),
        video: some(),
        subtitles: some(),
        closed_captions: some(),
        ..Variant::default()
    };
    let rendition = Rendition {
        kind: evil.clone(),
        group_id: evil.clone(),
        name: evil.clone(),
        language: some(),
        characteristics: some(),
        channels: some(),
        ..Rendition::default()
    };
    let streams = vec![Stream::Variant(variant), Stream::Rendition(rendition)];
    let catalog = Catalog { is_master: true, has_independent_segments: false, streams };
    let text = write::master(&catalog, |index| format!("{index}.m3u8"));
    assert!(!text.contains("\n#EXT-X-ENDLIST") && !text.contains("x\",EVIL"), "{text}");
    assert_eq!(text.lines().count(), 5, "{text}");
}

#[test]
fn master_playlist_names_renditions_then_variants_by_their_index() {
    let variant = Variant {
        bandwidth: 1_280_000,
        resolution: Some((1280, 720)),
        frame_rate_milli: Some(29_970),
        audio: Some("aud".to_owned()),
        closed_captions: Some("NONE".to_owned()),
        ..Variant::default()
    };
    let rendition = Rendition {
        kind: "AUDIO".to_owned(),
        group_id: "aud".to_owned(),
        name: "Deutsch".to_owned(),
        is_default: true,
        ..Rendition::default()
    };
    let streams = vec![Stream::Variant(variant), Stream::Rendition(rendition)];
    let catalog = Catalog { is_master: true, has_independent_segments: true, streams };
    let expected = "#EXTM3U\n#EXT-X-VERSION:4\n#EXT-X-INDEPENDENT-SEGMENTS\n\
                    #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"aud\",NAME=\"Deutsch\",DEFAULT=YES,URI=\"/m/1.m3u8\"\n\
                    #EXT-X-STREAM-INF:BANDWIDTH=1280000,RESOLUTION=1280x720,FRAME-RATE=29.970,AUDIO=\"aud\",\
                    CLOSED-CAPTIONS=NONE\n/m/0.m3u8\n";
    assert_eq!(write::master(&catalog, |index| format!("/m/{index}.m3u8")), expected);
}

fn any_url() -> impl Strategy<Value = String> {
    "[a-z]{1,6}(/[a-z0-9]{1,6}){0,2}\\.ts(\\?[a-z=&,]{0,8})?"
        .prop_map(|path| format!("https://cdn.example/{path}"))
}

fn any_key() -> impl Strategy<Value = Option<Key>> {
    let key = (any_url(), any::<Option<[u8; 16]>>()).prop_map(|(url, iv)| Key { url: url.into(), iv });
    prop_oneof![Just(None), key.prop_map(Some)]
}

fn any_tags() -> impl Strategy<Value = Tags> {
    let time = prop::option::of("20[0-9]{2}-01-0[1-9]T[0-2][0-9]:00:00(\\.[0-9]{3})?(Z|\\+0000|\\+01:00)");
    (any::<bool>(), any::<bool>(), time).prop_map(|(discontinuity, gap, program_date_time)| Tags {
        discontinuity,
        gap,
        program_date_time,
    })
}

fn any_segment() -> impl Strategy<Value = Segment> {
    let init = (any_url(), any_key()).prop_map(|(url, key)| InitSection { at: at(&url), key });
    (any_url(), 0u64..20_000_000, prop::option::weighted(0.2, init), any_key(), any_tags()).prop_map(
        |(url, duration_us, init, key, tags)| Segment {
            sequence: 0,
            duration_us,
            at: at(&url),
            init,
            key,
            tags,
        },
    )
}

fn at(url: &str) -> Resource {
    Resource { url: url.into(), range: None }
}

prop_compose! {
    fn any_media()(
        segments in prop::collection::vec(any_segment(), 1..12),
        first in 0u64..1 << 40,
        discontinuity_sequence in 0u64..1000,
        all_keys_are_the_first in any::<bool>(),
    ) -> Media {
        let mut segments = segments;
        let key = segments[0].key.clone();
        let mut init = None;
        for (segment, sequence) in segments.iter_mut().zip(first..) {
            segment.sequence = sequence;
            // there is no way to end a map
            init = segment.init.take().or(init);
            segment.init = init.clone();
            if all_keys_are_the_first {
                segment.key = key.clone();
            }
        }
        Media { target_duration_s: 20, discontinuity_sequence, is_ended: false, segments }
    }
}

fn any_text() -> impl Strategy<Value = Option<String>> {
    prop::option::of("[A-Za-z0-9.,=#ö-]([A-Za-z0-9.,=# -]{0,10}[a-z])?")
}

prop_compose! {
    fn any_variant()(
        bandwidth in 0u64..1 << 62,
        average_bandwidth in prop::option::of(0u64..1 << 62),
        codecs in any_text(),
        resolution in prop::option::of((0u64..1 << 62, 0u64..1 << 62)),
        frame_rate_milli in prop::option::of(0u64..100_000_000),
        audio in prop::option::of(Just("group".to_owned())),
        closed_captions in prop::option::of(Just("NONE".to_owned())),
    ) -> Variant {
        Variant {
            bandwidth, average_bandwidth, codecs, resolution, frame_rate_milli, audio, closed_captions,
            ..Variant::default()
        }
    }
}

prop_compose! {
    fn any_rendition()(
        kind in prop::sample::select(vec!["AUDIO", "VIDEO", "SUBTITLES"]),
        name in any_text(),
        language in any_text(),
        characteristics in any_text(),
        channels in any_text(),
        (is_default, is_autoselect, is_forced) in any::<(bool, bool, bool)>(),
    ) -> Rendition {
        let name = name.unwrap_or("name".to_owned());
        let is_forced = is_forced && kind == "SUBTITLES";
        let (kind, group_id) = (kind.to_owned(), "group".to_owned());
        Rendition { kind, group_id, name, language, is_default, is_autoselect, is_forced, characteristics, channels }
    }
}

prop_compose! {
    fn any_catalog()(
        variants in prop::collection::vec(any_variant(), 1..6),
        renditions in prop::collection::vec(any_rendition(), 0..6),
        has_independent_segments in any::<bool>(),
    ) -> Catalog {
        let has_audio = renditions.iter().any(|rendition| rendition.kind == "AUDIO");
        let variants = variants.into_iter().map(|variant| {
            Stream::Variant(Variant { audio: variant.audio.filter(|_| has_audio), ..variant })
        });
        let streams = variants.chain(renditions.into_iter().map(Stream::Rendition)).collect();
        Catalog { is_master: true, has_independent_segments, streams }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn media_playlist_that_was_written_reads_as_the_same(original in any_media()) {
        prop_assert_eq!(media(&write::media(repeated(&original))), original);
    }

    #[test]
    fn master_playlist_that_was_written_reads_as_the_same(catalog in any_catalog()) {
        let text = write::master(&catalog, |index| format!("{index}.m3u8"));
        let Ok(Playlist::Master(master)) = playlist(text.as_bytes(), BASE) else {
            return Err(TestCaseError::fail(text));
        };
        prop_assert_eq!(master.catalog, catalog);
        for (index, url) in master.urls.iter().enumerate() {
            prop_assert_eq!(&**url, format!("https://cdn.example/live/{index}.m3u8"));
        }
    }
}
