//! What people must be told: facts and time in, standing notices out. Pure.
//!
//! Each function pushes the *occasions* of its subject: every cause that exists, with how it stands now, if it is to
//! be told already. An occasion outlives the clock: set back, it no longer stands, but it is still there, and what was
//! told of it isn't told again. It ends by the act that cures it: another date, another version, a renewal.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::ladder::{Ladder, by_share, calendar_days, whole_days};
use crate::model::{
    Caller, CallerName, Concern, Integration, NoticeId, NoticeKind, NoticeLevel, Role, Rung, Secret, Version,
    VersionState,
};

const DAY: SignedDuration = SignedDuration::from_hours(24);
/// A pending version that nobody activated for this long was probably forgotten.
const FORGOTTEN: SignedDuration = SignedDuration::from_hours(14 * 24);
/// Names in a sentence; more are counted.
const NAMED: usize = 3;

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
        action: match caller.role {
            Role::Service { .. } => format!(
                "as the service's user: fsm-vault caller renew; expired or no longer used: fsm-vault caller revoke {name}"
            ),
            Role::Operator { .. } => format!("as {name}: fsm-vault caller renew; expired: have another full operator revoke it and add it anew"),
        },
    });
    let concern = Concern::Caller(name.clone());
    found.push(Occasion { id: NoticeId::new(NoticeKind::Renewal, &concern, compact(end)), standing });
}

/// Of the local CA, which can't be replaced, and of the daemon's own certificate, which should have been.
pub fn of_authority(begin: Timestamp, end: Timestamp, now: Timestamp) -> Occasion {
    let steps = [(3, NoticeLevel::Info), (6, NoticeLevel::Warning), (20, NoticeLevel::Critical)];
    let action = "every certificate ends with it: plan to move to a new vault (fsm-vault init) in time";
    let what = Ending { kind: NoticeKind::Authority, part: "ca", name: "local CA", steps: &steps, action };
    what.occasion(begin, end, now)
}

/// See [`of_authority`].
pub fn of_server_certificate(begin: Timestamp, end: Timestamp, now: Timestamp) -> Occasion {
    let steps = [(6, NoticeLevel::Warning), (20, NoticeLevel::Critical)];
    let action = "the daemon renews it by itself; see in its log why it didn't, then restart it";
    let (kind, name) = (NoticeKind::ServerCertificate, "daemon's own certificate");
    Ending { kind, part: "server", name, steps: &steps, action }.occasion(begin, end, now)
}

/// Of a file system of the vault. `before` is how it stood: it must get a quarter better than the limit to be well.
pub fn of_space(
    part: &'static str,
    path: &str,
    free: u64,
    before: Option<NoticeLevel>,
    rules: &NoticeRules,
) -> Option<Occasion> {
    let limit = |bytes: u64, level: NoticeLevel| match before {
        Some(before) if before >= level => bytes.saturating_add(bytes / 4),
        _ => bytes,
    };
    let (rung, level) = if free < limit(rules.critical_bytes, NoticeLevel::Critical) {
        (Rung(2), NoticeLevel::Critical)
    } else if free < limit(rules.low_bytes, NoticeLevel::Warning) {
        (Rung(1), NoticeLevel::Warning)
    } else {
        return None;
    };
    let concern = Concern::Vault(part.to_owned());
    let standing = Standing {
        rung,
        level,
        due: None,
        message: format!("{} MiB are free where the vault keeps its {part}", free >> 20),
        action: format!(
            "make room on the file system of {path}: without any, nothing is changed or released"
        ),
    };
    Some(Occasion { id: NoticeId::new(NoticeKind::Space, &concern, "free"), standing: Some(standing) })
}

/// Of a place where the audit log isn't what was written. It stands until a verification finds the log whole.
pub fn of_damage(segment: u32, line: u64) -> Occasion {
    let standing = Standing {
        rung: Rung(1),
        level: NoticeLevel::Critical,
        due: None,
        message: format!("the audit log was found damaged: segment {segment}, line {line}"),
        action: "fsm-vault audit verify, then find out who wrote to the data directory".to_owned(),
    };
    let id = NoticeId::new(
        NoticeKind::AuditDamage,
        &Concern::Vault("log".to_owned()),
        format_args!("s{segment}-l{line}"),
    );
    Occasion { id, standing: Some(standing) }
}

/// [`of_damage`] as it was told once, from its ID.
pub fn of_known_damage(id: &NoticeId) -> Option<Occasion> {
    let (segment, line) = id.occasion().strip_prefix('s')?.split_once("-l")?;
    Some(of_damage(segment.parse().ok()?, line.parse().ok()?))
}

/// An older store, or one that lacked records, was accepted, and went on at this epoch.
pub fn of_rollback(epoch: u64) -> Occasion {
    let standing = Standing {
        rung: Rung(1),
        level: NoticeLevel::Critical,
        due: None,
        message: format!(
            "an older store, or one that lacked records, was accepted (it went on at epoch {epoch}): a revoked caller may be \
             active again, a changed rule undone, a value gone"
        ),
        action: "fsm-vault audit show --action vault.accept_rollback; do again what was undone; then acknowledge this"
            .to_owned(),
    };
    let id =
        NoticeId::new(NoticeKind::Rollback, &Concern::Vault("store".to_owned()), format_args!("e{epoch}"));
    Occasion { id, standing: Some(standing) }
}

/// [`of_rollback`] as it was told once, from its ID.
pub fn of_accepted_rollback(id: &NoticeId) -> Option<Occasion> {
    let epoch = id.occasion().strip_prefix('e').filter(|_| id.kind() == NoticeKind::Rollback)?;
    Some(of_rollback(epoch.parse().ok()?))
}

/// Of a service that was enrolled by the operator who also wrote a secret made for its script.
pub fn of_separation(service: &Caller, secret: &Secret) -> Occasion {
    let name = &service.name;
    let standing = Standing {
        rung: Rung(1),
        level: NoticeLevel::Info,
        due: None,
        message: format!(
            "{} enrolled {name} and also writes {}, which it may read",
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

/// A secret or a pair.
struct About {
    concern: Concern,
    /// The command line's.
    noun: &'static str,
}

impl About {
    /// The end of what is there: the earliest date, the earliest limit of age.
    fn ends(&self, secrets: &[&Secret], rules: &NoticeRules, now: Timestamp, found: &mut Vec<Occasion>) {
        let name = self.concern.name();
        if let Some(day) = secrets.iter().filter_map(|secret| secret.expires_on).min() {
            let (due, noun) = (start_of(day), self.noun);
            let left = calendar_days(now, due);
            let standing = rules.ladder.stand(left, u32::MAX).map(|(rung, level)| Standing {
                rung,
                level,
                due: Some(due),
                message: match left {
                    ..=-1 => format!("{name} expired on {day}"),
                    0 => format!("{name} expires today, {day}"),
                    1 => format!("{name} expires tomorrow, {day}"),
                    _ => format!("{name} expires in {left} days, on {day}"),
                },
                action: format!(
                    "fsm-vault {noun} rotate {name}, then give it its new date: fsm-vault {noun} edit {name} --expires-on DATE"
                ),
            });
            found.push(Occasion { id: NoticeId::new(NoticeKind::Expiry, &self.concern, day), standing });
        }
        let ends = secrets.iter().filter_map(|secret| {
            let limit = secret.max_age_days?;
            Some((later(secret.current()?.created_at, DAY * days(limit)), limit))
        });
        if let Some((due, limit)) = ends.min() {
            let left = whole_days(now, due);
            let standing = rules.ladder.stand(left, limit / 2).map(|(rung, level)| Standing {
                rung,
                level,
                due: Some(due),
                message: match left {
                    ..=-1 => format!("{name} is older than the {limit} days that it may live"),
                    0 => format!("{name} reaches the {limit} days that it may live within a day"),
                    1 => format!("{name} reaches the {limit} days that it may live tomorrow"),
                    _ => format!("{name} reaches the {limit} days that it may live in {left} days"),
                },
                action: format!("fsm-vault {} rotate {name}", self.noun),
            });
            found
                .push(Occasion { id: NoticeId::new(NoticeKind::MaxAge, &self.concern, date(due)), standing });
        }
    }

    /// Versions beside the current one: a grace near its end with somebody left behind, and one forgotten.
    fn versions(
        &self,
        secret: &Secret,
        now: Timestamp,
        holders: impl Fn(u64) -> Vec<CallerName>,
        found: &mut Vec<Occasion>,
    ) {
        for version in &secret.versions {
            match version.state {
                VersionState::Previous { until } => {
                    found.push(self.grace(secret, version, until, now, &holders));
                }
                VersionState::Pending => found.push(self.pending(version, now)),
                VersionState::Current | VersionState::Retired => {}
            }
        }
    }

    fn grace(
        &self,
        secret: &Secret,
        version: &Version,
        until: Timestamp,
        now: Timestamp,
        holders: impl Fn(u64) -> Vec<CallerName>,
    ) -> Occasion {
        // A grace begins with the change that made its version previous. An edit of the metadata since then makes the
        // last quarter begin later, never earlier.
        let whole = until.duration_since(secret.changed_at.min(until));
        let last_quarter = now < until && until.duration_since(now) <= whole / 4;
        let left_behind = if last_quarter { holders(version.number) } else { Vec::new() };
        let (name, number) = (self.concern.name(), version.number);
        let standing = (!left_behind.is_empty()).then(|| Standing {
            rung: Rung(1),
            level: NoticeLevel::Warning,
            due: Some(until),
            message: format!(
                "the grace of version {number} of {name} ends soon, and {} last took that version",
                listed(&left_behind)
            ),
            action: match &self.concern {
                Concern::Integration(_) => format!("make them fetch {name} anew"),
                _ => format!("make them fetch {name} anew; who they are: fsm-vault secret consumers {name}"),
            },
        });
        let occasion = format!("v{number}-{}", compact(until));
        Occasion { id: NoticeId::new(NoticeKind::Grace, &self.concern, occasion), standing }
    }

    fn pending(&self, version: &Version, now: Timestamp) -> Occasion {
        let (name, number) = (self.concern.name(), version.number);
        let due = later(version.created_at, FORGOTTEN);
        let standing = (now >= due).then(|| Standing {
            rung: Rung(1),
            level: NoticeLevel::Info,
            due: None,
            message: format!("version {number} of {name} has been pending for more than 14 days"),
            action: format!("fsm-vault {} activate {name} {number}, or store another one", self.noun),
        });
        Occasion {
            id: NoticeId::new(NoticeKind::Pending, &self.concern, format_args!("v{number}")),
            standing,
        }
    }
}

/// A certificate of the vault's own.
struct Ending<'a> {
    kind: NoticeKind,
    part: &'static str,
    name: &'static str,
    steps: &'a [(u32, NoticeLevel)],
    action: &'static str,
}

impl Ending<'_> {
    fn occasion(&self, begin: Timestamp, end: Timestamp, now: Timestamp) -> Occasion {
        let standing =
            by_share(end.duration_since(begin), end, now, self.steps).map(|(rung, level)| Standing {
                rung,
                level,
                due: Some(end),
                message: format!("the {} ends on {}", self.name, date(end)),
                action: self.action.to_owned(),
            });
        Occasion {
            id: NoticeId::new(self.kind, &Concern::Vault(self.part.to_owned()), compact(end)),
            standing,
        }
    }
}

fn listed(names: &[CallerName]) -> String {
    let shown: Vec<&str> = names.iter().take(NAMED).map(CallerName::as_str).collect();
    match names.len().saturating_sub(NAMED) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

fn days(days: u32) -> i32 {
    i32::try_from(days).unwrap_or(i32::MAX)
}

fn later(begin: Timestamp, by: SignedDuration) -> Timestamp {
    begin.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// Midnight (UTC) at which the day begins.
fn start_of(day: Date) -> Timestamp {
    day.to_zoned(TimeZone::UTC).map_or(Timestamp::MAX, |start| start.timestamp())
}

fn date(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

/// To the second, in the letters of an ID: `20261123t100000`.
pub(super) fn compact(at: Timestamp) -> String {
    at.strftime("%Y%m%dt%H%M%S").to_string()
}

#[cfg(test)]
mod tests;
