//! Any payload is refused or read, and what was read survives another round.
#![no_main]

use libfuzzer_sys::fuzz_target;
use start_engine::wire::pex;

fuzz_target!(|payload: &[u8]| {
    if let Some(records) = pex::decode(payload) {
        assert_eq!(pex::decode(&pex::encode(&records)), Some(records));
    }
});
