//! The two readers agree on canonical input, and neither panics on any other.
#![no_main]

use libfuzzer_sys::fuzz_target;
use start_engine::wire::bencode::{parse, parse_lenient, parse_prefix};

fuzz_target!(|input: &[u8]| {
    let lenient = parse_lenient(input, input.len());
    if let Ok(value) = parse(input, input.len()) {
        assert_eq!(value.raw, input);
        assert_eq!(lenient, Ok(value));
    }
    if let Ok(value) = parse_prefix(input, 1024) {
        assert!(value.raw.len() <= 1024 && input.starts_with(value.raw));
    }
});
