//! Lower-case hexadecimal, both ways.

use std::fmt;

/// Displays bytes as lower-case hex digits.
pub struct Hex<'a>(pub &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Reads exactly `2 * N` hex digits of either case; `None` for anything else.
pub fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut out = [0; N];
    for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Some(out)
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_survive_a_round_trip() {
        let bytes = [0x00, 0x0f, 0xa5, 0xff];
        assert_eq!(Hex(&bytes).to_string(), "000fa5ff");
        assert_eq!(decode::<4>("000FA5ff"), Some(bytes));
    }

    #[test]
    fn other_text_is_refused() {
        assert_eq!(decode::<2>("00"), None);
        assert_eq!(decode::<2>("00zz"), None);
        assert_eq!(decode::<2>("é00"), None);
    }
}
