//! Lines as the format says, and no others.

use super::*;
use crate::crypto::{DerivedKey, MacKey};

fn chain() -> Chain {
    Chain::new(MacKey::new(&DerivedKey::from_bytes(&[7; 32])), "00ff".into())
}

// Computed with Python's hmac and hashlib from the first comment of `chain.rs`.
#[test]
fn agrees_with_an_independent_reader() {
    let mut out = Vec::new();
    let time: Timestamp = "2026-11-22T10:00:00.1234567Z".parse().unwrap();
    let first = chain().add_header(&mut out, Link::ORIGIN, time, 1, Reason::First);
    let second = chain().add_entry(&mut out, first, time, br#""action":"a.b","outcome":"denied""#);
    let zeros = "0".repeat(64);
    let expected = format!(
        concat!(
            r#"{{"seq":1,"time":"2026-11-22T10:00:00.123456Z","segment":1,"format":1,"vault":"00ff","#,
            r#""previous":"{}","reason":"first","mac":"{}"}}"#,
            "\n",
            r#"{{"seq":2,"time":"2026-11-22T10:00:00.123456Z","action":"a.b","outcome":"denied","mac":"{}"}}"#,
            "\n"
        ),
        zeros,
        "735fe776c1d98d68fac85552bb891947c7c6ca40c1e4cfb51b613fc8884f4bff",
        "87b508060af67b2ef9646d7b773090caa73e29b02ea70b662140bc06d63ecadb"
    );
    assert_eq!(String::from_utf8(out).unwrap(), expected);
    assert_eq!(second.seq, 2);
}

#[test]
fn times_are_written_as_jiff_does() {
    let chain = chain();
    for time in [
        "2026-11-22T10:00:00.1234567Z",
        "2026-11-22T10:00:00.999999999Z",
        "2026-11-22T10:00:00Z",
        "2026-11-22T10:00:01.000001Z",
        "2026-11-22T09:59:59.5Z",
        "1970-01-01T00:00:00Z",
        "1969-12-31T23:59:59.25Z",
        "1969-12-31T23:59:59Z",
        "9999-12-30T21:59:59.999999Z",
    ] {
        let time: Timestamp = time.parse().unwrap();
        let mut out = Vec::new();
        chain.put_time(&mut out, time);
        assert_eq!(String::from_utf8(out).unwrap(), format!("{time:.6}"));
    }
}

#[test]
fn splits_only_what_it_wrote() {
    let mut line = Vec::new();
    let link = chain().add_entry(&mut line, Link::ORIGIN, Timestamp::UNIX_EPOCH, b"\"a\":1");
    let (text, mac) = split(&line).unwrap();
    assert_eq!(mac, link.mac);
    assert!(chain().joins(1, &[0; 32], text, &mac));
    assert!(!chain().joins(1, &[1; 32], text, &mac));
    assert!(split(&line[..line.len() - 1]).is_none(), "no line feed");
    assert!(split(b"\n").is_none() && split(b"").is_none());
    let upper = line.to_ascii_uppercase();
    assert!(split(&upper).is_none());
    assert_eq!(mac_from_hex(mac_to_hex(&mac).as_bytes()), Some(mac));
}
