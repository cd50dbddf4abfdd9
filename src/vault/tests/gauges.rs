//! What monitoring gets to know, and who it may be.

use super::super::*;
use super::site::*;
use crate::model::{Denial, Level};

#[tokio::test]
async fn operators_count_and_others_dont() {
    let site = Site::with_fsm().await;
    let viewer = site.operator("viewer", Level::View, "9").await;
    let fsm = site.service("fsm", "customscript_nx_suitelet2", &[]).await;
    let before = site.log(100).await.len();
    let gauges = site.vault.gauges(asker(&viewer)).await.unwrap();
    let holdings = gauges.holdings.unwrap();
    assert_eq!((holdings.secrets, holdings.integrations, holdings.callers), (2, 1, 3));
    assert_eq!(holdings.pending_versions, 0);
    assert!(holdings.log.available && !holdings.log.damaged);
    assert_eq!(site.log(100).await.len(), before, "a scrape leaves no entry");
    site.vault.list_secrets(site.admin(), &SecretFilter::default(), None, 1).await.unwrap();
    let after = site.vault.gauges(asker(&viewer)).await.unwrap();
    assert_eq!(after.written.entries, gauges.written.entries + 1);
    assert_eq!(gauges.written.failures, 0);
    assert!(gauges.free_bytes.is_some_and(|bytes| bytes > 0) && gauges.written.sync_seconds > 0.0);

    assert_eq!(denied(site.vault.gauges(asker(&fsm)).await), Denial::WrongRole);
    let told = &site.log(1).await[0];
    assert_eq!((told.entry.action.as_ref(), told.entry.caller.as_deref()), ("vault.metrics", Some("fsm")));
    site.vault.revoke_caller(site.admin(), &"viewer".parse().unwrap(), &IfMatch::Any).await.unwrap();
    assert_eq!(denied(site.vault.gauges(asker(&viewer)).await), Denial::CallerRevoked);
    assert_eq!(site.vault.gauges(site.admin()).await.unwrap().holdings.unwrap().callers, 2);
}

#[tokio::test]
async fn pending_versions_are_counted() {
    let site = Site::unsealed().await;
    site.secret("_a", "x", r#"{"allow_all_scripts":true,"allow_all_domains":true}"#).await.unwrap();
    let spread = Spread { grace: None, activate: false, note: None, force: false };
    let new = NewVersion { value: plain("y"), spread };
    site.vault.rotate_secret(site.admin(), &"_a".parse().unwrap(), new, &IfMatch::Any).await.unwrap();
    let gauges = site.vault.gauges(site.admin()).await.unwrap();
    assert_eq!(gauges.holdings.unwrap().pending_versions, 1);
}

#[tokio::test]
async fn a_sealed_vault_counts_for_full_operators_and_goes_on_counting() {
    let site = Site::with_fsm().await;
    let viewer = site.operator("viewer", Level::View, "9").await;
    let written = site.vault.gauges(site.admin()).await.unwrap().written.entries;
    site.vault.seal(site.admin()).await.unwrap();
    let sealed = site.vault.gauges(site.admin()).await.unwrap();
    assert!(sealed.holdings.is_none());
    assert_eq!(sealed.written.entries, written + 1, "the seal is an entry");
    assert_eq!(denied(site.vault.gauges(asker(&viewer)).await), Denial::CallerUnknown);
    site.vault.unseal(site.admin(), plain("right")).await.unwrap();
    let again = site.vault.gauges(site.admin()).await.unwrap();
    assert!(again.holdings.is_some() && again.written.entries > sealed.written.entries);
}
