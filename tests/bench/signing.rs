//! What authenticity costs: a signature, and a whole piece from media to signed and from chunks to
//! verified.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use rsa::rand_core::OsRng;
use start_engine::base::ids::{LinkId, PieceId};
use start_engine::live::assembler::{Added, Assembly, Shape};
use start_engine::live::cutter::Cutter;
use start_engine::live::geometry::{DEFAULT_CHUNK_LENGTH, Geometry};
use start_engine::live::piece::VerifiedPiece;
use start_engine::live::source_key::{DEFAULT_KEY_BITS, SourceKey};

/// Seconds since the epoch, of all pieces.
const TIME_S: f64 = 1.7e9;

criterion_group!(signing, signatures, pieces);
criterion_main!(signing);

fn mint(bits: usize) -> SourceKey {
    SourceKey::generate(bits, &mut OsRng).expect("a key")
}

fn signatures(criterion: &mut Criterion) {
    let digest = [0xa5; 20];
    for bits in [DEFAULT_KEY_BITS, 2048] {
        let key = mint(bits);
        let verifier = key.verifier();
        let signature = key.sign(&digest, &mut OsRng).expect("a signature");
        criterion.bench_function(&format!("signing/sign digest, RSA {bits}"), |bencher| {
            bencher.iter(|| key.sign(black_box(&digest), &mut OsRng));
        });
        criterion.bench_function(&format!("signing/verify digest, RSA {bits}"), |bencher| {
            bencher.iter(|| assert!(verifier.is_valid(black_box(&digest), &signature)));
        });
    }
}

fn pieces(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("signing");
    for piece_length in [64 * 1024, 512 * 1024, 1024 * 1024] {
        let key = mint(DEFAULT_KEY_BITS);
        let verifier = key.verifier();
        let signature_length = verifier.signature_length() as u32;
        let geometry = Geometry::new(piece_length, DEFAULT_CHUNK_LENGTH, signature_length).expect("fits");
        let media = Bytes::from(vec![0x47; geometry.payload_length()]);
        let mut cutter = Cutter::new(geometry, key, OsRng, 0);
        let kib = piece_length / 1024;
        group.throughput(Throughput::Bytes(u64::from(piece_length)));
        group.bench_function(format!("cut and sign a piece of {kib} KiB"), |bencher| {
            bencher.iter(|| cutter.push(media.clone(), TIME_S).expect("signs"));
        });
        let piece = cutter.push(media, TIME_S).expect("signs").pop().expect("a piece");
        group.bench_function(format!("assemble and verify a piece of {kib} KiB"), |bencher| {
            let assemble = |chunks| assemble(&geometry, chunks).verify(&verifier).is_ok();
            bencher.iter_batched(
                || chunks(&piece),
                |chunks| assert!(assemble(chunks)),
                BatchSize::SmallInput,
            );
        });
    }
}

fn chunks(piece: &VerifiedPiece) -> Vec<Bytes> {
    piece.chunks().cloned().collect()
}

/// From two peers, in order.
fn assemble(geometry: &Geometry, chunks: Vec<Bytes>) -> Assembly {
    let mut assembly = Assembly::new(PieceId { stream: 0, number: 0 }, Shape::Signed(*geometry));
    for (chunk, data) in (0..).zip(chunks) {
        let added = assembly.add(chunk, data, TIME_S, LinkId(u64::from(chunk % 2)));
        assert!(matches!(added, Added::Stored | Added::Complete));
    }
    assembly
}
