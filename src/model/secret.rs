//! An API secret: its metadata and its numbered versions. The values themselves are records of their own.

use std::num::NonZeroU64;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::name::{CallerName, Employee, IntegrationName, SecretId};
use super::restrictions::Restrictions;
use super::word::Invalid;

/// NetSuite's limit (NETSUITE.md, API secrets, Value).
pub const MAX_VALUE_CHARS: usize = 1_000_000;
/// What the most characters take at four bytes each.
pub const MAX_VALUE_BYTES: usize = 4 * MAX_VALUE_CHARS;

/// How a value's bytes are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub enum Encoding {
    #[serde(rename = "utf-8")]
    Utf8,
    #[serde(rename = "base64")]
    Base64,
}

/// Whether a value may leave the vault at all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Release {
    /// Served to callers inside the rules.
    #[default]
    Reveal,
    /// Never returned, only used on a caller's behalf.
    UseOnly,
}

/// Where a secret comes from (NETSUITE.md, API secrets, the filter Origin).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Made here.
    #[default]
    ThisAccount,
    /// Imported from elsewhere.
    External,
}

/// First 8 bytes, in hex, of a value's keyed hash: tells whether two values are the same, and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint([u8; 16]);

impl Fingerprint {
    pub fn of(hash: [u8; 8]) -> Self {
        let digit = |bits: u8| b"0123456789abcdef"[usize::from(bits & 15)];
        Self(std::array::from_fn(|at| digit(if at % 2 == 0 { hash[at / 2] >> 4 } else { hash[at / 2] })))
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("hex digits are ASCII")
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        const RULE: Invalid = Invalid("is no fingerprint: 16 lower-case hex digits");
        let digits = text.as_bytes().try_into().map_err(|_| RULE)?;
        if text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            Ok(Self(digits))
        } else {
            Err(RULE)
        }
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        fingerprint.as_str().to_owned()
    }
}

/// Where a version stands in its life, as recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum VersionState {
    /// Stored, not yet served.
    Pending,
    /// What readers get.
    Current,
    /// Replaced, still readable until its grace ends.
    Previous { until: Timestamp },
    /// Never readable again.
    Retired,
}

/// One version of a secret. Numbers begin at 1 and are never used twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    pub number: u64,
    #[serde(flatten)]
    pub state: VersionState,
    pub encoding: Encoding,
    pub fingerprint: Fingerprint,
    pub created_at: Timestamp,
    pub created_by: CallerName,
    /// What its maker said of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Box<str>>,
}

/// Where a version stands at a given time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    Pending,
    Current,
    Previous,
    Retired,
}

/// Which version a reader asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionWanted {
    Current,
    Previous,
    Number(u64),
}

/// Metadata of a secret; never a value. All secrets' is kept in memory: texts are boxed, for what no text's room costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secret {
    pub id: SecretId,
    pub name: Box<str>,
    pub description: Box<str>,
    /// Employees who may manage it.
    pub owners: Vec<Employee>,
    /// None while an integration owns the secret: the record's rules are then the only ones.
    pub restrictions: Option<Arc<Restrictions>>,
    pub integration: Option<IntegrationName>,
    /// Missing in records of before there was one: made here.
    #[serde(default)]
    pub origin: Origin,
    pub release: Release,
    pub expires_on: Option<Date>,
    pub max_age_days: Option<u32>,
    pub created_at: Timestamp,
    pub created_by: CallerName,
    pub changed_at: Timestamp,
    /// The highest number given so far, also to versions that are gone.
    pub last_version: u64,
    /// Ascending by number.
    pub versions: Vec<Version>,
    /// The last line of the audit log before it was made, counted over all logs that the vault has had. None in records of
    /// before it was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_line: Option<NonZeroU64>,
}

/// Why a version can't be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unavailable {
    Unknown,
    Pending,
    Retired,
}

impl Version {
    /// The recorded state, seen at `now`: a grace that has ended is retirement, whether recorded yet or not.
    pub fn standing(&self, now: Timestamp) -> Standing {
        match self.state {
            VersionState::Pending => Standing::Pending,
            VersionState::Current => Standing::Current,
            VersionState::Previous { until } if now < until => Standing::Previous,
            VersionState::Previous { .. } | VersionState::Retired => Standing::Retired,
        }
    }
}

impl Secret {
    pub fn current(&self) -> Option<&Version> {
        self.versions.iter().rev().find(|each| each.state == VersionState::Current)
    }

    /// The version that a reader asked for, if it may be read at `now`.
    pub fn readable(&self, wanted: VersionWanted, now: Timestamp) -> Result<&Version, Unavailable> {
        let found = match wanted {
            VersionWanted::Current => self.current(),
            VersionWanted::Previous => {
                self.versions.iter().rev().find(|each| matches!(each.state, VersionState::Previous { .. }))
            }
            VersionWanted::Number(number) => self.versions.iter().find(|each| each.number == number),
        };
        let version = found.ok_or(Unavailable::Unknown)?;
        match version.standing(now) {
            Standing::Current | Standing::Previous => Ok(version),
            Standing::Pending => Err(Unavailable::Pending),
            Standing::Retired => Err(Unavailable::Retired),
        }
    }
}

impl std::str::FromStr for VersionWanted {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text {
            "current" => Ok(Self::Current),
            "previous" => Ok(Self::Previous),
            // Digits only, and no zero in front: `parse` alone would take `+1` and `01` too.
            _ if !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit()) => text
                .parse()
                .map(Self::Number)
                .map_err(|_| Invalid("is no version: a number from 1, `current` or `previous`")),
            _ => Err(Invalid("is no version: a number from 1, `current` or `previous`")),
        }
    }
}

/// Whether `value` may be stored, and how it reads: 1 to 1,000,000 characters of UTF-8, or as many bytes of
/// anything else.
pub fn check_value(value: &[u8]) -> Result<Encoding, Invalid> {
    if value.is_empty() {
        return Err(Invalid("is empty; a secret has at least one character"));
    }
    let (length, encoding) = match std::str::from_utf8(value) {
        Ok(text) => (text.chars().count(), Encoding::Utf8),
        Err(_) => (value.len(), Encoding::Base64),
    };
    if length > MAX_VALUE_CHARS {
        return Err(Invalid("is longer than 1,000,000 characters"));
    }
    Ok(encoding)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    fn at(second: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second)
    }

    fn version(number: u64, state: VersionState) -> Version {
        Version {
            number,
            state,
            encoding: Encoding::Utf8,
            fingerprint: Fingerprint::of([0; 8]),
            created_at: at(0),
            created_by: "admin".parse().unwrap(),
            note: None,
        }
    }

    #[test]
    fn a_grace_ends_on_its_second() {
        let previous = version(1, VersionState::Previous { until: at(10) });
        assert_eq!(previous.standing(at(9)), Standing::Previous);
        assert_eq!(previous.standing(at(10)), Standing::Retired);
    }

    #[test]
    fn values_are_bounded_in_characters() {
        assert_eq!(check_value("ä".as_bytes()), Ok(Encoding::Utf8));
        assert_eq!(check_value(b"\xff"), Ok(Encoding::Base64));
        assert!(check_value(b"").is_err());
        assert!(check_value("🔑".repeat(MAX_VALUE_CHARS).as_bytes()).is_ok());
        assert!(check_value("🔑".repeat(MAX_VALUE_CHARS + 1).as_bytes()).is_err());
        assert!(check_value(&vec![0xff; MAX_VALUE_CHARS + 1]).is_err());
    }

    #[test]
    fn a_fingerprint_is_sixteen_digits() {
        let print = Fingerprint::of([0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef]);
        assert_eq!(print.as_str(), "0123456789abcdef");
        let text = serde_json::to_string(&print).unwrap();
        assert_eq!(serde_json::from_str::<Fingerprint>(&text).unwrap(), print);
        for wrong in ["", "0123456789abcde", "0123456789abcdef0", "0123456789abcdeF", "0123456789abcdeg"] {
            assert!(Fingerprint::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn versions_are_asked_for_in_one_spelling() {
        assert_eq!("7".parse(), Ok(VersionWanted::Number(7)));
        assert_eq!("previous".parse(), Ok(VersionWanted::Previous));
        for wrong in ["", "0", "01", "+1", "-1", " 1", "1.0", "latest", "99999999999999999999"] {
            assert!(wrong.parse::<VersionWanted>().is_err(), "{wrong}");
        }
    }
}
