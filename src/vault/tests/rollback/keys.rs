//! Stores on both sides of a rekey, put beside a log that the other one went on with.

use super::*;

/// A vault that was rekeyed, closed; and copies of its directory from before, and as it is.
async fn rekeyed() -> (Site, std::path::PathBuf, std::path::PathBuf) {
    let site = Site::unsealed().await;
    site.service("mobile", "customscript_a", &[]).await;
    site.secret("_a", "x", OPEN).await.unwrap();
    let (older, newer) = (site._keep.path().join("older"), site._keep.path().join("newer"));
    let site = site.restarted_after(async |_| {}).await;
    copy(site.directory.path(), &older);
    site.vault.rekey(site.admin(), vec![plain("right")], false).await.map(drop).unwrap();
    for number in 0..6 {
        site.secret(&format!("_later_{number}"), "x", OPEN).await.unwrap();
    }
    site.vault.close().await.unwrap();
    copy(site.directory.path(), &newer);
    (site, older, newer)
}

/// Opened anew with the store of another copy, and its file `epoch`.
async fn with_store(site: Site, of: &Path) -> Site {
    after(site, |directory| {
        put_back(&of.join("store"), &directory.store());
        std::fs::copy(of.join("epoch"), directory.epoch()).map(drop).unwrap();
    })
    .await
}

async fn accepted(site: &Site) {
    site.vault.unseal_locally_accepting_rollback(plain("right")).await.unwrap();
    let _ = site.vault.revoke_caller(site.admin(), &"mobile".parse().unwrap(), &IfMatch::Any).await;
    site.vault.close().await.unwrap();
}

async fn refused_as(site: &Site, why: &str) {
    let refused = unsealing(site).await;
    let Err(VaultError::RolledBack(found)) = refused else { panic!("{why}: {refused:?}") };
    assert!(found.to_string().contains(why), "{found}");
}

#[tokio::test]
async fn the_newer_one_is_told_once_somebody_did_something_with_the_older() {
    let (site, older, newer) = rekeyed().await;
    let site = after(site, |directory| put_back(&older.join("store"), &directory.store())).await;
    accepted(&site).await;
    let site = with_store(site, &newer).await;
    refused_as(&site, "under the root key from before its rekey").await;
    // Accepted in its turn, it stays, and the other one is told by a key that it never knew.
    accepted(&site).await;
    let site = after(site, |_| {}).await;
    unsealing(&site).await.unwrap();
    site.vault.close().await.unwrap();
    let site = with_store(site, &older).await;
    assert!(matches!(unsealing(&site).await, Err(VaultError::RolledBack(_))));
}

#[tokio::test]
async fn one_that_was_accepted_and_left_for_the_newer_is_told_by_a_key_that_it_doesnt_know() {
    let (site, older, newer) = rekeyed().await;
    let between = site._keep.path().join("between");
    let site = after(site, |directory| put_back(&older.join("store"), &directory.store())).await;
    site.vault.unseal_locally_accepting_rollback(plain("right")).await.unwrap();
    let site = site.restarted_after(async |_| {}).await;
    site.vault.close().await.unwrap();
    copy(site.directory.path(), &between);
    let site = with_store(site, &newer).await;
    accepted(&site).await;
    let site = with_store(site, &between).await;
    refused_as(&site, "a root key that it doesn't know").await;
}

#[tokio::test]
async fn the_newer_one_is_none_the_worse_for_an_older_that_was_accepted_in_vain() {
    for without in [false, true] {
        let (site, older, newer) = rekeyed().await;
        let site = after(site, |directory| {
            put_back(&older.join("store"), &directory.store());
            if without {
                std::fs::remove_file(directory.epoch()).unwrap();
            }
        })
        .await;
        let (site, frail) = Frail::under(site).await;
        frail.fails(Next::Full, false);
        let refused = site.vault.unseal_locally_accepting_rollback(plain("right")).await;
        assert!(matches!(refused, Err(VaultError::Full)), "{refused:?}");
        drop(frail);
        // Its file `epoch`, which the older one can't read, is where it was.
        assert_eq!(site.directory.epoch().exists(), !without);
        let site = after(site, |directory| {
            put_back(&newer.join("store"), &directory.store());
            if without {
                std::fs::copy(newer.join("epoch"), directory.epoch()).map(drop).unwrap();
            }
        })
        .await;
        unsealing(&site).await.unwrap();
        site.secret("_c", "z", OPEN).await.unwrap();
    }
}

/// What was to be taken back when a kill came.
#[tokio::test]
async fn a_file_that_was_set_aside_is_found_and_taken_back() {
    let (site, ..) = rekeyed().await;
    let aside = site.directory.epoch().with_extension("before");
    let site = after(site, |directory| std::fs::rename(directory.epoch(), &aside).unwrap()).await;
    unsealing(&site).await.unwrap();
    assert!(!aside.exists() && site.directory.epoch().exists());
    // One that is of no more use hides no loss.
    site.vault.close().await.unwrap();
    let site = after(site, |directory| std::fs::copy(directory.epoch(), &aside).map(drop).unwrap()).await;
    unsealing(&site).await.unwrap();
    assert!(!aside.exists());
}

/// The other's segments lie before what it knows.
#[tokio::test]
async fn an_accepted_one_that_loses_the_end_of_its_log_is_damaged_and_no_older_copy() {
    for twice in [false, true] {
        let (site, older, newer) = rekeyed().await;
        let mut site = after(site, |directory| put_back(&older.join("store"), &directory.store())).await;
        accepted(&site).await;
        if twice {
            site = with_store(site, &newer).await;
            accepted(&site).await;
        }
        let site = after(site, |directory| {
            let names = std::fs::read_dir(directory.audit()).unwrap().map(|entry| entry.unwrap().path());
            let newest = names.filter(|name| name.extension().is_some()).max().unwrap();
            std::fs::remove_file(newest).unwrap();
        })
        .await;
        unsealing(&site).await.unwrap();
        assert!(site.vault.log_standing().unwrap().damaged);
    }
}

/// Neither a draft that can't be made, nor what is undone for it, costs the newest store its file.
#[tokio::test]
async fn a_file_of_other_keys_outlives_one_that_cant_be_placed() {
    let (site, older, newer) = rekeyed().await;
    let in_the_way = site.directory.epoch().with_extension("draft");
    let site = after(site, |directory| {
        put_back(&older.join("store"), &directory.store());
        std::fs::create_dir(&in_the_way).unwrap();
    })
    .await;
    let refused = site.vault.unseal_locally_accepting_rollback(plain("right")).await;
    assert!(matches!(refused, Err(VaultError::File { .. })), "{refused:?}");
    let kept = std::fs::read(site.directory.epoch()).unwrap();
    assert!(kept == std::fs::read(newer.join("epoch")).unwrap());
}
