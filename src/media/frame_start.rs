//! Whether decoding can begin at a video frame, by the first bytes of the frame itself.
//!
//! For encoders that do not set the random access indicator.

use super::psi::Kind;

/// Looks into the beginning of a PES packet (header included) that may still be growing. `true` once
/// the bytes show a frame that needs no earlier one; `false` says nothing yet.
pub fn is_random_access(kind: Kind, pes: &[u8]) -> bool {
    let Some(frame) = elementary(pes) else { return false };
    start_codes(frame).any(|unit| match kind {
        Kind::H264 => is_h264_start(unit),
        Kind::H265 => is_h265_start(unit),
        Kind::Mpeg2Video => is_mpeg2_start(unit),
        _ => false,
    })
}

/// What follows the PES header.
fn elementary(pes: &[u8]) -> Option<&[u8]> {
    let head = pes.first_chunk::<9>()?;
    (head[..3] == [0, 0, 1]).then_some(())?;
    pes.get(9 + usize::from(head[8])..)
}

/// The bytes after each start code.
fn start_codes(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    (0..bytes.len()).filter(|&at| bytes[at..].starts_with(&[0, 0, 1])).map(|at| &bytes[at + 3..])
}

/// IDR slice, sequence parameters, or a recovery point message.
fn is_h264_start(unit: &[u8]) -> bool {
    match unit {
        [head, ..] if matches!(head & 0x1f, 5 | 7) => true,
        [head, payload, ..] => head & 0x1f == 6 && *payload == 6,
        _ => false,
    }
}

/// A picture of the IRAP types, or sequence parameters.
fn is_h265_start(unit: &[u8]) -> bool {
    unit.first().is_some_and(|head| matches!(head >> 1 & 0x3f, 16..=21 | 32 | 33))
}

/// A sequence header, or the header of a picture coded by itself.
fn is_mpeg2_start(unit: &[u8]) -> bool {
    match unit {
        [0xb3, ..] => true,
        [0x00, _, coding, ..] => coding >> 3 & 7 == 1,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pes(units: &[&[u8]]) -> Vec<u8> {
        let mut bytes = vec![0, 0, 1, 0xe0, 0, 0, 0x80, 0x80, 5, 0, 0, 1, 9, 9];
        for unit in units {
            bytes.extend([0, 0, 1]);
            bytes.extend(*unit);
        }
        bytes
    }

    #[test]
    fn key_frames_are_known_by_their_units() {
        assert!(is_random_access(Kind::H264, &pes(&[&[0x09, 0x10], &[0x67, 0x42]])));
        assert!(is_random_access(Kind::H264, &pes(&[&[0x09, 0x10], &[0x06, 0x06, 0x01]])));
        assert!(is_random_access(Kind::H265, &pes(&[&[0x46, 0x01], &[0x40, 0x01]])));
        assert!(is_random_access(Kind::H265, &pes(&[&[0x2a, 0x01]])));
        assert!(is_random_access(Kind::Mpeg2Video, &pes(&[&[0xb3, 0x14]])));
        assert!(is_random_access(Kind::Mpeg2Video, &pes(&[&[0x00, 0x00, 0x08]])));
    }

    #[test]
    fn dependent_frames_headers_and_garbage_are_not() {
        assert!(!is_random_access(Kind::H264, &pes(&[&[0x09, 0x30], &[0x41, 0x9a]])));
        assert!(!is_random_access(Kind::H265, &pes(&[&[0x46, 0x01], &[0x02, 0x01]])));
        assert!(!is_random_access(Kind::Mpeg2Video, &pes(&[&[0x00, 0x00, 0x10]])));
        assert!(!is_random_access(Kind::H264, &[0, 0, 1, 0xe0, 0, 0, 0x80, 0x80, 255, 0, 0, 1, 0x67]));
        assert!(!is_random_access(Kind::H264, &[0x67]));
    }
}
