//! No input panics, and none is accepted without its signature: signing it again is another dict.
#![no_main]

use libfuzzer_sys::fuzz_target;
use start_engine::wire::extended::{ExtendedHandshake, NodeKey};

fuzz_target!(|input: &[u8]| {
    if let Ok((_, handshake)) = ExtendedHandshake::verify(input) {
        let key = NodeKey::from_seed([1; 32]);
        let again = ExtendedHandshake::verify(&handshake.sign(&key)).expect("what we sign verifies");
        assert_eq!(again, (key.node_id(), handshake));
    }
});
