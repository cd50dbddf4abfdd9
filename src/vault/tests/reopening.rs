//! After a failed write: the store is opened again, and the vault finds out what became of the change.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::super::feed::Happening;
use super::super::*;
use super::frail::{Frail, Next};
use super::site::*;
use crate::audit::Outcome;
use crate::model::{Denial, Level};
use crate::store::{Batch, Store};

const NEW: &str = "a new passphrase";
const RULES: &str = r#"{"scripts":["customscript_x"],"allow_all_domains":true}"#;

/// An unsealed vault on a frail store, with a small secret, a large one, and who may read both.
async fn frail() -> (Site, std::sync::Arc<Frail>, Session) {
    let site = Site::sealed().await;
    let (site, frail) = Frail::under(site).await;
    site.vault.unseal_locally(plain("right")).await.unwrap();
    let reader = site.service("x", "customscript_x", &[]).await;
    site.secret("_small", "one", RULES).await.unwrap();
    site.secret("_large", &"l".repeat(100_000), RULES).await.unwrap();
    (site, frail, reader)
}

async fn read(site: &Site, reader: &Session, id: &str) -> Result<(), VaultError> {
    site.vault.read_value(asker(reader), &id.parse().unwrap(), ANY).await.map(drop)
}

/// What the log says of the store's opening, and whether of a change that failed, newest first.
async fn told(site: &Site) -> (Vec<String>, usize) {
    let log = site.log(10).await;
    let reopened = log.iter().filter(|each| each.entry.action == "vault.reopen");
    let failed = log.iter().filter(|each| each.entry.outcome == Outcome::Failed).count();
    (reopened.filter_map(|each| each.entry.reason.as_deref().map(str::to_owned)).collect(), failed)
}

#[tokio::test]
async fn opened_again_at_once_the_answer_is_exact() {
    let (site, frail, reader) = frail().await;
    frail.fails(Next::FailsWritten, false);
    site.secret("_made", "x", RULES).await.unwrap();
    read(&site, &reader, "_made").await.unwrap();
    assert_eq!(told(&site).await, (vec!["change_made".to_owned()], 0));

    frail.fails(Next::FailsUnwritten, false);
    let refused = site.secret("_lost", "x", RULES).await.map(drop);
    assert!(matches!(refused, Err(VaultError::StoreUnavailable(_))), "{refused:?}");
    assert!(matches!(read(&site, &reader, "_lost").await, Err(VaultError::Denied(_))));
    let (reopened, failed) = told(&site).await;
    assert_eq!((reopened[0].as_str(), failed), ("change_not_made", 1));
    // And it goes on.
    site.secret("_lost", "x", RULES).await.unwrap();
    read(&site, &reader, "_large").await.unwrap();
}

#[tokio::test]
async fn a_notice_that_cant_be_recorded_is_told_of_as_every_change() {
    let (site, frail, _) = frail().await;
    let dated =
        NewSecret { expires_on: Some("2026-12-23".parse().unwrap()), ..new_secret("_dated", "x", RULES) };
    site.vault.create_secret(site.admin(), dated).await.unwrap();
    site.later(2 * 86_400);
    let raised = async || {
        let log = site.log(100).await.into_iter().rev().map(|each| each.entry);
        // Of the secret: the service's certificate ends too.
        let those = log.filter(|each| each.action == "notice.raise" && each.secret.is_some());
        those.map(|each| each.outcome).collect::<Vec<_>>()
    };
    frail.fails(Next::FailsUnwritten, false);
    assert!(site.vault.tend_notices().await.is_err());
    site.vault.tend_notices().await.unwrap();
    assert_eq!(raised().await, [Outcome::Allowed, Outcome::Failed, Outcome::Allowed]);
}

#[tokio::test(start_paused = true)]
async fn a_notice_that_is_found_to_be_recorded_is_told_of_then() {
    // The write that comes upon the bad disk is the notice's, or one before it.
    for of_the_notice in [true, false] {
        let (site, frail, _) = frail().await;
        let dated =
            NewSecret { expires_on: Some("2026-12-23".parse().unwrap()), ..new_secret("_dated", "x", RULES) };
        site.vault.create_secret(site.admin(), dated).await.unwrap();
        site.later(2 * 86_400);
        let begin = site.vault.feed.end();
        let heard = || {
            let of_it =
                |what: &Happening| matches!(what, Happening::Notice { id, .. } if id.contains("_dated"));
            site.vault.feed.after(begin, 99).events.iter().filter(|event| of_it(&event.what)).count()
        };
        frail.fails(Next::FailsWritten, true);
        if !of_the_notice {
            site.secret("_new", "x", RULES).await.map(drop).unwrap_err();
        }
        site.vault.tend_notices().await.unwrap_err();
        let mut raised = site.vault.raised();
        raised.mark_unchanged();
        assert_eq!(heard(), 0);
        frail.bad_disk.store(false, Ordering::SeqCst);
        tokio::time::advance(Duration::from_secs(61)).await;
        site.vault.tend_store().await;
        assert_eq!(told(&site).await.0, ["change_made"]);
        assert_eq!((heard() == 1, raised.has_changed().unwrap()), (of_the_notice, of_the_notice));
        site.vault.tend_notices().await.unwrap();
        assert_eq!(heard(), 1, "once");
    }
}

#[tokio::test]
async fn a_notice_that_stands_unrecorded_can_be_acknowledged() {
    let (site, frail, _) = frail().await;
    let dated =
        NewSecret { expires_on: Some("2026-12-23".parse().unwrap()), ..new_secret("_dated", "x", RULES) };
    site.vault.create_secret(site.admin(), dated).await.unwrap();
    site.later(2 * 86_400);
    frail.fails(Next::FailsUnwritten, false);
    assert!(site.vault.tend_notices().await.is_err());
    let id = "expiry.custsecret_dated.2026-12-23".parse().unwrap();
    let known = site.vault.acknowledge_notice(site.admin(), &id).await.unwrap();
    assert!(known.acknowledged.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_bad_disk_is_waited_for_while_readers_are_served() {
    for (next, made) in [(Next::FailsWritten, true), (Next::FailsUnwritten, false)] {
        let (site, frail, reader) = frail().await;
        frail.fails(next, true);
        let refused = |outcome: Result<(), VaultError>| {
            assert!(matches!(outcome, Err(VaultError::StoreUnavailable(_))), "{outcome:?}");
        };
        refused(site.secret("_new", "x", RULES).await.map(drop));
        refused(site.secret("_other", "x", RULES).await.map(drop));
        read(&site, &reader, "_small").await.unwrap();
        refused(read(&site, &reader, "_large").await);
        frail.bad_disk.store(false, Ordering::SeqCst);
        // Not at each request.
        site.vault.tend_store().await;
        assert!(frail.has_failed());
        tokio::time::advance(Duration::from_secs(61)).await;
        site.vault.tend_store().await;
        assert!(!frail.has_failed());
        read(&site, &reader, "_large").await.unwrap();
        assert_eq!(read(&site, &reader, "_new").await.is_ok(), made);
        let (reopened, failed) = told(&site).await;
        assert_eq!(reopened, [if made { "change_made" } else { "change_not_made" }]);
        assert_eq!(failed, 2, "both were answered as failed");
        site.secret("_other", "x", RULES).await.unwrap();
        drop(frail);
        let site = site.restarted().await;
        assert_eq!(read(&site, &reader, "_new").await.is_ok(), made);
    }
}

#[tokio::test(start_paused = true)]
async fn a_revocation_that_is_found_to_be_made_holds_while_sealed_too() {
    let (site, frail, _) = frail().await;
    let bob = site.operator("bob", Level::Full, "2").await;
    let mut watching = site.vault.departures().watch();
    watching.mark_unchanged();
    frail.fails(Next::FailsWritten, true);
    site.vault.revoke_caller(site.admin(), &"bob".parse().unwrap(), &IfMatch::Any).await.unwrap_err();
    frail.bad_disk.store(false, Ordering::SeqCst);
    tokio::time::advance(Duration::from_secs(61)).await;
    site.vault.tend_store().await;
    assert_eq!(told(&site).await.0, ["change_made"]);
    assert!(watching.has_changed().unwrap(), "what is on its way to him");
    site.vault.seal(site.admin()).await.unwrap();
    assert_eq!(denied(site.vault.unseal(asker(&bob), plain("right")).await), Denial::CallerUnknown);
    drop(frail);
    let vault = reopened(&site.directory, &site.clock);
    drop(site.vault);
    assert_eq!(denied(vault.await.unseal(asker(&bob), plain("right")).await), Denial::CallerUnknown);
}

#[tokio::test(start_paused = true)]
async fn what_was_made_although_a_seal_or_the_end_came_upon_it_is_told_by_the_unsealing() {
    // Of what wasn't made the log says `failed`.
    for (next, told_as) in [(Next::FailsWritten, Some("change_made")), (Next::FailsUnwritten, None)] {
        let (site, frail, _) = frail().await;
        frail.fails(next, true);
        site.secret("_new", "x", RULES).await.map(drop).unwrap_err();
        site.vault.seal(site.admin()).await.unwrap();
        frail.bad_disk.store(false, Ordering::SeqCst);
        tokio::time::advance(Duration::from_secs(61)).await;
        site.vault.tend_store().await;
        site.vault.unseal_locally(plain("right")).await.unwrap();
        assert_eq!(told(&site).await.0, Vec::from_iter(told_as));
        site.vault.seal(site.admin()).await.unwrap();
        site.vault.unseal_locally(plain("right")).await.unwrap();
        assert_eq!(told(&site).await.0, Vec::from_iter(told_as), "once");

        frail.fails(next, true);
        site.secret("_other", "x", RULES).await.map(drop).unwrap_err();
        drop(frail);
        let site = site.restarted().await;
        assert_eq!(told(&site).await.0.len(), 2 * usize::from(told_as.is_some()));
    }
}

async fn changes_passphrase_in_vain(site: &Site) {
    let refused = site.vault.change_passphrase(site.admin(), plain("right"), plain(NEW)).await.map(drop);
    assert!(matches!(refused, Err(VaultError::StoreUnavailable(_))), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn key_slots_of_a_change_that_nobody_knows_of_are_read_anew_once_sealed() {
    for (next, works, other) in [(Next::FailsWritten, NEW, "right"), (Next::FailsUnwritten, "right", NEW)] {
        let (site, frail, _) = frail().await;
        frail.fails(next, false);
        frail.unreadable.store(true, Ordering::SeqCst);
        changes_passphrase_in_vain(&site).await;
        assert!(!frail.has_failed(), "it is open, and what it holds isn't known");
        site.vault.seal(site.admin()).await.unwrap();
        frail.unreadable.store(false, Ordering::SeqCst);
        let refused = site.vault.unseal_locally(plain(other)).await;
        assert!(matches!(refused, Err(VaultError::WrongPassphrase)), "{refused:?}");
        site.vault.unseal_locally(plain(works)).await.unwrap();
        // What comes next is made of the slots that there are.
        site.vault.add_slot(site.admin(), None, plain(works), plain("a third passphrase")).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_sealed_vault_tells_no_slots_while_its_store_cant_be_read() {
    let (site, frail, _) = frail().await;
    frail.fails(Next::FailsWritten, true);
    changes_passphrase_in_vain(&site).await;
    site.vault.seal(site.admin()).await.unwrap();
    for text in ["right", NEW] {
        let refused = site.vault.unseal_locally(plain(text)).await;
        assert!(matches!(refused, Err(VaultError::StoreUnavailable(_))), "{refused:?}");
    }
    frail.bad_disk.store(false, Ordering::SeqCst);
    tokio::time::advance(Duration::from_secs(61)).await;
    let refused = site.vault.unseal_locally(plain("right")).await;
    assert!(matches!(refused, Err(VaultError::WrongPassphrase)), "{refused:?}");
    site.vault.unseal_locally(plain(NEW)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_store_that_lost_what_was_acknowledged_is_refused() {
    let (site, frail, reader) = frail().await;
    let secret: crate::model::SecretId = "_small".parse().unwrap();
    let key = {
        let live = site.vault.live();
        live.unsealed().ok().unwrap().keys.store_key(&crate::keys::RecordName::Secret(&secret))
    };
    frail.fails(Next::FailsUnwritten, true);
    site.secret("_new", "x", RULES).await.map(drop).unwrap_err();
    frail.store.commit(Batch::new().delete(key, crate::store::Expect::Any)).await.unwrap();
    frail.bad_disk.store(false, Ordering::SeqCst);
    for _ in 0..3 {
        tokio::time::advance(Duration::from_secs(61)).await;
        let refused = site.secret("_new", "x", RULES).await.map(drop);
        assert!(matches!(refused, Err(VaultError::StoreUnavailable(_))), "{refused:?}");
    }
    read(&site, &reader, "_small").await.unwrap();
    assert!(told(&site).await.0.is_empty());
}

#[tokio::test]
async fn a_failed_store_is_no_reason_to_go_on_serving() {
    let (site, frail, reader) = frail().await;
    read(&site, &reader, "_small").await.unwrap();
    frail.fails(Next::FailsUnwritten, true);
    site.vault.seal(site.admin()).await.unwrap();
    assert!(site.vault.is_sealed());
    assert!(matches!(read(&site, &reader, "_small").await, Err(VaultError::Denied(_))));
}
