//! Any text is refused or read as a playlist, and what was read can be numbered, written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use start_engine::media::playlist::parse::playlist;
use start_engine::media::playlist::sequencer::{Numbering, Sequencer};
use start_engine::media::playlist::write::{self, WriteMap, WriteMedia, WriteSegment};
use start_engine::media::playlist::{InitSection, Media, Playlist, Segment};

const BASE: &str = "https://cdn.example/live/index.m3u8";

fn written(media: &Media) -> String {
    let map = |init: &InitSection| WriteMap { uri: init.at.url.to_string(), key: init.key.clone() };
    let segment = |segment: &Segment| WriteSegment {
        uri: segment.at.url.to_string(),
        duration_us: segment.duration_us,
        tags: segment.tags.clone(),
        map: segment.init.as_ref().map(map),
        key: segment.key.clone(),
    };
    write::media(WriteMedia {
        target_duration_s: media.target_duration_s,
        first_number: media.segments[0].sequence,
        discontinuity_sequence: media.discontinuity_sequence,
        segments: media.segments.iter().map(segment).collect(),
    })
}

fuzz_target!(|text: &[u8]| {
    match playlist(text, BASE) {
        Ok(Playlist::Media(media)) => {
            let mut sequencer = Sequencer::new(Numbering::Monotonic { last_number: Some(7) }, 1);
            let numbered = sequencer.take(&media).expect("the first is good").media;
            let again = playlist(written(&numbered).as_bytes(), BASE);
            let Ok(Playlist::Media(again)) = again else { panic!("{again:?}") };
            assert_eq!(again.segments.len(), numbered.segments.len());
            assert_eq!(again.discontinuity_sequence, numbered.discontinuity_sequence);
        }
        Ok(Playlist::Master(master)) => {
            let text = write::master(&master.catalog, |index| format!("{index}.m3u8"));
            let again = playlist(text.as_bytes(), BASE);
            let Ok(Playlist::Master(again)) = again else { panic!("{again:?}") };
            assert_eq!(again.catalog, master.catalog);
        }
        Err(_) => {}
    }
});
