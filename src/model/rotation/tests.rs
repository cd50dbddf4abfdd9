//! Random rotations, activations, retirements and clock jumps against a naive model.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::model::{Encoding, Fingerprint, Release, Unavailable, VersionWanted};

fn at(second: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second)
}

fn secret() -> Secret {
    Secret {
        id: "_x".parse().unwrap(),
        name: "".into(),
        description: "".into(),
        owners: vec![],
        restrictions: None,
        integration: None,
        origin: crate::model::Origin::ThisAccount,
        release: Release::Reveal,
        expires_on: None,
        max_age_days: None,
        created_at: at(0),
        created_by: "admin".parse().unwrap(),
        changed_at: at(0),
        last_version: 0,
        versions: vec![],
        since_line: None,
    }
}

fn version(number: u64) -> Version {
    Version {
        number,
        state: VersionState::Pending,
        encoding: Encoding::Utf8,
        fingerprint: Fingerprint::of([0; 8]),
        created_at: at(0),
        created_by: "admin".parse().unwrap(),
        note: None,
    }
}

#[derive(Debug, Clone)]
enum Step {
    Add,
    Activate { back: u64, grace: i64 },
    Retire { back: u64 },
    Reset,
    Wait(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => Just(Step::Add),
        4 => (0..4_u64, prop_oneof![Just(0), 1..40_i64]).prop_map(|(back, grace)| Step::Activate { back, grace }),
        1 => (0..4_u64).prop_map(|back| Step::Retire { back }),
        1 => Just(Step::Reset),
        3 => (-5..30_i64).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 0..120)
}

/// As one would keep it on paper: three names, a set of the dead, an end of the grace.
#[derive(Default)]
struct Naive {
    last: u64,
    pending: Option<u64>,
    current: Option<u64>,
    previous: Option<(u64, i64)>,
    dead: BTreeSet<u64>,
}

impl Naive {
    fn pass(&mut self, now: i64) {
        if let Some((number, until)) = self.previous
            && now >= until
        {
            self.dead.insert(number);
            self.previous = None;
        }
    }

    fn step(&mut self, step: &Step, now: i64) {
        match *step {
            Step::Add => {
                self.dead.extend(self.pending.take());
                self.last += 1;
                self.pending = Some(self.last);
            }
            Step::Activate { back, grace } => {
                let number = self.last.wrapping_sub(back);
                let previous = self.previous.map(|(number, _)| number);
                if self.pending == Some(number) {
                    self.pending = None;
                } else if previous == Some(number) {
                    self.previous = None;
                } else {
                    return;
                }
                self.dead.extend(self.previous.take().map(|(number, _)| number));
                match self.current.replace(number) {
                    Some(before) if grace > 0 => self.previous = Some((before, now + grace)),
                    before => self.dead.extend(before),
                }
            }
            Step::Retire { back } => {
                let number = self.last.wrapping_sub(back);
                if self.pending == Some(number) {
                    self.dead.extend(self.pending.take());
                } else if self.previous.is_some_and(|(previous, _)| previous == number) {
                    self.dead.extend(self.previous.take().map(|(number, _)| number));
                }
            }
            Step::Reset => {
                self.dead.extend(self.current.take());
                self.dead.extend(self.previous.take().map(|(number, _)| number));
            }
            Step::Wait(_) => {}
        }
    }
}

proptest! {
    #[test]
    fn agrees_with_a_naive_model(steps in steps()) {
        let (mut secret, mut naive, mut now) = (secret(), Naive::default(), 1000_i64);
        let mut values: BTreeMap<u64, ()> = BTreeMap::new();
        for step in steps {
            if let Step::Wait(seconds) = step {
                // A clock set back revives nothing: what has lapsed is recorded first, as every change does.
                let _ = secret.retire_lapsed(at(now)).destroyed.iter().map(|number| values.remove(number)).count();
                naive.pass(now);
                now += seconds;
            }
            naive.pass(now);
            naive.step(&step, now);
            let rotation = match step {
                Step::Add => {
                    let number = secret.next_version(0);
                    values.insert(number, ());
                    Ok(secret.add_pending(version(number), at(now)))
                }
                Step::Activate { back, grace } => {
                    secret.activate(secret.last_version.wrapping_sub(back), SignedDuration::from_secs(grace), at(now))
                }
                Step::Retire { back } => secret.retire(secret.last_version.wrapping_sub(back), at(now)),
                Step::Reset => Ok(secret.retire_readable(at(now))),
                Step::Wait(_) => Ok(secret.retire_lapsed(at(now))),
            };
            for number in rotation.unwrap_or_default().destroyed {
                values.remove(&number);
            }
            let read = |wanted| secret.readable(wanted, at(now)).ok().map(|version| version.number);
            prop_assert_eq!(read(VersionWanted::Current), naive.current);
            prop_assert_eq!(read(VersionWanted::Previous), naive.previous.map(|(number, _)| number));
            prop_assert_eq!(secret.last_version, naive.last);
            for number in 1..=naive.last {
                let readable = naive.current == Some(number) || naive.previous.is_some_and(|(each, _)| each == number);
                prop_assert_eq!(read(VersionWanted::Number(number)).is_some(), readable, "version {}", number);
                if naive.dead.contains(&number) {
                    let refused = secret.readable(VersionWanted::Number(number), at(now)).unwrap_err();
                    prop_assert!(matches!(refused, Unavailable::Retired | Unavailable::Unknown));
                }
                let alive = readable || naive.pending == Some(number);
                prop_assert!(!alive || values.contains_key(&number), "version {} lost its value", number);
            }
            prop_assert!(secret.versions.len() <= REMEMBERED + 3);
            prop_assert!(secret.versions.is_sorted_by_key(|each| each.number));
        }
    }
}

#[test]
fn each_refusal_has_its_reason() {
    let mut secret = secret();
    for number in 1..=3 {
        let _ = secret.add_pending(version(number), at(0));
        let _ = secret.activate(number, SignedDuration::from_secs(10), at(0)).unwrap();
    }
    let _ = secret.add_pending(version(4), at(0));
    let mut activate = |number, now| secret.activate(number, SignedDuration::ZERO, at(now)).err();
    assert_eq!(activate(9, 1), Some(Standstill::Unknown));
    assert_eq!(activate(3, 1), Some(Standstill::Current));
    assert_eq!(activate(1, 1), Some(Standstill::Retired));
    assert_eq!(activate(2, 10), Some(Standstill::Retired));
    assert_eq!(secret.retire(3, at(1)).err(), Some(Standstill::InUse));
    assert!(secret.retire(4, at(1)).is_ok());
    assert_eq!(secret.retire(4, at(1)).err(), Some(Standstill::Gone));
}

#[test]
fn a_hard_cut_leaves_nothing_and_an_overlap_ends() {
    let mut secret = secret();
    let _ = secret.add_pending(version(1), at(0));
    let _ = secret.activate(1, SignedDuration::from_secs(10), at(0)).unwrap();
    let _ = secret.add_pending(version(2), at(0));
    let cut = secret.clone().activate(2, SignedDuration::ZERO, at(0)).unwrap();
    assert_eq!(cut.destroyed, [1]);
    assert!(secret.activate(2, SignedDuration::from_secs(10), at(0)).unwrap().destroyed.is_empty());
    assert!(!secret.has_lapsed(at(9)) && secret.has_lapsed(at(10)));
    assert_eq!(secret.retire_lapsed(at(10)).destroyed, [1]);
    assert!(!secret.has_lapsed(at(10)));
}
