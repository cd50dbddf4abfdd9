//! Many secrets made in one step.

use super::super::*;
use super::secrets::{OPEN, SHARED, id};
use super::site::*;
use crate::audit::Outcome;
use crate::model::{FieldError, Release};

/// Of the secrets, as one import.
fn list(new: Vec<NewSecret>) -> Import {
    let count = new.len() as u64;
    Import { secrets: new.into_iter().enumerate().collect(), wrong: Vec::new(), count }
}

#[tokio::test]
async fn an_import_is_all_or_nothing_and_tells_all_that_is_wrong() {
    let site = Site::unsealed().await;
    site.secret("_taken", "x", OPEN).await.unwrap();
    site.secret("_buried", "x", SHARED).await.unwrap();
    site.vault.delete_secret(site.admin(), &id("_buried"), &IfMatch::Any).await.unwrap();
    let mut everywhere = new_secret("_use", "x", OPEN);
    everywhere.release = Release::UseOnly;
    let mut import = list(vec![
        new_secret("_a", "x", OPEN),
        new_secret("_taken", "x", OPEN),
        new_secret("_b", "", OPEN),
        new_secret("_A", "y", OPEN),
        new_secret("_buried", "x", OPEN),
        everywhere,
    ]);
    import.wrong.push((6, FieldError::new("/name", "is too long")));
    import.wrong.push((2, FieldError::new("/name", "is too long")));
    let refused = site.vault.import_secrets(site.admin(), import).await;
    let Err(VaultError::Invalid(wrong)) = refused else { panic!("imported") };
    let pointers: Vec<_> = wrong.iter().map(|each| each.pointer.as_str()).collect();
    assert_eq!(
        pointers,
        [
            "/secrets/1/id",
            "/secrets/2/name",
            "/secrets/2/value",
            "/secrets/3/id",
            "/secrets/4/id",
            "/secrets/5/release",
            "/secrets/6/name"
        ]
    );
    let entry = site.log(1).await.remove(0).entry;
    assert_eq!((&*entry.action, entry.outcome, entry.count), ("secret.import", Outcome::Failed, Some(6)));
    let taken = serde_json::json!({ "taken": ["custsecret_taken", "custsecret_buried"] });
    assert_eq!(entry.changes, Some(taken), "whoever was told that they are there");
    let listed = site.vault.list_secrets(site.admin(), &SecretFilter::default(), None, 9).await.unwrap();
    assert_eq!(listed.items.len(), 1, "none of them was made");

    let made = list(vec![new_secret("_a", "one", OPEN), new_secret("_b", "two", OPEN)]);
    let made = site.vault.import_secrets(site.admin(), made).await.unwrap();
    assert_eq!(
        made.iter().map(|each| (each.id.as_str(), each.version)).collect::<Vec<_>>(),
        [("custsecret_a", 1), ("custsecret_b", 1)]
    );
    let site = site.restarted().await;
    let service = site.service("fsm", "customscript_a", &[]).await;
    assert!(
        site.vault.read_value(asker(&service), &id("_b"), ANY).await.unwrap().value.same_as(&plain("two"))
    );
    let notes = site.vault.read_notes(site.admin(), &id("_b"), None, 9).await.unwrap();
    assert_eq!(notes.changes.len(), 1);
    assert_eq!(notes.changes[0].entry.action, "secret.import");
    assert!(site.vault.verify_log(site.admin()).await.unwrap().first_bad.is_none());
}

/// Whatever changes next waits for an import's notices too: they cost no disk a wait for each.
#[tokio::test]
async fn what_an_import_raises_is_written_at_once() {
    const MANY: usize = 300;
    let site = Site::unsealed().await;
    let overdue = |number| NewSecret {
        expires_on: Some("2020-01-01".parse().unwrap()),
        ..new_secret(&format!("_i{number}"), "x", OPEN)
    };
    let syncs = || site.vault.audit.figures.read().syncs.iter().map(|(_, count)| count).sum::<u64>();
    let before = syncs();
    site.vault.import_secrets(site.admin(), list((0..MANY).map(overdue).collect())).await.unwrap();
    let waited = syncs() - before;
    let raised = site.log(2 * MANY).await.into_iter().filter(|each| each.entry.action == "notice.raise");
    assert_eq!(raised.count(), MANY);
    assert!(waited < 10, "{waited} waits for the disk");
}
