//! What tells one request from all others, in its answer and in the audit.

use std::str;
use std::sync::atomic::{AtomicU64, Ordering};

use hyper::header::HeaderValue;

use crate::crypto;

const LEN: usize = 24;
/// Hex digits of each half: 48 bits.
const HALF: usize = LEN / 2;

/// 24 lower-case hex digits: which run of the daemon, then which request of it.
pub struct RequestId([u8; LEN]);

/// Gives out IDs.
pub struct RequestIds {
    /// Random, so that IDs of two runs differ.
    run: u64,
    count: AtomicU64,
}

impl RequestId {
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).expect("hex digits are ASCII")
    }

    pub fn to_header(&self) -> HeaderValue {
        HeaderValue::from_bytes(&self.0).expect("hex digits may stand in a header")
    }
}

impl RequestIds {
    pub fn new() -> Result<Self, crypto::Failed> {
        let mut run = [0; 8];
        crypto::fill(&mut run)?;
        Ok(Self { run: u64::from_be_bytes(run), count: AtomicU64::new(1) })
    }

    pub fn next(&self) -> RequestId {
        let mut id = [0; LEN];
        let (run, count) = id.split_at_mut(HALF);
        put_hex(run, self.run);
        put_hex(count, self.count.fetch_add(1, Ordering::Relaxed));
        RequestId(id)
    }
}

/// The number's last digits, as many as there is room for.
fn put_hex(room: &mut [u8], mut number: u64) {
    for digit in room.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(number & 15) as usize];
        number >>= 4;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_a_run_and_a_count() {
        let ids = RequestIds { run: 0xffff_0123_4567_89ab, count: AtomicU64::new(0x0f) };
        assert_eq!(ids.next().as_str(), "0123456789ab00000000000f");
        assert_eq!(ids.next().as_str(), "0123456789ab000000000010");
        assert_eq!(ids.next().to_header(), "0123456789ab000000000011");
    }

    #[test]
    fn two_runs_differ() {
        let [one, other] = [(); 2].map(|()| RequestIds::new().unwrap().next());
        assert_ne!(one.as_str(), other.as_str());
    }
}
