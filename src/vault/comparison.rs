//! From the records that a change writes to what is told of it: compared before and after, under one lock.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::feed::{Feed, Happening, Subject};
use super::lives::life_of;
use super::noun::Noun;
use super::registry::Registry;
use crate::model::{Integration, IntegrationName, Secret, SecretId, VersionWanted};

/// What there was before a change.
#[derive(Default)]
pub(super) struct Comparison {
    secrets: BTreeMap<SecretId, Option<Arc<Secret>>>,
    integrations: BTreeMap<IntegrationName, Option<Arc<Integration>>>,
    /// Whose waiters look again.
    touched: Vec<Subject>,
    happened: Vec<Happening>,
}

impl Comparison {
    /// Notes what a record is before it is replaced.
    pub fn before(&mut self, registry: &Registry, noun: &Noun) {
        match noun {
            Noun::Secret(Secret { id, .. }) | Noun::SecretGone(id) => {
                let found = registry.secrets.get(id).map(|kept| Arc::clone(&kept.noun));
                self.secrets.entry(id.clone()).or_insert(found);
            }
            Noun::Integration(record) => self.before_record(registry, &record.name),
            Noun::IntegrationGone(name) => self.before_record(registry, name),
            Noun::Caller(caller) => self.touched.push(Subject::Caller(caller.name.clone())),
            // They come and go with their secret.
            Noun::Value { .. } | Noun::Gone { .. } | Noun::Tombstone(_) => {}
            // Whoever raises or clears one tells of it.
            Noun::Notice(_) | Noun::NoticeGone(_) => {}
            Noun::Checkpoint(_) | Noun::Uses { .. } | Noun::UsesGone(_) | Noun::UsesMark(_) => {}
            Noun::Slots(_) | Noun::Stray { .. } => {}
        }
    }

    fn before_record(&mut self, registry: &Registry, name: &IntegrationName) {
        let found = registry.integrations.get(name).map(|kept| Arc::clone(&kept.noun));
        self.integrations.entry(name.clone()).or_insert(found);
    }

    /// Compares with what there is after the change.
    pub fn settle(&mut self, registry: &Registry, now: Timestamp) {
        for (id, before) in std::mem::take(&mut self.secrets) {
            let after = registry.secrets.get(&id).map(|kept| &kept.noun);
            let owner = after.or(before.as_ref()).and_then(|secret| secret.integration.clone());
            self.touched.push(Subject::Secret(id.clone()));
            if served(before.as_ref(), now) != served(after, now) {
                let about = owner.map_or(Subject::Secret(id), Subject::Integration);
                self.note(registry, about);
            }
        }
        for (name, before) in std::mem::take(&mut self.integrations) {
            let after = registry.integrations.get(&name).map(|kept| &kept.noun);
            let terms = |record: &Arc<Integration>| (record.state, record.restrictions.clone());
            if before.as_ref().map(terms) != after.map(terms) {
                // The record's rules are its secrets' rules.
                for record in before.iter().chain(after) {
                    self.touched.extend(record.secret_ids().cloned().map(Subject::Secret));
                }
                self.note(registry, Subject::Integration(name));
            }
        }
    }

    /// Tells it, after the lock is released.
    pub fn tell(self, feed: &Feed, at: Timestamp) {
        feed.wake(&self.touched);
        feed.tell(at, self.happened);
    }

    fn note(&mut self, registry: &Registry, about: Subject) {
        let rotated = Happening::Rotated { life: life_of(registry, &about), about: about.clone() };
        if !self.happened.contains(&rotated) {
            self.happened.push(rotated);
            self.touched.push(about);
        }
    }
}

/// All that decides what a reader gets of a secret. A grace that has run out makes no difference when it is recorded.
fn served(secret: Option<&Arc<Secret>>, now: Timestamp) -> Option<impl PartialEq + use<>> {
    let secret = secret?;
    let number = |wanted| secret.readable(wanted, now).ok().map(|version| version.number);
    let versions = (number(VersionWanted::Current), number(VersionWanted::Previous));
    Some((versions, secret.restrictions.clone(), secret.release, secret.integration.clone()))
}
