//! Any payload is refused or read, and what was read survives another round.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use start_engine::wire::metadata::MetadataMessage;

fuzz_target!(|payload: &[u8]| {
    if let Some(message) = MetadataMessage::decode(Bytes::copy_from_slice(payload)) {
        assert_eq!(MetadataMessage::decode(message.encode()), Some(message));
    }
});
