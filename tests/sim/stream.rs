//! The broadcast of a run: keys, and signed pieces of random media.

use bytes::Bytes;
use rsa::rand_core::{CryptoRng, RngCore};

use start_engine::base::rng::Rng;
use start_engine::live::cutter::Cutter;
use start_engine::live::geometry::Geometry;
use start_engine::live::piece::VerifiedPiece;
use start_engine::live::source_key::{DEFAULT_KEY_BITS, SourceKey};
use start_engine::live::verifier::Verifier;

/// A seeded generator where keys are minted: fit for tests alone.
pub struct TestRng(pub Rng);

impl RngCore for TestRng {
    fn next_u32(&mut self) -> u32 {
        self.0.next_u64() as u32
    }

    fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    fn fill_bytes(&mut self, out: &mut [u8]) {
        out.chunks_mut(8)
            .for_each(|part| part.copy_from_slice(&self.0.next_u64().to_le_bytes()[..part.len()]));
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), rsa::rand_core::Error> {
        self.fill_bytes(out);
        Ok(())
    }
}

impl CryptoRng for TestRng {}

pub struct Stream {
    pub geometry: Geometry,
    pub verifier: Verifier,
    key_pem: String,
    cutter: Cutter<TestRng>,
    media: Rng,
}

impl Stream {
    /// A new key; the first piece has number `first`.
    pub fn new(seed: u64, piece_length: u32, first: u64) -> Self {
        let mut rng = TestRng(Rng::new(seed));
        let key = SourceKey::generate(DEFAULT_KEY_BITS, &mut rng).unwrap();
        let verifier = key.verifier();
        let signature_length = verifier.signature_length() as u32;
        let geometry = Geometry::new(piece_length, piece_length.min(16_384), signature_length).unwrap();
        let (key_pem, media) = (key.to_pem().unwrap(), rng.0.fork());
        let cutter = Cutter::new(geometry, key, rng, first);
        Self { geometry, verifier, key_pem, cutter, media }
    }

    /// The next piece, made at `time_s` (Unix seconds).
    pub fn produce(&mut self, time_s: f64) -> VerifiedPiece {
        let mut media = vec![0; self.geometry.payload_length()];
        media
            .chunks_mut(8)
            .for_each(|part| part.copy_from_slice(&self.media.next_u64().to_le_bytes()[..part.len()]));
        self.cutter.push(Bytes::from(media), time_s).unwrap().pop().unwrap()
    }

    /// Goes on `count` numbers later, with the same key.
    pub fn skip_numbers(&mut self, count: u64) {
        let mut rng = TestRng(self.media.fork());
        let (key, _) = SourceKey::from_pem(&self.key_pem, &mut rng).unwrap();
        let next = self.cutter.next_number() + count;
        self.cutter = Cutter::new(self.geometry, key, rng, next);
    }
}
