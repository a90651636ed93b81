//! A database in MaxMind's form, made for a test: some networks of IPv4, each of a country.
//!
//! A binary tree over the bits of an address, then the values, then a description of the whole.

use std::net::Ipv4Addr;
use std::path::Path;

const RECORD_BYTES: usize = 3;
/// Between tree and values.
const SEPARATOR: [u8; 16] = [0; 16];
const MARKER: &[u8] = b"\xab\xcd\xefMaxMind.com";

/// Where a branch leads.
#[derive(Clone, Copy)]
enum Branch {
    Nowhere,
    Node(usize),
    /// Bytes from the beginning of the values.
    Value(usize),
}

/// Writes a database of `networks`: first address, length, country.
pub fn write(path: &Path, networks: &[(Ipv4Addr, u8, &str)]) {
    let (mut tree, mut values) = (vec![[Branch::Nowhere; 2]], Vec::new());
    for &(first, length, country) in networks {
        let value = values.len();
        values.extend(map(&[("country", map(&[("iso_code", text(country))]))]));
        insert(&mut tree, first.to_bits(), length, value);
    }
    let mut file = Vec::new();
    for branch in tree.iter().flatten() {
        let record = match *branch {
            Branch::Nowhere => tree.len(),
            Branch::Node(node) => node,
            Branch::Value(at) => tree.len() + SEPARATOR.len() + at,
        };
        file.extend_from_slice(&(record as u32).to_be_bytes()[4 - RECORD_BYTES..]);
    }
    file.extend_from_slice(&SEPARATOR);
    file.extend(values);
    file.extend_from_slice(MARKER);
    file.extend(map(&[
        ("node_count", number(6, tree.len())),
        ("record_size", number(5, 8 * RECORD_BYTES)),
        ("ip_version", number(5, 4)),
        ("database_type", text("Test-Country")),
        ("languages", vec![0, 4]),
        ("binary_format_major_version", number(5, 2)),
        ("binary_format_minor_version", number(5, 0)),
        ("build_epoch", [&[8, 2], &1_700_000_000u64.to_be_bytes()[..]].concat()),
        ("description", map(&[])),
    ]));
    std::fs::write(path, file).expect("is written");
}

fn insert(tree: &mut Vec<[Branch; 2]>, address: u32, length: u8, value: usize) {
    let mut node = 0;
    for bit in 0..length {
        let side = (address >> (31 - bit) & 1) as usize;
        if bit + 1 == length {
            tree[node][side] = Branch::Value(value);
            return;
        }
        node = match tree[node][side] {
            Branch::Node(next) => next,
            _ => {
                tree.push([Branch::Nowhere; 2]);
                tree[node][side] = Branch::Node(tree.len() - 1);
                tree.len() - 1
            }
        };
    }
}

fn text(text: &str) -> Vec<u8> {
    let head = match text.len() {
        length @ 0..29 => vec![2 << 5 | length as u8],
        length => vec![2 << 5 | 29, (length - 29) as u8],
    };
    [head, text.as_bytes().to_vec()].concat()
}

/// 5 is a number of 16 bits, 6 one of 32.
fn number(kind: u8, number: usize) -> Vec<u8> {
    let bytes = (number as u32).to_be_bytes();
    let width = if kind == 5 { 2 } else { 4 };
    [&[kind << 5 | width as u8], &bytes[4 - width..]].concat()
}

fn map(fields: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let head = vec![7 << 5 | fields.len() as u8];
    fields.iter().fold(head, |map, (name, value)| [map, text(name), value.clone()].concat())
}
