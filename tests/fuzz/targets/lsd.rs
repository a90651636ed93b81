//! Any datagram is refused or read, and what was read survives another round.
#![no_main]

use libfuzzer_sys::fuzz_target;
use start_engine::wire::lsd::Search;

fuzz_target!(|datagram: &[u8]| {
    if let Some(Search::Long(search)) = Search::decode(datagram) {
        assert_eq!(Search::decode(&search.encode("h:1")), Some(Search::Long(search)));
    }
});
