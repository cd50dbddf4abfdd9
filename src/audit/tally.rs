//! Counts repeated denials, so that a service in a loop can't fill the disk.
//!
//! Of each certificate, ten denials in a minute are written as they come. Further ones are counted, and written
//! as one entry once the minute is over: `count` says how many, what they had in common stands in its
//! fields, what differed is left out (a differing `reason` is `various`, a differing `action` is
//! `request.repeat`).

use std::collections::HashMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::entry::Entry;

const WINDOW: SignedDuration = SignedDuration::from_secs(60);
const WRITTEN_SINGLY: u32 = 10;
/// Callers counted one by one; all beyond share one tally.
pub(super) const MAX_CALLERS: usize = 1024;

/// Which tallies to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Those whose minute is over.
    Ended,
    /// What is counted so far; the minutes go on.
    Counted,
    /// All, before the log is closed.
    All,
}

/// The tallies of the minutes under way.
pub(super) struct Tallies {
    callers: HashMap<Who, Tally>,
    max: usize,
}

struct Tally {
    since: Timestamp,
    single: u32,
    repeated: Option<Entry>,
}

impl Tallies {
    /// For so many callers at most.
    pub fn of(max: usize) -> Self {
        Self { callers: HashMap::new(), max }
    }

    /// What is to be written now that this denial has happened, in order: often itself.
    pub fn note(&mut self, entry: Entry, now: Timestamp) -> Vec<Entry> {
        let mut write = Vec::new();
        let mut who = who(&entry);
        if !self.callers.contains_key(&who) && self.callers.len() >= self.max {
            write.extend(self.take(Due::Ended, now));
            if self.callers.len() >= self.max {
                who = Who::default();
            }
        }
        let tally = self.callers.entry(who).or_insert_with(|| Tally::since(now));
        if tally.has_ended(now) {
            write.extend(std::mem::replace(tally, Tally::since(now)).repeated);
        }
        if tally.single < WRITTEN_SINGLY {
            tally.single += 1;
            write.push(entry);
        } else {
            tally.count(entry, 1);
        }
        write
    }

    /// The entries that are due. Tallies whose minute is over are forgotten.
    pub fn take(&mut self, due: Due, now: Timestamp) -> Vec<Entry> {
        if due == Due::Counted {
            return self.callers.values_mut().filter_map(|tally| tally.repeated.take()).collect();
        }
        let ended = |tally: &Tally| due == Due::All || tally.has_ended(now);
        self.callers.extract_if(|_, tally| ended(tally)).filter_map(|(_, tally)| tally.repeated).collect()
    }

    /// Takes back an entry that could not be written.
    pub fn put_back(&mut self, entry: Entry, now: Timestamp) {
        let who = who(&entry);
        let count = entry.count.unwrap_or(1);
        self.callers.entry(who).or_insert_with(|| Tally::since(now)).count(entry, count);
    }
}

/// Whose tally a denial counts in: a caller and its certificate's serial. An old one of the same name must not use up what the
/// name's holder has, nor may one of another trust domain, which gives serials as it likes.
type Who = (Arc<str>, Arc<str>);

fn who(entry: &Entry) -> Who {
    let word = |word: &Option<Arc<str>>| word.clone().unwrap_or_default();
    (word(&entry.caller), word(&entry.serial))
}

impl Tally {
    fn since(now: Timestamp) -> Self {
        Self { since: now, single: 0, repeated: None }
    }

    /// A clock that was turned back ends a minute too: it must not last for hours.
    fn has_ended(&self, now: Timestamp) -> bool {
        let passed = now.duration_since(self.since);
        passed >= WINDOW || passed.is_negative()
    }

    fn count(&mut self, entry: Entry, count: u64) {
        match &mut self.repeated {
            Some(repeated) => {
                repeated.keep_common(&entry);
                repeated.count = Some(repeated.count.unwrap_or(1).saturating_add(count));
            }
            None => self.repeated = Some(Entry { count: Some(count), ..entry }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denial(caller: &str, secret: &str) -> Entry {
        Entry {
            caller: Some(caller.into()),
            secret: Some(secret.into()),
            action: "secret.read".into(),
            reason: Some("script_not_allowed".into()),
            ..Entry::default()
        }
    }

    #[test]
    fn an_old_certificate_uses_up_nothing_of_the_one_that_follows() {
        let mut tallies = Tallies::of(MAX_CALLERS);
        let of = |serial: &str| Entry { serial: Some(serial.into()), ..denial("fsm", "_a") };
        for _ in 0..=WRITTEN_SINGLY {
            let _ = tallies.note(of("old"), at(0));
        }
        assert_eq!(tallies.note(of("old"), at(0)), []);
        assert_eq!(tallies.note(of("new"), at(0)), [of("new")]);
        let abroad = Entry { caller: Some("spiffe://example.org/x".into()), ..of("old") };
        assert_eq!(tallies.note(abroad.clone(), at(0)), [abroad]);
    }

    #[test]
    fn what_is_told_early_begins_no_minute() {
        let mut tallies = Tallies::of(MAX_CALLERS);
        let lines: usize =
            (0..=WRITTEN_SINGLY + 5).map(|_| tallies.note(denial("fsm", "_a"), at(0)).len()).sum();
        assert_eq!(lines, WRITTEN_SINGLY as usize);
        assert_eq!(tallies.take(Due::Counted, at(1))[0].count, Some(6));
        assert_eq!(tallies.note(denial("fsm", "_a"), at(2)), []);
        assert_eq!(tallies.take(Due::Counted, at(2))[0].count, Some(1));
        assert_eq!(tallies.take(Due::All, at(3)), []);
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + seconds).unwrap()
    }

    #[test]
    fn the_eleventh_is_counted() {
        let mut tallies = Tallies::of(MAX_CALLERS);
        for nth in 0..10 {
            assert_eq!(tallies.note(denial("a", "s"), at(nth)).len(), 1);
        }
        for nth in 10..59 {
            assert!(tallies.note(denial("a", "s"), at(nth)).is_empty());
        }
        assert_eq!(tallies.note(denial("b", "s"), at(59)).len(), 1, "another caller has a count of its own");
        assert!(tallies.take(Due::Ended, at(59)).is_empty());
        let written = tallies.note(denial("a", "t"), at(60));
        assert_eq!(written, [Entry { count: Some(49), ..denial("a", "s") }, denial("a", "t")]);
        for _ in 0..9 {
            assert_eq!(tallies.note(denial("a", "t"), at(61)).len(), 1);
        }
        assert!(tallies.note(denial("a", "t"), at(62)).is_empty(), "a new minute, a new ten");
    }

    #[test]
    fn what_differs_is_left_out_and_nothing_uncounted() {
        let mut tallies = Tallies::of(MAX_CALLERS);
        for _ in 0..10 {
            tallies.note(denial("a", "s"), at(0));
        }
        tallies.note(denial("a", "s"), at(0));
        tallies.note(denial("a", "t"), at(0));
        let taken = tallies.take(Due::All, at(0));
        assert_eq!(taken, [Entry { secret: None, count: Some(2), ..denial("a", "s") }]);
        assert!(tallies.take(Due::All, at(0)).is_empty());
        tallies.put_back(taken[0].clone(), at(1));
        tallies.put_back(Entry { count: None, ..taken[0].clone() }, at(1));
        assert_eq!(tallies.take(Due::All, at(1))[0].count, Some(3));
    }

    #[test]
    fn callers_beyond_the_bound_share_a_tally() {
        let mut tallies = Tallies::of(2);
        tallies.note(denial("a", "s"), at(0));
        tallies.note(denial("b", "s"), at(0));
        let written: usize =
            (0..30).map(|nth| tallies.note(denial(&format!("c{nth}"), "s"), at(1)).len()).sum();
        assert_eq!(written, 10);
        assert_eq!(tallies.callers.len(), 3);
        let taken = tallies.take(Due::All, at(2));
        assert_eq!((taken.len(), taken[0].count, taken[0].caller.clone()), (1, Some(20), None));
    }

    #[test]
    fn a_clock_turned_back_ends_the_minute() {
        let mut tallies = Tallies::of(MAX_CALLERS);
        for _ in 0..12 {
            tallies.note(denial("a", "s"), at(0));
        }
        let written = tallies.note(denial("a", "s"), at(-3600));
        assert_eq!(written.len(), 2);
        assert_eq!(written[0].count, Some(2));
    }
}
