//! The store on disk: what lasts, who may open it, how damaged records are told.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use super::*;
use crate::store::disk::Disk;
use crate::store::entries;
use crate::store::pieces::{HEADER, PIECE, piece_key};

#[tokio::test]
async fn large_records_last_and_leave_no_pieces() {
    let dir = temporary();
    let path = dir.path().join("store");
    let large = sealed(key(1), 1, 4_000_100);
    let neighbour = sealed(key(2), 1, 1_000_000);
    {
        let store = SledStore::create(&path).unwrap();
        let batch = Batch::new().put(key(1), Expect::Absent, large.clone());
        store.commit(batch.put(key(2), Expect::Absent, neighbour.clone())).await.unwrap();
    }
    {
        let store = SledStore::open(&path).unwrap();
        assert!(store.read(key(1)).await.unwrap() == Some(large));
        assert!(store.scan().await.unwrap().len() == 2);
        let smaller = sealed(key(1), 2, 2 * PIECE);
        store.commit(Batch::new().put(key(1), Expect::Revision(1), smaller.clone())).await.unwrap();
        assert!(store.read(key(1)).await.unwrap() == Some(smaller));
        assert!(store.scan().await.unwrap()[1] == (key(2), neighbour));
        store.commit(put(1, Expect::Revision(2), 3).delete(key(2), Expect::Revision(1))).await.unwrap();
    }
    bend(&path, |db| assert_eq!(db.iter().count(), 1));
    assert_eq!(SledStore::open(&path).unwrap().scan().await.unwrap().len(), 1);
}

/// sled never syncs what it puts into files of their own: no mix of records may make it do that.
#[tokio::test]
async fn sled_makes_no_unsynced_files() {
    let dir = temporary();
    let store = SledStore::create(dir.path()).unwrap();
    for round in 0..6_u64 {
        for number in 0..80_u8 {
            // Whole records of the largest size, records in pieces, and holes that make leaves merge.
            let at = (u64::from(number) * 31 + round * 17) % 5;
            let batch = match at {
                0 => Batch::new().delete(key(number), Expect::Any),
                1 => Batch::new().put(key(number), Expect::Any, sealed(key(number), round, 50 * PIECE)),
                _ => Batch::new().put(key(number), Expect::Any, sealed(key(number), round, PIECE)),
            };
            store.commit(batch).await.unwrap();
        }
        store.scan().await.unwrap();
        assert_eq!(std::fs::read_dir(dir.path().join("blobs")).unwrap().count(), 0, "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_acknowledged_to_many_at_once_lasts() {
    let dir = temporary();
    {
        let store = Arc::new(SledStore::create(dir.path()).unwrap());
        let mut writers = tokio::task::JoinSet::new();
        for number in 0..200_u8 {
            let store = Arc::clone(&store);
            writers.spawn(async move {
                // All fight for the record 200 as well: one wins each revision.
                store.commit(put(number, Expect::Absent, 1)).await.unwrap();
                loop {
                    let now = store.read(key(200)).await.unwrap();
                    let (expected, next) = match now.and_then(|sealed| sealed.revision()) {
                        Some(revision) => (Expect::Revision(revision), revision + 1),
                        None => (Expect::Absent, 1),
                    };
                    match store.commit(put(200, expected, next)).await {
                        Ok(()) => return,
                        Err(StoreError::Conflict) => {}
                        Err(other) => panic!("{other}"),
                    }
                }
            });
        }
        while let Some(done) = writers.join_next().await {
            done.unwrap();
        }
    }
    let store = SledStore::open(dir.path()).unwrap();
    assert_eq!(store.scan().await.unwrap().len(), 201);
    assert_eq!(store.read(key(200)).await.unwrap().unwrap().revision(), Some(200));
}

/// Batches that wait together are one write to sled, yet each sees those before it and fails alone.
#[test]
fn batches_of_one_write_see_one_another() {
    let dir = temporary();
    let disk = Disk::create(dir.path()).unwrap();
    let large = |revision| sealed(key(1), revision, 3 * PIECE);
    let batches = [
        Batch::new().put(key(1), Expect::Absent, large(1)),
        Batch::new().put(key(1), Expect::Absent, large(2)).put(key(2), Expect::Any, large(2)),
        Batch::new().put(key(1), Expect::Revision(1), large(3)),
        put(1, Expect::Revision(3), 4),
        Batch::new().delete(key(1), Expect::Revision(3)),
    ];
    let answers = disk.commit(batches.iter());
    let conflicts: Vec<_> =
        answers.iter().map(|answer| matches!(answer, Err(StoreError::Conflict))).collect();
    assert_eq!(conflicts, [false, true, false, false, true]);
    assert!(answers.iter().filter(|answer| answer.is_ok()).count() == 3);
    let all = disk.lend(|db| entries::page(db, None)).unwrap();
    assert!(all.records == [(key(1), sealed(key(1), 4, 100))]);
}

#[tokio::test]
async fn one_opener_at_a_time_and_only_what_exists() {
    let dir = temporary();
    let path = dir.path().join("deep/store");
    let missing = SledStore::open(&path).err();
    assert!(matches!(missing, Some(StoreError::Io(error)) if error.kind() == std::io::ErrorKind::NotFound));
    assert!(!path.exists());
    let first = SledStore::create(&path).unwrap();
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    assert!(matches!(SledStore::open(&path).err(), Some(StoreError::InUse)));
    assert!(matches!(SledStore::create(&path).err(), Some(StoreError::InUse)));
    first.commit(put(1, Expect::Absent, 1)).await.unwrap();
    drop(first);
    for round in 1..50 {
        let store = SledStore::open(&path).unwrap();
        store.commit(put(1, Expect::Revision(round), round + 1)).await.unwrap();
    }
}

#[tokio::test]
async fn damage_is_named_and_can_be_overwritten() {
    let record = |fault| Damage::Record(key(1), fault);
    let entry = key(1).to_bytes();
    type Bend = Box<dyn Fn(&::sled::Db)>;
    let remove = |key: Vec<u8>| -> Bend { Box::new(move |db| drop(db.remove(&key).unwrap().unwrap())) };
    let insert = |key: Vec<u8>, value: Vec<u8>| -> Bend {
        Box::new(move |db| drop(db.insert(&key, &*value).unwrap()))
    };
    // What is done, what is found, whether reading that record finds it too.
    let cases: Vec<(Bend, Damage, bool)> = vec![
        (remove(piece_key(&entry, 0)), record(Fault::MissingPiece(0)), true),
        (remove(piece_key(&entry, 1)), record(Fault::MissingPiece(1)), true),
        (remove(piece_key(&entry, 2)), record(Fault::MissingPiece(2)), true),
        (remove(entry.to_vec()), record(Fault::StrayPiece(0)), false),
        (insert(piece_key(&entry, 1), vec![0; PIECE - 1]), record(Fault::PieceLength(1)), true),
        (insert(piece_key(&entry, 3), vec![0]), record(Fault::StrayPiece(3)), false),
        (insert(entry.to_vec(), vec![]), record(Fault::Head), true),
        (insert(vec![99; 33], vec![1]), Damage::ForeignKey { first: Some(99), length: 33 }, false),
        (insert(vec![1; 32], vec![1]), Damage::ForeignKey { first: Some(1), length: 32 }, false),
        (insert(vec![1; 34], vec![1]), Damage::ForeignKey { first: Some(1), length: 34 }, false),
        (insert(vec![99; 37], vec![1]), Damage::ForeignKey { first: Some(99), length: 37 }, false),
        (insert(vec![], vec![1]), Damage::ForeignKey { first: None, length: 0 }, false),
    ];
    for (act, damage, read_too) in cases {
        let dir = temporary();
        let whole = || Batch::new().put(key(1), Expect::Any, sealed(key(1), 1, 3 * PIECE));
        SledStore::create(dir.path()).unwrap().commit(whole()).await.unwrap();
        bend(dir.path(), act);
        let store = SledStore::open(dir.path()).unwrap();
        let found = store.scan().await.err();
        assert!(matches!(&found, Some(StoreError::Damaged(found)) if *found == damage), "{found:?}");
        let read = store.read(key(1)).await.err();
        assert_eq!(
            matches!(&read, Some(StoreError::Damaged(found)) if *found == damage),
            read_too,
            "{read:?}"
        );
        // Replacing the record takes away all that lay under it.
        if matches!(damage, Damage::Record(..)) {
            store.commit(whole()).await.unwrap();
            assert_eq!(store.scan().await.unwrap().len(), 1);
        }
    }
}

#[tokio::test]
async fn a_damaged_header_is_told_from_none() {
    let dir = temporary();
    SledStore::create(dir.path()).unwrap().commit(Batch::new().header(vec![1; 894])).await.unwrap();
    bend(dir.path(), |db| drop(db.insert(HEADER, &[3]).unwrap()));
    let found = SledStore::open(dir.path()).unwrap().header().await.err();
    assert!(matches!(found, Some(StoreError::Damaged(Damage::Header(Fault::Head)))), "{found:?}");
}

#[tokio::test]
async fn a_closed_disk_answers_so() {
    let dir = temporary();
    let disk = Disk::create(dir.path()).unwrap();
    disk.close();
    assert!(matches!(disk.lend(|db| entries::page(db, None)).err(), Some(StoreError::Closed)));
    let answers = disk.commit([put(1, Expect::Any, 1)].iter());
    assert!(matches!(answers[..], [Err(StoreError::Closed)]));
    SledStore::open(dir.path()).unwrap();
}

#[tokio::test]
async fn after_a_failure_it_opens_again_in_place() {
    let dir = temporary();
    let disk = Disk::create(dir.path()).unwrap();
    assert!(disk.commit([put(1, Expect::Absent, 1)].iter())[0].is_ok());
    disk.reopen().unwrap();
    assert!(disk.commit([put(1, Expect::Revision(1), 2)].iter())[0].is_ok(), "it had not failed");
    for round in 2..10 {
        disk.fail_now();
        assert!(matches!(disk.lend(|db| entries::page(db, None)).err(), Some(StoreError::Closed)));
        assert!(matches!(disk.commit([put(1, Expect::Any, 99)].iter())[..], [Err(StoreError::Closed)]));
        assert!(disk.has_failed());
        assert!(
            matches!(SledStore::open(dir.path()).err(), Some(StoreError::InUse)),
            "nobody comes in between"
        );
        disk.reopen().unwrap();
        assert!(!disk.has_failed());
        assert!(disk.commit([put(1, Expect::Revision(round), round + 1)].iter())[0].is_ok());
    }
    assert_eq!(disk.lend(|db| entries::page(db, None)).unwrap().records.len(), 1);
}

#[tokio::test]
async fn it_opens_again_where_it_was_moved_to() {
    let dir = temporary();
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    let disk = Disk::create(&from).unwrap();
    std::fs::rename(&from, &to).unwrap();
    disk.moved(&to);
    assert!(disk.commit([put(1, Expect::Absent, 1)].iter())[0].is_ok());
    disk.fail_now();
    disk.reopen().unwrap();
    assert_eq!(disk.lend(|db| entries::page(db, None)).unwrap().records.len(), 1);
    assert!(!from.exists());
}

#[tokio::test]
async fn there_is_a_reserve_to_open_it_with() {
    let dir = temporary();
    let reserve = dir.path().join("ballast");
    drop(SledStore::create(dir.path()).unwrap());
    assert_eq!(reserve.metadata().unwrap().len(), 4 << 20);
    assert_eq!(reserve.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::remove_file(&reserve).unwrap();
    drop(SledStore::open(dir.path()).unwrap());
    assert!(reserve.exists());
}
