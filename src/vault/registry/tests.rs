//! Counts, order and what is kept once follow every change.

use std::ops::Bound;

use jiff::Timestamp;

use super::values::HELD;
use super::*;
use crate::keys::{Sealed, StoreKey};
use crate::model::VersionState;
use crate::vault::secrets::stand_in;

fn secret(id: &str, states: &[VersionState]) -> Secret {
    let version = |(number, state): (u64, &VersionState)| crate::model::Version {
        number,
        state: *state,
        encoding: crate::model::Encoding::Utf8,
        fingerprint: crate::model::Fingerprint::of([0; 8]),
        created_at: Timestamp::UNIX_EPOCH,
        created_by: "admin".parse().unwrap(),
        note: None,
    };
    let versions = (1..).zip(states).map(version).collect();
    Secret { id: id.parse().unwrap(), versions, ..stand_in().clone() }
}

#[test]
fn counts_and_order_follow_every_change() {
    let (mut registry, grace) = (Registry::default(), VersionState::Previous { until: Timestamp::MAX });
    let seen = |registry: &Registry| {
        let secrets = &registry.secrets;
        let ids: Vec<_> =
            secrets.range(Bound::Unbounded).map(|(id, _)| id.to_string()[10..].to_owned()).collect();
        (ids.concat(), secrets.len(), secrets.pending(), secrets.in_grace().count())
    };
    registry.put_secret(secret("c", &[VersionState::Current]), 1);
    registry.put_secret(secret("a", &[grace, VersionState::Current, VersionState::Pending]), 1);
    registry.put_secret(secret("b", &[VersionState::Pending]), 1);
    assert_eq!(seen(&registry), ("abc".to_owned(), 3, 2, 1));
    registry.put_secret(secret("a", &[VersionState::Retired, VersionState::Current]), 2);
    registry.put_secret(secret("c", &[grace, VersionState::Current]), 2);
    assert_eq!(seen(&registry), ("abc".to_owned(), 3, 1, 1));
    for id in ["a", "b", "b", "c"] {
        registry.secrets.remove(&id.parse().unwrap());
    }
    assert_eq!(seen(&registry), (String::new(), 0, 0, 0));
}

#[test]
fn another_revision_keeps_values_and_uses_and_shares_words() {
    let mut registry = Registry::default();
    registry.put_secret(secret("a", &[VersionState::Current]), 1);
    registry.put_secret(secret("b", &[VersionState::Current]), 1);
    let id: SecretId = "a".parse().unwrap();
    let key = StoreKey::from_bytes(&[3; StoreKey::LEN]).unwrap();
    let value = |bytes: usize| SealedValue::new(key, Sealed::from_store(vec![0; bytes]));
    let kept = registry.secrets.get_mut(&id).unwrap();
    kept.uses.record(&"fsm".parse().unwrap(), 1, Timestamp::UNIX_EPOCH);
    for number in [2, 1, 2] {
        kept.values.insert(number, value(HELD));
    }
    registry.put_secret(secret("a", &[VersionState::Current]), 2);
    let (a, b) = (registry.secrets.get(&id).unwrap(), registry.secrets.named("custsecretb").unwrap());
    assert_eq!((a.revision, a.uses.all().len()), (2, 1));
    assert_eq!(a.values.numbers().collect::<Vec<_>>(), [1, 2]);
    assert!(a.values.get(2).unwrap().held.is_some() && a.values.get(3).is_none());
    assert!(value(HELD + 1).held.is_none());
    assert!(std::ptr::eq(a.noun.created_by.as_str(), b.noun.created_by.as_str()));
}

#[test]
fn a_floor_is_above_all_that_was_given_since_an_earlier_one() {
    let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
    let mut registry = Registry::default();
    assert_eq!(registry.raised_floor(now), 1_795_348_800_000);
    // Of a release that took the seconds, and a thousand rotations since.
    registry.past.floor = 1_795_348_800;
    registry.put_secret(Secret { last_version: 1_795_349_800, ..secret("a", &[VersionState::Current]) }, 1);
    assert_eq!(registry.raised_floor(now), 1_795_348_800_000);
    // A clock that was set back takes nothing back.
    registry.past.floor = 1_795_348_900_000;
    assert_eq!(registry.raised_floor(now), 1_795_348_900_000);
}
