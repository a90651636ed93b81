//! Any datagram is refused or read, and what was read survives another round.
#![no_main]

use libfuzzer_sys::fuzz_target;
use start_engine::wire::krpc::{Body, Message};

fuzz_target!(|datagram: &[u8]| {
    let Ok(message) = Message::decode(datagram) else { return };
    let again = match &message.body {
        Body::Query(asked) => asked.encode(message.transaction),
        Body::Answer(answer) => answer.encode(message.transaction),
        Body::BadQuery(_) | Body::Error(_) => return,
    };
    // a nested key may make it longer than it was, up to what is read at all
    if let Ok(read) = Message::decode(&again) {
        assert_eq!(read, message);
    }
});
