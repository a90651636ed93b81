//! Transport files of HLS broadcasts: golden bytes for both kinds, what is refused, and what is never told.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use start_engine::base::hex::Hex;
use start_engine::base::limits;
use start_engine::wire::bencode::{Dict, List};
use start_engine::wire::container;
use start_engine::wire::hls::transport::{
    AnyTransport, HlsDescriptor, HlsTransport, infohash_of_url, is_playlist_url,
};
use start_engine::wire::node_key::NodeKey;
use start_engine::wire::transport_file::{Descriptor, TransportFile, TransportFileError};

const URL: &str = "http://origin.example/live/master.m3u8?token=1";
const SEED: [u8; 32] = [7; 32];
/// What [`SEED`] makes.
const PUBKEY: &str = "ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c";

fn pubkey(seed: [u8; 32]) -> [u8; 32] {
    NodeKey::from_seed(seed).node_id().0
}

fn private() -> HlsDescriptor {
    HlsDescriptor {
        title: "Test Stream 2".into(),
        pubkey: pubkey(SEED),
        manifest_url: Some(URL.into()),
        private_key: Some(SEED),
        ..HlsDescriptor::default()
    }
}

fn hidden() -> HlsDescriptor {
    HlsDescriptor {
        hides_manifest: true,
        hides_segments: true,
        base_url: Some("http://origin.example/".into()),
        ..private()
    }
}

/// The smallest public file, as a dict.
fn dict() -> Dict {
    Dict::new()
        .bytes("transport_type", "hls")
        .bytes("name", "Test Stream 2")
        .bytes("pubkey", pubkey(SEED))
        .bytes("manifest_url", URL)
}

fn parse(dict: &Dict) -> Result<HlsTransport, TransportFileError> {
    HlsTransport::parse(container::seal(&dict.encode()).into())
}

fn refusal(dict: &Dict) -> TransportFileError {
    parse(dict).expect_err("refused")
}

fn plain(file: &HlsTransport) -> Vec<u8> {
    container::open(&file.bytes).expect("a container")
}

fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

#[test]
fn public_file_is_built_to_its_bytes_and_hashes() {
    let file = HlsTransport::build(private()).public();
    assert_eq!(Hex(&file.descriptor.pubkey).to_string(), PUBKEY);
    let expected = [
        b"d12:manifest_url46:".as_slice(),
        URL.as_bytes(),
        b"4:name13:Test Stream 26:pubkey32:",
        &pubkey(SEED),
        b"14:transport_type3:hlse",
    ]
    .concat();
    assert_eq!(plain(&file), expected);
    assert_eq!(plain(&file), dict().encode());
    assert_eq!(file.infohash.to_string(), "9f556b97954e7c7388bb642229cba5e0128ffce4");
    assert_eq!(file.content_id.to_string(), "64cebdda2be7c0f06f1334a9cf1844dd173d54f6");
    assert_eq!(HlsTransport::parse(file.bytes.clone()), Ok(file));
}

#[test]
fn hidden_file_is_built_to_its_bytes_and_hashes() {
    let file = HlsTransport::build(hidden()).public();
    let expected = [
        b"d13:hide_manifesti1e13:hide_segmentsi1e4:name13:Test Stream 26:pubkey32:".as_slice(),
        &pubkey(SEED),
        b"14:transport_type3:hlse",
    ]
    .concat();
    assert_eq!(plain(&file), expected);
    assert_eq!(file.infohash.to_string(), "66a3da2cd5153ddfbc75d366e9fbd221020020be");
    assert_eq!(file.content_id.to_string(), "b8ca44bd337c51217f152f32475aebddf7b9a3b8");
    assert_eq!(HlsTransport::parse(file.bytes.clone()), Ok(file));
}

#[test]
fn both_files_of_a_pair_have_one_infohash_and_one_content_id() {
    for descriptor in [private(), hidden()] {
        let private = HlsTransport::build(descriptor);
        let public = private.public();
        assert!(private.is_private() && !public.is_private());
        assert_eq!((private.infohash, private.content_id), (public.infohash, public.content_id));
        let read = HlsTransport::parse(private.bytes.clone()).expect("what is built is read");
        assert_eq!(read, private);
        assert_eq!(read.public(), public, "to the byte");
        assert_eq!(public.public(), public);
    }
}

#[test]
fn public_broadcast_is_found_by_its_url_as_it_was_typed() {
    let of = |descriptor: HlsDescriptor| HlsTransport::build(descriptor).infohash;
    assert_eq!(of(private()), infohash_of_url(URL));
    assert_eq!(of(private().public()), infohash_of_url(URL));
    let based = HlsDescriptor { base_url: Some("http://origin.example/".into()), ..private() };
    assert_eq!(of(based.clone()), infohash_of_url("http://origin.example/"));
    assert_eq!(of(based.public()), infohash_of_url("http://origin.example/"));
    assert_ne!(infohash_of_url("http://origin.example"), infohash_of_url("http://origin.example/"));
    let other = HlsDescriptor { title: "Other".into(), trackers: vec!["udp://t:1".into()], ..private() };
    assert_eq!(of(other), infohash_of_url(URL));
}

#[test]
fn hidden_broadcast_is_named_by_its_key_alone() {
    let elsewhere = HlsDescriptor { manifest_url: Some("http://other.example/".into()), ..hidden() };
    let moved = HlsTransport::build(elsewhere);
    assert_eq!(moved.public().bytes, HlsTransport::build(hidden()).public().bytes);
    let other_key = HlsDescriptor { pubkey: pubkey([8; 32]), private_key: Some([8; 32]), ..hidden() };
    assert_ne!(HlsTransport::build(other_key).infohash, moved.infohash);
}

#[test]
fn public_file_of_a_hidden_manifest_holds_nothing_of_it() {
    let mut descriptor = hidden();
    descriptor.other.insert(b"vendor".to_vec(), Bytes::from_static(b"18:http://origin.test"));
    let secrets = [URL.as_bytes(), b"origin", b"http", &SEED, &infohash_of_url(URL).0];
    let careless = HlsDescriptor { private_key: None, ..hidden() };
    for public in [HlsTransport::build(descriptor).public(), HlsTransport::build(careless)] {
        assert_eq!((&public.descriptor.manifest_url, &public.descriptor.base_url), (&None, &None));
        for secret in secrets {
            assert!(!holds(&plain(&public), secret) && !holds(&public.bytes, secret));
        }
    }
}

#[test]
fn debug_shows_neither_the_private_key_nor_a_hidden_url() {
    let file = HlsTransport::build(hidden());
    let shown = format!("{file:?} {:?} {:#?}", file.descriptor, AnyTransport::Hls(file.clone()));
    assert!(!shown.contains("origin.example") && !shown.contains("bytes"), "{shown}");
    assert!(!shown.contains("7, 7") && !shown.contains(&Hex(&SEED).to_string()), "{shown}");
    assert!(format!("{:?}", HlsTransport::build(private())).contains(URL));
}

#[test]
fn file_is_read_as_the_kind_that_it_says_it_is() {
    let hls = HlsTransport::build(private());
    assert_eq!(AnyTransport::parse(hls.bytes.clone()), Ok(AnyTransport::Hls(hls.clone())));
    assert_eq!(AnyTransport::Hls(hls.clone()).public(), AnyTransport::Hls(hls.public()));
    let mpeg_ts = TransportFile::build(Descriptor {
        name: "Test".into(),
        pubkey: Bytes::from_static(b"abc"),
        piece_length: 131_072,
        chunk_length: 16_384,
        ..Descriptor::default()
    });
    assert_eq!(AnyTransport::parse(mpeg_ts.bytes.clone()), Ok(AnyTransport::MpegTs(mpeg_ts.clone())));
    let refusal = HlsTransport::parse(mpeg_ts.bytes).expect_err("another kind").to_string();
    assert_eq!(refusal, "not an HLS transport: its type is MPEG-TS live");
    let refusal = TransportFile::parse(hls.bytes).expect_err("another kind").to_string();
    assert_eq!(refusal, "not an MPEG-TS live transport: its type is hls");
    let wrapper =
        AnyTransport::parse(container::seal(&dict().bytes("transport_type", "dash").encode()).into());
    let dash = TransportFileError::NotMpegTsLive { transport_type: "dash".into() };
    assert_eq!(wrapper, Err(dash));
    assert_eq!(AnyTransport::parse(Bytes::new()), Err(TransportFileError::NotATransportFile));
}

#[test]
fn missing_and_mistyped_keys_are_named() {
    assert_eq!(
        refusal(&dict().bytes("transport_type", "dash")).to_string(),
        "not an HLS transport: its type is dash"
    );
    let without = |key: &str| {
        let all = [("name", b"Test".as_slice()), ("pubkey", &pubkey(SEED)), ("manifest_url", URL.as_bytes())];
        let kept = all.into_iter().filter(|(name, _)| *name != key);
        kept.fold(Dict::new().bytes("transport_type", "hls"), |dict, (key, value)| dict.bytes(key, value))
    };
    for key in ["name", "pubkey", "manifest_url"] {
        assert_eq!(refusal(&without(key)), TransportFileError::Missing(key));
    }
    for key in ["name", "pubkey", "private_key", "provider_key", "sid"] {
        assert_eq!(refusal(&dict().int(key, 1)), TransportFileError::WrongType(key));
    }
    for key in ["trackers", "categories", "countries", "languages", "startup_nodes"] {
        assert_eq!(refusal(&dict().int(key, 1)), TransportFileError::WrongType(key));
    }
    assert_eq!(refusal(&dict().bytes("name", [0xff])), TransportFileError::NameNotUtf8);
    assert_eq!(refusal(&dict().bytes("sid", [0xff])), TransportFileError::WrongType("sid"));
}

#[test]
fn keys_that_are_none_or_do_not_belong_together_are_refused() {
    for bad in [vec![7; 31], vec![7; 33], vec![], vec![0; 32], [vec![2], vec![0; 31]].concat()] {
        let refusal = refusal(&dict().bytes("pubkey", &bad));
        assert_eq!(refusal, TransportFileError::WrongType("pubkey"), "{bad:?}");
    }
    assert_eq!(refusal(&dict().bytes("private_key", [7; 31])), TransportFileError::WrongType("private_key"));
    assert_eq!(refusal(&dict().bytes("private_key", [8; 32])), TransportFileError::KeysDiffer);
    assert!(parse(&dict().bytes("private_key", SEED)).is_ok());
}

#[test]
fn manifest_that_is_hidden_and_shown_is_refused() {
    let shown = TransportFileError::HiddenManifestShown;
    assert_eq!(refusal(&dict().int("hide_manifest", 1)), shown);
    let base_url_alone = Dict::new()
        .bytes("transport_type", "hls")
        .bytes("name", "Test")
        .bytes("pubkey", pubkey(SEED))
        .bytes("base_url", URL)
        .int("hide_manifest", 1);
    assert_eq!(refusal(&base_url_alone), shown);
    assert!(parse(&dict().int("hide_manifest", 1).bytes("private_key", SEED)).is_ok());
}

#[test]
fn urls_are_of_the_web_and_fit_a_line() {
    let longest = format!("http://h/{}", "x".repeat(limits::HLS_URL_MAX_BYTES - 9));
    for url in ["http://h", "HTTPS://h:1/x?y#z", "http://[::1]/", "http://h/ünïcode", &longest] {
        assert!(is_playlist_url(url), "{url}");
        assert_eq!(
            parse(&dict().bytes("manifest_url", url)).map(|file| file.descriptor.manifest_url),
            Ok(Some(url.into()))
        );
    }
    let too_long = longest.clone() + "x";
    let bad =
        ["", "http://", "http:///x", "http://?x", "ftp://h/", "file:///etc/passwd", "x.m3u8", "http://h/a b"];
    for url in bad.into_iter().chain(["http://h/\n", "http://h/\u{85}", "http://h/\u{2028}", &too_long, "é"])
    {
        assert!(!is_playlist_url(url), "{url}");
        for key in ["manifest_url", "base_url"] {
            assert_eq!(refusal(&dict().bytes(key, url)), TransportFileError::BadUrl(key));
        }
    }
    assert_eq!(refusal(&dict().bytes("base_url", [0xff])), TransportFileError::BadUrl("base_url"));
    assert_eq!(refusal(&dict().int("manifest_url", 1)), TransportFileError::BadUrl("manifest_url"));
}

#[test]
fn lists_and_texts_are_bounded() {
    let list = |count: usize, bytes: usize| (0..count).map(|_| "x".repeat(bytes)).collect::<List>();
    let many = |key, count, max| TransportFileError::TooMany { key, count, max };
    let long = |key, bytes, max_bytes| TransportFileError::TooLong { key, bytes, max_bytes };
    assert_eq!(refusal(&dict().list("trackers", list(65, 1))), many("trackers", 65, 64));
    assert_eq!(refusal(&dict().list("categories", list(33, 1))), many("categories", 33, 32));
    assert_eq!(refusal(&dict().list("countries", list(257, 3))), many("countries", 257, 256));
    assert_eq!(refusal(&dict().list("languages", list(1, 17))), long("languages", 17, 16));
    assert_eq!(refusal(&dict().bytes("name", "x".repeat(257))), long("name", 257, 256));
    assert_eq!(refusal(&dict().bytes("provider_key", "x".repeat(129))), long("provider_key", 129, 128));
}

#[test]
fn keys_of_others_are_kept_in_the_file_that_they_came_in() {
    let file = parse(&dict().int("vendor", 1)).expect("read");
    assert_eq!(file.descriptor.other[b"vendor".as_slice()], Bytes::from_static(b"i1e"));
    assert_eq!(file.public(), file);
    assert_eq!(HlsTransport::build(file.descriptor.clone()), file);
}

fn texts(form: &'static str, max: usize) -> impl Strategy<Value = Vec<String>> {
    vec(form, 0..max)
}

fn descriptor() -> impl Strategy<Value = HlsDescriptor> {
    let url = "https?://[a-z.]{1,9}(/[!-~ä]{0,20})?";
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    let lists =
        (texts("udp://[a-z]{1,9}:1", 4), texts("[a-z]{1,9}", 4), texts("[A-Z]{3}", 4), texts("[a-z]{3}", 4));
    let nodes = vec((any::<[u8; 4]>(), any::<u16>()).prop_map(Into::into), 0..4);
    let own = (option::of("[a-z]{1,9}"), option::of("[a-z]{1,9}"), nodes);
    let parts = (any::<[u8; 32]>(), ".{0,40}", url, option::of(url), flags, lists, own);
    parts.prop_map(|(seed, title, url, base_url, flags, lists, own)| {
        let descriptor = HlsDescriptor {
            title,
            pubkey: pubkey(seed),
            base_url,
            manifest_url: Some(url),
            hides_manifest: flags.0,
            hides_segments: flags.1,
            trackers: lists.0,
            categories: lists.1,
            countries: lists.2,
            languages: lists.3,
            provider_key: own.0,
            sid: own.1,
            startup_nodes: own.2,
            private_key: Some(seed),
            other: Default::default(),
        };
        if flags.2 { descriptor } else { descriptor.public() }
    })
}

proptest! {
    #[test]
    fn transport_files_survive(descriptor in descriptor()) {
        let file = HlsTransport::build(descriptor);
        prop_assert_eq!(AnyTransport::parse(file.bytes.clone()), Ok(AnyTransport::Hls(file.clone())));
        prop_assert_eq!(HlsTransport::parse(file.public().bytes), Ok(file.public()));
        prop_assert_eq!(file.public().infohash, file.infohash);
    }

    #[test]
    fn damaged_files_are_read_or_refused(
        descriptor in descriptor(),
        changes in vec((any::<usize>(), any::<u8>()), 1..6),
    ) {
        let mut bencoded = descriptor.encode();
        for (at, byte) in changes {
            let at = at % bencoded.len();
            bencoded[at] = byte;
        }
        if let Ok(AnyTransport::Hls(file)) = AnyTransport::parse(container::seal(&bencoded).into()) {
            let rebuilt = HlsTransport::build(file.descriptor.clone());
            prop_assert_eq!(HlsTransport::parse(rebuilt.bytes).map(|again| again.descriptor), Ok(file.descriptor));
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..300)) {
        let _ = AnyTransport::parse(container::seal(&bytes).into());
        let _ = AnyTransport::parse(bytes.into());
    }
}

#[test]
fn infohash_binds_the_playlist_but_for_its_query() {
    let file = |base: Option<&str>, url: &str| {
        HlsTransport::build(HlsDescriptor {
            title: "T".into(),
            pubkey: NodeKey::from_seed([7; 32]).node_id().0,
            base_url: base.map(str::to_owned),
            manifest_url: Some(url.to_owned()),
            ..HlsDescriptor::default()
        })
    };
    let (plain, signed) = ("http://a.example/x.m3u8", "http://a.example/x.m3u8?token=1");
    assert!(file(None, signed).is_manifest_bound());
    assert!(file(Some(plain), signed).is_manifest_bound());
    assert!(!file(Some(plain), "http://b.example/x.m3u8").is_manifest_bound(), "anybody could say so");
}
