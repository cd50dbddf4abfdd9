//! What is somebody else's and lies where a rekey makes or removes something: named, and left as it is.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::super::super::*;
use super::super::site::*;
use super::rekey;

type Make = fn(&Path);

async fn refused(site: &Site, path: &Path) {
    let refused = site.vault.rekey(site.admin(), vec![plain("right")], false).await;
    let Err(VaultError::Conflict(why)) = refused else { panic!("{}: {refused:?}", path.display()) };
    assert!(why.contains(&*path.to_string_lossy()) && why.contains("move it away"), "{why}");
    assert!(fs::symlink_metadata(path).is_ok(), "{} is gone", path.display());
}

#[tokio::test]
async fn it_is_named_and_nothing_of_it_is_removed() {
    let mut site = Site::with_fsm().await;
    let directory: Make = |path| fs::create_dir(path).unwrap();
    let things: [(&str, Make); 8] = [
        ("store.next", |path| fs::write(path, "precious").unwrap()),
        ("store.next", |path| symlink("/usr", path).unwrap()),
        ("epoch.next", directory),
        ("epoch.draft", directory),
        ("store/backups", directory),
        ("store/notes.txt", |path| fs::write(path, "precious").unwrap()),
        ("store/snap.old", directory),
        ("store/blobs/notes.txt", |path| fs::write(path, "precious").unwrap()),
    ];
    for (name, make) in things {
        let path = site.directory.path().join(name);
        make(&path);
        refused(&site, &path).await;
        if fs::remove_file(&path).is_err() {
            fs::remove_dir(&path).unwrap();
        }
    }
    rekey(&site).await;
    // Of a file, there when the daemon starts, nobody says each minute that a root key is in it.
    let next = site.directory.path().join("store.next");
    fs::write(&next, "precious").unwrap();
    site = site.restarted().await;
    assert!(!site.vault.next_owed.load(std::sync::atomic::Ordering::Relaxed));
    refused(&site, &next).await;
}

/// What comes while it is under way is found before the stores change places.
#[tokio::test]
async fn what_comes_meanwhile_stays_too() {
    let site = Site::with_fsm().await;
    let log = std::sync::Arc::clone(&site.vault.live().unsealed().ok().unwrap().log);
    let turn = site.vault.turn().await;
    let header = site.vault.header();
    let (_, old) = header.open(&plain("right")).unwrap();
    let cost = crate::crypto::Argon2Cost { memory_kib: 19_456, passes: 2, lanes: 1 };
    let renewed = header.renewed(&[plain("right")], cost).unwrap();
    let notes = crate::model::SlotNotes::default();
    let next = site.vault.build_next(&turn, old, renewed, notes).await.ok().unwrap();
    let path = site.directory.store().join("late.fsmb");
    fs::write(&path, "precious").unwrap();
    let switched = site.vault.switch(&log, std::sync::Arc::new(next)).await;
    assert!(matches!(
        switched,
        Err(super::super::super::rekey::NotSwitched::Undone(VaultError::Conflict(_)))
    ));
    assert_eq!(fs::read(&path).unwrap(), b"precious");
}
