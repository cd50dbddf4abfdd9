//! Random lives of secrets, with crashes and clock jumps, against a naive model.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use proptest::prelude::*;

use super::super::*;
use super::site::*;
use crate::model::{Pins, Role, SecretId, Standing, VersionWanted};
use crate::policy::Ask;

const OPEN: &str = r#"{"allow_all_scripts":true,"allow_all_domains":true}"#;
const SHARED: &str = r#"{"allow_all_scripts":true,"allow_all_domains":true,"available_to_suiteapp":true,"suiteapp_id":"com.a"}"#;

#[derive(Debug, Clone)]
enum Step {
    Create {
        id: u8,
        value: u8,
        shared: bool,
    },
    Edit {
        id: u8,
        name: u8,
    },
    Rotate {
        id: u8,
        value: u8,
        grace: i64,
        activate: bool,
    },
    /// Of the version that is so many before the last.
    Activate {
        id: u8,
        back: u64,
        grace: i64,
    },
    Retire {
        id: u8,
        back: u64,
    },
    Delete {
        id: u8,
    },
    Crash,
    Record,
    Lapse,
    Jump(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let (id, value, back) = (|| 0..3_u8, || 0..4_u8, || 0..4_u64);
    let grace = || prop_oneof![Just(0), Just(30), Just(90)];
    prop_oneof![
        4 => (id(), value(), prop::bool::weighted(0.2)).prop_map(|(id, value, shared)| Step::Create { id, value, shared }),
        2 => (id(), 0..3_u8).prop_map(|(id, name)| Step::Edit { id, name }),
        6 => (id(), value(), grace(), any::<bool>())
            .prop_map(|(id, value, grace, activate)| Step::Rotate { id, value, grace, activate }),
        4 => (id(), back(), grace()).prop_map(|(id, back, grace)| Step::Activate { id, back, grace }),
        2 => (id(), back()).prop_map(|(id, back)| Step::Retire { id, back }),
        2 => id().prop_map(|id| Step::Delete { id }),
        1 => Just(Step::Crash),
        1 => Just(Step::Record),
        2 => Just(Step::Lapse),
        4 => (-40..100_i64).prop_map(Step::Jump),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_vault_does_what_the_model_does(steps in prop::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(follow(steps));
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Pending,
    Current,
    /// Until this second.
    Previous(i64),
    Retired,
}

#[derive(Default)]
struct Life {
    name: String,
    shared: bool,
    versions: BTreeMap<u64, (State, u8)>,
}

/// What there should be. Version numbers outlive the secrets.
#[derive(Default)]
struct Model {
    now: i64,
    lives: BTreeMap<u8, Life>,
    last: BTreeMap<u8, u64>,
    buried: BTreeSet<u8>,
    /// Versions that must never be read again.
    dead: BTreeSet<(u8, u64)>,
}

impl Life {
    fn current(&self) -> Option<u8> {
        self.versions.values().find(|(state, _)| *state == State::Current).map(|(_, value)| *value)
    }

    fn standing(&self, number: u64, now: i64) -> Option<Standing> {
        self.versions.get(&number).map(|(state, _)| match state {
            State::Pending => Standing::Pending,
            State::Current => Standing::Current,
            State::Previous(until) if now < *until => Standing::Previous,
            State::Previous(_) | State::Retired => Standing::Retired,
        })
    }

    fn promote(&mut self, number: u64, grace: i64, now: i64) {
        for (each, (state, _)) in &mut self.versions {
            *state = match *state {
                _ if *each == number => State::Current,
                State::Current if grace > 0 => State::Previous(now + grace),
                State::Current | State::Previous(_) => State::Retired,
                other => other,
            };
        }
    }

    fn settle(&mut self, now: i64) {
        for (state, _) in self.versions.values_mut() {
            if matches!(state, State::Previous(until) if *until <= now) {
                *state = State::Retired;
            }
        }
    }
}

impl Model {
    /// Whether the step succeeds. `Record` and `Crash` are nothing to it.
    fn step(&mut self, step: &Step) -> bool {
        let now = self.now;
        let done = match *step {
            Step::Create { id, value, shared } => {
                let free = !self.lives.contains_key(&id) && !self.buried.contains(&id);
                if free {
                    let number = self.next(id);
                    let versions = BTreeMap::from([(number, (State::Current, value))]);
                    self.lives.insert(id, Life { shared, versions, ..Life::default() });
                }
                free
            }
            Step::Edit { id, name } => {
                let life = self.lives.get_mut(&id);
                life.map(|life| life.name = name.to_string()).is_some()
            }
            Step::Rotate { id, value, grace, activate } => {
                let Some(current) = self.lives.get(&id).map(Life::current) else { return false };
                if activate && current == Some(value) {
                    return true;
                }
                let number = self.next(id);
                let life = self.lives.get_mut(&id).unwrap();
                for (state, _) in life.versions.values_mut().filter(|(state, _)| *state == State::Pending) {
                    *state = State::Retired;
                }
                life.versions.insert(number, (State::Pending, value));
                if activate {
                    life.promote(number, grace, now);
                }
                life.settle(now);
                true
            }
            Step::Activate { id, back, grace } => {
                let number = self.number(id, back);
                let Some(life) = self.lives.get_mut(&id) else { return false };
                let may = matches!(life.standing(number, now), Some(Standing::Pending | Standing::Previous));
                if may {
                    life.promote(number, grace, now);
                    life.settle(now);
                }
                may
            }
            Step::Retire { id, back } => {
                let number = self.number(id, back);
                let Some(life) = self.lives.get_mut(&id) else { return false };
                let may = matches!(life.standing(number, now), Some(Standing::Pending | Standing::Previous));
                if may {
                    life.versions.get_mut(&number).unwrap().0 = State::Retired;
                    life.settle(now);
                }
                may
            }
            Step::Delete { id } => {
                let Some(life) = self.lives.remove(&id) else { return false };
                if life.shared {
                    self.buried.insert(id);
                }
                self.dead.extend(life.versions.keys().map(|number| (id, *number)));
                true
            }
            Step::Lapse => {
                self.lives.values_mut().for_each(|life| life.settle(now));
                true
            }
            Step::Jump(by) => {
                self.now += by;
                true
            }
            Step::Crash | Step::Record => true,
        };
        for (id, life) in &self.lives {
            let retired = life.versions.iter().filter(|(_, (state, _))| *state == State::Retired);
            self.dead.extend(retired.map(|(number, _)| (*id, *number)));
        }
        done
    }

    fn next(&mut self, id: u8) -> u64 {
        let last = self.last.entry(id).or_default();
        *last += 1;
        *last
    }

    fn number(&self, id: u8, back: u64) -> u64 {
        self.last.get(&id).copied().unwrap_or_default().saturating_sub(back)
    }
}

fn id_of(id: u8) -> SecretId {
    format!("_{id}").parse().unwrap()
}

fn value_of(value: u8) -> String {
    format!("value {value}")
}

async fn follow(steps: Vec<Step>) {
    let mut site = Site::unsealed().await;
    let script = "customscript_a".parse().unwrap();
    let role = Role::Service { script, employees: Vec::new(), suiteapp: Some("com.a".parse().unwrap()) };
    let service = site.enrol("fsm", role, Pins::default()).await;
    let mut model = Model::default();
    for step in steps {
        let number = |id: u8, back: u64| model.number(id, back);
        let grace = |seconds| Some(SignedDuration::from_secs(seconds));
        let (vault, admin) = (&site.vault, site.admin());
        let done = match step {
            Step::Create { id, value, shared } => {
                let rules = if shared { SHARED } else { OPEN };
                site.secret(id_of(id).as_str(), &value_of(value), rules).await.is_ok()
            }
            Step::Edit { id, name } => {
                let edit = SecretEdit { name: Some(name.to_string()), ..SecretEdit::default() };
                vault.edit_secret(admin, &id_of(id), edit, &IfMatch::Any).await.is_ok()
            }
            Step::Rotate { id, value, grace: seconds, activate } => {
                let spread = Spread { grace: grace(seconds), activate, note: None, force: true };
                let new = NewVersion { value: plain(&value_of(value)), spread };
                vault.rotate_secret(admin, &id_of(id), new, &IfMatch::Any).await.is_ok()
            }
            Step::Activate { id, back, grace: seconds } => {
                let cut = Cut { grace: grace(seconds), force: true };
                vault.activate_secret(admin, &id_of(id), number(id, back), cut, &IfMatch::Any).await.is_ok()
            }
            Step::Retire { id, back } => {
                vault.retire_version(admin, &id_of(id), number(id, back), true, &IfMatch::Any).await.is_ok()
            }
            Step::Delete { id } => vault.delete_secret(admin, &id_of(id), &IfMatch::Any).await.is_ok(),
            Step::Record => vault.record_uses().await.is_ok(),
            Step::Lapse => vault.retire_lapsed().await.is_ok(),
            Step::Jump(by) => {
                site.later(by);
                true
            }
            Step::Crash => {
                site = site.restarted().await;
                true
            }
        };
        assert_eq!(done, model.step(&step), "{step:?}");
        agree(&site, &service, &model).await;
    }
    let site = site.restarted().await;
    agree(&site, &service, &model).await;
    assert!(site.vault.verify_log(site.admin()).await.unwrap().first_bad.is_none());
}

async fn agree(site: &Site, service: &Session, model: &Model) {
    for id in 0..3 {
        let (life, last) = (model.lives.get(&id), model.last.get(&id).copied().unwrap_or_default());
        let seen = site.vault.see_secret(site.admin(), &id_of(id)).await.ok();
        assert_eq!(seen.is_some(), life.is_some(), "{id}");
        if let (Some(seen), Some(life)) = (seen, life) {
            assert_eq!((&*seen.secret.name, seen.secret.last_version), (&*life.name, last), "{id}");
            let standings: Vec<_> =
                seen.secret.versions.iter().map(|each| (each.number, Some(each.standing(seen.at)))).collect();
            let expected: Vec<_> =
                life.versions.keys().map(|number| (*number, life.standing(*number, model.now))).collect();
            assert_eq!(standings, expected, "{id}");
        }
        for number in 1..=last + 1 {
            let ask = Ask { version: VersionWanted::Number(number), ..ANY };
            let read = site.vault.read_value(asker(service), &id_of(id), ask).await.ok();
            let standing = life.and_then(|life| life.standing(number, model.now));
            let readable = matches!(standing, Some(Standing::Current | Standing::Previous));
            assert_eq!(read.is_some(), readable, "{id} version {number}");
            assert!(read.is_none() || !model.dead.contains(&(id, number)), "{id} version {number} came back");
            if let (Some(read), Some(life)) = (read, life) {
                assert!(
                    read.value.same_as(&plain(&value_of(life.versions[&number].1))),
                    "{id} version {number}"
                );
            }
        }
    }
}
