//! The nodes of the DHT that answered in the last run, and this node's places among them. Losing it costs a
//! moment at the next start and nothing else: what cannot be read is passed over.

use std::path::Path;

use super::files::{self, FileError};
use crate::base::ids::DhtId;
use crate::base::limits::DHT_TABLE_FILE_MAX_BYTES;
use crate::dht::SavedTable;
use crate::wire::bencode::{self, Dict, Value};
use crate::wire::krpc::{pack_nodes, unpack_v4_nodes, unpack_v6_nodes};

const FILE: &str = "dht.table";
/// A table has 8 nodes for each bit of an id, at most.
const NODES_MAX: usize = 8 * 160;

/// The table in the state directory `dir`; an empty one when there is none.
///
/// # Errors
/// The file cannot be read, or is something else.
pub fn load(dir: &Path) -> Result<SavedTable, FileError> {
    let path = dir.join(FILE);
    let Some(bytes) = files::read_bounded(&path, DHT_TABLE_FILE_MAX_BYTES)? else {
        return Ok(SavedTable::default());
    };
    decode(&bytes).ok_or(FileError::Garbage { path, what: "table of the DHT" })
}

/// Replaces the table.
///
/// # Errors
/// The directory cannot be written to.
pub fn save(dir: &Path, table: &SavedTable) -> Result<(), FileError> {
    files::write_atomically(&dir.join(FILE), &encode(table), 0o644)
}

fn encode(table: &SavedTable) -> Vec<u8> {
    let (v4, v6): (Vec<_>, Vec<_>) = table.nodes.iter().copied().partition(|node| node.addr.is_ipv4());
    let dict = Dict::new().bytes("nodes", pack_nodes(&v4)).bytes("nodes6", pack_nodes(&v6));
    let dict = dict.maybe(table.id_v4, |dict, id| dict.bytes("id", id.0));
    dict.maybe(table.id_v6, |dict, id| dict.bytes("id6", id.0)).encode()
}

fn decode(bytes: &[u8]) -> Option<SavedTable> {
    let dict = bencode::parse(bytes, DHT_TABLE_FILE_MAX_BYTES).ok()?;
    let mut nodes = unpack_v4_nodes(dict.get_bytes("nodes")?, NODES_MAX);
    nodes.extend(unpack_v6_nodes(dict.get_bytes("nodes6")?, NODES_MAX));
    Some(SavedTable { id_v4: place(&dict, "id"), id_v6: place(&dict, "id6"), nodes })
}

fn place(dict: &Value<'_>, key: &str) -> Option<DhtId> {
    dict.get_bytes(key)?.try_into().ok().map(DhtId)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::krpc::Contact;

    #[test]
    fn table_survives_a_restart() {
        let dir = tempfile::tempdir().expect("a directory");
        assert_eq!(load(dir.path()).expect("none"), SavedTable::default());
        let node =
            |n: u8, addr: &str| Contact { id: DhtId([n; 20]), addr: addr.parse().expect("an address") };
        let table = SavedTable {
            id_v4: Some(DhtId([1; 20])),
            id_v6: None,
            nodes: vec![node(2, "1.2.3.4:6881"), node(3, "[2001:db8::1]:6881")],
        };
        save(dir.path(), &table).expect("saves");
        assert_eq!(load(dir.path()).expect("loads"), table);
    }

    #[test]
    fn file_that_is_something_else_is_named() {
        let dir = tempfile::tempdir().expect("a directory");
        for bytes in
            [&b"\xff\xfe"[..], b"de", b"d5:nodesi1e6:nodes60:e", &vec![b'x'; DHT_TABLE_FILE_MAX_BYTES + 1]]
        {
            std::fs::write(dir.path().join(FILE), bytes).expect("writes");
            let error = load(dir.path()).expect_err("refused").to_string();
            assert!(error.contains("dht.table"), "{error}");
        }
    }
}
