//! What a datagram carries: transport stream packets, bare or behind an RTP head.

use crate::media::ts::{PACKET_BYTES, SYNC_BYTE};

const FIXED_HEAD_BYTES: usize = 12;

/// The transport stream part of a datagram. What is neither bare nor RTP comes back whole: the packet
/// grid may be elsewhere.
pub(super) fn payload(datagram: &[u8]) -> &[u8] {
    let is_bare = datagram.first() == Some(&SYNC_BYTE) && datagram.len().is_multiple_of(PACKET_BYTES);
    if is_bare {
        return datagram;
    }
    behind_head(datagram).filter(|payload| payload.first() == Some(&SYNC_BYTE)).unwrap_or(datagram)
}

/// What follows an RTP version 2 head: sources, extension and padding taken off.
fn behind_head(datagram: &[u8]) -> Option<&[u8]> {
    let head = datagram.get(..FIXED_HEAD_BYTES).filter(|head| head[0] >> 6 == 2)?;
    let mut start = FIXED_HEAD_BYTES + 4 * usize::from(head[0] & 0x0f);
    if head[0] & 0x10 != 0 {
        let length = datagram.get(start + 2..start + 4)?;
        start += 4 + 4 * usize::from(u16::from_be_bytes([length[0], length[1]]));
    }
    let padding = match head[0] & 0x20 {
        0 => 0,
        _ => usize::from(*datagram.last()?),
    };
    datagram.get(start..datagram.len().checked_sub(padding)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packets() -> Vec<u8> {
        let mut packet = [0xff; PACKET_BYTES];
        packet[0] = SYNC_BYTE;
        packet.repeat(7)
    }

    #[test]
    fn bare_packets_pass_as_they_are() {
        assert_eq!(payload(&packets()), packets());
    }

    #[test]
    fn rtp_head_with_sources_extension_and_padding_is_taken_off() {
        let mut datagram = vec![0x80 | 0x20 | 0x10 | 2, 33, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9];
        datagram.extend([1; 8]);
        datagram.extend([0xbe, 0xde, 0, 1, 7, 7, 7, 7]);
        datagram.extend(packets());
        datagram.extend([0, 0, 3]);
        assert_eq!(payload(&datagram), packets());
    }

    #[test]
    fn other_datagrams_come_back_whole() {
        for datagram in [&b""[..], b"hello", &[0x9f; 20], &[0xbf, 33, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255]] {
            assert_eq!(payload(datagram), datagram);
        }
    }
}
