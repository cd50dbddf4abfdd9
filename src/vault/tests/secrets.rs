//! The life of a secret as operators see it: edited, deleted, found, imported, looked into.

use super::super::*;
use super::site::*;
use crate::audit::Outcome;
use crate::model::{Denial, FieldError, Level, Pins, Release, RestrictionsForm, Role, SecretId};

const OPEN: &str = r#"{"allow_all_scripts":true,"allow_all_domains":true}"#;
const SHARED: &str = r#"{"allow_all_scripts":true,"allow_all_domains":true,"available_to_suiteapp":true,"suiteapp_id":"com.a"}"#;
const LISTED: &str = r#"{"scripts":["customscript_a"],"domains":["a.example"],"employees":["42"]}"#;

fn id(text: &str) -> SecretId {
    text.parse().unwrap()
}

fn renamed(name: &str) -> SecretEdit {
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
    assert_eq!((edited.secret.name.as_str(), edited.secret.owners.len()), ("new", 2));
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
async fn use_only_for_all_domains_is_not_arrived_at_by_two_edits() {
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
                assert!(matches!(act, Ok(()) | Err(VaultError::Denied(Denial::Level))), "{level:?} {owner}");
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
    assert_eq!(denied(back), Denial::Level);
}

#[tokio::test]
async fn lists_are_filtered_and_paged() {
    let site = Site::with_fsm().await;
    let application = site
        .vault
        .see_secret(site.admin(), &id("_fsm_oauth2_client_id"))
        .await
        .unwrap()
        .application_id
        .unwrap();
    let mut named = new_secret("_a", "x", OPEN);
    (named.name, named.description) = ("Größe".into(), "for the CRM".into());
    named.owners = vec!["Ann".parse().unwrap()];
    site.vault.create_secret(site.admin(), named).await.unwrap();
    site.secret("_b", "x", SHARED).await.unwrap();
    let import = Import { secrets: vec![(0, new_secret("_c", "x", OPEN))], wrong: Vec::new(), count: 1 };
    site.vault.import_secrets(site.admin(), import).await.unwrap();

    let all = SecretFilter::default;
    let text = |text: &str| SecretFilter { text: Some(text.to_owned()), ..all() };
    let (local, shared) = (Exposure::Local, Exposure::Shared);
    let halves = ["fsm_oauth2_client_id", "fsm_oauth2_client_secret"];
    for (filter, expected) in [
        (all(), vec!["a", "b", "c", halves[0], halves[1]]),
        (text("GRÖSSE"), vec![]),
        (text("GRÖ"), vec!["a"]),
        (text("crm"), vec!["a"]),
        (text("ann"), vec!["a"]),
        (text("com.A"), vec!["b"]),
        (text(&application.to_lowercase()), halves.to_vec()),
        (text("_C"), vec!["c", halves[0], halves[1]]),
        (text("nothing"), vec![]),
        (SecretFilter { exposure: shared, ..all() }, vec!["b"]),
        (SecretFilter { exposure: local, ..all() }, vec!["a", "c", halves[0], halves[1]]),
        (SecretFilter { origin: OriginWanted::External, ..all() }, vec!["c"]),
        (SecretFilter { origin: OriginWanted::ThisAccount, ..all() }, vec!["a", "b", halves[0], halves[1]]),
        (SecretFilter { origin: OriginWanted::My, ..all() }, vec!["b", "c", halves[0], halves[1]]),
        (SecretFilter { owner: Some("Ann".parse().unwrap()), ..all() }, vec!["a"]),
        (SecretFilter { owner: Some("ann".parse().unwrap()), ..all() }, vec![]),
        (SecretFilter { exposure: local, ..text("com.a") }, vec![]),
    ] {
        let expected: Vec<_> = expected.iter().map(|rest| format!("custsecret_{rest}")).collect();
        // A page at a time gives the same as all at once.
        for limit in [1, 2, 100] {
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let page =
                    site.vault.list_secrets(site.admin(), &filter, after.as_ref(), limit).await.unwrap();
                assert!(page.items.len() <= limit);
                found.extend(page.items.iter().map(|seen| seen.secret.id.to_string()));
                if !page.more {
                    break;
                }
                after = page.items.last().map(|seen| seen.secret.id.clone());
            }
            assert_eq!(found, expected, "{filter:?} by {limit}");
        }
    }
}

#[tokio::test]
async fn an_import_is_all_or_nothing_and_tells_all_that_is_wrong() {
    let site = Site::unsealed().await;
    site.secret("_taken", "x", OPEN).await.unwrap();
    site.secret("_buried", "x", SHARED).await.unwrap();
    site.vault.delete_secret(site.admin(), &id("_buried"), &IfMatch::Any).await.unwrap();
    let mut everywhere = new_secret("_use", "x", OPEN);
    everywhere.release = Release::UseOnly;
    let list = |new: Vec<NewSecret>| {
        let count = new.len() as u64;
        Import { secrets: new.into_iter().enumerate().collect(), wrong: Vec::new(), count }
    };
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

#[tokio::test]
async fn notes_tell_of_this_life_alone() {
    let site = Site::unsealed().await;
    site.secret("_a", "former", OPEN).await.unwrap();
    site.vault.edit_secret(site.admin(), &id("_a"), renamed("former"), &IfMatch::Any).await.unwrap();
    site.vault.delete_secret(site.admin(), &id("_a"), &IfMatch::Any).await.unwrap();
    site.secret("_b", "x", OPEN).await.unwrap();
    site.later(1);
    site.secret("_a", "one", OPEN).await.unwrap();
    assert!(site.secret("_a", "two", OPEN).await.is_err());
    for number in 0..4 {
        let edit = renamed(&number.to_string());
        site.vault.edit_secret(site.admin(), &id("_a"), edit, &IfMatch::Any).await.unwrap();
        site.vault.see_secret(site.admin(), &id("_a")).await.unwrap();
    }
    site.vault.edit_secret(site.admin(), &id("_a"), renamed("3"), &IfMatch::Any).await.unwrap();
    let service = site.service("fsm", "customscript_a", &[]).await;
    site.vault.read_value(asker(&service), &id("_a"), ANY).await.unwrap();

    let (mut told, mut cursor) = (Vec::new(), None);
    loop {
        let notes = site.vault.read_notes(site.admin(), &id("_a"), cursor, 2).await.unwrap();
        assert_eq!(notes.used_by.len(), 1);
        told.extend(notes.changes.iter().map(|each| each.entry.clone()));
        cursor = notes.next;
        if cursor.is_none() {
            break;
        }
    }
    let names: Vec<_> =
        told.iter().map(|entry| entry.changes.as_ref().map(|all| all["name"]["new"].clone())).collect();
    assert_eq!(names, [Some("3".into()), Some("2".into()), Some("1".into()), Some("0".into()), None]);
    assert_eq!(told[4].action, "secret.create");
    // Not by a cursor that points before it was made either.
    let former = Some("n1-1500".parse().unwrap());
    let notes = site.vault.read_notes(site.admin(), &id("_a"), former, 9).await.unwrap();
    assert!(notes.changes.is_empty());
    let all = site.log(100).await;
    assert!(all.iter().any(|each| each.entry.action == "secret.delete"), "there is something to be found");
}

#[tokio::test]
async fn notes_of_a_half_are_those_of_its_pair() {
    let site = Site::with_fsm().await;
    let spread = Spread { grace: None, activate: true, note: None, force: false };
    let pair = NewPair { source: given("a", Some("b")), spread };
    site.vault.rotate_pair(site.admin(), &"fsm".parse().unwrap(), pair).await.unwrap();
    let notes = site.vault.read_notes(site.admin(), &id("_fsm_oauth2_client_secret"), None, 9).await.unwrap();
    let actions: Vec<_> = notes.changes.iter().map(|each| each.entry.action.to_string()).collect();
    assert_eq!(actions, ["integration.rotate", "integration.create"]);
}

#[tokio::test]
async fn access_is_the_decision_itself() {
    let site = Site::unsealed().await;
    site.secret("_a", "x", LISTED).await.unwrap();
    let service = |script: &str, employees: &[&str]| Role::Service {
        script: script.parse().unwrap(),
        employees: employees.iter().map(|each| each.parse().unwrap()).collect(),
        suiteapp: None,
    };
    let pinned = Pins { uid: Some(990), unit: None };
    for (name, role, pins) in [
        ("other", service("customscript_b", &["42"]), Pins::default()),
        ("pinned", service("customscript_a", &["42"]), pinned),
        ("revoked", service("customscript_a", &["42"]), Pins::default()),
        ("several", service("customscript_a", &["41", "42"]), Pins::default()),
        ("wrong", service("customscript_a", &["41"]), Pins::default()),
    ] {
        site.enrol(name, role, pins).await;
    }
    site.vault.revoke_caller(site.admin(), &"revoked".parse().unwrap()).await.unwrap();
    let domain = "a.example".parse().unwrap();
    let employee = "41".parse().unwrap();
    let tried = async |domain, employee| {
        let page = site.vault.try_access(site.admin(), &id("_a"), (domain, employee), None, 9).await.unwrap();
        let told = |access: Access| {
            let verdict = access.verdict.map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>());
            (access.caller.name.to_string(), verdict.map_err(Denial::reason))
        };
        page.items.into_iter().map(told).collect::<Vec<_>>()
    };
    let row = |name: &str, verdict: Result<&str, &'static str>| {
        (name.to_owned(), verdict.map(|employee| vec![employee.to_owned()]))
    };
    assert_eq!(
        tried(Some(&domain), None).await,
        [
            row("other", Err("script_not_allowed")),
            row("pinned", Ok("42")),
            row("revoked", Err("caller_revoked")),
            row("several", Ok("42")),
            row("wrong", Err("employee_not_allowed")),
        ]
    );
    assert_eq!(tried(None, None).await[1], row("pinned", Err("domain_required")));
    assert_eq!(tried(Some(&domain), Some(&employee)).await[3], row("several", Err("employee_not_allowed")));
    // The look is written down, and no read.
    assert!(site.log(3).await.iter().all(|each| each.entry.action == "secret.access"));
    site.later(25 * 3600);
    assert_eq!(tried(Some(&domain), None).await[1], row("pinned", Err("certificate_expired")));
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
