//! Integration records edited and deleted: by whom, on what was looked at, and what stays of them.

use jiff::SignedDuration;
use serde_json::json;

use super::super::super::*;
use super::super::site::*;
use super::{crm, id, last, new_crm, pair, pointers, set, version_of, with};
use crate::audit::Outcome;
use crate::keys::RecordKind;
use crate::model::{Denial, IntegrationForm, Level};

#[tokio::test]
async fn an_edit_is_made_on_what_was_looked_at_and_tells_old_and_new() {
    let (site, _) = with(new_crm(Some(given("i", Some("s"))))).await;
    let looked = site.vault.see_integration(site.admin(), &crm()).await.unwrap().revision;
    let depends = IfMatch::OneOf(vec![looked.as_str().to_owned()]);
    site.later(60);
    let edited = site
        .vault
        .edit_integration(site.admin(), &crm(), &depends, |form| {
            form.description = "New".to_owned();
            form.redirect_uris = vec!["https://crm.example/callback?ns-at=other".to_owned()];
            form.owners = vec!["1".to_owned(), "7".to_owned()];
            form.max_age_days = Some(90);
        })
        .await
        .unwrap();
    assert_ne!(edited.revision, looked);
    assert_eq!(edited.record.changed_at, edited.record.created_at + SignedDuration::from_secs(60));
    let entry = last(&site).await;
    assert_eq!((entry.action.as_ref(), entry.outcome), ("integration.edit", Outcome::Allowed));
    assert_eq!(
        entry.changes,
        Some(json!({
            "description": {"old": "", "new": "New"},
            "redirect_uris": "changed",
            "owners": {"old": ["1"], "new": ["1", "7"]},
            "max_age_days": {"old": null, "new": 90},
        }))
    );
    for half in ["_crm_client_id", "_crm_client_secret"] {
        let secret = site.vault.see_secret(site.admin(), &id(half)).await.unwrap().secret;
        assert_eq!((secret.owners.len(), secret.max_age_days), (2, Some(90)), "{half}");
    }

    let again =
        site.vault.edit_integration(site.admin(), &crm(), &depends, |form| form.note = "x".into()).await;
    assert!(matches!(again, Err(VaultError::Stale)));
    let entry = last(&site).await;
    assert_eq!((entry.outcome, entry.reason.as_deref()), (Outcome::Failed, Some("precondition_failed")));
    let same = set(&site, |_| {}).await.unwrap();
    assert_eq!(
        (same.revision, last(&site).await.reason.as_deref()),
        (edited.revision.clone(), Some("unchanged"))
    );
    let wrong = set(&site, |form| form.scopes = vec!["mcp".into(), "restlets".into()]).await;
    assert_eq!(pointers(wrong), ["/scopes"]);

    assert_eq!(pointers(set(&site, |form| form.owners.clear()).await), ["/owners"]);

    let site = site.restarted().await;
    let kept = site.vault.see_integration(site.admin(), &crm()).await.unwrap();
    assert_eq!((kept.record.description.as_str(), kept.revision), ("New", edited.revision));
}

#[tokio::test]
async fn owners_edit_and_only_the_full_delete() {
    let (site, _) = with(new_crm(None)).await;
    let sessions = [
        ("creator", Level::Create, "1", false),
        ("editor", Level::Edit, "1", true),
        ("stranger", Level::Edit, "9", false),
        ("full", Level::Full, "9", true),
    ];
    for (name, level, employee, may_edit) in sessions {
        let session = site.operator(name, level, employee).await;
        let note = |form: &mut IntegrationForm| form.note = name.to_owned();
        let edit = site.vault.edit_integration(asker(&session), &crm(), &IfMatch::Any, note).await;
        assert_eq!(edit.is_ok(), may_edit, "{name}");
        let delete = site.vault.delete_integration(asker(&session), &crm(), &IfMatch::Any).await;
        assert_eq!(delete.is_ok(), level == Level::Full, "{name}");
    }
    let service = site.service("service", "customscript_a", &[]).await;
    let edit = site.vault.edit_integration(asker(&service), &crm(), &IfMatch::Any, |_| {}).await;
    assert_eq!(denied(edit), Denial::WrongRole);
    assert!(matches!(set(&site, |_| {}).await, Err(VaultError::NotFound("integration"))));
}

#[tokio::test]
async fn a_rotation_changes_what_an_edit_and_a_deletion_depend_on() {
    let site = Site::unsealed().await;
    site.vault.create_integration(site.admin(), new_crm(Some(PairSource::Issued))).await.unwrap();
    let tag = async || site.vault.see_integration(site.admin(), &crm()).await.unwrap().revision;
    let before = IfMatch::OneOf(vec![tag().await.as_str().to_owned()]);
    site.vault.rotate_pair(site.admin(), &crm(), pair(PairSource::Issued), &IfMatch::Any).await.unwrap();
    let deleted = site.vault.delete_integration(site.admin(), &crm(), &before).await;
    assert!(matches!(deleted, Err(VaultError::Stale)));
    let edited = site.vault.edit_integration(site.admin(), &crm(), &before, |_| ()).await;
    assert!(matches!(edited, Err(VaultError::Stale)));
    let now = IfMatch::OneOf(vec![tag().await.as_str().to_owned()]);
    site.vault.delete_integration(site.admin(), &crm(), &now).await.unwrap();
}

#[tokio::test]
async fn a_record_goes_whole_and_its_numbers_are_not_given_again() {
    let (site, service) = with(new_crm(Some(given("one", Some("s1"))))).await;
    site.vault
        .rotate_pair(site.admin(), &crm(), pair(given("two", Some("s2"))), &IfMatch::Any)
        .await
        .unwrap();
    let tag = site.vault.see_integration(site.admin(), &crm()).await.unwrap().revision;
    let stale = IfMatch::OneOf(vec!["x".to_owned()]);
    let outcome = site.vault.delete_integration(site.admin(), &crm(), &stale).await;
    assert!(matches!(outcome, Err(VaultError::Stale)));
    let depends = IfMatch::OneOf(vec![tag.as_str().to_owned()]);
    site.vault.delete_integration(site.admin(), &crm(), &depends).await.unwrap();
    assert_eq!(last(&site).await.action, "integration.delete");

    let site = site.restarted().await;
    assert_eq!(denied(site.vault.read_pair(asker(&service), &crm(), ANY).await), Denial::SecretUnknown);
    let half = site.vault.read_value(asker(&service), &id("_crm_client_id"), ANY).await;
    assert_eq!(denied(half), Denial::SecretUnknown);
    let records = site.vault.store().scan().await.unwrap();
    let count = |kind| records.iter().filter(|(key, _)| key.kind() == kind).count();
    assert_eq!(
        [RecordKind::Integration, RecordKind::Secret, RecordKind::Value, RecordKind::Tombstone].map(count),
        [0, 0, 0, 2]
    );

    site.later(1);
    let made = site.vault.create_integration(site.admin(), new_crm(Some(given("three", Some("s3"))))).await;
    let seen = made.unwrap().seen;
    assert_eq!(version_of(&seen), Some(3));
    assert_ne!(seen.revision, tag);
    assert!(holds(&site.vault.read_pair(asker(&service), &crm(), ANY).await.unwrap(), "three", Some("s3")));
}

#[tokio::test]
async fn what_was_shared_with_a_suiteapp_is_not_used_again() {
    let mut new = new_crm(None);
    let rules = new.form.restrictions.as_mut().unwrap();
    (rules.available_to_suiteapp, rules.suiteapp_id) = (true, Some("com.example.app".to_owned()));
    let (site, _) = with(new).await;
    site.vault.delete_integration(site.admin(), &crm(), &IfMatch::Any).await.unwrap();
    let again = site.vault.create_integration(site.admin(), new_crm(None)).await;
    assert!(matches!(again, Err(VaultError::Tombstoned(_))));
    let elsewhere = NewIntegration {
        client_id_secret: Some(id("_crm2_id")),
        client_secret_secret: Some(id("_crm2_secret")),
        ..new_crm(None)
    };
    site.vault.create_integration(site.admin(), elsewhere).await.unwrap();
}
