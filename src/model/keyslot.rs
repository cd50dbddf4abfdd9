//! What is known of the vault's key slots beside what is in them.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::name::CallerName;
use super::word::{Invalid, line_of_text};

/// Names a key slot among those of its vault: eight hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SlotId([u8; 4]);

/// What its maker calls a key slot: one line of 1 to 64 characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SlotLabel(String);

/// Who made a slot, when, and what for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlotNote {
    pub id: SlotId,
    pub label: Option<SlotLabel>,
    pub made_at: Timestamp,
    pub made_by: CallerName,
}

/// The notes on all slots. The slot that the vault was made with has none until its passphrase is changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlotNotes {
    pub slots: Vec<SlotNote>,
}

impl SlotId {
    pub fn from_bytes(bytes: [u8; 4]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for SlotId {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        write!(out, "{:08x}", u32::from_be_bytes(self.0))
    }
}

impl FromStr for SlotId {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let digits = text.len() == 8 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let number = digits.then(|| u32::from_str_radix(text, 16).ok()).flatten();
        let wrong = Invalid("is no key slot's ID, which has eight hexadecimal digits in lower case");
        number.map(|number| Self(number.to_be_bytes())).ok_or(wrong)
    }
}

impl TryFrom<String> for SlotId {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl From<SlotId> for String {
    fn from(id: SlotId) -> Self {
        id.to_string()
    }
}

impl SlotLabel {
    /// Characters that a label may have.
    pub const MOST: usize = 64;

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for SlotLabel {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        if text.is_empty() {
            return Err(Invalid("is empty; leave it out instead"));
        }
        let why = "is no line of plain text of at most 64 characters";
        line_of_text(&text, Self::MOST).map_err(|_| Invalid(why))?;
        Ok(Self(text))
    }
}

impl FromStr for SlotLabel {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        text.to_owned().try_into()
    }
}

impl From<SlotLabel> for String {
    fn from(label: SlotLabel) -> Self {
        label.0
    }
}

impl SlotNotes {
    pub fn of(&self, id: SlotId) -> Option<&SlotNote> {
        self.slots.iter().find(|note| note.id == id)
    }

    /// With this note, in the place of the one on `old` where there is one.
    pub fn with(mut self, note: SlotNote, old: Option<SlotId>) -> Self {
        self.slots.retain(|each| Some(each.id) != old);
        self.slots.push(note);
        self
    }

    /// Only those on slots that there are.
    pub fn only(mut self, there: &[SlotId]) -> Self {
        self.slots.retain(|each| there.contains(&each.id));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_eight_digits_in_lower_case() {
        for id in ["00000000", "0a1b2c3d", "ffffffff"] {
            assert_eq!(id.parse::<SlotId>().unwrap().to_string(), id);
        }
        for wrong in ["", "0a1b2c3", "0a1b2c3d4", "0A1B2C3D", "+a1b2c3d", "0a1b2c3g"] {
            assert!(wrong.parse::<SlotId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_label_is_one_short_line() {
        let longest = "ä".repeat(SlotLabel::MOST);
        for right in ["a", "paper in the safe", longest.as_str()] {
            assert_eq!(right.parse::<SlotLabel>().unwrap().as_str(), right);
        }
        for wrong in ["", "a\nb", &"a".repeat(SlotLabel::MOST + 1)] {
            assert!(wrong.parse::<SlotLabel>().is_err(), "{wrong}");
        }
    }
}
