//! Any frame is read, and what was understood is written and read back as the same bytes.
#![no_main]

use bytes::{Bytes, BytesMut};
use libfuzzer_sys::fuzz_target;
use start_engine::wire::message::Message;

fn frame(message: &Message) -> Bytes {
    let mut out = BytesMut::new();
    let bulk = message.encode_head(&mut out);
    out.extend_from_slice(&bulk);
    assert_eq!(out.len(), message.frame_bytes());
    out.freeze()
}

fuzz_target!(|body: &[u8]| {
    let written = frame(&Message::decode(Bytes::copy_from_slice(body)));
    if !written.is_empty() {
        assert_eq!(frame(&Message::decode(written.slice(4..))), written);
    }
});
