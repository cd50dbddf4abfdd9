//! When a scheduled backup is due, which older ones go, and what is to be told when none comes about. Pure.

use jiff::{SignedDuration, Timestamp};

use super::notices::{Occasion, Standing, compact};
use crate::model::{Concern, NoticeId, NoticeKind, NoticeLevel, Rung};

/// The first wait after a failure; doubled by each further one.
const FIRST_WAIT: SignedDuration = SignedDuration::from_mins(1);
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(1);

/// How often a backup is made, and how many are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackupRules {
    pub every: SignedDuration,
    pub keep: usize,
}

/// What has become of the schedule so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupsSoFar {
    /// The last that is whole.
    pub last: Option<Timestamp>,
    /// Since when there is a schedule, as far as this process knows.
    pub since: Timestamp,
    /// Failures since the last one: how many, when the last of them, and why.
    pub failures: u32,
    pub failed_at: Timestamp,
    pub why: String,
    pub surplus: Surplus,
}

/// What became of the older ones that were too many when the last one was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Surplus {
    /// None was made since the daemon started.
    Unknown,
    Went,
    /// Some of them are still there: why.
    Stays(String),
}

impl BackupsSoFar {
    pub fn new(last: Option<Timestamp>, now: Timestamp) -> Self {
        Self { last, since: now, failures: 0, failed_at: now, why: String::new(), surplus: Surplus::Unknown }
    }

    pub fn succeeded(&mut self, at: Timestamp, surplus: Surplus) {
        *self = Self { since: self.since, surplus, ..Self::new(Some(at), at) };
    }

    pub fn failed(&mut self, at: Timestamp, why: String) {
        self.failures = self.failures.saturating_add(1);
        (self.failed_at, self.why) = (at, why);
    }
}

/// Whether one is due. What was missed, while the daemon was down or sealed, is made up for by one. A clock that was set
/// back makes one due.
pub fn is_due(rules: BackupRules, so_far: &BackupsSoFar, now: Timestamp) -> bool {
    let passed = |since: Timestamp, wait: SignedDuration| now < since || now.duration_since(since) >= wait;
    if so_far.failures > 0 {
        let doubled = FIRST_WAIT * (1_i32 << (so_far.failures - 1).min(10));
        return passed(so_far.failed_at, doubled.min(LONGEST_WAIT).min(rules.every));
    }
    so_far.last.is_none_or(|last| passed(last, rules.every))
}

/// Of the backups from these times, those that are too many: the oldest ones. What is of the future, made under a wrong
/// clock, neither goes nor takes a place.
pub fn surplus(mut made: Vec<Timestamp>, keep: usize, now: Timestamp) -> Vec<Timestamp> {
    made.retain(|at| *at <= now);
    made.sort_unstable();
    made.truncate(made.len().saturating_sub(keep.max(1)));
    made
}

/// One isn't called overdue before: what makes them looks once a minute, and may have something else to do.
const SHORTEST_LATE: SignedDuration = SignedDuration::from_mins(5);

/// The notice of a schedule: a warning when one failed or is overdue by one period, critical by three.
pub fn of_backups(rules: BackupRules, so_far: &BackupsSoFar, directory: &str, now: Timestamp) -> Occasion {
    let late = now.duration_since(so_far.last.unwrap_or(so_far.since)) - rules.every;
    let period = rules.every.max(SHORTEST_LATE);
    let (rung, level) =
        if late >= period * 3 { (Rung(2), NoticeLevel::Critical) } else { (Rung(1), NoticeLevel::Warning) };
    let stands = so_far.failures > 0 || late >= period;
    let last = so_far.last.map_or_else(
        || "there is no scheduled backup yet".to_owned(),
        |last| format!("the last scheduled backup is of {}", last.strftime("%Y-%m-%d %H:%M:%SZ")),
    );
    let why = match so_far.failures {
        0 => "it is overdue".to_owned(),
        1 => format!("one attempt since has failed: {}", so_far.why),
        more => format!("{more} attempts since have failed: {}", so_far.why),
    };
    let standing = stands.then(|| Standing {
        rung,
        level,
        due: None,
        message: format!("{last}; {why}"),
        action: format!(
            "see that the daemon may write to {directory}, and that there is room; by hand: fsm-vault backup create --out FILE"
        ),
    });
    let occasion = so_far.last.map_or_else(|| "never".to_owned(), compact);
    Occasion {
        id: NoticeId::new(NoticeKind::Backup, &Concern::Vault("schedule".to_owned()), occasion),
        standing,
    }
}

/// The notice of older ones that can't be removed. As long as nobody knows, it neither stands nor is cleared.
pub fn of_surplus(surplus: &Surplus, directory: &str) -> Option<Occasion> {
    let standing = match surplus {
        Surplus::Went => return None,
        Surplus::Unknown => None,
        Surplus::Stays(why) => Some(Standing {
            rung: Rung(1),
            level: NoticeLevel::Warning,
            due: None,
            message: format!("older scheduled backups can't be removed, and take up room: {why}"),
            action: format!(
                "see that the daemon may remove files from {directory}; the next backup tries it again"
            ),
        }),
    };
    let id = NoticeId::new(NoticeKind::Backup, &Concern::Vault("schedule".to_owned()), "surplus");
    Some(Occasion { id, standing })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: BackupRules = BackupRules { every: SignedDuration::from_hours(24), keep: 3 };

    fn hour(hours: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(1_000_000 + hours)
    }

    #[test]
    fn one_is_due_after_a_period_and_a_missed_one_at_once() {
        let never = BackupsSoFar::new(None, hour(0));
        assert!(is_due(RULES, &never, hour(0)));
        let so_far = BackupsSoFar::new(Some(hour(0)), hour(0));
        for (now, due) in [(0, false), (23, false), (24, true), (500, true), (-1, true)] {
            assert_eq!(is_due(RULES, &so_far, hour(now)), due, "{now}");
        }
    }

    #[test]
    fn failures_wait_longer_each_time_and_a_success_forgets_them() {
        let mut so_far = BackupsSoFar::new(Some(hour(0)), hour(0));
        let minutes = |minutes| hour(24) + SignedDuration::from_mins(minutes);
        for (failures, wait) in [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (40, 60)] {
            while so_far.failures < failures {
                so_far.failed(hour(24), "no room".to_owned());
            }
            assert!(!is_due(RULES, &so_far, minutes(wait - 1)), "{failures}");
            assert!(is_due(RULES, &so_far, minutes(wait)) && is_due(RULES, &so_far, hour(0)), "{failures}");
        }
        so_far.succeeded(hour(25), Surplus::Unknown);
        assert_eq!(so_far, BackupsSoFar { since: hour(0), ..BackupsSoFar::new(Some(hour(25)), hour(25)) });
        let often = BackupRules { every: SignedDuration::from_secs(10), keep: 1 };
        so_far.failed(hour(25), String::new());
        assert!(is_due(often, &so_far, hour(25) + SignedDuration::from_secs(10)));
    }

    #[test]
    fn what_stays_is_told_until_it_goes() {
        let stays = of_surplus(&Surplus::Stays("it is immutable".to_owned()), "/b").unwrap();
        assert!(stays.standing.unwrap().message.ends_with(": it is immutable"));
        let unknown = of_surplus(&Surplus::Unknown, "/b").unwrap();
        assert_eq!((unknown.id, unknown.standing), (stays.id, None));
        assert!(of_surplus(&Surplus::Went, "/b").is_none());
        // A failure says nothing of it.
        let mut so_far = BackupsSoFar::new(None, hour(0));
        so_far.succeeded(hour(1), Surplus::Stays(String::new()));
        so_far.failed(hour(25), "no room".to_owned());
        assert_eq!(so_far.surplus, Surplus::Stays(String::new()));
    }

    #[test]
    fn the_oldest_go_and_never_the_newest() {
        let hours = |all: &[i64]| all.iter().copied().map(hour).collect::<Vec<_>>();
        assert_eq!(surplus(hours(&[5, 1, 4, 2, 3]), 3, hour(9)), hours(&[1, 2]));
        assert_eq!(surplus(hours(&[1, 2, 3]), 3, hour(9)), []);
        assert_eq!(surplus(hours(&[1, 2]), 0, hour(9)), hours(&[1]));
        assert_eq!(surplus(hours(&[90, 91, 92, 1, 2]), 3, hour(9)), []);
        assert_eq!(surplus(Vec::new(), 1, hour(9)), []);
    }

    #[test]
    fn a_failure_and_what_is_overdue_are_told_and_a_success_ends_it() {
        let stand = |so_far: &BackupsSoFar, now| {
            of_backups(RULES, so_far, "/b", hour(now)).standing.map(|standing| standing.level)
        };
        let mut so_far = BackupsSoFar::new(Some(hour(0)), hour(0));
        let (warning, critical) = (Some(NoticeLevel::Warning), Some(NoticeLevel::Critical));
        for (now, level) in [(-5, None), (24, None), (47, None), (48, warning), (95, warning), (96, critical)]
        {
            assert_eq!(stand(&so_far, now), level, "{now}");
        }
        let (often, soon) = (BackupRules { every: SignedDuration::from_mins(1), keep: 1 }, |minutes| {
            hour(0) + SignedDuration::from_mins(minutes)
        });
        for (minutes, is_late) in [(2, false), (5, false), (6, true)] {
            let standing = of_backups(often, &so_far, "/b", soon(minutes)).standing;
            assert_eq!(standing.is_some(), is_late, "{minutes}");
        }
        let before = of_backups(RULES, &so_far, "/b", hour(24));
        so_far.failed(hour(24), "no room".to_owned());
        let after = of_backups(RULES, &so_far, "/b", hour(24));
        // The same cause, told once; and there before it is told, so that a restart doesn't tell it once more.
        assert_eq!((before.id, before.standing), (after.id.clone(), None));
        assert!(after.standing.unwrap().message.ends_with("one attempt since has failed: no room"));
        assert_eq!((stand(&so_far, 24), stand(&so_far, 96)), (warning, critical));
        so_far.succeeded(hour(97), Surplus::Went);
        let cured = of_backups(RULES, &so_far, "/b", hour(98));
        assert!(cured.standing.is_none() && cured.id != after.id);
        let never = BackupsSoFar::new(None, hour(0));
        assert_eq!((stand(&never, 47), stand(&never, 48)), (None, warning));
        assert_eq!(of_backups(RULES, &never, "/b", hour(0)).id.as_str(), "backup.schedule.never");
    }
}
