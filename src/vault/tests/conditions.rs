//! Changes of versions that depend on what was looked at.

use super::super::*;
use super::site::*;
use crate::audit::{Entry, Outcome};
use crate::model::{Denial, IntegrationName, Level, SecretId};
use jiff::SignedDuration;

const OPEN: &str = r#"{"allow_all_scripts":true,"allow_all_domains":true}"#;
const WAYS: [&str; 4] = ["rotate", "activate", "retire", "reset"];

fn spread(activate: bool) -> Spread {
    Spread { grace: Some(SignedDuration::from_hours(1)), activate, note: None, force: false }
}

fn pair(text: &str, activate: bool) -> NewPair {
    NewPair {
        source: given(&format!("id {text}"), Some(&format!("secret {text}"))),
        spread: spread(activate),
    }
}

fn on(revision: &Revision) -> IfMatch {
    IfMatch::OneOf(vec![revision.as_str().to_owned()])
}

async fn last(site: &Site) -> Entry {
    site.log(1).await.remove(0).entry
}

/// What was refused is in the log, and changed nothing.
async fn is_stale(site: &Site, outcome: Result<(), VaultError>, action: &str) {
    assert!(matches!(outcome, Err(VaultError::Stale)), "{action}");
    let entry = last(site).await;
    assert_eq!(
        (entry.action.as_ref(), entry.outcome, entry.reason.as_deref()),
        (action, Outcome::Failed, Some("precondition_failed"))
    );
}

#[tokio::test]
async fn a_secrets_versions_move_only_from_the_state_that_was_looked_at() {
    let site = Site::unsealed().await;
    site.secret("_a", "one", OPEN).await.unwrap();
    let id: SecretId = "_a".parse().unwrap();
    let tag = async || site.vault.see_secret(site.admin(), &id).await.unwrap().revision;
    let change = async |asker, way: &str, number, if_match: &IfMatch| match way {
        "rotate" => {
            let new = NewVersion { value: plain("next"), spread: spread(false) };
            site.vault.rotate_secret(asker, &id, new, if_match).await.map(|_| ())
        }
        "activate" => {
            site.vault.activate_secret(asker, &id, number, Cut::default(), if_match).await.map(|_| ())
        }
        _ => site.vault.retire_version(asker, &id, number, false, if_match).await,
    };
    let first = on(&tag().await);
    for (way, number) in [("rotate", 2), ("activate", 2), ("retire", 1)] {
        // Each changes the tag that the next one needs.
        let now = on(&tag().await);
        change(site.admin(), way, number, &now).await.unwrap();
        let after = tag().await;
        for stale in [&now, &first, &IfMatch::OneOf(Vec::new())] {
            is_stale(&site, change(site.admin(), way, number, stale).await, &format!("secret.{way}")).await;
        }
        assert_eq!(tag().await, after, "{way}");
    }
    // The same value again is looked at by its tag too.
    let again = async |if_match: &IfMatch| {
        let new = NewVersion { value: plain("next"), spread: spread(true) };
        site.vault.rotate_secret(site.admin(), &id, new, if_match).await
    };
    assert!(matches!(again(&first).await, Err(VaultError::Stale)));
    assert!(again(&on(&tag().await)).await.unwrap().unchanged);
}

#[tokio::test]
async fn a_pair_moves_only_from_the_state_that_was_looked_at() {
    let site = Site::with_fsm().await;
    let name: IntegrationName = "fsm".parse().unwrap();
    let tag = async || site.vault.see_integration(site.admin(), &name).await.unwrap().revision;
    let change = async |asker, way: &str, number, if_match: &IfMatch| match way {
        "rotate" => site.vault.rotate_pair(asker, &name, pair("2", false), if_match).await.map(|_| ()),
        "activate" => {
            site.vault.activate_pair(asker, &name, number, Cut::default(), if_match).await.map(|_| ())
        }
        "retire" => site.vault.retire_pair(asker, &name, number, false, if_match).await,
        _ => site.vault.reset_pair(asker, &name, if_match).await.map(|_| ()),
    };
    for (way, number) in WAYS.into_iter().zip([2, 2, 1, 0]) {
        let now = on(&tag().await);
        change(site.admin(), way, number, &now).await.unwrap();
        let after = tag().await;
        is_stale(&site, change(site.admin(), way, number, &now).await, &format!("integration.{way}")).await;
        assert_eq!(tag().await, after, "{way}");
    }
    // What a reset answers is the record as it is then.
    let reset = site.vault.reset_pair(site.admin(), &name, &on(&tag().await)).await.unwrap();
    assert_eq!(reset.revision, tag().await);
    assert!(reset.pair.unwrap().current().is_none());
    // An edit is another state too.
    let before = on(&tag().await);
    let edit = |form: &mut crate::model::IntegrationForm| form.note = "x".to_owned();
    site.vault.edit_integration(site.admin(), &name, &IfMatch::Any, edit).await.unwrap();
    is_stale(&site, change(site.admin(), "rotate", 0, &before).await, "integration.rotate").await;
}

#[tokio::test]
async fn who_may_not_change_it_is_not_told_whether_it_is_what_he_looked_at() {
    let site = Site::with_fsm().await;
    let name: IntegrationName = "fsm".parse().unwrap();
    let viewer = site.operator("v", Level::View, "1").await;
    let stale = IfMatch::OneOf(vec!["x".to_owned()]);
    let reset = site.vault.reset_pair(asker(&viewer), &name, &stale).await;
    assert!(matches!(denied(reset), Denial::Level(_)));
    let service = site.service("s", "customscript_a", &[]).await;
    let rotated = site.vault.rotate_pair(asker(&service), &name, pair("2", true), &stale).await;
    assert_eq!(denied(rotated), Denial::WrongRole);
}
