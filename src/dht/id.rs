//! Places in the DHT: how far apart they are, and which an address may take (BEP 42).

use std::net::IpAddr;

use crate::base::ids::DhtId;
use crate::base::net::is_public;
use crate::base::rng::Rng;

/// Of an address only these bits count: whoever has a network of them gets few places.
const V4_MASK: [u8; 4] = [0x03, 0x0f, 0x3f, 0xff];
const V6_MASK: [u8; 8] = [0x01, 0x03, 0x07, 0x0f, 0x1f, 0x3f, 0x7f, 0xff];
/// The polynomial of CRC32-C, reflected.
const CASTAGNOLI: u32 = 0x82f6_3b78;

/// How far apart two places are; compares as numbers do.
pub fn distance(a: &DhtId, b: &DhtId) -> [u8; 20] {
    std::array::from_fn(|at| a.0[at] ^ b.0[at])
}

/// How many first bits two places share: 0 to 160.
pub fn shared_bits(a: &DhtId, b: &DhtId) -> usize {
    let apart = distance(a, b);
    match apart.iter().position(|&byte| byte != 0) {
        Some(at) => 8 * at + apart[at].leading_zeros() as usize,
        None => 160,
    }
}

/// A place anywhere.
pub fn random_id(rng: &mut Rng) -> DhtId {
    let mut id = [0; 20];
    id.chunks_mut(8).for_each(|part| part.copy_from_slice(&rng.next_u64().to_be_bytes()[..part.len()]));
    DhtId(id)
}

/// A place that a node with the address `ip` may take.
pub fn id_for(ip: IpAddr, rng: &mut Rng) -> DhtId {
    let mut id = random_id(rng);
    let [first, second, third] = prefix(ip, id.0[19]);
    (id.0[0], id.0[1]) = (first, second);
    id.0[2] = third & 0xf8 | id.0[2] & 0x07;
    id
}

/// Whether a node with the address `ip` may take this place. Addresses of no public network may take any.
pub fn is_place_of(id: &DhtId, ip: IpAddr) -> bool {
    let [first, second, third] = prefix(ip, id.0[19]);
    !is_public(ip) || (id.0[0], id.0[1], id.0[2] & 0xf8) == (first, second, third & 0xf8)
}

/// The bytes whose first 21 bits are given; which of 8 such, the last byte of the id chooses.
fn prefix(ip: IpAddr, chooser: u8) -> [u8; 3] {
    let choice = (chooser & 0x07) << 5;
    let crc = match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let octets = ip.octets();
            let mut masked: [u8; 4] = std::array::from_fn(|at| octets[at] & V4_MASK[at]);
            masked[0] |= choice;
            crc32c(&masked)
        }
        IpAddr::V6(ip) => {
            let octets = ip.octets();
            let mut masked: [u8; 8] = std::array::from_fn(|at| octets[at] & V6_MASK[at]);
            masked[0] |= choice;
            crc32c(&masked)
        }
    };
    let [first, second, third, _] = crc.to_be_bytes();
    [first, second, third]
}

fn crc32c(bytes: &[u8]) -> u32 {
    let with_bit = |crc: u32| if crc & 1 == 1 { crc >> 1 ^ CASTAGNOLI } else { crc >> 1 };
    let with_byte = |crc: u32, byte: &u8| (0..8).fold(crc ^ u32::from(*byte), |crc, _| with_bit(crc));
    !bytes.iter().fold(u32::MAX, with_byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_given_as_the_standard_lists_them() {
        let examples = [
            ("124.31.75.21", "5fbfbff10c5d6a4ec8a88e4c6ab4c28b95eee401"),
            ("21.75.31.124", "5a3ce9c14e7a08645677bbd1cfe7d8f956d53256"),
            ("65.23.51.170", "a5d43220bc8f112a3d426c84764f8c2a1150e616"),
            ("84.124.73.14", "1b0321dd1bb1fe518101ceef99462b947a01ff41"),
            ("43.213.53.83", "e56f6cbf5b7c4be0237986d5243b87aa6d51305a"),
        ];
        for (ip, id) in examples {
            let (ip, id) = (ip.parse().expect("an address"), id.parse().expect("an id"));
            assert!(is_place_of(&id, ip), "{ip} {id}");
            assert!(!is_place_of(&id, "8.8.8.8".parse().expect("an address")));
        }
    }

    #[test]
    fn own_place_is_one_of_the_address() {
        let mut rng = Rng::new(1);
        for ip in ["1.2.3.4", "2606:4700::1", "2a00:1450:4001::5"] {
            let ip = ip.parse().expect("an address");
            let ids: Vec<_> = (0..20).map(|_| id_for(ip, &mut rng)).collect();
            assert!(ids.iter().all(|id| is_place_of(id, ip)));
            assert!(ids.iter().any(|id| shared_bits(id, &ids[0]) < 21), "one of 8");
        }
    }

    #[test]
    fn distance_orders_by_the_first_bit_that_differs() {
        let id = |first: u8, last: u8| {
            let mut id = [0; 20];
            (id[0], id[19]) = (first, last);
            DhtId(id)
        };
        assert_eq!(shared_bits(&id(0, 0), &id(0, 0)), 160);
        assert_eq!((shared_bits(&id(0, 0), &id(1, 0)), shared_bits(&id(0, 0), &id(0, 1))), (7, 159));
        assert!(distance(&id(0, 0), &id(1, 0)) > distance(&id(0, 0), &id(0, 0xff)));
    }
}
