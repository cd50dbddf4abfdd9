//! What a notice is about: its kind, whom it concerns, and the ID that says both.

use serde::{Deserialize, Serialize};

use crate::model::name::{CallerName, IntegrationName, SecretId};
use crate::model::word::{Invalid, word};

/// What it is about. The words are part of a notice's ID, and so of the stored format.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// A secret's `expires_on` is near or over; of a pair, the earlier one of its halves.
    Expiry,
    /// The current version grows older than `max_age_days`.
    MaxAge,
    /// A pair of unknown expiry is old.
    PairAge,
    /// A grace is about to end while somebody still uses the version before.
    Grace,
    /// A pending version was forgotten.
    Pending,
    /// The local CA nears its end.
    Authority,
    /// The daemon's own certificate nears its end and was not reissued.
    ServerCertificate,
    /// A caller's certificate was not renewed in time.
    Renewal,
    /// A file system of the vault is nearly full.
    Space,
    /// The audit log isn't what was written.
    AuditDamage,
    /// Who enrolled a service also writes the secrets that it reads.
    Separation,
    /// A scheduled backup failed, or is overdue.
    Backup,
    /// An older store, or one that lacked records, was accepted.
    Rollback,
    /// Entries of the audit log are to go to journald too, and it isn't there.
    Journal,
}

word! {
    /// `kind.subject.occasion`, such as `expiry.custsecret_crm_key.2027-06-30`: the same for the same cause, and
    /// another for the next one. Fit for a path.
    NoticeId, notice_id
}

/// Whom or what a notice concerns; decides who sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Concern {
    Secret(SecretId),
    /// The record, and with it its pair.
    Integration(IntegrationName),
    Caller(CallerName),
    /// A part of the vault itself.
    Vault(String),
}

impl NoticeKind {
    pub const ALL: [Self; 14] = [
        Self::Expiry,
        Self::MaxAge,
        Self::PairAge,
        Self::Grace,
        Self::Pending,
        Self::Authority,
        Self::ServerCertificate,
        Self::Renewal,
        Self::Space,
        Self::AuditDamage,
        Self::Separation,
        Self::Backup,
        Self::Rollback,
        Self::Journal,
    ];

    /// As it stands in IDs and in the API.
    pub fn word(self) -> &'static str {
        match self {
            Self::Expiry => "expiry",
            Self::MaxAge => "max_age",
            Self::PairAge => "pair_age",
            Self::Grace => "grace",
            Self::Pending => "pending",
            Self::Authority => "authority",
            Self::ServerCertificate => "server_certificate",
            Self::Renewal => "renewal",
            Self::Space => "space",
            Self::AuditDamage => "audit_damage",
            Self::Separation => "separation",
            Self::Backup => "backup",
            Self::Rollback => "rollback",
            Self::Journal => "journal",
        }
    }
}

impl Concern {
    /// As it stands in the API: what kind of thing it is.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Secret(_) => "secret",
            Self::Integration(_) => "integration",
            Self::Caller(_) => "caller",
            Self::Vault(_) => "vault",
        }
    }

    pub fn name(&self) -> &str {
        match self {
            Self::Secret(id) => id.as_str(),
            Self::Integration(name) => name.as_str(),
            Self::Caller(name) => name.as_str(),
            Self::Vault(part) => part,
        }
    }

    /// The name as it stands in IDs. An integration may be named like a secret; no name of either has a hyphen.
    pub fn subject(&self) -> std::borrow::Cow<'_, str> {
        match self {
            Self::Integration(name) if name.as_str().starts_with("custsecret") => {
                format!("integration-{name}").into()
            }
            other => other.name().into(),
        }
    }
}

impl NoticeId {
    /// `occasion` sets one cause apart from the next; it has no dot.
    pub fn new(kind: NoticeKind, concern: &Concern, occasion: impl std::fmt::Display) -> Self {
        Self(format!("{}.{}.{occasion}", kind.word(), concern.subject()).into())
    }

    /// An ID that comes before all those of this kind and subject, and after those before them.
    pub fn first_of(kind: NoticeKind, subject: &str) -> Self {
        Self(format!("{}.{subject}.", kind.word()).into())
    }

    pub fn kind(&self) -> NoticeKind {
        let word = self.0.split('.').next().unwrap_or_default();
        let kind = NoticeKind::ALL.into_iter().find(|kind| kind.word() == word);
        kind.expect("both ways to an ID take a known kind alone")
    }

    /// What [`Concern::subject`] gave.
    pub fn subject(&self) -> &str {
        let rest = self.0.split_once('.').map_or("", |(_, rest)| rest);
        rest.rsplit_once('.').map_or("", |(subject, _)| subject)
    }

    /// What sets this cause apart from the next.
    pub fn occasion(&self) -> &str {
        self.0.rsplit_once('.').map_or("", |(_, occasion)| occasion)
    }

    /// Whom or what it concerns.
    pub fn concern(&self) -> Concern {
        let subject = self.subject();
        let vault = || Concern::Vault(subject.to_owned());
        match self.kind() {
            NoticeKind::Expiry
            | NoticeKind::MaxAge
            | NoticeKind::PairAge
            | NoticeKind::Grace
            | NoticeKind::Pending => {
                if subject.starts_with("custsecret") {
                    subject.parse().map_or_else(|_| vault(), Concern::Secret)
                } else {
                    let name = subject.strip_prefix("integration-").unwrap_or(subject);
                    name.parse().map_or_else(|_| vault(), Concern::Integration)
                }
            }
            NoticeKind::Renewal | NoticeKind::Separation => {
                subject.parse().map_or_else(|_| vault(), Concern::Caller)
            }
            NoticeKind::Authority
            | NoticeKind::ServerCertificate
            | NoticeKind::Space
            | NoticeKind::AuditDamage
            | NoticeKind::Backup
            | NoticeKind::Rollback
            | NoticeKind::Journal => vault(),
        }
    }
}

fn notice_id(text: &str) -> Result<String, Invalid> {
    const RULE: Invalid = Invalid("is no notice's ID, such as expiry.custsecret_crm_key.2027-06-30");
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.');
    // Bounded before it is copied: the text may come from a peer.
    if text.len() > 256 || !text.bytes().all(plain) {
        return Err(RULE);
    }
    let (kind, rest) = text.split_once('.').ok_or(RULE)?;
    let (subject, occasion) = rest.rsplit_once('.').ok_or(RULE)?;
    let known = NoticeKind::ALL.into_iter().any(|each| each.word() == kind);
    if known && !subject.is_empty() && !occasion.is_empty() { Ok(text.to_owned()) } else { Err(RULE) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_back_and_near_misses_do_not() {
        let concern = Concern::Caller("a.b-c".parse().unwrap());
        let id = NoticeId::new(NoticeKind::Renewal, &concern, "2027-01-01");
        assert_eq!(id.as_str().parse(), Ok(id.clone()));
        assert_eq!((id.kind(), id.concern(), id.occasion()), (NoticeKind::Renewal, concern, "2027-01-01"));
        for wrong in [
            "",
            "expiry",
            "expiry.x",
            "expiry..x",
            "expiry.x.",
            "other.x.y",
            "Expiry.x.y",
            "expiry.x/y.z",
            "expiry.ä.y",
        ] {
            assert!(wrong.parse::<NoticeId>().is_err(), "{wrong}");
        }
        assert!(format!("expiry.{}.x", "y".repeat(300)).parse::<NoticeId>().is_err());
    }

    #[test]
    fn an_integration_named_like_a_secret_is_told_apart() {
        let id = |concern: Concern| NoticeId::new(NoticeKind::Expiry, &concern, "2027-01-01");
        let secret = id(Concern::Secret("custsecret_x".parse().unwrap()));
        assert_ne!(secret, id(Concern::Integration("custsecret_x".parse().unwrap())));
        for concern in [
            Concern::Secret("custsecret_x".parse().unwrap()),
            Concern::Integration("custsecret_x".parse().unwrap()),
            Concern::Integration("fsm".parse().unwrap()),
        ] {
            assert_eq!(id(concern.clone()).concern(), concern);
        }
    }
}
