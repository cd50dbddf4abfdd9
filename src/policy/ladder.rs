//! How long before its end a thing is spoken of, and how loudly.

use jiff::{SignedDuration, Timestamp};

use crate::model::{NoticeLevel, Rung};

const DAY: i64 = 86_400;
/// Rungs of days: the fewer are left, the higher. Independent of how the ladder is configured, so that a record made
/// under one ladder is understood under the next.
const LAST_DAY: u32 = 100_000;

/// The days before the end on which a notice is raised anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ladder(Vec<u32>);

impl Default for Ladder {
    /// The contract's.
    fn default() -> Self {
        Self::new([30, 14, 7, 3, 1, 0])
    }
}

impl Ladder {
    /// The furthest day that a ladder may have: ten years.
    pub const FURTHEST: u32 = 3650;

    /// In any order; repetitions count once. Without days, only what is overdue is told.
    pub fn new(days: impl IntoIterator<Item = u32>) -> Self {
        let mut days: Vec<u32> = days.into_iter().map(|day| day.min(Self::FURTHEST)).collect();
        days.sort_unstable();
        days.dedup();
        Self(days)
    }

    /// Where somebody stands who has so many whole days left (less than none: overdue). Days beyond `furthest` don't
    /// count: what lives a week isn't spoken of a month before.
    pub fn stand(&self, days_left: i64, furthest: u32) -> Option<(Rung, NoticeLevel)> {
        if days_left < 0 {
            return Some((Rung(LAST_DAY + 1), NoticeLevel::Critical));
        }
        let reached = self.0.iter().copied().find(|day| i64::from(*day) >= days_left)?;
        (reached <= furthest).then(|| (Rung(LAST_DAY - reached), level(reached)))
    }
}

/// The contract's: 30 and 14 days `info`, 7 and 3 `warning`, 1 and 0 `critical`.
fn level(days: u32) -> NoticeLevel {
    match days {
        0..=1 => NoticeLevel::Critical,
        2..=7 => NoticeLevel::Warning,
        _ => NoticeLevel::Info,
    }
}

/// Days of the calendar (UTC) from now to the day on which `then` lies.
pub(super) fn calendar_days(now: Timestamp, then: Timestamp) -> i64 {
    then.as_second().div_euclid(DAY) - now.as_second().div_euclid(DAY)
}

/// Days left until `then`, one that has begun as a whole one: so nothing is told a day early. Less than none once it is
/// reached.
pub(super) fn days_until(now: Timestamp, then: Timestamp) -> i64 {
    if then <= now {
        -1
    } else {
        (then.duration_since(now) - SignedDuration::from_nanos(1)).as_secs() / DAY + 1
    }
}

/// Where something stands whose life ends at `end`: by the share of its life that is left, in three steps.
pub(super) fn by_share(
    life: SignedDuration,
    end: Timestamp,
    now: Timestamp,
    steps: &[(u32, NoticeLevel)],
) -> Option<(Rung, NoticeLevel)> {
    let left = end.duration_since(now);
    let reached =
        steps.iter().rposition(|(share, _)| left < life / i32::try_from(*share).unwrap_or(i32::MAX))?;
    let (_, level) = steps[reached];
    Some((Rung(u32::try_from(reached).unwrap_or(u32::MAX).saturating_add(1)), level))
}

#[cfg(test)]
mod tests {
    use super::*;
    use NoticeLevel::{Critical, Info, Warning};

    fn at(day: i64, second: i64) -> Timestamp {
        Timestamp::from_second(day * DAY + second).unwrap()
    }

    #[test]
    fn the_contracts_ladder() {
        let ladder = Ladder::default();
        let level = |days| ladder.stand(days, u32::MAX).map(|(_, level)| level);
        for (days, expected) in [
            (31, None),
            (30, Some(Info)),
            (15, Some(Info)),
            (14, Some(Info)),
            (8, Some(Info)),
            (7, Some(Warning)),
            (3, Some(Warning)),
            (2, Some(Warning)),
            (1, Some(Critical)),
            (0, Some(Critical)),
            (-1, Some(Critical)),
        ] {
            assert_eq!(level(days), expected, "{days}");
        }
        let rungs: Vec<_> =
            [30, 14, 7, 3, 1, 0, -1].map(|days| ladder.stand(days, u32::MAX).unwrap().0).into();
        assert!(rungs.is_sorted_by(|one, next| one < next), "{rungs:?}");
        assert_eq!(ladder.stand(-1, 0), ladder.stand(-1000, 0));
    }

    #[test]
    fn what_lives_shortly_is_spoken_of_late() {
        let ladder = Ladder::new([14, 7, 3, 7]);
        assert_eq!(ladder.stand(10, 7), None);
        assert_eq!(ladder.stand(7, 7).unwrap().1, Warning);
        assert_eq!(ladder.stand(0, 1), None);
        assert!(Ladder::new([]).stand(0, u32::MAX).is_none() && Ladder::new([]).stand(-1, 0).is_some());
    }

    #[test]
    fn days_are_counted_by_the_calendar_or_whole() {
        assert_eq!(calendar_days(at(10, DAY - 1), at(11, 0)), 1);
        assert_eq!(calendar_days(at(10, 0), at(10, DAY - 1)), 0);
        assert_eq!(calendar_days(at(11, 0), at(10, DAY - 1)), -1);
        assert_eq!(calendar_days(at(-1, 0), at(1, 0)), 2);
        assert_eq!(days_until(at(10, 1), at(11, 0)), 1);
        assert_eq!(days_until(at(10, 0), at(11, 0)), 1);
        assert_eq!(days_until(at(9, 23), at(11, 0)), 2);
        assert_eq!(days_until(at(11, 0), at(11, 0)), -1);
    }

    #[test]
    fn shares_of_a_life() {
        let steps = [(3, Info), (6, Warning), (20, Critical)];
        let stand = |left: i64| {
            by_share(SignedDuration::from_secs(600), at(0, 1000), at(0, 1000 - left), &steps)
                .map(|(_, level)| level)
        };
        for (left, expected) in [
            (600, None),
            (200, None),
            (199, Some(Info)),
            (99, Some(Warning)),
            (29, Some(Critical)),
            (-5, Some(Critical)),
        ] {
            assert_eq!(stand(left), expected, "{left}");
        }
    }
}
