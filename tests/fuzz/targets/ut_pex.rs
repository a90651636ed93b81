//! Any payload is refused or read, and what was read survives another round.
#![no_main]

use libfuzzer_sys::fuzz_target;
use start_engine::wire::ut_pex::PeerChanges;

fuzz_target!(|payload: &[u8]| {
    if let Some(changes) = PeerChanges::decode(payload) {
        assert_eq!(PeerChanges::decode(&changes.encode()), Some(changes));
    }
});
