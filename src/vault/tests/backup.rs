//! Backups: of one moment whatever goes on, whole or refused, restored to what was there, made by the clock.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::SignedDuration;

use super::super::*;
use super::site::*;
use crate::audit::{Filter, Look, Outcome, Start};
use crate::crypto::Argon2Cost;
use crate::keys::{Sealed, StoreKey};
use crate::model::{Denial, Level, NoticeLevel};
use crate::policy::backups::BackupRules;
use crate::store::MemoryStore;

mod elsewhere;
mod numbers;
mod restored;
mod surplus;

const OPEN: &str = r#"{"allow_all_scripts":true,"allow_all_domains":true}"#;
const CHEAP: Argon2Cost = Argon2Cost { memory_kib: 19_456, passes: 2, lanes: 1 };
/// Four of them make a page.
const LARGE: usize = 300_000;

impl Site {
    /// The store as it is now.
    async fn stored(&self) -> BTreeMap<StoreKey, Sealed> {
        self.vault.store().scan().await.unwrap().into_iter().collect()
    }

    /// Takes what is left of a backup.
    async fn rest(&self, backup: &Backup, mut bytes: Vec<u8>) -> Vec<u8> {
        while let Some(more) = self.vault.go_on(backup).await.unwrap() {
            bytes.extend(more);
        }
        bytes
    }

    /// Writes a whole backup beside the vault.
    async fn backed_up(&self) -> PathBuf {
        let backup = self.vault.begin_backup(self.admin()).await.unwrap();
        self.kept(&self.rest(&backup, Vec::new()).await)
    }

    fn kept(&self, bytes: &[u8]) -> PathBuf {
        let path = self._keep.path().join("backup.fsmb");
        std::fs::write(&path, bytes).unwrap();
        path
    }

    async fn large(&self, id: &str) {
        let new = NewSecret { value: plain(&"x".repeat(LARGE)), ..new_secret(id, "", OPEN) };
        self.vault.create_secret(self.admin(), new).await.unwrap();
    }

    fn restoring(&self, name: &str, without: &[&str]) -> Restoring {
        let directory = Directory::at(self._keep.path().join(name));
        let audit = settings(&directory);
        let without = without.iter().map(|name| name.parse().unwrap()).collect();
        Restoring { directory, without, audit, clock: self.clock.clone() }
    }
}

fn inspected(path: &Path, passphrase: &str) -> Result<Inspected, VaultError> {
    BackupFile::open(path)?.inspect(&plain(passphrase))
}

/// The records in a file, by a reader that knows the vault's keys.
fn records(site: &Site, bytes: &[u8]) -> BTreeMap<StoreKey, Sealed> {
    let closed = crate::backup::Closed::open(bytes).unwrap();
    let keys = {
        let live = site.vault.live();
        live.unsealed().ok().unwrap().keys.backup_keys(closed.head.salt())
    };
    let (mut reader, _) = closed.unlock(keys).unwrap();
    std::iter::from_fn(|| reader.record().unwrap()).collect()
}

fn spread() -> Spread {
    Spread { grace: Some(SignedDuration::ZERO), activate: true, note: None, force: true }
}

#[tokio::test]
async fn it_is_of_one_moment_whatever_is_changed_meanwhile() {
    let site = Site::with_fsm().await;
    for number in 0..12 {
        site.large(&format!("_s{number:02}")).await;
    }
    let backup = site.vault.begin_backup(site.admin()).await.unwrap();
    let before = site.stored().await;
    let (mut bytes, mut pages) = (Vec::new(), 0);
    while let Some(more) = site.vault.go_on(&backup).await.unwrap() {
        bytes.extend(more);
        pages += 1;
        // All kinds of changes, to what was read and to what wasn't: rotated twice, deleted, made, revoked.
        for _ in 0..2 {
            for number in [pages, 11 - pages] {
                let id = format!("_s{number:02}").parse().unwrap();
                let new = NewVersion { value: plain("y"), spread: spread() };
                site.vault.rotate_secret(site.admin(), &id, new, &IfMatch::Any).await.unwrap();
            }
            let pair = NewPair { source: given("other id", Some("other secret")), spread: spread() };
            site.vault.rotate_pair(site.admin(), &"fsm".parse().unwrap(), pair, &IfMatch::Any).await.unwrap();
        }
        site.secret(&format!("_new{pages}"), "z", OPEN).await.unwrap();
        let gone = format!("_s{:02}", 4 + pages).parse().unwrap();
        site.vault.delete_secret(site.admin(), &gone, &IfMatch::Any).await.unwrap();
        site.service(&format!("made{pages}"), "customscript_x", &[]).await;
    }
    assert!(pages >= 3, "{pages}");
    assert!(records(&site, &bytes) == before);
    assert!(site.stored().await != before);
    let whole = inspected(&site.kept(&bytes), "right").unwrap();
    assert_eq!(whole.counts.records.values().sum::<u64>(), before.len() as u64);
    assert_eq!(whole.active_callers().map(|caller| caller.name.as_str()).collect::<Vec<_>>(), ["admin"]);
}

#[tokio::test]
async fn only_a_full_operator_of_an_unsealed_vault_gets_one() {
    let site = Site::with_fsm().await;
    let fsm = site.service("fsm", "customscript_nx_suitelet2", &[]).await;
    let ann = site.operator("ann", Level::Edit, "2").await;
    assert_eq!(denied(site.vault.begin_backup(asker(&fsm)).await), Denial::WrongRole);
    assert_eq!(denied(site.vault.begin_backup(asker(&ann)).await), FULL);
    let backup = site.vault.begin_backup(site.admin()).await.unwrap();
    let entry = &site.log(1).await[0].entry;
    assert_eq!((&*entry.action, entry.outcome), ("backup.create", Outcome::Allowed));
    // The seal wipes its keys: there is nothing more to come.
    site.vault.seal(site.admin()).await.unwrap();
    assert!(matches!(site.vault.go_on(&backup).await, Err(VaultError::GivenUp(_))));
    assert_eq!(denied(site.vault.begin_backup(site.admin()).await), Denial::Sealed);
}

#[tokio::test]
async fn a_stalled_one_makes_room_and_what_it_keeps_is_bounded() {
    let site = Site::unsealed().await;
    // More than a page, so that none is whole at once.
    for number in 0..5 {
        site.large(&format!("_s{number}")).await;
    }
    let mut stalled = Vec::new();
    for _ in 0..4 {
        stalled.push(site.vault.begin_backup(site.admin()).await.unwrap());
    }
    assert!(matches!(site.vault.begin_backup(site.admin()).await, Err(VaultError::Conflict(_))));
    let entry = site.log(1).await.remove(0).entry;
    assert_eq!((entry.outcome, entry.reason.as_deref()), (Outcome::Failed, Some("conflict")));
    site.later(31);
    assert!(site.vault.go_on(&stalled[0]).await.unwrap().is_some());
    let fifth = site.vault.begin_backup(site.admin()).await.unwrap();
    assert!(matches!(site.vault.go_on(&stalled[1]).await, Err(VaultError::GivenUp(_))));
    assert!(!site.rest(&fifth, Vec::new()).await.is_empty());
    assert!(!site.rest(&stalled[0], Vec::new()).await.is_empty());
    // Those that nobody holds any more are forgotten.
    drop((stalled, fifth));
    for _ in 0..9 {
        drop(site.vault.begin_backup(site.admin()).await.unwrap());
    }
}

/// What is kept for a reader that doesn't come has an end; the changes have none.
#[tokio::test]
async fn a_backup_that_would_keep_too_much_is_given_up() {
    use crate::store::{Batch, Expect, Store};
    let site = Site::unsealed().await;
    let backup = site.vault.begin_backup(site.admin()).await.unwrap();
    let store = MemoryStore::new();
    let key =
        |number: u8| StoreKey::from_bytes(&[[3; 32].as_slice(), &[number]].concat().try_into().unwrap());
    for number in 0..17 {
        let record = Sealed::from_store(vec![0; 4 << 20]);
        let batch = Batch::new().put(key(number).unwrap(), Expect::Any, record);
        store.commit(batch).await.unwrap();
        let again = Batch::new().delete(key(number).unwrap(), Expect::Any);
        site.vault.snapshots.keep_before(&store, &again).await;
    }
    assert!(matches!(site.vault.go_on(&backup).await, Err(VaultError::GivenUp(_))));
}

#[tokio::test]
async fn its_own_passphrase_takes_one_of_the_vaults() {
    let site = Site::unsealed().await;
    let own = |shown| site.vault.begin_backup_for(site.admin(), plain(shown), Some(plain("its own")), CHEAP);
    assert!(matches!(own("wrong").await, Err(VaultError::WrongPassphrase)));
    assert_eq!(site.log(1).await[0].entry.reason.as_deref(), Some("wrong_passphrase"));
    let backup = own("right").await.unwrap();
    let path = site.kept(&site.rest(&backup, Vec::new()).await);
    assert!(matches!(inspected(&path, "right"), Err(VaultError::WrongPassphrase)));
    assert!(inspected(&path, "its own").unwrap().manifest.own_passphrase);
}

/// A passphrase that is shown and no other: the backup opens with it, or there is none, and it counts as a try.
#[tokio::test]
async fn for_a_passphrase_of_the_vault_it_is_the_ordinary_one() {
    let site = Site::unsealed().await;
    let shown = |shown| site.vault.begin_backup_for(site.admin(), plain(shown), None, CHEAP);
    let backup = shown("right").await.unwrap();
    assert_eq!(site.log(1).await[0].entry.changes, None);
    let path = site.kept(&site.rest(&backup, Vec::new()).await);
    assert!(!inspected(&path, "right").unwrap().manifest.own_passphrase);
    for _ in 0..3 {
        assert!(matches!(shown("wrong").await, Err(VaultError::WrongPassphrase)));
        let entry = &site.log(1).await[0].entry;
        assert_eq!((&*entry.action, entry.reason.as_deref()), ("backup.create", Some("wrong_passphrase")));
    }
    assert!(matches!(shown("right").await, Err(VaultError::Backoff(_))), "as for an unseal");
}

#[tokio::test]
async fn a_schedule_keeps_its_number_tells_of_failures_and_catches_up() {
    let site = Site::with_fsm().await;
    let directory = site._keep.path().join("backups");
    let hours = SignedDuration::from_hours;
    let plan =
        || BackupPlan { directory: directory.clone(), rules: BackupRules { every: hours(24), keep: 2 } };
    let files = || {
        let mut names: Vec<_> = std::fs::read_dir(&directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    let told = async |level| {
        let page = site.vault.first_notices(site.admin(), NoticeLevel::Info, 100).await.unwrap();
        let standing = page.items.into_iter().find(|seen| seen.id.as_str().starts_with("backup.schedule."));
        assert_eq!(standing.map(|seen| seen.standing.level), level);
    };
    site.vault.schedule_backups(plan());
    // The directory isn't there, which may be a disk that isn't mounted: nothing is made in its place.
    site.vault.tend_backups().await;
    assert!(!directory.exists());
    assert_eq!(site.log(9).await.iter().filter(|each| each.entry.outcome == Outcome::Failed).count(), 1);
    told(Some(NoticeLevel::Warning)).await;
    std::fs::create_dir(&directory).unwrap();
    site.vault.tend_backups().await;
    assert!(files().is_empty(), "it waits after a failure");
    site.later(60);
    site.vault.tend_backups().await;
    assert_eq!(files().len(), 1);
    told(None).await;
    inspected(&directory.join(&files()[0]), "right").unwrap();
    site.vault.tend_backups().await;
    assert_eq!(files().len(), 1);

    // Others' files are left alone.
    for other in ["fsm-vault-00000000-20200101T000000Z.fsmb", "notes.txt"] {
        std::fs::write(directory.join(other), "").unwrap();
    }
    for _ in 0..3 {
        site.later(86_400);
        site.vault.tend_backups().await;
    }
    let ours =
        || files().into_iter().filter(|name| !name.contains("00000000") && name != "notes.txt").count();
    assert_eq!((ours(), files().len()), (2, 4));
    assert_eq!(site.log(100).await.iter().filter(|each| each.entry.action == "backup.remove").count(), 2);

    // Sealed there is none; it is overdue by one period, then by three, and made up for afterwards by one.
    site.vault.seal(site.admin()).await.unwrap();
    site.later(2 * 86_400);
    site.vault.tend_backups().await;
    assert_eq!(ours(), 2);
    site.vault.unseal(site.admin(), plain("right")).await.unwrap();
    told(Some(NoticeLevel::Warning)).await;
    site.later(2 * 86_400);
    told(Some(NoticeLevel::Critical)).await;
    site.vault.tend_backups().await;
    told(None).await;
    // After a restart those that are there count.
    site.vault.schedule_backups(plan());
    let before = files();
    site.vault.tend_backups().await;
    assert_eq!(files(), before);
}

/// It takes a real connection's end to leave a backup: here its handle is dropped.
#[tokio::test]
async fn one_that_is_left_keeps_nothing() {
    let site = Site::with_fsm().await;
    let vault = Arc::new(&site.vault);
    let backup = vault.begin_backup(site.admin()).await.unwrap();
    assert!(vault.go_on(&backup).await.unwrap().is_some());
    assert!(vault.go_on(&backup).await.unwrap().is_none(), "one page was all of it");
    drop(backup);
    site.secret("_after", "v", OPEN).await.unwrap();
}
