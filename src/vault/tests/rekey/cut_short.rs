//! A rekey cut short after each of its steps: the old vault or the new one, whole, and it is done again.

use std::sync::Arc;

use super::super::super::rekey::{Next, exchange};
use super::super::super::*;
use super::super::site::*;
use super::{all_is_there, fingerprint, furnished, rekey};
use crate::crypto::Argon2Cost;
use crate::model::SlotNotes;

/// The steps of `rekey.rs`, cut short after each by the end of the process.
#[tokio::test]
async fn a_crash_after_step_1_leaves_one_vault_whole() {
    a_crash_leaves_the_old_vault_or_the_new_one_whole(1).await;
}

#[tokio::test]
async fn a_crash_after_step_2_leaves_one_vault_whole() {
    a_crash_leaves_the_old_vault_or_the_new_one_whole(2).await;
}

#[tokio::test]
async fn a_crash_after_step_3_leaves_one_vault_whole() {
    a_crash_leaves_the_old_vault_or_the_new_one_whole(3).await;
}

#[tokio::test]
async fn a_crash_after_step_4_leaves_one_vault_whole() {
    a_crash_leaves_the_old_vault_or_the_new_one_whole(4).await;
}

#[tokio::test]
async fn a_crash_after_step_5_leaves_one_vault_whole() {
    a_crash_leaves_the_old_vault_or_the_new_one_whole(5).await;
}

#[tokio::test]
async fn a_crash_after_step_6_leaves_one_vault_whole() {
    a_crash_leaves_the_old_vault_or_the_new_one_whole(6).await;
}

#[tokio::test]
async fn a_crash_after_step_7_leaves_one_vault_whole() {
    a_crash_leaves_the_old_vault_or_the_new_one_whole(7).await;
}

/// What was written into a file in place and not synced is what it was before.
#[tokio::test]
async fn a_power_cut_after_it_leaves_a_vault_that_is_the_newest() {
    use std::os::unix::fs::FileExt;
    for step in [5, 8] {
        let (site, _) = furnished().await;
        let before = std::fs::read(site.directory.epoch()).unwrap();
        let file = std::fs::File::options().write(true).open(site.directory.epoch()).unwrap();
        let site = if step == 8 {
            rekey(&site).await;
            site
        } else {
            begin(&site, step).await;
            site.restarted().await
        };
        assert!(!site.directory.epoch().with_extension("next").exists());
        file.write_all_at(&before, 0).unwrap();
        site.restarted().await;
    }
}

async fn a_crash_leaves_the_old_vault_or_the_new_one_whole(step: u32) {
    let (site, fsm) = furnished().await;
    let before = fingerprint(&site.vault, site.admin()).await;
    begin(&site, step).await;
    let Site { directory, clock, vault, admin, _keep } = site;
    drop(vault);
    let vault = reopened(&directory, &clock).await;
    assert!(!directory.next_store().exists());
    vault.unseal_locally(plain("right")).await.unwrap();
    all_is_there(&vault, &fsm).await;
    let report = vault.verify_log(asker(&admin)).await.unwrap();
    assert_eq!(report.first_bad, None);
    let site = Site { directory, clock, vault, admin, _keep };
    assert_eq!(fingerprint(&site.vault, site.admin()).await != before, step >= 5);
    // It goes on, and is simply done again.
    rekey(&site).await;
    let site = site.restarted().await;
    all_is_there(&site.vault, &fsm).await;
    assert_eq!(site.vault.verify_log(site.admin()).await.unwrap().first_bad, None);
}

/// Up to the step.
async fn begin(site: &Site, step: u32) {
    let turn = site.vault.turn().await;
    let log = Arc::clone(&site.vault.live().unsealed().ok().unwrap().log);
    let header = site.vault.header();
    let (_, old) = header.open(&plain("right")).unwrap();
    let renewed = header.renewed(&[plain("right")], Argon2Cost { memory_kib: 19_456, passes: 2, lanes: 1 });
    if step == 1 {
        // Not yet half of it, and no header.
        std::fs::create_dir(site.directory.next_store()).unwrap();
        std::fs::write(site.directory.next_store().join("db"), b"half").unwrap();
    } else {
        let next = site.vault.build_next(&turn, old, renewed.unwrap(), SlotNotes::default()).await.unwrap();
        cut_short(&site.vault, &log, Arc::new(next), step).await;
    }
}

async fn cut_short(vault: &Vault, log: &crate::audit::Log, next: Arc<Next>, step: u32) {
    let directory = vault.directory.clone();
    match step {
        2 | 3 => {}
        4 | 5 => {
            let head = log.checkpoint().await.unwrap();
            let kept = vault
                .live()
                .unsealed()
                .ok()
                .unwrap()
                .registry
                .checkpoint
                .as_ref()
                .unwrap()
                .checkpoint
                .clone();
            let finishing = tokio::task::spawn_blocking(move || {
                next.finish(&head.unwrap_or(kept), &directory).unwrap();
                assert!(step == 4 || exchange(&directory).is_ok());
            });
            finishing.await.unwrap();
        }
        _ => {
            let head = vault.switch(log, Arc::clone(&next)).await.ok().unwrap();
            let next = Arc::into_inner(next).unwrap();
            if step == 7 {
                drop(vault.publish_next(next, head));
            }
        }
    }
}
