//! A notice: something that people must be told of, and what was told so far.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::name::CallerName;
use super::word::Invalid;

mod id;

pub use id::{Concern, NoticeId, NoticeKind};

/// How much it matters.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum NoticeLevel {
    Info,
    Warning,
    Critical,
}

/// How urgent a notice has become: grows with urgency, and is comparable within one notice alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rung(pub u32);

/// What was told of a notice: one record of the vault. It lasts as long as its cause, so that nothing is told twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notice {
    pub id: NoticeId,
    /// The highest one raised.
    pub rung: Rung,
    /// When it was raised first.
    pub since: Timestamp,
    /// When it was raised to this rung.
    pub raised_at: Timestamp,
    pub acknowledged: Option<Acknowledged>,
    /// The highest rung that the hook program was told of, or that was given up for it; 0: none.
    pub hook: Rung,
    /// The same for mail.
    pub mail: Rung,
}

/// Somebody knows of it, up to this rung.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acknowledged {
    pub rung: Rung,
    pub by: CallerName,
    pub at: Timestamp,
}

impl NoticeLevel {
    pub const ALL: [Self; 3] = [Self::Info, Self::Warning, Self::Critical];

    /// As it stands in the API.
    pub fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl std::str::FromStr for NoticeLevel {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let level = Self::ALL.into_iter().find(|level| level.word() == text);
        level.ok_or(Invalid("is no level: info, warning or critical"))
    }
}

impl Notice {
    /// A notice raised for the first time.
    pub fn raised(id: NoticeId, rung: Rung, now: Timestamp) -> Self {
        Self { id, rung, since: now, raised_at: now, acknowledged: None, hook: Rung(0), mail: Rung(0) }
    }

    /// Who knows of it at this rung.
    pub fn acknowledged_at(&self, rung: Rung) -> Option<&Acknowledged> {
        self.acknowledged.as_ref().filter(|known| known.rung >= rung)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_levels_have_one_word_everywhere() {
        for kind in NoticeKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.word());
        }
        for level in NoticeLevel::ALL {
            assert_eq!(serde_json::to_value(level).unwrap(), level.word());
            assert_eq!(level.word().parse(), Ok(level));
        }
        assert!(NoticeLevel::Info < NoticeLevel::Warning && NoticeLevel::Warning < NoticeLevel::Critical);
    }

    #[test]
    fn an_acknowledgement_holds_up_to_its_rung() {
        let mut notice =
            Notice::raised("expiry.x.2027-01-01".parse().unwrap(), Rung(3), Timestamp::UNIX_EPOCH);
        assert!(notice.acknowledged_at(Rung(3)).is_none());
        let by = "admin".parse().unwrap();
        notice.acknowledged = Some(Acknowledged { rung: Rung(3), by, at: Timestamp::UNIX_EPOCH });
        assert!(notice.acknowledged_at(Rung(3)).is_some() && notice.acknowledged_at(Rung(2)).is_some());
        assert!(notice.acknowledged_at(Rung(4)).is_none());
    }
}
