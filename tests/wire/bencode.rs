//! The bounded reader and the canonical writer.

use start_engine::base::limits::{BENCODE_MAX_DEPTH, BENCODE_MAX_VALUES};
use start_engine::wire::bencode::{BencodeError, Dict, Kind, List, parse, parse_lenient, parse_prefix};

const MAX_BYTES: usize = 1024 * 1024;

fn refusal(input: &[u8]) -> BencodeError {
    parse(input, MAX_BYTES).unwrap_err()
}

#[test]
fn values_carry_the_span_that_they_were_read_from() {
    let input = b"d4:listl1:xi-7ee3:numi42ee".as_slice();
    let dict = parse(input, MAX_BYTES).unwrap();
    assert_eq!((dict.raw, dict.offset), (input, 0));
    let list = dict.get("list").unwrap();
    assert_eq!((list.raw, list.offset), (b"l1:xi-7ee".as_slice(), 7));
    assert_eq!(list.as_list().unwrap()[1].kind, Kind::Int(-7));
    assert_eq!(dict.get_int("num"), Some(42));
    assert_eq!(dict.get("none"), None);
}

#[test]
fn writer_sorts_keys_and_its_output_is_canonical() {
    let inner = List::new().int(-1).bytes("é").list(List::new()).dict(Dict::new());
    let dict = Dict::new().int("b", 0).bytes([0xff], "raw").list("a", inner).int("b", i64::MIN);
    let bytes = dict.encode();
    let expected =
        [b"d1:ali-1e2:\xc3\xa9ledee1:bi-9223372036854775808e1:".as_slice(), b"\xff3:rawe"].concat();
    assert_eq!(bytes, expected);
    assert_eq!(parse(&bytes, MAX_BYTES).unwrap().get_int("b"), Some(i64::MIN));
}

#[test]
fn forms_that_are_not_canonical_pass_only_the_lenient_reader() {
    for input in ["i01e", "i-0e", "i-01e", "01:x", "d1:bi1e1:ai2ee", "d1:ai1e1:ai2ee"] {
        assert!(parse(input.as_bytes(), MAX_BYTES).is_err(), "{input}");
        assert!(parse_lenient(input.as_bytes(), MAX_BYTES).is_ok(), "{input}");
    }
    let repeated = parse_lenient(b"d1:ai1e1:ai2ee", MAX_BYTES).unwrap();
    assert_eq!(repeated.get_int("a"), Some(1));
}

#[test]
fn malformed_input_is_refused_with_its_place() {
    assert_eq!(refusal(b""), BencodeError::Truncated { at: 0 });
    assert_eq!(refusal(b"d1:a"), BencodeError::Truncated { at: 4 });
    assert_eq!(refusal(b"li1e"), BencodeError::Truncated { at: 4 });
    assert_eq!(refusal(b"i12"), BencodeError::Truncated { at: 3 });
    assert_eq!(refusal(b"x"), BencodeError::Unexpected { at: 0, byte: b'x' });
    assert_eq!(refusal(b"di1ei2ee"), BencodeError::Unexpected { at: 1, byte: b'i' });
    assert_eq!(refusal(b"ie"), BencodeError::BadInteger { at: 0 });
    assert_eq!(refusal(b"i1-e"), BencodeError::BadInteger { at: 0 });
    assert_eq!(refusal(b"i9223372036854775808e"), BencodeError::BadInteger { at: 0 });
    assert_eq!(refusal(b"l5:abce"), BencodeError::BadLength { at: 1 });
    assert_eq!(refusal(b"99999999999999999999999:a"), BencodeError::BadLength { at: 0 });
    assert_eq!(refusal(b"d1:b0:1:a0:e"), BencodeError::UnsortedKey { at: 6 });
    assert_eq!(refusal(b"i1ei2e"), BencodeError::TrailingBytes { at: 3 });
}

#[test]
fn nesting_is_read_to_the_limit_and_no_deeper() {
    let nested = |depth: usize| [vec![b'l'; depth], vec![b'e'; depth]].concat();
    assert!(parse(&nested(BENCODE_MAX_DEPTH), MAX_BYTES).is_ok());
    let error = BencodeError::TooDeep { at: BENCODE_MAX_DEPTH, max_depth: BENCODE_MAX_DEPTH };
    assert_eq!(refusal(&nested(BENCODE_MAX_DEPTH + 1)), error);
    assert_eq!(refusal(&vec![b'l'; MAX_BYTES]), error);
    let dicts = b"d1:a".repeat(MAX_BYTES / 4);
    assert!(matches!(parse_lenient(&dicts, MAX_BYTES), Err(BencodeError::TooDeep { .. })));
}

#[test]
fn length_and_number_of_values_are_bounded() {
    let long = vec![b'i'; MAX_BYTES + 1];
    let error = BencodeError::TooLong { bytes: MAX_BYTES + 1, max_bytes: MAX_BYTES };
    assert_eq!(refusal(&long), error);
    let many = [b"l".as_slice(), &b"le".repeat(BENCODE_MAX_VALUES), b"e"].concat();
    assert_eq!(refusal(&many), BencodeError::TooManyValues { max_values: BENCODE_MAX_VALUES });
}

#[test]
fn prefix_ends_where_its_value_ends() {
    let value = parse_prefix(b"d1:ai1eeTAIL", 64).unwrap();
    assert_eq!(value.raw, b"d1:ai1ee");
    assert!(parse_prefix(b"d1:ai1eeTAIL", 5).is_err());
}
