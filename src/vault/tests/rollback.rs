//! An older store put back, the file `epoch` gone: noticed, and refused unless accepted.

use std::path::Path;

use super::frail::{Frail, Next};
use super::site::*;
use crate::audit::{Filter, Look, Outcome, Start};
use crate::model::Level;
use crate::vault::*;

mod first;
mod in_vain;
mod keys;
mod passed;
mod records;

const OPEN: &str = r#"{"allow_all_scripts":true,"allow_all_domains":true}"#;

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() { copy(&from, &to) } else { std::fs::copy(&from, &to).map(drop).unwrap() }
    }
}

pub(super) fn put_back(from: &Path, to: &Path) {
    if to.is_dir() {
        std::fs::remove_dir_all(to).unwrap()
    } else {
        std::fs::remove_file(to).unwrap()
    }
    if from.is_dir() { copy(from, to) } else { std::fs::copy(from, to).map(drop).unwrap() }
}

/// A vault in which a caller was revoked and a secret deleted after a copy of the whole directory had been made; closed.
async fn with_an_older_copy() -> (Site, std::path::PathBuf) {
    let site = Site::unsealed().await;
    site.service("mobile", "customscript_a", &[]).await;
    site.service("crm", "customscript_a", &[]).await;
    site.secret("_a", "x", OPEN).await.unwrap();
    site.secret("_gone", "z", OPEN).await.unwrap();
    let older = site._keep.path().join("older");
    let site = site.restarted_after(async |_| {}).await;
    copy(site.directory.path(), &older);
    site.vault.revoke_caller(site.admin(), &"mobile".parse().unwrap(), &IfMatch::Any).await.unwrap();
    site.vault.delete_secret(site.admin(), &"_gone".parse().unwrap(), &IfMatch::Any).await.unwrap();
    site.secret("_b", "y", OPEN).await.unwrap();
    site.vault.close().await.unwrap();
    (site, older)
}

async fn unsealing(site: &Site) -> Result<(), VaultError> {
    site.vault.unseal_locally(plain("right")).await
}

/// Opened anew, sealed, after something was done to the files.
async fn after(site: Site, meanwhile: impl FnOnce(&Directory)) -> Site {
    let Site { directory, clock, vault, admin, _keep } = site;
    drop(vault);
    meanwhile(&directory);
    let vault = reopened(&directory, &clock).await;
    Site { directory, clock, vault, admin, _keep }
}

#[tokio::test]
async fn an_older_store_is_noticed_by_each_witness_alone() {
    for without in ["", "epoch", "audit"] {
        let (site, older) = with_an_older_copy().await;
        let site = after(site, |directory| {
            put_back(&older.join("store"), &directory.store());
            if !without.is_empty() {
                put_back(&older.join(without), &directory.path().join(without));
            }
        })
        .await;
        let refused = unsealing(&site).await;
        assert!(matches!(refused, Err(VaultError::RolledBack(_))), "older {without}: {refused:?}");
        assert!(site.vault.is_sealed());
    }
}

#[tokio::test]
async fn the_whole_directory_put_back_looks_whole() {
    let (site, older) = with_an_older_copy().await;
    let site = after(site, |directory| put_back(&older, directory.path())).await;
    unsealing(&site).await.unwrap();
}

#[tokio::test]
async fn accepted_it_is_in_the_log_and_all_agree_again() {
    let (site, older) = with_an_older_copy().await;
    let site = after(site, |directory| put_back(&older.join("store"), &directory.store())).await;
    site.vault.unseal_locally_accepting_rollback(plain("right")).await.unwrap();
    let log = site.log(10).await;
    let accepted = log.iter().find(|each| each.entry.action == "vault.accept_rollback").unwrap();
    assert!(accepted.entry.changes.as_ref().unwrap()["witness"].as_u64().is_some());
    // No number that the newer one may have given is given again.
    let before = site.secret("_c", "z", OPEN).await.unwrap().secret.last_version;
    assert!(before > 1_000_000, "{before}");
    site.vault.close().await.unwrap();
    let site = after(site, |_| {}).await;
    unsealing(&site).await.unwrap();
    assert_eq!(site.secret("_d", "z", OPEN).await.unwrap().secret.last_version, before);
}

/// What the log tells of the time that is lost is the doing of who is lost, even by a name that is there.
#[tokio::test]
async fn of_what_is_lost_nobody_is_taken_for_another() {
    let site = Site::unsealed().await;
    let one = site.service("one", "customscript_a", &[]).await;
    let ann = site.operator("ann", Level::Edit, "ann").await;
    let (id, name) = ("_a".parse().unwrap(), "ann".parse().unwrap());
    site.vault.create_secret(asker(&ann), new_secret("_a", "x", OPEN)).await.unwrap();
    site.vault.read_value(asker(&one), &id, ANY).await.unwrap();
    let older = site._keep.path().join("older");
    let site = site.restarted_after(async |_| {}).await;
    copy(site.directory.path(), &older);
    // Others get the names and the ID.
    site.vault.revoke_caller(site.admin(), &name, &IfMatch::Any).await.unwrap();
    site.vault.revoke_caller(site.admin(), &"one".parse().unwrap(), &IfMatch::Any).await.unwrap();
    site.vault.delete_secret(site.admin(), &id, &IfMatch::Any).await.unwrap();
    let eve = site.operator("ann", Level::Edit, "eve").await;
    let next = site.service("one", "customscript_a", &[]).await;
    site.vault.create_secret(asker(&eve), new_secret("_a", "of eve", OPEN)).await.unwrap();
    site.vault.read_value(asker(&next), &id, ANY).await.unwrap();
    site.vault.close().await.unwrap();

    let site = after(site, |directory| put_back(&older.join("store"), &directory.store())).await;
    site.vault.unseal_locally_accepting_rollback(plain("right")).await.unwrap();
    let check = async |site: &Site| {
        let look = Look { start: Start::Newest, limit: 100, numbers: 0..=u64::MAX };
        let seen = site.vault.read_log(asker(&ann), look, Filter::default()).await.unwrap().entries;
        let made: Vec<_> = seen.iter().filter(|each| each.entry.action == "secret.create").collect();
        assert_eq!(made.len(), 1, "{made:?}");
        assert!(seen.iter().filter(|each| each.entry.action == "secret.read").count() == 1);
        assert!(seen.iter().all(|each| each.entry.action != "secret.delete"));
        let notes = site.vault.read_notes(asker(&ann), &id, None, 100).await.unwrap();
        assert!(notes.next.is_none() && notes.changes.len() == 1 && notes.changes[0].seq == made[0].seq);
        let consumers = site.vault.list_consumers(site.admin(), &id, None, 9).await.unwrap().items;
        assert_eq!((consumers.len(), consumers[0].last.version, consumers[0].last.count), (1, 1, 1));
    };
    check(&site).await;
    check(&site.restarted().await).await;
}

#[tokio::test]
async fn a_file_that_is_gone_or_another_vaults_is_noticed() {
    for content in [None, Some(&b"FSME"[..])] {
        let (site, _) = with_an_older_copy().await;
        let site = after(site, |directory| match content {
            None => std::fs::remove_file(directory.epoch()).unwrap(),
            Some(bytes) => std::fs::write(directory.epoch(), bytes).unwrap(),
        })
        .await;
        assert!(matches!(unsealing(&site).await, Err(VaultError::RolledBack(_))));
        site.vault.unseal_locally_accepting_rollback(plain("right")).await.unwrap();
        site.vault.close().await.unwrap();
        let site = after(site, |_| {}).await;
        unsealing(&site).await.unwrap();
    }
}

#[tokio::test]
async fn an_older_file_alone_is_what_a_power_cut_leaves() {
    let (site, older) = with_an_older_copy().await;
    let site = after(site, |directory| put_back(&older.join("epoch"), &directory.epoch())).await;
    unsealing(&site).await.unwrap();
}

/// Everything under the directory, byte for byte.
fn files(directory: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut all: Vec<_> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.sort();
    all.into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap_or_default())).collect()
}

#[tokio::test]
async fn a_refused_store_leaves_the_log_as_it_is_and_says_what_it_lacks() {
    // Short segments of which two are kept: the older store's checkpoint lies in one that is gone.
    for without in ["", "epoch"] {
        let (site, older) = with_an_older_copy().await;
        let Site { directory, clock, vault, admin, _keep } = site;
        drop(vault);
        let vault = short_kept(&directory, &clock).await;
        vault.unseal_locally(plain("right")).await.unwrap();
        for _ in 0..30 {
            assert!(vault.see_secret(asker(&admin), &"_a".parse().unwrap()).await.is_ok());
            vault.record_checkpoint().await.unwrap();
        }
        vault.revoke_caller(asker(&admin), &"crm".parse().unwrap(), &IfMatch::Any).await.unwrap();
        vault.close().await.unwrap();
        drop(vault);
        let newest = _keep.path().join("newest");
        copy(directory.path(), &newest);
        assert!(!directory.audit().join("audit-00000001.jsonl").exists());
        put_back(&older.join("store"), &directory.store());
        if !without.is_empty() {
            put_back(&older.join(without), &directory.path().join(without));
        }
        let before = files(&directory.audit());
        let vault = short_kept(&directory, &clock).await;
        let refused = vault.unseal_locally(plain("right")).await;
        let Err(VaultError::RolledBack(why)) = refused else { panic!("older {without}: {refused:?}") };
        let why = why.to_string();
        assert!(why.contains("Z caller.revoke crm. "), "{why}");
        assert!(why.contains("operator recover"), "{why}");
        drop(vault);
        assert_eq!(files(&directory.audit()), before, "the log was written to");
        // Accepted, the log is whole: what the store knows of it is old, and that is all.
        let vault = short_kept(&directory, &clock).await;
        vault.unseal_locally_accepting_rollback(plain("right")).await.unwrap();
        assert_eq!(vault.verify_log(asker(&admin)).await.unwrap().first_bad, None);
        assert!(!vault.log_standing().unwrap().damaged);
        drop(vault);
        // And the newest, put back untouched, is taken as it was, had the other not been accepted.
        put_back(&newest, directory.path());
        let vault = short_kept(&directory, &clock).await;
        vault.unseal_locally(plain("right")).await.unwrap();
        assert_eq!(vault.verify_log(asker(&admin)).await.unwrap().first_bad, None);
    }
}

async fn short_kept(directory: &Directory, clock: &std::sync::Arc<crate::clock::ManualClock>) -> Vault {
    let audit = crate::audit::Settings { segment_bytes: 2000, retain: 2, ..settings(directory) };
    let (store, directory) = (open_store(directory).unwrap(), directory.clone());
    Vault::open(Opening { directory, store, audit, notices: NoticeRules::default(), clock: clock.clone() })
        .await
        .unwrap()
}

#[tokio::test]
async fn after_an_acceptance_each_witness_tells_the_store_that_was_set_aside() {
    for witness in ["epoch", "audit"] {
        let (site, older) = with_an_older_copy().await;
        let aside = site._keep.path().join("aside");
        copy(&site.directory.store(), &aside);
        copy(site.directory.path(), &aside.with_extension("all"));
        let site = after(site, |directory| put_back(&older.join("store"), &directory.store())).await;
        site.vault.unseal_locally_accepting_rollback(plain("right")).await.unwrap();
        // Not a single change later; but somebody had a look.
        site.vault.see_secret(site.admin(), &"_a".parse().unwrap()).await.map(drop).unwrap();
        site.vault.wipe(site.vault.turn().await).await;
        let site = after(site, |directory| {
            put_back(&aside, &directory.store());
            let other = if witness == "epoch" { "audit" } else { "epoch" };
            put_back(&aside.with_extension("all").join(other), &directory.path().join(other));
        })
        .await;
        let refused = unsealing(&site).await;
        assert!(matches!(refused, Err(VaultError::RolledBack(_))), "{witness}: {refused:?}");
    }
}

#[tokio::test]
async fn an_acceptance_stands_as_a_critical_notice_until_somebody_knows_of_it() {
    let (site, older) = with_an_older_copy().await;
    let site = after(site, |directory| put_back(&older.join("store"), &directory.store())).await;
    site.vault.unseal_locally_accepting_rollback(plain("right")).await.unwrap();
    site.vault.wipe(site.vault.turn().await).await;
    let site = after(site, |_| {}).await;
    unsealing(&site).await.unwrap();
    let standing = async |site: &Site| {
        site.vault.tend_notices().await.unwrap();
        let all =
            site.vault.first_notices(site.admin(), crate::model::NoticeLevel::Critical, 9).await.unwrap();
        all.items.into_iter().find(|seen| seen.id.as_str().starts_with("rollback.store.e"))
    };
    let seen = standing(&site).await.unwrap();
    assert!(seen.acknowledged.is_none() && seen.standing.message.contains("was accepted"));
    let site = site.restarted().await;
    let seen = standing(&site).await.unwrap();
    site.vault.acknowledge_notice(site.admin(), &seen.id).await.unwrap();
    assert!(standing(&site).await.is_none());
    let site = site.restarted().await;
    assert!(standing(&site).await.is_none());
}

/// Somebody was refused, and the log says no other.
#[tokio::test]
async fn an_unsealing_that_comes_to_nothing_is_told_as_failed() {
    let site = Site::sealed().await;
    unsealing(&site).await.unwrap();
    site.vault.wipe(site.vault.turn().await).await;
    let in_the_way = site.directory.tls().join("server.pem");
    std::fs::remove_file(&in_the_way).unwrap();
    std::fs::create_dir(&in_the_way).unwrap();
    unsealing(&site).await.unwrap_err();
    assert!(site.vault.is_sealed());
    std::fs::remove_dir(&in_the_way).unwrap();
    unsealing(&site).await.unwrap();
    let log = site.log(3).await;
    let told: Vec<_> = log.iter().rev().map(|each| (&*each.entry.action, each.entry.outcome)).collect();
    let [allowed, failed] = [Outcome::Allowed, Outcome::Failed].map(|outcome| ("vault.unseal", outcome));
    assert_eq!(told, [allowed, failed, allowed]);
}

#[tokio::test]
async fn without_the_log_an_older_store_with_its_file_is_told_as_damage_of_the_log() {
    let (site, older) = with_an_older_copy().await;
    let site = after(site, |directory| {
        put_back(&older.join("store"), &directory.store());
        put_back(&older.join("epoch"), &directory.epoch());
        std::fs::remove_dir_all(directory.audit()).unwrap();
    })
    .await;
    unsealing(&site).await.unwrap();
    assert!(site.vault.log_standing().unwrap().damaged);
    site.vault.tend_notices().await.unwrap();
    let critical = site.vault.notice_counts().unwrap()[2];
    assert_eq!((critical.standing, critical.acknowledged), (1, 0));
    // The newest may have given the next number.
    assert!(site.secret("_c", "z", OPEN).await.unwrap().secret.last_version > 1_000_000);
}

#[tokio::test]
async fn numbers_go_on_where_the_log_tells_all_that_came_after_the_store() {
    let (site, _) = with_an_older_copy().await;
    let site = after(site, |directory| {
        let path = directory.audit().join("audit-00000001.jsonl");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replacen("caller.add", "caller.dad", 1)).unwrap();
    })
    .await;
    unsealing(&site).await.unwrap();
    assert!(site.vault.log_standing().unwrap().damaged);
    assert_eq!(site.secret("_c", "z", OPEN).await.unwrap().secret.last_version, 1);
}
