//! The files of the database, as the store finds them: unfinished, bent, too large, or no files at all.

use super::*;

/// sled itself would take the store for damaged, for ever.
#[tokio::test]
async fn a_snapshot_that_a_crash_left_unfinished_is_no_damage() {
    let dir = temporary();
    for (round, left) in [&b""[..], b"half of it"].into_iter().enumerate() {
        let store = SledStore::create(dir.path()).unwrap();
        store.commit(put(u8::try_from(round).unwrap(), Expect::Absent, 1)).await.unwrap();
        drop(store);
        let unfinished = dir.path().join("snap.FFFFFFFFFFFFFFFF.generating");
        std::fs::write(&unfinished, left).unwrap();
        let store = SledStore::open(dir.path()).unwrap();
        assert_eq!(store.scan().await.unwrap().len(), round + 1);
        assert!(!unfinished.exists());
    }
}

#[tokio::test]
async fn what_has_the_name_of_an_unfinished_snapshot_goes_unless_it_is_somebodys() {
    let dir = temporary();
    drop(SledStore::create(dir.path()).unwrap());
    let unfinished = dir.path().join("snap.FFFFFFFFFFFFFFFF.generating");
    std::fs::create_dir(&unfinished).unwrap();
    drop(SledStore::open(dir.path()).unwrap());
    assert!(!unfinished.exists());
    std::os::unix::fs::symlink(dir.path().join("db"), &unfinished).unwrap();
    drop(SledStore::open(dir.path()).unwrap());
    assert!(unfinished.symlink_metadata().is_err() && dir.path().join("db").exists());

    std::fs::create_dir(&unfinished).unwrap();
    std::fs::write(unfinished.join("kept"), "").unwrap();
    let Err(StoreError::Io(error)) = SledStore::open(dir.path()) else { panic!("opened") };
    assert!(error.to_string().contains(&format!("mv {} SOMEWHERE", unfinished.display())), "{error}");
    assert!(unfinished.join("kept").exists());
    std::fs::remove_dir_all(&unfinished).unwrap();
    drop(SledStore::open(dir.path()).unwrap());
}

/// sled would write all of it.
#[tokio::test]
async fn a_hole_of_terabytes_is_cut_off_before_it_is_opened() {
    use std::os::unix::fs::MetadataExt;
    let dir = temporary();
    let database = dir.path().join("db");
    for round in 0..3 {
        let store = SledStore::create(dir.path()).unwrap();
        for number in 0..40 {
            store.commit(put(round * 40 + number, Expect::Absent, 1)).await.unwrap();
        }
        drop(store);
        let file = std::fs::OpenOptions::new().write(true).open(&database).unwrap();
        file.set_len(4 << 40).unwrap();
        drop(file);
        let store = SledStore::open(dir.path()).unwrap();
        assert_eq!(store.scan().await.unwrap().len(), usize::from(round + 1) * 40);
        let found = database.metadata().unwrap();
        assert!(found.len() < 64 << 20 && found.blocks() * 512 < 64 << 20, "{}", found.len());
    }
}

/// sled would take all of it into memory.
#[tokio::test]
async fn what_is_read_as_a_whole_is_refused_where_a_hole_makes_it_large() {
    let dir = temporary();
    let store = SledStore::create(dir.path()).unwrap();
    store.commit(put(1, Expect::Absent, 1)).await.unwrap();
    drop(store);
    drop(SledStore::open(dir.path()).unwrap());
    let names = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let snapshot = names.map(|name| name.into_string().unwrap()).find(|name| name.starts_with("snap."));
    let database = dir.path().join("db").metadata().unwrap().len();
    let snapshot = snapshot.expect("it was opened with something in it");
    // Of several snapshots sled reads the last; but nobody makes any of them so large.
    let (conf, of_snapshot) = (64 << 10, database + (16 << 20));
    for (name, length, limit, before) in [
        ("conf", conf + 1, conf, true),
        ("conf", 5 << 30, conf, true),
        (&*snapshot, of_snapshot + 1, of_snapshot, true),
        (&*snapshot, 10 << 30, of_snapshot, true),
        ("snap.0000000000000000", 10 << 30, of_snapshot, false),
        ("snap.FFFFFFFFFFFFFFFF", 1 << 40, of_snapshot, false),
    ] {
        let path = dir.path().join(name);
        let kept = before.then(|| std::fs::read(&path).unwrap());
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&path).unwrap();
        file.set_len(length).unwrap();
        let Some(StoreError::Damaged(found)) = SledStore::open(dir.path()).err() else { panic!("{name}") };
        assert_eq!(found, Damage::TooLarge { path: path.clone(), bytes: length, limit }, "{name}");
        assert_eq!(path.metadata().unwrap().len(), length, "{name}");
        match kept {
            Some(kept) => file.set_len(kept.len() as u64).unwrap(),
            None => std::fs::remove_file(&path).unwrap(),
        }
    }
    assert_eq!(SledStore::open(dir.path()).unwrap().scan().await.unwrap().len(), 1);
    // The file that it is measured by is measured without the hole at its end.
    let file = std::fs::OpenOptions::new().write(true).open(dir.path().join("db")).unwrap();
    file.set_len(4 << 40).unwrap();
    let path = dir.path().join("snap.FFFFFFFFFFFFFFFF");
    std::fs::File::create(&path).unwrap().set_len(1 << 30).unwrap();
    let found = SledStore::open(dir.path()).err();
    assert!(matches!(found, Some(StoreError::Damaged(Damage::TooLarge { .. }))), "{found:?}");
}

/// Bytes of sled's files that were changed lead to an answer, never to a panic that leaves the room.
#[tokio::test]
async fn bent_database_files_panic_nobody() {
    let dir = temporary();
    let whole = dir.path().join("whole");
    {
        let store = SledStore::create(&whole).unwrap();
        for number in 0..40 {
            store.commit(put(number, Expect::Absent, 1)).await.unwrap();
        }
    }
    let files: Vec<_> = std::fs::read_dir(&whole)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    let mut refused = 0;
    for round in 0..24_usize {
        let bent = dir.path().join(format!("bent {round}"));
        std::fs::create_dir(&bent).unwrap();
        for (number, file) in files.iter().enumerate() {
            let mut bytes = std::fs::read(file).unwrap();
            if number == round % files.len() {
                let at = round * 7_919 % bytes.len().min(16_384);
                bytes[at] ^= 0xff;
            }
            std::fs::write(bent.join(file.file_name().unwrap()), bytes).unwrap();
        }
        match SledStore::open(&bent) {
            Ok(store) => refused += usize::from(store.scan().await.is_err()),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 0);
}

/// A pipe would be waited for, for ever; a link lead to another's file.
#[tokio::test]
async fn what_is_no_file_is_refused_unopened_or_replaced() {
    let dir = temporary();
    let path = dir.path().join("store");
    drop(SledStore::create(&path).unwrap());
    let fifo = |path: &std::path::Path| {
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    };
    // A file system of its own has one.
    std::fs::create_dir(path.join("lost+found")).unwrap();
    drop(SledStore::open(&path).unwrap());
    for name in ["db", "conf", "snap.0000000000FFFFFF"] {
        let (there, aside) = (path.join(name), dir.path().join(name));
        let is_there = there.exists();
        if is_there {
            std::fs::rename(&there, &aside).unwrap();
        }
        fifo(&there);
        assert!(
            matches!(SledStore::open(&path).err(), Some(StoreError::Damaged(Damage::Database))),
            "{name}"
        );
        std::fs::remove_file(&there).unwrap();
        if is_there {
            std::fs::rename(&aside, &there).unwrap();
        }
    }
    let (ballast, other) = (path.join("ballast"), dir.path().join("other"));
    std::fs::write(&other, "kept").unwrap();
    std::fs::remove_file(&ballast).unwrap();
    std::os::unix::fs::symlink(&other, &ballast).unwrap();
    drop(SledStore::open(&path).unwrap());
    assert_eq!(std::fs::read(&other).unwrap(), b"kept");
    assert!(ballast.symlink_metadata().unwrap().is_file());
}
