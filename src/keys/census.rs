//! What all records of a store add up to: a keyed digest that a single record put back, taken away or added changes.
//!
//! ```text
//! tally of a record = HMAC(census key, store key (33) ‖ revision (8) ‖ tag (16))
//! census            = number of records, sum of their tallies modulo 2^256 (big-endian numbers)
//! ```
//!
//! Of a value (kind 3) the tag counts as zero: its store key never comes again, and so it need not be read to be taken
//! off. A sum is kept up by adding and taking off single records, in any order.

use serde::{Deserialize, Serialize};

use super::ring::KeyRing;
use super::sealed::{RecordKind, Sealed, StoreKey};
use crate::crypto::{MAC_LEN, TAG_LEN};

/// All records of a store but the one that keeps this.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Written", try_from = "Written")]
pub struct Census {
    records: u64,
    sum: [u8; MAC_LEN],
}

/// As it stands in JSON: the sum in hex.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    records: u64,
    sum: String,
}

/// One record's part.
pub struct Tally([u8; MAC_LEN]);

impl KeyRing {
    /// What the record at `key` adds to the census; the sealed bytes tell nothing of a value.
    pub fn tally(&self, key: &StoreKey, revision: u64, sealed: Option<&Sealed>) -> Tally {
        let tag = match (key.kind(), sealed.and_then(Sealed::tag)) {
            (RecordKind::Value, _) | (_, None) => [0; TAG_LEN],
            (_, Some(tag)) => tag,
        };
        // It says which records there are; what they hold can't be told from it.
        Tally(self.census_key().hash(&[&key.to_bytes(), &revision.to_be_bytes(), &tag]).into_public())
    }
}

impl Census {
    pub fn records(&self) -> u64 {
        self.records
    }

    pub fn add(&mut self, Tally(tally): Tally) {
        self.records = self.records.wrapping_add(1);
        self.sum = sum(&self.sum, &tally);
    }

    pub fn take_off(&mut self, Tally(tally): Tally) {
        self.records = self.records.wrapping_sub(1);
        self.sum = sum(&self.sum, &negative(&tally));
    }
}

fn sum(one: &[u8; MAC_LEN], other: &[u8; MAC_LEN]) -> [u8; MAC_LEN] {
    let (mut out, mut carry) = ([0; MAC_LEN], 0);
    for at in (0..MAC_LEN).rev() {
        let digit = u16::from(one[at]) + u16::from(other[at]) + carry;
        (out[at], carry) = (digit.to_be_bytes()[1], digit >> 8);
    }
    out
}

/// Two's complement.
fn negative(number: &[u8; MAC_LEN]) -> [u8; MAC_LEN] {
    let mut one = [0; MAC_LEN];
    one[MAC_LEN - 1] = 1;
    sum(&number.map(|byte| !byte), &one)
}

impl From<Census> for Written {
    fn from(census: Census) -> Self {
        Self { records: census.records, sum: census.sum.iter().map(|byte| format!("{byte:02x}")).collect() }
    }
}

impl TryFrom<Written> for Census {
    type Error = &'static str;

    fn try_from(Written { records, sum: hex }: Written) -> Result<Self, Self::Error> {
        const FAULT: &str = "is no sum of 64 lower-case hex digits";
        let digits = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if hex.len() != 2 * MAC_LEN || !hex.as_bytes().iter().all(digits) {
            return Err(FAULT);
        }
        let mut sum = [0; MAC_LEN];
        for (at, byte) in sum.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).map_err(|_| FAULT)?;
        }
        Ok(Self { records, sum })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_added_and_taken_off_leaves_nothing(all in proptest::collection::vec(any::<[u8; MAC_LEN]>(), 0..20)) {
            let mut census = Census::default();
            all.iter().for_each(|each| census.add(Tally(*each)));
            prop_assert_eq!(census.records(), all.len() as u64);
            let text = serde_json::to_string(&census).unwrap();
            prop_assert_eq!(serde_json::from_str::<Census>(&text).unwrap(), census);
            all.iter().rev().for_each(|each| census.take_off(Tally(*each)));
            prop_assert_eq!(census, Census::default());
        }
    }

    #[test]
    fn sums_carry_and_wrap() {
        let ones = [0xff; MAC_LEN];
        let mut one = [0; MAC_LEN];
        one[MAC_LEN - 1] = 1;
        assert_eq!(sum(&ones, &one), [0; MAC_LEN]);
        assert_eq!(negative(&one), ones);
        assert_eq!(negative(&[0; MAC_LEN]), [0; MAC_LEN]);
    }

    #[test]
    fn near_misses_are_no_census() {
        let hex = "0a".repeat(32);
        assert!(serde_json::from_str::<Census>(&format!(r#"{{"records":1,"sum":"{hex}"}}"#)).is_ok());
        for text in [
            format!(r#"{{"records":1,"sum":"{}"}}"#, &hex[1..]),
            format!(r#"{{"records":1,"sum":"{}"}}"#, hex.to_uppercase()),
            format!(r#"{{"records":-1,"sum":"{hex}"}}"#),
            format!(r#"{{"records":1,"sum":"{hex}","more":1}}"#),
            format!(r#"{{"records":1,"sum":"{}é"}}"#, &hex[..62]),
        ] {
            assert!(serde_json::from_str::<Census>(&text).is_err(), "{text}");
        }
    }
}
