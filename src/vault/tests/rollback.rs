//! An older store put back, a record exchanged, the file `epoch` gone: noticed, and refused unless accepted.

use std::path::Path;

use super::site::*;
use crate::store::{Batch, Expect, SledStore, Store};
use crate::vault::*;

const OPEN: &str = r#"{"allow_all_scripts":true,"allow_all_domains":true}"#;

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() { copy(&from, &to) } else { std::fs::copy(&from, &to).map(drop).unwrap() }
    }
}

fn put_back(from: &Path, to: &Path) {
    if to.is_dir() {
        std::fs::remove_dir_all(to).unwrap()
    } else {
        std::fs::remove_file(to).unwrap()
    }
    if from.is_dir() { copy(from, to) } else { std::fs::copy(from, to).map(drop).unwrap() }
}

/// A vault in which a caller was revoked after a copy of the whole directory had been made; closed.
async fn with_an_older_copy() -> (Site, std::path::PathBuf) {
    let site = Site::unsealed().await;
    site.service("mobile", "customscript_a", &[]).await;
    site.secret("_a", "x", OPEN).await.unwrap();
    let older = site._keep.path().join("older");
    let site = site.restarted_after(async |_| {}).await;
    copy(site.directory.path(), &older);
    site.vault.revoke_caller(site.admin(), &"mobile".parse().unwrap()).await.unwrap();
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
    site.secret("_c", "z", OPEN).await.unwrap();
    site.vault.close().await.unwrap();
    let site = after(site, |_| {}).await;
    unsealing(&site).await.unwrap();
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

#[tokio::test]
async fn a_single_record_put_back_taken_away_or_added_is_noticed() {
    let (site, older) = with_an_older_copy().await;
    let before = SledStore::open(&older.join("store")).unwrap().scan().await.unwrap();
    let Site { directory, clock, vault, admin: _, _keep } = site;
    drop(vault);
    let now = SledStore::open(&directory.store()).unwrap().scan().await.unwrap();
    let changed = |(key, sealed): &&(crate::keys::StoreKey, crate::keys::Sealed)| {
        key.kind() == crate::keys::RecordKind::Caller
            && now.iter().any(|(each, other)| each == key && other != sealed)
    };
    let (revoked, active) = before.iter().find(changed).unwrap();
    let (kept, after) = now.iter().find(|(key, _)| key == revoked).unwrap();
    let cases = [
        ("put back", Batch::new().put(*revoked, Expect::Any, active.clone())),
        ("taken away", Batch::new().delete(*kept, Expect::Any)),
    ];
    for (what, batch) in cases {
        let (store, undo) = (SledStore::open(&directory.store()).unwrap(), Batch::new());
        store.commit(batch).await.unwrap();
        drop(store);
        let vault = reopened(&directory, &clock).await;
        let refused = vault.unseal_locally_accepting_rollback(plain("right")).await;
        assert!(matches!(refused, Err(VaultError::Damaged(_))), "{what}: {refused:?}");
        drop(vault);
        let store = SledStore::open(&directory.store()).unwrap();
        store.commit(undo.put(*kept, Expect::Any, after.clone())).await.unwrap();
    }
    let vault = reopened(&directory, &clock).await;
    vault.unseal_locally(plain("right")).await.unwrap();
}
