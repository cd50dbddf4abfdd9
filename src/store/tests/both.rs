//! The contract, held against both stores through one table.

use super::*;
use crate::store::pieces::PIECE;

fn both(dir: &TempDir) -> [Box<dyn Store>; 2] {
    [Box::new(MemoryStore::new()), Box::new(SledStore::create(&dir.path().join("store")).unwrap())]
}

#[tokio::test]
async fn records_come_back_as_they_were_put() {
    let dir = temporary();
    for store in both(&dir) {
        assert!(store.header().await.unwrap().is_none());
        assert!(store.read(key(1)).await.unwrap().is_none());
        assert!(store.scan().await.unwrap().is_empty());
        assert!(Batch::new().is_empty());
        store.commit(Batch::new()).await.unwrap();

        let large = sealed(key(2), 7, 3 * PIECE);
        let batch = put(1, Expect::Absent, 1).put(key(2), Expect::Absent, large.clone()).header(vec![7; 894]);
        store.commit(batch).await.unwrap();
        assert!(store.header().await.unwrap() == Some(vec![7; 894]));
        assert!(store.read(key(2)).await.unwrap() == Some(large.clone()));
        let small = sealed(key(1), 1, 100);
        assert!(store.scan().await.unwrap() == [(key(1), small), (key(2), large.clone())]);

        store.commit(Batch::new().delete(key(1), Expect::Revision(1))).await.unwrap();
        assert!(store.scan().await.unwrap() == [(key(2), large)]);
    }
}

#[tokio::test]
async fn pages_leave_nothing_out() {
    let dir = temporary();
    // Pieces and whole records, some of them where a page ends; one is more than a page by itself.
    let records: Vec<_> = (0..60)
        .map(|n| (key(n), sealed(key(n), 1, if n == 7 { 2 * PAGE } else { 1000 * usize::from(n) + 10 })))
        .collect();
    let mut ordered = records.clone();
    ordered.sort_by_key(|(key, _)| key.to_bytes());
    for store in both(&dir) {
        for (key, sealed) in &records {
            store
                .commit(Batch::new().header(vec![1; 10]).put(*key, Expect::Absent, sealed.clone()))
                .await
                .unwrap();
        }
        let (mut found, mut pages, mut from) = (Vec::new(), 0, None);
        loop {
            let page = store.page(from).await.unwrap();
            let before_the_last: usize =
                page.records.iter().rev().skip(1).map(|(_, each)| each.as_bytes().len()).sum();
            assert!(before_the_last < PAGE);
            (pages, from) = (pages + 1, page.next);
            found.extend(page.records);
            if from.is_none() {
                break;
            }
        }
        assert!(found == ordered && pages > 2);
        // From a key where nothing lies.
        store.commit(Batch::new().delete(ordered[5].0, Expect::Any)).await.unwrap();
        assert!(store.page(Some(ordered[5].0)).await.unwrap().records[0] == ordered[6]);
    }
}

#[tokio::test]
async fn expectations_and_their_near_misses() {
    use Expect::*;
    // What lies at the key before: nothing, or a record of a revision; what is expected; whether that holds.
    let cases: &[(Option<u64>, Expect, bool)] = &[
        (None, Absent, true),
        (None, Any, true),
        (None, Revision(0), false),
        (None, Revision(1), false),
        (Some(5), Any, true),
        (Some(5), Revision(5), true),
        (Some(5), Revision(4), false),
        (Some(5), Revision(6), false),
        (Some(5), Revision(5 << 8), false),
        (Some(5), Absent, false),
        (Some(0), Revision(0), true),
        (Some(0), Absent, false),
        (Some(u64::MAX), Revision(u64::MAX), true),
        (Some(u64::MAX), Revision(0), false),
    ];
    let dir = temporary();
    for store in both(&dir) {
        for length in [10, 100, PIECE, PIECE + 1, 3 * PIECE] {
            for (before, expected, holds) in cases {
                let old = before.map(|revision| sealed(key(1), revision, length));
                let new = sealed(key(1), 77, length);
                for change in [Some(new), None] {
                    let clean = Batch::new().delete(key(1), Any).delete(key(2), Any);
                    store.commit(clean).await.unwrap();
                    if let Some(old) = &old {
                        store.commit(Batch::new().put(key(1), Absent, old.clone())).await.unwrap();
                    }
                    // The neighbour shows that a conflict leaves nothing of the batch.
                    let batch = put(2, Any, 1);
                    let batch = match &change {
                        Some(new) => batch.put(key(1), *expected, new.clone()),
                        None => batch.delete(key(1), *expected),
                    };
                    let answer = store.commit(batch.header(vec![length as u8])).await;
                    let told = format!("{before:?} {expected:?} {length}");
                    let (found, neighbour) =
                        (store.read(key(1)).await.unwrap(), store.read(key(2)).await.unwrap());
                    if *holds {
                        answer.unwrap();
                        assert!(found == change && neighbour.is_some(), "{told}");
                    } else {
                        assert!(matches!(answer, Err(StoreError::Conflict)), "{told}");
                        assert!(found == old && neighbour.is_none(), "{told}");
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn a_record_too_short_for_a_revision_has_none() {
    let dir = temporary();
    for store in both(&dir) {
        let short = Sealed::from_store(vec![0; 9]);
        store.commit(Batch::new().put(key(1), Expect::Absent, short)).await.unwrap();
        for expected in [Expect::Absent, Expect::Revision(0)] {
            assert!(matches!(store.commit(put(1, expected, 1)).await, Err(StoreError::Conflict)));
        }
        store.commit(put(1, Expect::Any, 1)).await.unwrap();
    }
}

#[tokio::test]
async fn a_key_named_twice_must_meet_both_expectations() {
    let dir = temporary();
    for store in both(&dir) {
        let twice = |first, second| put(1, first, 1).put(key(1), second, sealed(key(1), 2, 100));
        let answer = store.commit(twice(Expect::Absent, Expect::Revision(1))).await;
        assert!(matches!(answer, Err(StoreError::Conflict)));
        store.commit(twice(Expect::Absent, Expect::Any)).await.unwrap();
        assert_eq!(store.read(key(1)).await.unwrap().unwrap().revision(), Some(2));
    }
}
