//! Writes bencode that is canonical by construction: a dict sorts its keys and holds each once.

use std::collections::BTreeMap;

/// A dict under construction. A key set twice keeps the later value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dict(BTreeMap<Vec<u8>, Vec<u8>>);

/// A list under construction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct List(Vec<u8>);

impl Dict {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn int(self, key: impl AsRef<[u8]>, value: i64) -> Self {
        self.raw(key, int(value))
    }

    pub fn bytes(self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        let mut encoded = Vec::with_capacity(value.as_ref().len() + 8);
        put_bytes(&mut encoded, value.as_ref());
        self.raw(key, encoded)
    }

    pub fn list(self, key: impl AsRef<[u8]>, value: List) -> Self {
        self.raw(key, value.encode())
    }

    pub fn dict(self, key: impl AsRef<[u8]>, value: Dict) -> Self {
        self.raw(key, value.encode())
    }

    /// Sets a key to a value that is bencode already.
    pub fn raw(mut self, key: impl AsRef<[u8]>, encoded: impl Into<Vec<u8>>) -> Self {
        self.0.insert(key.as_ref().to_vec(), encoded.into());
        self
    }

    /// Applies `set` to the dict when there is a value.
    pub fn maybe<T>(self, value: Option<T>, set: impl FnOnce(Self, T) -> Self) -> Self {
        match value {
            Some(value) => set(self, value),
            None => self,
        }
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![b'd'];
        for (key, value) in &self.0 {
            put_bytes(&mut out, key);
            out.extend_from_slice(value);
        }
        out.push(b'e');
        out
    }
}

impl List {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn int(self, value: i64) -> Self {
        self.raw(&int(value))
    }

    pub fn bytes(mut self, value: impl AsRef<[u8]>) -> Self {
        put_bytes(&mut self.0, value.as_ref());
        self
    }

    pub fn list(self, value: List) -> Self {
        self.raw(&value.encode())
    }

    pub fn dict(self, value: Dict) -> Self {
        self.raw(&value.encode())
    }

    /// Appends a value that is bencode already.
    pub fn raw(mut self, encoded: &[u8]) -> Self {
        self.0.extend_from_slice(encoded);
        self
    }

    pub fn encode(&self) -> Vec<u8> {
        [b"l", self.0.as_slice(), b"e"].concat()
    }
}

impl<T: AsRef<[u8]>> FromIterator<T> for List {
    /// A list of byte strings.
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        items.into_iter().fold(Self::new(), List::bytes)
    }
}

fn int(value: i64) -> Vec<u8> {
    format!("i{value}e").into_bytes()
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(bytes.len().to_string().as_bytes());
    out.push(b':');
    out.extend_from_slice(bytes);
}
