//! What a secret and a pair have in common to be told of: their end, and the versions beside the current one.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::super::ladder::{calendar_days, days_until};
use super::{DAY, NoticeRules, Occasion, Standing, compact, date};
use crate::model::{
    CallerName, Concern, NoticeId, NoticeKind, NoticeLevel, Rung, Secret, Version, VersionState,
};

/// A pending version that nobody activated for this long was probably forgotten.
const FORGOTTEN: SignedDuration = SignedDuration::from_hours(14 * 24);
/// Names in a sentence; more are counted.
const NAMED: usize = 3;

/// A secret or a pair.
pub(super) struct About {
    pub concern: Concern,
    /// The command line's.
    pub noun: &'static str,
}

impl About {
    /// The end of what is there: the earliest date, the earliest limit of age.
    pub(super) fn ends(
        &self,
        secrets: &[&Secret],
        rules: &NoticeRules,
        now: Timestamp,
        found: &mut Vec<Occasion>,
    ) {
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
            let left = days_until(now, due);
            let half = SignedDuration::from_hours(12 * i64::from(limit));
            let stands =
                (due.duration_since(now) <= half).then(|| rules.ladder.stand(left, limit.div_ceil(2)));
            let standing = stands.flatten().map(|(rung, level)| Standing {
                rung,
                level,
                due: Some(due),
                message: match left {
                    ..=-1 => format!("{name} is older than the {limit} days that it may live"),
                    1 => format!("{name} reaches the {limit} days that it may live within a day"),
                    _ => format!("{name} reaches the {limit} days that it may live in {left} days"),
                },
                action: format!("fsm-vault {} rotate {name}", self.noun),
            });
            found
                .push(Occasion { id: NoticeId::new(NoticeKind::MaxAge, &self.concern, date(due)), standing });
        }
    }

    /// Versions beside the current one: a grace near its end with somebody left behind, and one forgotten.
    pub(super) fn versions(
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

fn listed(names: &[CallerName]) -> String {
    let shown: Vec<&str> = names.iter().take(NAMED).map(CallerName::as_str).collect();
    match names.len().saturating_sub(NAMED) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

pub(super) fn days(days: u32) -> i32 {
    i32::try_from(days).unwrap_or(i32::MAX)
}

pub(super) fn later(begin: Timestamp, by: SignedDuration) -> Timestamp {
    begin.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// Midnight (UTC) at which the day begins.
fn start_of(day: Date) -> Timestamp {
    let at_the_ends = if day.year() < 0 { Timestamp::MIN } else { Timestamp::MAX };
    day.to_zoned(TimeZone::UTC).map_or(at_the_ends, |start| start.timestamp())
}
