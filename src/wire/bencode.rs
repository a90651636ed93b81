//! Reads bencode that a stranger wrote, into a tree of slices of the input, and writes it
//! canonically.
//!
//! It decides how long, how deep and how many values an input may be, and whether its form is
//! canonical. It never copies a string, and never recurses deeper than
//! [`BENCODE_MAX_DEPTH`](limits::BENCODE_MAX_DEPTH). What a key means is for others.

mod write;

pub use write::{Dict, List};

use crate::base::limits::{self, BENCODE_MAX_VALUES};

/// One value, with the exact bytes that it was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value<'a> {
    /// The value's own encoding.
    pub raw: &'a [u8],
    /// Offset of `raw` in the whole input.
    pub offset: usize,
    pub kind: Kind<'a>,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind<'a> {
    Int(i64),
    Bytes(&'a [u8]),
    List(Vec<Value<'a>>),
    /// In the order of the input.
    Dict(Vec<(&'a [u8], Value<'a>)>),
}

/// Why an input was refused; `at` is an offset in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BencodeError {
    #[error("bencode of {bytes} bytes is longer than the {max_bytes} allowed")]
    TooLong { bytes: usize, max_bytes: usize },
    #[error("bencode at byte {at} is nested deeper than {max_depth}")]
    TooDeep { at: usize, max_depth: usize },
    #[error("bencode holds more than {max_values} values")]
    TooManyValues { max_values: usize },
    #[error("bencode ends at byte {at} inside a value")]
    Truncated { at: usize },
    #[error("bencode has the unexpected byte 0x{byte:02x} at byte {at}")]
    Unexpected { at: usize, byte: u8 },
    #[error("bencode integer at byte {at} is not minimal or does not fit 64 bits")]
    BadInteger { at: usize },
    #[error("bencode string at byte {at} has a length that is not minimal or does not fit the input")]
    BadLength { at: usize },
    #[error("bencode key at byte {at} is out of order or repeated")]
    UnsortedKey { at: usize },
    #[error("bencode ends at byte {at} but more bytes follow")]
    TrailingBytes { at: usize },
}

/// How strictly the form is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Sorted unique keys, minimal integers and lengths.
    Canonical,
    /// What sloppy writers produce: keys in any order, leading zeros.
    Lenient,
}

/// Reads an input that must be one canonical value of at most `max_bytes`.
pub fn parse(input: &[u8], max_bytes: usize) -> Result<Value<'_>, BencodeError> {
    whole(input, max_bytes, Form::Canonical)
}

/// Reads an input that must be one value of at most `max_bytes`, canonical or not.
pub fn parse_lenient(input: &[u8], max_bytes: usize) -> Result<Value<'_>, BencodeError> {
    whole(input, max_bytes, Form::Lenient)
}

/// Reads one value, canonical or not, from the start of an input whose first `max_bytes` it must
/// fit in; what follows is `input[value.raw.len()..]`.
pub fn parse_prefix(input: &[u8], max_bytes: usize) -> Result<Value<'_>, BencodeError> {
    let input = input.get(..max_bytes).unwrap_or(input);
    Reader::new(input, Form::Lenient).value(0)
}

fn whole(input: &[u8], max_bytes: usize, form: Form) -> Result<Value<'_>, BencodeError> {
    if input.len() > max_bytes {
        return Err(BencodeError::TooLong { bytes: input.len(), max_bytes });
    }
    let mut reader = Reader::new(input, form);
    let value = reader.value(0)?;
    if reader.at == input.len() { Ok(value) } else { Err(BencodeError::TrailingBytes { at: reader.at }) }
}

struct Reader<'a> {
    input: &'a [u8],
    at: usize,
    values: usize,
    form: Form,
}

impl<'a> Reader<'a> {
    fn new(input: &'a [u8], form: Form) -> Self {
        Self { input, at: 0, values: 0, form }
    }

    fn value(&mut self, depth: usize) -> Result<Value<'a>, BencodeError> {
        let offset = self.at;
        self.values += 1;
        if self.values > BENCODE_MAX_VALUES {
            return Err(BencodeError::TooManyValues { max_values: BENCODE_MAX_VALUES });
        }
        let kind = match self.peek()? {
            b'i' => Kind::Int(self.int()?),
            b'0'..=b'9' => Kind::Bytes(self.bytes()?),
            b'l' => Kind::List(self.list(depth)?),
            b'd' => Kind::Dict(self.dict(depth)?),
            byte => return Err(BencodeError::Unexpected { at: offset, byte }),
        };
        Ok(Value { raw: &self.input[offset..self.at], offset, kind })
    }

    fn peek(&self) -> Result<u8, BencodeError> {
        self.input.get(self.at).copied().ok_or(BencodeError::Truncated { at: self.at })
    }

    /// Takes the ASCII digits up to `end`, and `end`.
    fn digits(&mut self, end: u8, error: BencodeError) -> Result<&'a [u8], BencodeError> {
        let rest = &self.input[self.at..];
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        match rest.get(count) {
            None => Err(BencodeError::Truncated { at: self.input.len() }),
            Some(&byte) if byte == end && self.is_minimal(&rest[..count]) => {
                self.at += count + 1;
                Ok(&rest[..count])
            }
            Some(_) => Err(error),
        }
    }

    fn is_minimal(&self, digits: &[u8]) -> bool {
        match digits {
            [] => false,
            [b'0', _, ..] => self.form == Form::Lenient,
            _ => true,
        }
    }

    fn int(&mut self) -> Result<i64, BencodeError> {
        let error = BencodeError::BadInteger { at: self.at };
        self.at += 1;
        let negative = self.peek()? == b'-';
        self.at += usize::from(negative);
        let digits = self.digits(b'e', error)?;
        if negative && digits == b"0" && self.form == Form::Canonical {
            return Err(error);
        }
        digits
            .iter()
            .try_fold(0i64, |value, digit| {
                let digit = i64::from(digit - b'0');
                let shifted = value.checked_mul(10)?;
                if negative { shifted.checked_sub(digit) } else { shifted.checked_add(digit) }
            })
            .ok_or(error)
    }

    fn bytes(&mut self) -> Result<&'a [u8], BencodeError> {
        let error = BencodeError::BadLength { at: self.at };
        let length = self
            .digits(b':', error)?
            .iter()
            .try_fold(0usize, |value, digit| value.checked_mul(10)?.checked_add(usize::from(digit - b'0')))
            .ok_or(error)?;
        let bytes = self.input[self.at..].get(..length).ok_or(error)?;
        self.at += length;
        Ok(bytes)
    }

    fn enter(&mut self, depth: usize) -> Result<usize, BencodeError> {
        if depth >= limits::BENCODE_MAX_DEPTH {
            return Err(BencodeError::TooDeep { at: self.at, max_depth: limits::BENCODE_MAX_DEPTH });
        }
        self.at += 1;
        Ok(depth + 1)
    }

    /// Whether the list or dict ends here; takes its end.
    fn ends(&mut self) -> Result<bool, BencodeError> {
        let ends = self.peek()? == b'e';
        self.at += usize::from(ends);
        Ok(ends)
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Value<'a>>, BencodeError> {
        let depth = self.enter(depth)?;
        let mut items = Vec::new();
        while !self.ends()? {
            items.push(self.value(depth)?);
        }
        Ok(items)
    }

    fn dict(&mut self, depth: usize) -> Result<Vec<(&'a [u8], Value<'a>)>, BencodeError> {
        let depth = self.enter(depth)?;
        let mut entries: Vec<(&'a [u8], Value<'a>)> = Vec::new();
        while !self.ends()? {
            let at = self.at;
            match self.peek()? {
                b'0'..=b'9' => {}
                byte => return Err(BencodeError::Unexpected { at, byte }),
            }
            let key = self.bytes()?;
            let sorted = entries.last().is_none_or(|(last, _)| *last < key);
            if !sorted && self.form == Form::Canonical {
                return Err(BencodeError::UnsortedKey { at });
            }
            entries.push((key, self.value(depth)?));
        }
        Ok(entries)
    }
}

impl<'a> Value<'a> {
    pub fn as_int(&self) -> Option<i64> {
        if let Kind::Int(value) = self.kind { Some(value) } else { None }
    }

    pub fn as_bytes(&self) -> Option<&'a [u8]> {
        if let Kind::Bytes(value) = self.kind { Some(value) } else { None }
    }

    /// A byte string that is UTF-8.
    pub fn as_str(&self) -> Option<&'a str> {
        std::str::from_utf8(self.as_bytes()?).ok()
    }

    pub fn as_list(&self) -> Option<&[Value<'a>]> {
        if let Kind::List(items) = &self.kind { Some(items) } else { None }
    }

    /// Keys and values in the order of the input.
    pub fn as_dict(&self) -> Option<&[(&'a [u8], Value<'a>)]> {
        if let Kind::Dict(entries) = &self.kind { Some(entries) } else { None }
    }

    /// The value of a key of this dict (the first one, if a lenient input repeats it); `None` also
    /// when this is no dict.
    pub fn get(&self, key: &str) -> Option<&Value<'a>> {
        let (_, value) = self.as_dict()?.iter().find(|(name, _)| *name == key.as_bytes())?;
        Some(value)
    }

    pub fn get_int(&self, key: &str) -> Option<i64> {
        self.get(key)?.as_int()
    }

    pub fn get_bytes(&self, key: &str) -> Option<&'a [u8]> {
        self.get(key)?.as_bytes()
    }

    pub fn get_str(&self, key: &str) -> Option<&'a str> {
        self.get(key)?.as_str()
    }
}
