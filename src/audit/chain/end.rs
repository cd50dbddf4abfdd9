//! The end of a line: its mac in hex, written one way alone.

use crate::crypto::MAC_LEN;

const END_LEN: usize = MAC_AT.len() + 2 * MAC_LEN + CLOSE.len();
pub(super) const MAC_AT: &[u8] = b",\"mac\":\"";
pub(super) const CLOSE: &[u8] = b"\"}\n";

/// Cuts a line, with its line feed, into text and mac.
pub(in super::super) fn split(line: &[u8]) -> Option<(&[u8], [u8; MAC_LEN])> {
    let (text, end) = line.split_at_checked(line.len().checked_sub(END_LEN)?)?;
    let hex = end.strip_prefix(MAC_AT)?.strip_suffix(CLOSE)?;
    Some((text, mac_from_hex(hex)?))
}

/// Exactly 64 lower-case digits: an upper-case one would be a changed byte that nobody notices.
pub(in super::super) fn mac_from_hex(hex: &[u8]) -> Option<[u8; MAC_LEN]> {
    fn digit(byte: u8) -> Option<u8> {
        match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        }
    }
    let (pairs, rest) = hex.as_chunks::<2>();
    if pairs.len() != MAC_LEN || !rest.is_empty() {
        return None;
    }
    let mut mac = [0; MAC_LEN];
    for (byte, [high, low]) in mac.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(mac)
}

pub(in super::super) fn mac_to_hex(mac: &[u8; MAC_LEN]) -> String {
    let mut hex = Vec::with_capacity(2 * MAC_LEN);
    put_hex(&mut hex, mac);
    String::from_utf8(hex).expect("hex digits are ASCII")
}

pub(super) fn put_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = |byte: &u8| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
    out.extend(bytes.iter().flat_map(digits));
}
