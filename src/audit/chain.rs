//! The format of the log, and the keyed hash that chains its lines.
//!
//! The log is a row of *segments*, files `audit-00000001.jsonl`, `audit-00000002.jsonl`, … of whole lines.
//! A line is one JSON object (UTF-8, no line feed inside) and a line feed. Its last member is `mac`, so
//! that every line ends in exactly these 75 bytes:
//!
//! ```text
//! ,"mac":"<64 lower-case hex digits>"}\n
//! ```
//!
//! The bytes before that end are the line's *text* (so a text begins with `{` and lacks the closing brace).
//! With the chain key of the vault,
//!
//! ```text
//! mac = HMAC-SHA256(chain key, previous mac as 32 bytes ‖ text)
//! chain key = HKDF-SHA256(ikm: root key, salt: vault id, info: "fsm-vault/1 audit chain"), 32 bytes
//! ```
//!
//! where *previous mac* is that of the line before, across segments; 32 zero bytes before the first line of
//! all. So a verifier works on the bytes as they lie there and never has to write JSON.
//!
//! Every line begins `{"seq":N,"time":"T",`. `seq` counts all lines, headers too: 1, 2, 3, … without gap
//! and across segments, never restarting. `time` is RFC 3339, UTC, with six decimals: when the event
//! happened; `seq` is the order, `time` may run back by what lies between an event and its writing.
//!
//! The first line of each segment, and no other, is a *header*, told by its member `segment`:
//!
//! ```text
//! {"seq":1,"time":"2026-11-22T10:00:00.000000Z","segment":1,"format":1,"vault":"<vault id, hex>",
//!  "previous":"<previous mac, 64 hex digits>","reason":"first","mac":"…"}          (one line)
//! ```
//!
//! `segment` is the number in the file name, `previous` the previous mac that went into this line's, so that
//! a segment can be checked alone once older ones are retired. `reason`:
//!
//! - `first`: segment 1, `previous` all zero;
//! - `full`: the segment before was full; `previous` and `seq` follow its last line;
//! - `damage`: the log before wasn't as it had been written; `previous` and `seq` follow the last line that
//!   the daemon was sure of, and a verifier reports such a header for as long as it is kept;
//! - `rekeyed`: the vault has a new root key, and so the chain a new key from this header on; `previous` and
//!   `seq` follow the last line under the former one.
//!
//! Whatever the format, a segment begins so, and its first line's mac follows from its own `previous`: so that a reader of
//! an older format knows a newer one from damage, and leaves the log as it is.
//!
//! All other lines are *entries*: `request_id`, `caller`, `serial`, `peer` (`{"uid","pid"}` or
//! `{"address"}`), `action`, `secret`, `integration`, `subject`, `version`, `domain`, `employee`, `outcome`
//! (`allowed`, `denied`, `failed`), `reason`, `fingerprint`, `changes`, `count`, `epoch`, in this order; all but
//! `action` and `outcome` are left out when there is nothing to say. Four actions are the log's own:
//!
//! - `audit.retire`: the segments up to the file named in `subject` are removed by age, `count` of them;
//!   a missing segment is legitimate only if a later entry of this kind covers it;
//! - `audit.recover`: a crash left `changes.bytes` bytes of an unfinished line, which were cut off;
//! - `audit.damage`: what was noticed (`reason`), where (`subject`, `changes.line`);
//! - `request.repeat`: `count` denials of one caller whose actions differed, see `tally.rs`.
//!
//! Where the log ends is known from the *checkpoint* that the store keeps, sealed: [`Checkpoint`].

use std::io::Write;
use std::sync::Mutex;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::keys::ChainKeys;
use crate::crypto::{MAC_LEN, Mac, MacKey};

mod end;

use end::{CLOSE, MAC_AT, put_hex};
pub(super) use end::{mac_from_hex, mac_to_hex, split};

/// Number of the format that the headers carry.
pub const FORMAT: u32 = 1;
/// Longest line, in bytes; a longer one is refused when written and is damage when read.
pub(super) const MAX_LINE: usize = 1024 * 1024;

/// The log's head, for a place that whoever can edit the log can't reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Sequence number of the last line.
    pub seq: u64,
    /// Its mac, 64 hex digits.
    pub mac: String,
    /// The segment that it is in.
    pub segment: u32,
    /// Bytes of that segment up to and including the line.
    pub offset: u64,
    /// The oldest segment kept.
    pub oldest_segment: u32,
    /// How many segments there were.
    pub segments: u32,
}

impl Checkpoint {
    pub(super) fn link(&self) -> Option<Link> {
        Some(Link { seq: self.seq, mac: mac_from_hex(self.mac.as_bytes())? })
    }
}

/// A line's place in the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Link {
    pub seq: u64,
    pub mac: [u8; MAC_LEN],
}

impl Link {
    /// Before the first line.
    pub const ORIGIN: Self = Self { seq: 0, mac: [0; MAC_LEN] };
}

/// Why a segment was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    First,
    Full,
    Damage,
    Rekeyed,
}

impl Reason {
    pub fn word(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Full => "full",
            Self::Damage => "damage",
            Self::Rekeyed => "rekeyed",
        }
    }
}

/// Writes lines and checks them.
pub(super) struct Chain {
    keys: ChainKeys,
    vault: String,
    /// The second written last, as text: whoever writes is alone, so that nobody waits for this.
    second: Mutex<Second>,
}

/// A second and its text, up to the decimal point.
#[derive(Default)]
struct Second {
    number: Option<i64>,
    text: String,
}

impl Chain {
    pub fn new(keys: impl Into<ChainKeys>, vault: String) -> Self {
        Self { keys: keys.into(), vault, second: Mutex::default() }
    }

    /// The last segment that was written with another key; 0: there is none.
    pub fn last_former(&self) -> u32 {
        self.keys.last_former()
    }

    pub fn vault(&self) -> &str {
        &self.vault
    }

    /// Writes an entry's line onto `out`. `body` is what [`super::Entry::body`] gave.
    pub fn add_entry(&self, out: &mut Vec<u8>, after: Link, time: Timestamp, body: &[u8]) -> Link {
        self.add(out, after, time, |out| out.extend_from_slice(body))
    }

    /// Writes the header of segment `number` onto `out`.
    pub fn add_header(
        &self,
        out: &mut Vec<u8>,
        after: Link,
        time: Timestamp,
        number: u32,
        why: Reason,
    ) -> Link {
        self.add(out, after, time, |out| {
            put(out, format_args!("\"segment\":{number},\"format\":{FORMAT},\"vault\":"));
            serde_json::to_writer(&mut *out, &self.vault).expect("a string can be written to memory");
            out.extend_from_slice(b",\"previous\":\"");
            put_hex(out, &after.mac);
            put(out, format_args!("\",\"reason\":\"{}\"", why.word()));
        })
    }

    fn add(
        &self,
        out: &mut Vec<u8>,
        after: Link,
        time: Timestamp,
        members: impl FnOnce(&mut Vec<u8>),
    ) -> Link {
        let start = out.len();
        // 2^64 lines take longer to write than there is time.
        let seq = after.seq.saturating_add(1);
        out.extend_from_slice(b"{\"seq\":");
        out.extend_from_slice(itoa::Buffer::new().format(seq).as_bytes());
        out.extend_from_slice(b",\"time\":\"");
        self.put_time(out, time);
        out.extend_from_slice(b"\",");
        members(out);
        // The mac is public: it stands in the log for all who may read it.
        let mac = self.keys.current().hash(&[&after.mac, &out[start..]]).into_public();
        out.extend_from_slice(MAC_AT);
        put_hex(out, &mac);
        out.extend_from_slice(CLOSE);
        Link { seq, mac }
    }

    /// RFC 3339 with six decimals. The date is worked out once a second.
    fn put_time(&self, out: &mut Vec<u8>, time: Timestamp) {
        let (second, nanosecond) = (time.as_second(), time.subsec_nanosecond());
        // Before 1970 the two have signs of their own.
        let Ok(mut micros) = u32::try_from(nanosecond / 1000).map(|micros| micros + 1_000_000) else {
            return put(out, format_args!("{time:.6}"));
        };
        let mut last = self.second.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if last.number != Some(second) {
            last.number = Some(second);
            last.text = format!("{time:.0}");
            last.text.pop();
        }
        out.extend_from_slice(last.text.as_bytes());
        let mut decimals = [b'.'; 7];
        for digit in decimals[1..].iter_mut().rev() {
            *digit = b'0' + (micros % 10) as u8;
            micros /= 10;
        }
        out.extend_from_slice(&decimals);
        out.push(b'Z');
    }

    /// Whether a line of this segment, text and mac follows one with the mac `before`.
    pub fn joins(&self, segment: u32, before: &[u8; MAC_LEN], text: &[u8], mac: &[u8; MAC_LEN]) -> bool {
        joins(self.keys.of(segment), before, text, mac)
    }

    /// The key before the current one under which a header is right, in a segment that the current one should have written.
    pub fn former(
        &self,
        segment: u32,
        before: &[u8; MAC_LEN],
        text: &[u8],
        mac: &[u8; MAC_LEN],
    ) -> Option<&MacKey> {
        let is_beyond = segment > self.last_former();
        self.keys.former(|key| joins(key, before, text, mac)).filter(|_| is_beyond)
    }
}

/// Whether a line of this text and mac follows one with the mac `before`, under this key.
pub(super) fn joins(key: &MacKey, before: &[u8; MAC_LEN], text: &[u8], mac: &[u8; MAC_LEN]) -> bool {
    key.hash(&[before, text]).same_as(&Mac::from_stored(*mac))
}

fn put(out: &mut Vec<u8>, text: std::fmt::Arguments) {
    out.write_fmt(text).expect("memory takes every write");
}

#[cfg(test)]
mod tests;
