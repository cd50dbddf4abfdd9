//! The life of a secret as operators see it: edited, deleted, and by whom.

use super::super::*;
use super::site::*;
use crate::audit::Outcome;
use crate::model::{Denial, Lacking, Level, Release, RestrictionsForm, SecretId};

pub const OPEN: &str = r#"{"allow_all_scripts":true,"allow_all_domains":true}"#;
pub const SHARED: &str = r#"{"allow_all_scripts":true,"allow_all_domains":true,"available_to_suiteapp":true,"suiteapp_id":"com.a"}"#;
pub const LISTED: &str = r#"{"scripts":["customscript_a"],"domains":["a.example"],"employees":["42"]}"#;

pub fn id(text: &str) -> SecretId {
    text.parse().unwrap()
}

pub fn renamed(name: &str) -> SecretEdit {
    SecretEdit { name: Some(name.to_owned()), ..SecretEdit::default() }
}

fn tag(seen: &SeenSecret) -> IfMatch {
    IfMatch::OneOf(vec![seen.revision.as_str().to_owned()])
}

#[tokio::test]
async fn an_edit_changes_what_it_names_and_is_written_down() {
    let site = Site::unsealed().await;
    let made = site.secret("_a", "one", OPEN).await.unwrap();
    site.later(5);
    let edit = SecretEdit {
        owners: Some(vec!["1".parse().unwrap(), "7".parse().unwrap()]),
        expires_on: Some(Some("2027-06-30".parse().unwrap())),
        ..renamed("new")
    };
    let edited = site.vault.edit_secret(site.admin(), &id("_a"), edit, &tag(&made)).await.unwrap();
    assert_eq!((&*edited.secret.name, edited.secret.owners.len()), ("new", 2));
    assert_ne!(edited.revision, made.revision);
    assert!(
        edited.secret.changed_at > made.secret.changed_at && edited.secret.versions == made.secret.versions
    );
    let entry = site.log(1).await.remove(0).entry;
    let changes = serde_json::json!({
        "name": {"old": "", "new": "new"},
        "owners": {"old": ["1"], "new": ["1", "7"]},
        "expires_on": {"old": null, "new": "2027-06-30"},
    });
    assert_eq!(
        (&*entry.action, entry.outcome, entry.changes),
        ("secret.edit", Outcome::Allowed, Some(changes))
    );

    let cleared = SecretEdit { expires_on: Some(None), ..SecretEdit::default() };
    let cleared = site.vault.edit_secret(site.admin(), &id("_a"), cleared, &IfMatch::Any).await.unwrap();
    assert_eq!(cleared.secret.expires_on, None);
    let same = site.vault.edit_secret(site.admin(), &id("_a"), renamed("new"), &IfMatch::Any).await.unwrap();
    assert_eq!(same.revision, cleared.revision);
    assert_eq!(site.log(1).await[0].entry.reason.as_deref(), Some("unchanged"));

    let service = site.service("fsm", "customscript_a", &[]).await;
    let site = site.restarted().await;
    let read = site.vault.read_value(asker(&service), &id("_a"), ANY).await.unwrap();
    assert!(read.value.same_as(&plain("one")));
    assert_eq!(site.vault.see_secret(site.admin(), &id("_a")).await.unwrap().revision, cleared.revision);
}

#[tokio::test]
async fn a_lost_update_is_refused() {
    let site = Site::unsealed().await;
    let made = site.secret("_a", "one", OPEN).await.unwrap();
    let first = site.vault.edit_secret(site.admin(), &id("_a"), renamed("first"), &tag(&made)).await.unwrap();
    for outcome in [
        site.vault.edit_secret(site.admin(), &id("_a"), renamed("second"), &tag(&made)).await.map(|_| ()),
        site.vault.delete_secret(site.admin(), &id("_a"), &tag(&made)).await,
    ] {
        assert!(matches!(outcome, Err(VaultError::Stale)));
    }
    assert_eq!(site.log(1).await[0].entry.reason.as_deref(), Some("precondition_failed"));
    site.vault.delete_secret(site.admin(), &id("_a"), &tag(&first)).await.unwrap();
    // Made again it has a state that nobody has looked at before.
    site.secret("_a", "two", OPEN).await.unwrap();
    for old in [&made, &first] {
        let outcome = site.vault.edit_secret(site.admin(), &id("_a"), renamed("x"), &tag(old)).await;
        assert!(matches!(outcome, Err(VaultError::Stale)));
    }
}

#[tokio::test]
async fn use_only_is_neither_taken_back_nor_given_all_domains_by_two_edits() {
    let site = Site::unsealed().await;
    site.secret("_a", "one", OPEN).await.unwrap();
    let edit = async |edit| site.vault.edit_secret(site.admin(), &id("_a"), edit, &IfMatch::Any).await;
    let use_only = || SecretEdit { release: Some(Release::UseOnly), ..SecretEdit::default() };
    let rules = |text| SecretEdit {
        restrictions: new_secret("_x", "x", text).restrictions.into(),
        ..SecretEdit::default()
    };
    assert!(matches!(edit(use_only()).await, Err(VaultError::Invalid(_))));
    edit(rules(LISTED)).await.unwrap();
    edit(use_only()).await.unwrap();
    assert!(matches!(edit(rules(OPEN)).await, Err(VaultError::Invalid(_))));
    let service = site.service("fsm", "customscript_a", &["42"]).await;
    let domain = "a.example".parse().unwrap();
    let ask = crate::policy::Ask { domain: Some(&domain), ..ANY };
    assert_eq!(denied(site.vault.read_value(asker(&service), &id("_a"), ask).await), Denial::UseOnly);
    // It was promised to whoever stored the value.
    let revealed = SecretEdit { release: Some(Release::Reveal), ..SecretEdit::default() };
    assert!(matches!(edit(revealed).await, Err(VaultError::Conflict(_))));
    edit(use_only()).await.unwrap();
    assert_eq!(denied(site.vault.read_value(asker(&service), &id("_a"), ask).await), Denial::UseOnly);
}

#[tokio::test]
async fn a_deleted_id_goes_on_counting_unless_it_was_shared() {
    let site = Site::unsealed().await;
    site.secret("_a", "one", OPEN).await.unwrap();
    site.secret("_b", "one", SHARED).await.unwrap();
    let service = site.service("fsm", "customscript_a", &[]).await;
    site.vault.read_value(asker(&service), &id("_a"), ANY).await.unwrap();
    for each in ["_a", "_b"] {
        site.vault.delete_secret(site.admin(), &id(each), &IfMatch::Any).await.unwrap();
        let gone = site.vault.delete_secret(site.admin(), &id(each), &IfMatch::Any).await;
        assert!(matches!(gone, Err(VaultError::NotFound("secret"))));
    }
    assert_eq!(denied(site.vault.read_value(asker(&service), &id("_a"), ANY).await), Denial::SecretUnknown);
    let records = site.vault.store().scan().await.unwrap();
    let left = |kind| records.iter().filter(|(key, _)| key.kind() == kind).count();
    use crate::keys::RecordKind::{Secret, Tombstone, Uses, Value};
    assert_eq!([left(Secret), left(Value), left(Uses), left(Tombstone)], [0, 0, 0, 2]);

    let site = site.restarted().await;
    assert!(matches!(site.secret("_b", "two", OPEN).await, Err(VaultError::Tombstoned(_))));
    let again = site.secret("_a", "two", OPEN).await.unwrap();
    assert_eq!(again.secret.last_version, 2);
    let first = crate::policy::Ask { version: "1".parse().unwrap(), ..ANY };
    assert!(matches!(
        denied(site.vault.read_value(asker(&service), &id("_a"), first).await),
        Denial::Version(_)
    ));
    let read = site.vault.read_value(asker(&service), &id("_a"), ANY).await.unwrap();
    assert!(read.version == 2 && read.value.same_as(&plain("two")));
}

#[tokio::test]
async fn a_half_of_a_pair_is_neither_edited_nor_deleted_alone() {
    let site = Site::with_fsm().await;
    let half = id("_fsm_oauth2_client_id");
    let edited = site.vault.edit_secret(site.admin(), &half, renamed("x"), &IfMatch::Any).await;
    assert!(matches!(edited, Err(VaultError::Managed(_))));
    let deleted = site.vault.delete_secret(site.admin(), &half, &IfMatch::Any).await;
    assert!(matches!(deleted, Err(VaultError::Managed(_))));
}

/// Every level, as owner and not: see (notes, consumers, access too), edit, delete, import.
#[tokio::test]
async fn the_level_table() {
    let site = Site::unsealed().await;
    #[rustfmt::skip]
    let table = [
        //                owner   other   (see edit delete import)
        (Level::View,   ["ynnn", "nnnn"]),
        (Level::Create, ["ynny", "nnny"]),
        (Level::Edit,   ["yyny", "nnny"]),
        (Level::Full,   ["yyyy", "yyyy"]),
    ];
    for (level, rows) in table {
        let operator = site.operator(&format!("{level:?}").to_lowercase(), level, "9").await;
        for (owner, row) in ["9", "1"].into_iter().zip(rows) {
            let name = format!("_{level:?}_{owner}");
            let mut new = new_secret(&name, "x", OPEN);
            new.owners = vec![owner.parse().unwrap()];
            site.vault.create_secret(site.admin(), new).await.unwrap();
            let (by, id) = (|| asker(&operator), id(&name));
            let sees = [
                site.vault.see_secret(by(), &id).await.map(|_| ()),
                site.vault.read_notes(by(), &id, None, 9).await.map(|_| ()),
                site.vault.list_consumers(by(), &id, None, 9).await.map(|_| ()),
                site.vault.try_access(by(), &id, (None, None), None, 9).await.map(|_| ()),
            ];
            for seen in sees {
                assert_eq!(seen.is_ok(), row.starts_with('y'), "{level:?} {owner}");
                // What isn't one's own looks like what isn't there.
                assert!(matches!(seen, Ok(()) | Err(VaultError::NotFound("secret"))), "{level:?} {owner}");
            }
            let import = Import {
                secrets: vec![(0, new_secret(&format!("{name}_i"), "x", OPEN))],
                wrong: Vec::new(),
                count: 1,
            };
            let acts = [
                site.vault.edit_secret(by(), &id, renamed("n"), &IfMatch::Any).await.map(|_| ()),
                site.vault.delete_secret(by(), &id, &IfMatch::Any).await,
                site.vault.import_secrets(by(), import).await.map(|_| ()),
            ];
            for (act, expected) in acts.into_iter().zip(row.chars().skip(1)) {
                assert_eq!(act.is_ok(), expected == 'y', "{level:?} {owner} {row}");
                assert!(
                    matches!(act, Ok(()) | Err(VaultError::Denied(Denial::Level(_)))),
                    "{level:?} {owner}"
                );
            }
        }
    }
}

#[tokio::test]
async fn who_takes_himself_from_the_owners_loses_it() {
    let site = Site::unsealed().await;
    let editor = site.operator("e", Level::Edit, "9").await;
    site.vault.create_secret(asker(&editor), new_secret("_a", "x", OPEN)).await.unwrap();
    let away = SecretEdit { owners: Some(vec!["8".parse().unwrap()]), ..SecretEdit::default() };
    site.vault.edit_secret(asker(&editor), &id("_a"), away, &IfMatch::Any).await.unwrap();
    let seen = site.vault.see_secret(asker(&editor), &id("_a")).await;
    assert!(matches!(seen, Err(VaultError::NotFound("secret"))));
    let back = site.vault.edit_secret(asker(&editor), &id("_a"), renamed("x"), &IfMatch::Any).await;
    assert_eq!(denied(back), Denial::Level(Lacking::Owning));
}

#[tokio::test]
async fn an_id_that_was_ever_shared_is_never_used_again() {
    let site = Site::unsealed().await;
    site.secret("_s", "x", SHARED).await.unwrap();
    let id: SecretId = "_s".parse().unwrap();
    let form: RestrictionsForm = serde_json::from_str(OPEN).unwrap();
    let alone = SecretEdit { restrictions: Some(form.check("").unwrap()), ..SecretEdit::default() };
    site.vault.edit_secret(site.admin(), &id, alone, &IfMatch::Any).await.unwrap();
    let site = site.restarted().await;
    site.vault.delete_secret(site.admin(), &id, &IfMatch::Any).await.unwrap();
    let site = site.restarted().await;
    assert!(matches!(site.secret("_s", "x", OPEN).await, Err(VaultError::Tombstoned(_))));
}
