//! Random batches on both stores, against a plain map.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::store::pieces::PIECE;

#[derive(Debug, Clone)]
enum Step {
    Commit(Vec<Change>),
    Reopen,
}

/// Number of the key, what is expected there, revision and length of the record put (None deletes).
type Change = (u8, u8, Option<(u8, usize)>);

fn step() -> impl Strategy<Value = Step> {
    let length = prop_oneof![10..200_usize, Just(PIECE), Just(PIECE + 1), PIECE..4 * PIECE, Just(30 * PIECE)];
    let change = (0..6_u8, 0..5_u8, proptest::option::of((0..3_u8, length)));
    prop_oneof![6 => proptest::collection::vec(change, 1..5).prop_map(Step::Commit), 1 => Just(Step::Reopen)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_stores_do_what_a_map_does(steps in proptest::collection::vec(step(), 1..30)) {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(follow(steps));
    }
}

async fn follow(steps: Vec<Step>) {
    let dir = temporary();
    let memory = MemoryStore::new();
    let mut disk = Some(SledStore::create(dir.path()).unwrap());
    let mut model: BTreeMap<StoreKey, Sealed> = BTreeMap::new();
    for step in steps {
        let Step::Commit(changes) = step else {
            disk = None;
            disk.replace(SledStore::open(dir.path()).unwrap());
            continue;
        };
        let expect = |expected| match expected {
            0 => Expect::Absent,
            1 => Expect::Any,
            revision => Expect::Revision(u64::from(revision) - 2),
        };
        let holds = |number, expected| match (model.get(&key(number)), expect(expected)) {
            (_, Expect::Any) => true,
            (found, Expect::Absent) => found.is_none(),
            (found, Expect::Revision(wanted)) => found.is_some_and(|found| found.revision() == Some(wanted)),
        };
        let all_hold = changes.iter().all(|(number, expected, _)| holds(*number, *expected));
        let (mut one, mut other) = (Batch::new(), Batch::new());
        for (number, expected, change) in changes {
            let (key, expected) = (key(number), expect(expected));
            if let Some((revision, length)) = change {
                let sealed = sealed(key, u64::from(revision), length);
                one = one.put(key, expected, sealed.clone());
                other = other.put(key, expected, sealed.clone());
                all_hold.then(|| model.insert(key, sealed));
            } else {
                one = one.delete(key, expected);
                other = other.delete(key, expected);
                all_hold.then(|| model.remove(&key));
            }
        }
        let disk = disk.as_ref().unwrap();
        for answer in [memory.commit(one).await, disk.commit(other).await] {
            assert!(if all_hold { answer.is_ok() } else { matches!(answer, Err(StoreError::Conflict)) });
        }
        let wanted: Vec<_> = model.iter().map(|(key, sealed)| (*key, sealed.clone())).collect();
        assert!(memory.scan().await.unwrap() == wanted);
        assert!(disk.scan().await.unwrap() == wanted);
        for number in 0..6 {
            assert!(disk.read(key(number)).await.unwrap().as_ref() == model.get(&key(number)));
        }
    }
}
