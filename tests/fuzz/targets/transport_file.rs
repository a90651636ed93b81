//! Input as a file, and as the descriptor in one: what is accepted survives re-encoding. Only small
//! input: re-encoding spells some values longer, which a file at the size limit has no room for.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use start_engine::wire::container;
use start_engine::wire::hls::transport::HlsTransport;
use start_engine::wire::transport_file::TransportFile;

fn check(bytes: Vec<u8>) {
    check_hls(&bytes);
    if let Ok(file) = TransportFile::parse(Bytes::from(bytes)) {
        let rebuilt = TransportFile::build(file.descriptor.clone());
        let again = TransportFile::parse(rebuilt.bytes).expect("what we build is read");
        assert_eq!((again.descriptor, again.infohash), (file.descriptor, file.infohash));
    }
}

fn check_hls(bytes: &[u8]) {
    if let Ok(file) = HlsTransport::parse(Bytes::copy_from_slice(bytes)) {
        let rebuilt = HlsTransport::build(file.descriptor.clone());
        let again = HlsTransport::parse(rebuilt.bytes).expect("what we build is read");
        assert_eq!((again.descriptor, again.infohash), (file.descriptor.clone(), file.infohash));
        let public = HlsTransport::parse(file.public().bytes).expect("what we publish is read");
        assert_eq!((public.infohash, public.is_private()), (file.infohash, false));
    }
}

fuzz_target!(|input: &[u8]| {
    if input.len() > 64 * 1024 {
        return;
    }
    check(input.to_vec());
    check(container::seal(input));
});
