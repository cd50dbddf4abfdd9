//! A new root key: nothing is lost, nobody is refused meanwhile, and wherever it is cut short there is one whole vault.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::super::*;
use super::site::*;
use crate::audit::Outcome;
use crate::model::{Denial, Level, SecretId};

mod cut_short;
mod in_the_way;

const OPEN: &str = r#"{"allow_all_scripts":true,"allow_all_domains":true}"#;
const OTHER: &str = "another passphrase";

fn id(text: &str) -> SecretId {
    text.parse().unwrap()
}

/// A vault with a pair, a small and a large secret, one with two versions, a deleted one, and a service.
async fn furnished() -> (Site, Session) {
    let site = Site::with_fsm().await;
    site.secret("_small", "small value", OPEN).await.unwrap();
    site.secret("_large", &large(), OPEN).await.unwrap();
    site.secret("_gone", "gone", OPEN).await.unwrap();
    site.vault.delete_secret(site.admin(), &id("_gone"), &IfMatch::Any).await.unwrap();
    let spread = Spread { grace: None, activate: true, note: None, force: false };
    let new = NewVersion { value: plain("newer value"), spread };
    site.vault.rotate_secret(site.admin(), &id("_small"), new, &IfMatch::Any).await.unwrap();
    let fsm = site.service("fsm", "customscript_nx_suitelet2", &[]).await;
    (site, fsm)
}

fn large() -> String {
    "large value ".repeat(50_000)
}

async fn rekey(site: &Site) -> Rekeyed {
    site.vault.rekey(site.admin(), vec![plain("right")], false).await.unwrap()
}

/// That the service gets all there is.
async fn all_is_there(vault: &Vault, service: &Session) {
    let pair = vault.read_pair(asker(service), &"fsm".parse().unwrap(), ANY).await.unwrap();
    assert!(holds(&pair, "the id", Some("the secret")));
    for (name, value) in [("_small", "newer value"), ("_large", large().as_str())] {
        let read = vault.read_value(asker(service), &id(name), ANY).await.unwrap();
        assert!(read.value.same_as(&plain(value)), "{name}");
    }
    let before = crate::policy::Ask { version: crate::model::VersionWanted::Number(1), ..ANY };
    let before = vault.read_value(asker(service), &id("_small"), before).await.unwrap();
    assert!(before.value.same_as(&plain("small value")));
}

async fn fingerprint(vault: &Vault, admin: Asker<'_>) -> String {
    let seen = vault.see_secret(admin, &id("_small")).await.unwrap();
    seen.secret.versions.last().unwrap().fingerprint.as_str().to_owned()
}

#[tokio::test]
async fn everything_is_there_under_the_new_key_and_after_a_restart() {
    let (site, fsm) = furnished().await;
    all_is_there(&site.vault, &fsm).await;
    let old_header = site.vault.store().header().await.unwrap().unwrap();
    let (before, fetched) = (
        fingerprint(&site.vault, site.admin()).await,
        site.vault.list_consumers(site.admin(), &id("_small"), None, 9).await.unwrap(),
    );
    let mut site = site;
    for nth in 0..2 {
        let rekeyed = rekey(&site).await;
        assert!(rekeyed.records > 10 && rekeyed.dropped.is_empty() && rekeyed.slots.len() == 1, "{nth}");
        all_is_there(&site.vault, &fsm).await;
        assert!(!site.directory.path().join("store.next").exists());
        let report = site.vault.verify_log(site.admin()).await.unwrap();
        assert_eq!(report.first_bad, None);
        assert_eq!(report.segments, nth + 2);
        // Changes go on, on what there was.
        site.vault.record_uses().await.unwrap();
        site.secret(&format!("_after_{nth}"), "x", OPEN).await.unwrap();
        assert!(site.secret("_small", "x", OPEN).await.is_err());
        site = site.restarted().await;
        all_is_there(&site.vault, &fsm).await;
        let report = site.vault.verify_log(site.admin()).await.unwrap();
        assert_eq!((report.first_bad, report.segments), (None, nth + 2));
    }
    assert_ne!(fingerprint(&site.vault, site.admin()).await, before);
    let counted = site.vault.list_consumers(site.admin(), &id("_small"), None, 9).await.unwrap();
    assert_eq!((fetched.items[0].last.count, counted.items[0].last.count), (2, 10));
    let entry = site.log(1000).await.into_iter().find(|each| each.entry.action == "vault.rekey").unwrap();
    assert_eq!(entry.entry.outcome, Outcome::Allowed);
    drop(site.vault);
    let looked = inspect(&site.directory, Some(plain("right")), noon()).await;
    let log = looked.iter().find(|each| each.at == "audit log").unwrap();
    assert_eq!(log.health, Health::Fine, "{}", log.found);
    // The old root key's wrapping is in none of the files.
    for file in std::fs::read_dir(site.directory.path().join("store")).unwrap() {
        let path = file.unwrap().path();
        let bytes = if path.is_file() { std::fs::read(&path).unwrap() } else { Vec::new() };
        let slot = &old_header[22..];
        assert!(!bytes.windows(slot.len()).any(|window| window == slot), "{}", path.display());
    }
}

#[tokio::test]
async fn slots_are_kept_for_whoever_is_there_and_others_go_only_when_told_so() {
    let site = Site::unsealed().await;
    let vault = &site.vault;
    let label = Some("safe".parse().unwrap());
    let second = vault.add_slot(site.admin(), label.clone(), plain("right"), plain(OTHER)).await.unwrap();
    let refused = vault.rekey(site.admin(), vec![plain("right")], false).await;
    let Err(VaultError::Conflict(why)) = refused else { panic!("{refused:?}") };
    assert!(why.contains(&format!("{} (safe)", second.id)), "{why}");

    let both = vec![plain("right"), plain(OTHER), plain("right")];
    let rekeyed = vault.rekey(site.admin(), both, false).await.unwrap();
    assert_eq!((rekeyed.slots.len(), rekeyed.dropped.len()), (2, 0));
    assert_eq!(rekeyed.slots[1].note.as_ref().unwrap().label, label);
    assert_eq!(vault.list_slots(site.admin()).await.unwrap(), rekeyed.slots);

    let rekeyed = vault.rekey(site.admin(), vec![plain(OTHER)], true).await.unwrap();
    assert_eq!((rekeyed.slots.len(), rekeyed.dropped.len()), (1, 1));
    vault.seal(site.admin()).await.unwrap();
    assert!(matches!(vault.unseal_locally(plain("right")).await, Err(VaultError::WrongPassphrase)));
    vault.unseal_locally(plain(OTHER)).await.unwrap();
    assert_eq!(vault.list_slots(site.admin()).await.unwrap(), rekeyed.slots);
    assert_eq!(vault.verify_log(site.admin()).await.unwrap().first_bad, None);
}

#[tokio::test]
async fn whoever_may_not_or_shows_a_wrong_passphrase_changes_nothing() {
    let (site, fsm) = furnished().await;
    let editor = site.operator("editor", Level::Edit, "2").await;
    let before = site.vault.store().header().await.unwrap();
    for (session, denial) in [(&editor, FULL), (&fsm, Denial::WrongRole)] {
        assert_eq!(denied(site.vault.rekey(asker(session), vec![plain("right")], true).await), denial);
    }
    for shown in [vec![plain("wrong")], vec![plain("right"), plain("wrong")], vec![]] {
        let refused = site.vault.rekey(site.admin(), shown, true).await;
        assert!(matches!(refused, Err(VaultError::WrongPassphrase)));
    }
    let refused = site.vault.rekey(site.admin(), vec![plain("right")], true).await;
    assert!(matches!(refused, Err(VaultError::Backoff(1))), "they count like those at unsealing");
    site.later(1);
    // What can't be leaves the old vault, and is told in the log.
    std::fs::write(site.directory.path().join("store.next"), "").unwrap();
    let refused = site.vault.rekey(site.admin(), vec![plain("right")], true).await;
    assert!(matches!(refused, Err(VaultError::Conflict(_))), "{refused:?}");
    let entry = site.log(1).await.remove(0).entry;
    assert_eq!((&*entry.action, entry.outcome), ("vault.rekey", Outcome::Failed));
    assert_eq!(site.vault.store().header().await.unwrap(), before);
    all_is_there(&site.vault, &fsm).await;
    assert_eq!(site.vault.verify_log(site.admin()).await.unwrap().first_bad, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_go_on_and_none_fails() {
    let (site, fsm) = furnished().await;
    let (site, fsm) = (Arc::new(site), Arc::new(fsm));
    let done = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (site, fsm, done) = (Arc::clone(&site), Arc::clone(&fsm), Arc::clone(&done));
            tokio::spawn(async move {
                let mut rounds = 0;
                while !done.load(Ordering::Relaxed) || rounds == 0 {
                    all_is_there(&site.vault, &fsm).await;
                    rounds += 1;
                }
                rounds
            })
        })
        .collect();
    for _ in 0..3 {
        rekey(&site).await;
    }
    done.store(true, Ordering::Relaxed);
    for reader in readers {
        assert!(reader.await.unwrap() > 0);
    }
    assert_eq!(site.vault.verify_log(site.admin()).await.unwrap().first_bad, None);
}

#[tokio::test]
async fn what_cannot_wait_goes_first_and_the_rekey_is_given_up() {
    let (site, fsm) = furnished().await;
    let before = site.vault.store().header().await.unwrap();
    // While somebody waits, wherever it asks.
    let waiting = site.vault.hurry();
    let given_up = site.vault.rekey(site.admin(), vec![plain("right")], false).await;
    assert!(matches!(given_up, Err(VaultError::Conflict(_))), "{given_up:?}");
    assert!(!site.directory.next_store().exists());
    assert_eq!(site.log(1).await[0].entry.outcome, Outcome::Failed);
    assert_eq!(site.vault.store().header().await.unwrap(), before);
    all_is_there(&site.vault, &fsm).await;
    drop(waiting);
    rekey(&site).await;
    // Who may not seal makes nobody give anything up.
    let (rekeyed, refused) = tokio::join!(
        site.vault.rekey(site.admin(), vec![plain("right")], false),
        site.vault.seal(asker(&fsm))
    );
    assert!(rekeyed.is_ok() && refused.is_err());
    // Whoever comes first: once it is acknowledged, nothing is released, and the vault is one of the two.
    let (rekeyed, sealed) = tokio::join!(
        site.vault.rekey(site.admin(), vec![plain("right")], false),
        site.vault.seal(site.admin())
    );
    sealed.unwrap();
    assert!(rekeyed.is_err() && site.vault.is_sealed());
    site.vault.unseal_locally(plain("right")).await.unwrap();
    all_is_there(&site.vault, &fsm).await;
    assert_eq!(site.vault.verify_log(site.admin()).await.unwrap().first_bad, None);
}

#[tokio::test]
async fn a_store_that_is_a_link_is_not_rekeyed() {
    let site = Site::with_fsm().await;
    let (store, elsewhere) = (site.directory.store(), site._keep.path().join("elsewhere"));
    std::fs::rename(&store, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &store).unwrap();
    let refused = site.vault.rekey(site.admin(), vec![plain("right")], false).await.err().unwrap();
    assert!(matches!(&refused, VaultError::Conflict(why) if why.contains("is a link")), "{refused}");
}

#[tokio::test]
async fn what_it_leaves_goes_as_soon_as_it_can() {
    let site = Site::with_fsm().await;
    let next = site.directory.path().join("store.next");
    let left = || {
        std::fs::create_dir(&next).unwrap();
        std::fs::write(next.join("db"), "the old root key").unwrap();
    };
    // Nobody's: it stays until the next start.
    left();
    site.vault.tend_next().await;
    assert!(next.exists());
    std::fs::remove_dir_all(&next).unwrap();
    // What isn't a directory is none of ours: it is left there, and nothing is owed any more.
    std::fs::write(&next, "").unwrap();
    site.vault.next_owed.store(true, Ordering::Relaxed);
    site.vault.tend_next().await;
    assert!(next.exists() && !site.vault.next_owed.load(Ordering::Relaxed));
    std::fs::remove_file(&next).unwrap();
    left();
    site.vault.next_owed.store(true, Ordering::Relaxed);
    site.vault.tend_next().await;
    assert!(!next.exists());
    rekey(&site).await;
    left();
    site.vault.tend_next().await;
    assert!(next.exists(), "it is done");
}
