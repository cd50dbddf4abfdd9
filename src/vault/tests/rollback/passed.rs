//! Older stores beside a log whose later lines they can't read, and changes that the log alone tells of.

use super::*;
use crate::audit::Entry;

async fn refused_as(site: &Site, why: &str) {
    let refused = unsealing(site).await;
    let Err(VaultError::RolledBack(found)) = refused else { panic!("{why}: {refused:?}") };
    assert!(found.to_string().contains(why), "{found}");
    site.vault.unseal_locally_accepting_rollback(plain("right")).await.unwrap();
    assert!(site.secret("_c", "z", OPEN).await.unwrap().secret.last_version > 1_000_000);
    site.vault.close().await.unwrap();
}

#[tokio::test]
async fn one_from_just_before_a_rekey_is_told_by_the_rekeys_entry() {
    for fetched in [false, true] {
        let site = Site::unsealed().await;
        let reader = site.service("mobile", "customscript_a", &[]).await;
        site.secret("_a", "x", OPEN).await.unwrap();
        let older = site._keep.path().join("older");
        site.vault.record_checkpoint().await.unwrap();
        copy(site.directory.path(), &older);
        let (rekeyed, read) =
            tokio::join!(site.vault.rekey(site.admin(), vec![plain("right")], false), async {
                if fetched {
                    site.vault.read_value(asker(&reader), &"_a".parse().unwrap(), ANY).await.map(drop)
                } else {
                    Ok(())
                }
            });
        (rekeyed.map(drop)).and(read).unwrap();
        site.vault.revoke_caller(site.admin(), &"mobile".parse().unwrap(), &IfMatch::Any).await.unwrap();
        site.vault.close().await.unwrap();
        let site = after(site, |directory| {
            put_back(&older.join("store"), &directory.store());
            put_back(&older.join("epoch"), &directory.epoch());
        })
        .await;
        refused_as(&site, "under another root key").await;
        let site = after(site, |_| {}).await;
        unsealing(&site).await.unwrap();
    }
}

/// A crash came between a change's entry and its commit.
#[tokio::test]
async fn of_a_change_that_a_crash_prevented_the_next_unsealing_says_so() {
    for action in ["vault.rekey", "secret.edit"] {
        let site = Site::unsealed().await;
        site.secret("_a", "x", OPEN).await.unwrap();
        let (log, epoch) = {
            let live = site.vault.live();
            let unsealed = live.unsealed().ok().unwrap();
            (std::sync::Arc::clone(&unsealed.log), unsealed.registry.next_epoch())
        };
        let (epoch, outcome) = (Some(epoch), Outcome::Allowed);
        log.append_durably(Entry { action: action.into(), epoch, outcome, ..Entry::default() })
            .await
            .unwrap();
        drop(log);
        let site = after(site, |_| {}).await;
        unsealing(&site).await.unwrap();
        assert_eq!(fates(&site).await, ["change_not_made"]);
        site.secret("_b", "x", OPEN).await.unwrap();
        let site = site.restarted().await;
        assert_eq!(fates(&site).await, ["change_not_made"], "once");
        assert_eq!(site.vault.verify_log(site.admin()).await.unwrap().first_bad, None);
    }
}

async fn fates(site: &Site) -> Vec<String> {
    let log = site.log(50).await;
    let told = log.into_iter().filter(|each| each.entry.action == "vault.reopen");
    told.filter_map(|each| each.entry.reason.map(std::borrow::Cow::into_owned)).collect()
}
