//! The transport stream packet: 188 bytes, read in place.

/// Bytes of a transport stream packet.
pub const PACKET_BYTES: usize = 188;
/// The first byte of every packet.
pub const SYNC_BYTE: u8 = 0x47;
/// The packet identifier of padding.
pub const NULL_PID: u16 = 0x1fff;

/// A view of one packet. All reads stay inside the 188 bytes, whatever the fields claim.
#[derive(Debug, Clone, Copy)]
pub struct Packet<'a>(&'a [u8; PACKET_BYTES]);

impl<'a> Packet<'a> {
    /// `None` unless `bytes` is exactly one packet that begins with the sync byte.
    pub fn new(bytes: &'a [u8]) -> Option<Self> {
        let bytes: &[u8; PACKET_BYTES] = bytes.try_into().ok()?;
        (bytes[0] == SYNC_BYTE).then_some(Self(bytes))
    }

    pub fn bytes(&self) -> &'a [u8; PACKET_BYTES] {
        self.0
    }

    pub fn pid(&self) -> u16 {
        u16::from_be_bytes([self.0[1] & 0x1f, self.0[2]])
    }

    /// Whether the sender marked the packet as damaged.
    pub fn has_transport_error(&self) -> bool {
        self.0[1] & 0x80 != 0
    }

    /// Whether a PES packet or a section begins in the payload.
    pub fn starts_unit(&self) -> bool {
        self.0[1] & 0x40 != 0
    }

    pub fn continuity_counter(&self) -> u8 {
        self.0[3] & 0x0f
    }

    pub fn has_payload(&self) -> bool {
        self.0[3] & 0x10 != 0
    }

    /// What follows the header and the adaptation field; empty when there is none.
    pub fn payload(&self) -> &'a [u8] {
        if !self.has_payload() {
            return &[];
        }
        let start = match self.0[3] & 0x20 {
            0 => 4,
            _ => 5 + usize::from(self.0[4]),
        };
        self.0.get(start..).unwrap_or(&[])
    }

    /// The adaptation field from its flags on; empty when there is none.
    fn adaptation(&self) -> &'a [u8] {
        if self.0[3] & 0x20 == 0 {
            return &[];
        }
        self.0.get(5..5 + usize::from(self.0[4])).unwrap_or(&[])
    }

    /// Whether the sender announced a break of the clock or the counters.
    pub fn is_discontinuity(&self) -> bool {
        self.adaptation().first().is_some_and(|flags| flags & 0x80 != 0)
    }

    /// Whether the sender marked a point to start decoding at.
    pub fn is_random_access(&self) -> bool {
        self.adaptation().first().is_some_and(|flags| flags & 0x40 != 0)
    }

    /// The program clock reference, in ticks of 27 MHz, `0..2^33 * 300`.
    pub fn pcr(&self) -> Option<u64> {
        let field = self.adaptation();
        let bytes = field.get(1..7).filter(|_| field[0] & 0x10 != 0)?;
        let base = u64::from(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])) << 1
            | u64::from(bytes[4] >> 7);
        let extension = u64::from(bytes[4] & 1) << 8 | u64::from(bytes[5]);
        Some(base * 300 + extension)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(head: &[u8]) -> [u8; PACKET_BYTES] {
        let mut bytes = [0xff; PACKET_BYTES];
        bytes[..head.len()].copy_from_slice(head);
        bytes
    }

    #[test]
    fn fields_are_read_from_their_places() {
        let bytes = packet(&[0x47, 0x41, 0x00, 0x37, 7, 0x50, 0x00, 0x00, 0x00, 0x01, 0xfe, 0x05, 1, 2, 3]);
        let packet = Packet::new(&bytes).unwrap();
        assert_eq!(packet.pid(), 0x100);
        assert!(packet.starts_unit() && packet.is_random_access() && !packet.is_discontinuity());
        assert_eq!(packet.continuity_counter(), 7);
        assert_eq!(packet.pcr(), Some(3 * 300 + 5));
        assert_eq!(packet.payload()[..3], [1, 2, 3]);
    }

    #[test]
    fn absurd_adaptation_length_reads_as_nothing() {
        let bytes = packet(&[0x47, 0x01, 0x00, 0x30, 255, 0x50]);
        let packet = Packet::new(&bytes).unwrap();
        assert_eq!((packet.pcr(), packet.payload()), (None, &[][..]));
    }

    #[test]
    fn other_bytes_are_no_packet() {
        assert!(Packet::new(&[0x47; 187]).is_none());
        assert!(Packet::new(&[0x48; 188]).is_none());
    }
}
