//! What people must be told: facts and time in, standing notices out. Pure.
//!
//! Each function pushes the *occasions* of its subject: every cause that exists, with how it stands now, if it is to
//! be told already. An occasion outlives the clock: set back, it no longer stands, but it is still there, and what was
//! told of it isn't told again. It ends by the act that cures it: another date, another version, a renewal.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::ladder::{Ladder, by_share};
use crate::model::{
    Caller, CallerName, Concern, Integration, NoticeId, NoticeKind, NoticeLevel, Role, Rung, Secret,
};

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// What an operator of the daemon may choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeRules {
    pub ladder: Ladder,
    /// After so many days a pair whose expiry is unknown is old.
    pub pair_age_days: u32,
    /// Below so many bytes of free space: a warning.
    pub low_bytes: u64,
    /// Below so many: critical.
    pub critical_bytes: u64,
}

impl Default for NoticeRules {
    fn default() -> Self {
        Self { ladder: Ladder::default(), pair_age_days: 180, low_bytes: 256 << 20, critical_bytes: 64 << 20 }
    }
}

/// A cause for a notice, and how it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occasion {
    pub id: NoticeId,
    pub standing: Option<Standing>,
}

/// A notice as it is to be told now. Names and dates, never values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub rung: Rung,
    pub level: NoticeLevel,
    /// When what it warns of happens.
    pub due: Option<Timestamp>,
    pub message: String,
    /// What to type, or to do.
    pub action: String,
}

/// Of a secret that belongs to no integration. `holders` tells which active callers last took a version.
pub fn of_secret(
    secret: &Secret,
    rules: &NoticeRules,
    now: Timestamp,
    holders: impl Fn(u64) -> Vec<CallerName>,
    found: &mut Vec<Occasion>,
) {
    let told_with_its_pair = secret.integration.is_some();
    let has_nothing_to_tell =
        secret.expires_on.is_none() && secret.max_age_days.is_none() && secret.versions.len() < 2;
    if told_with_its_pair || has_nothing_to_tell {
        return;
    }
    let about = About { concern: Concern::Secret(secret.id.clone()), noun: "secret" };
    about.ends(&[secret], rules, now, found);
    about.versions(secret, now, holders, found);
}

/// Of an integration and its secrets, client ID first, whose versions move as one; a public client has no other.
pub fn of_integration(
    record: &Integration,
    halves: &[&Secret],
    rules: &NoticeRules,
    now: Timestamp,
    holders: impl Fn(u64) -> Vec<CallerName>,
    found: &mut Vec<Occasion>,
) {
    let about = About { concern: Concern::Integration(record.name.clone()), noun: "integration" };
    let Some(first) = halves.first() else { return };
    about.ends(halves, rules, now, found);
    about.versions(first, now, holders, found);
    let known = halves.iter().any(|half| half.expires_on.is_some() || half.max_age_days.is_some());
    if let (false, Some(current)) = (known, first.current()) {
        let due = later(current.created_at, DAY * days(rules.pair_age_days));
        let standing = (now >= due).then(|| Standing {
            rung: Rung(1),
            level: NoticeLevel::Warning,
            due: Some(due),
            message: format!(
                "the pair of {} is older than {} days, and its expiry is unknown",
                record.name, rules.pair_age_days
            ),
            action: format!("fsm-vault integration rotate {}", record.name),
        });
        found.push(Occasion { id: NoticeId::new(NoticeKind::PairAge, &about.concern, date(due)), standing });
    }
}

/// Of a caller: whether its certificate was renewed in time. `usual_life` is what a renewal gives to its kind.
pub fn of_caller(caller: &Caller, usual_life: SignedDuration, now: Timestamp, found: &mut Vec<Occasion>) {
    let Some(end) = caller.keys.iter().map(|key| key.not_after).max().filter(|_| caller.is_active()) else {
        return;
    };
    // One that was enrolled for less than usual and never renewed has its first certificate's life.
    let life = usual_life.min(end.duration_since(caller.enrolled_at));
    let steps = [(6, NoticeLevel::Warning)];
    let name = &caller.name;
    let ended = (now >= end).then_some((Rung(2), NoticeLevel::Critical));
    let standing = ended.or_else(|| by_share(life, end, now, &steps)).map(|(rung, level)| Standing {
        rung,
        level,
        due: Some(end),
        message: match level {
            NoticeLevel::Critical => format!("the certificate of {name} has expired; it is refused"),
            _ => format!("the certificate of {name} is overdue for renewal"),
        },
        action: match (level, &caller.role) {
            // It can't renew itself any more.
            (NoticeLevel::Critical, _) => format!(
                "still used: fsm-vault caller certify {name} --out DIR; no longer used: fsm-vault caller revoke {name}"
            ),
            (_, Role::Service { .. }) => format!(
                "as the service's user: fsm-vault caller renew; no longer used: fsm-vault caller revoke {name}"
            ),
            (_, Role::Operator { .. }) => {
                format!("as {name}: fsm-vault caller renew; no longer used: fsm-vault caller revoke {name}")
            }
        },
    });
    let concern = Concern::Caller(name.clone());
    found.push(Occasion { id: NoticeId::new(NoticeKind::Renewal, &concern, compact(end)), standing });
}

/// Of a service that was enrolled by the operator who also wrote a secret made for its script.
pub fn of_separation(service: &Caller, secret: &Secret) -> Occasion {
    let name = &service.name;
    let standing = Standing {
        rung: Rung(1),
        level: NoticeLevel::Info,
        due: None,
        message: format!(
            "{} enrolled {name} and also writes {}, which is made for its script",
            service.enrolled_by, secret.id
        ),
        action: format!(
            "have another operator look at it: fsm-vault caller show {name}; then acknowledge this"
        ),
    };
    let id =
        NoticeId::new(NoticeKind::Separation, &Concern::Caller(name.clone()), compact(service.enrolled_at));
    Occasion { id, standing: Some(standing) }
}

fn date(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

/// To the second, in the letters of an ID: `20261123t100000`.
pub(super) fn compact(at: Timestamp) -> String {
    at.strftime("%Y%m%dt%H%M%S").to_string()
}

mod about;
mod own;

use about::{About, days, later};
pub use own::{
    of_accepted_rollback, of_authority, of_damage, of_journal, of_known_damage, of_missing, of_rollback,
    of_server_certificate, of_space, of_stray,
};

#[cfg(test)]
mod tests;
