//! Acceptances that came to nothing: on a disk that is full or fails, or cut short by a kill.

use super::*;

#[tokio::test]
async fn an_acceptance_that_cant_be_recorded_is_none() {
    for next in [Next::Full, Next::FailsUnwritten] {
        let (site, older) = with_an_older_copy().await;
        let site = after(site, |directory| put_back(&older.join("store"), &directory.store())).await;
        let (site, frail) = Frail::under(site).await;
        frail.fails(next, false);
        let refused = site.vault.unseal_locally_accepting_rollback(plain("right")).await;
        assert!(matches!(refused, Err(VaultError::Full | VaultError::StoreUnavailable(_))), "{refused:?}");
        assert!(site.vault.is_sealed() && matches!(unsealing(&site).await, Err(VaultError::RolledBack(_))));
        site.vault.unseal_locally_accepting_rollback(plain("right")).await.unwrap();
        let outcomes = |log: &[crate::audit::LoggedEntry], action: &str| {
            let of = log.iter().rev().filter(|each| each.entry.action == action);
            of.map(|each| each.entry.outcome).collect::<Vec<_>>()
        };
        let log = site.log(30).await;
        for action in ["vault.accept_rollback", "notice.raise", "vault.unseal"] {
            let told = outcomes(&log, action);
            assert!(
                told.ends_with(&[Outcome::Allowed, Outcome::Failed, Outcome::Allowed]),
                "{action} {told:?}"
            );
        }
        site.vault.tend_notices().await.unwrap();
        assert_eq!(site.vault.notice_counts().unwrap()[2].standing, 1);
    }
}

#[tokio::test]
async fn the_newest_copy_is_no_older_one_for_an_acceptance_that_came_to_nothing() {
    for without in [false, true] {
        let (site, older) = with_an_older_copy().await;
        let newest = site._keep.path().join("newest");
        copy(site.directory.path(), &newest);
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
        assert_eq!(site.directory.epoch().exists(), !without);
        drop(frail);
        let site = after(site, |directory| {
            put_back(&newest.join("store"), &directory.store());
            std::fs::copy(newest.join("epoch"), directory.epoch()).map(drop).unwrap();
        })
        .await;
        unsealing(&site).await.unwrap();
        site.secret("_c", "z", OPEN).await.unwrap();
        let site = site.restarted().await;
        assert_eq!(site.vault.verify_log(site.admin()).await.unwrap().first_bad, None);
    }
}

/// It left its entries, and nobody came to anything by them.
#[tokio::test]
async fn nor_for_one_that_a_kill_cut_short() {
    let (site, older) = with_an_older_copy().await;
    let newest = site._keep.path().join("newest");
    copy(site.directory.path(), &newest);
    let site = after(site, |directory| put_back(&older.join("store"), &directory.store())).await;
    site.vault.unseal_locally_accepting_rollback(plain("right")).await.unwrap();
    site.vault.wipe(site.vault.turn().await).await;
    // The store as it was when the kill came, before the commit, and the newest.
    let mut site = site;
    for of in [&older, &newest] {
        site = after(site, |directory| {
            put_back(&of.join("store"), &directory.store());
            put_back(&newest.join("epoch"), &directory.epoch());
        })
        .await;
        assert_eq!(unsealing(&site).await.is_ok(), of == &newest);
    }
}
