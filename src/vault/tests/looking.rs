//! Secrets found and looked into by operators: lists, notes, who may use one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::*;
use super::secrets::{LISTED, OPEN, SHARED, id, renamed};
use super::site::*;
use crate::model::{Denial, Pins, Role};

#[tokio::test]
async fn lists_are_filtered_and_paged() {
    let site = Site::with_fsm().await;
    let application = site
        .vault
        .see_secret(site.admin(), &id("_fsm_oauth2_client_id"))
        .await
        .unwrap()
        .application_id()
        .unwrap()
        .to_owned();
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
    site.vault.rotate_pair(site.admin(), &"fsm".parse().unwrap(), pair, &IfMatch::Any).await.unwrap();
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
    site.vault.revoke_caller(site.admin(), &"revoked".parse().unwrap(), &IfMatch::Any).await.unwrap();
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
async fn a_look_that_nobody_got_is_told_in_the_words_of_the_look() {
    let site = Site::with_fsm().await;
    for (action, of, told) in [
        ("secret.list", None, [None, None, None]),
        ("secret.show", Some("_FSM_OAUTH2_client_id"), [Some("custsecret_fsm_oauth2_client_id"), None, None]),
        ("integration.show", Some("FSM"), [None, Some("fsm"), None]),
        ("caller.show", Some("admin"), [None, None, Some("admin")]),
    ] {
        site.vault.look_came_to_nothing(site.admin(), action, of).await.unwrap();
        let entry = site.log(1).await.remove(0).entry;
        assert_eq!((&*entry.action, entry.caller.as_deref()), (action, Some("admin")));
        assert_eq!(
            (entry.outcome, entry.reason.as_deref()),
            (crate::audit::Outcome::Failed, Some("no_room"))
        );
        let named = [entry.secret.as_deref(), entry.integration.as_deref(), entry.subject.as_deref()];
        assert_eq!(named, told, "{action}");
    }
}

/// A verification records what it found, for which it takes its turn; a seal has its turn, and waits until nobody has hold of
/// the log.
#[tokio::test(flavor = "multi_thread")]
async fn a_seal_ends_although_the_log_is_verified() {
    let site = Arc::new(Site::unsealed().await);
    for _ in 0..10 {
        let verified = Arc::new(AtomicUsize::new(0));
        let verifying: Vec<_> = (0..3)
            .map(|_| {
                let (site, verified) = (Arc::clone(&site), Arc::clone(&verified));
                tokio::spawn(async move {
                    while site.vault.verify_log(site.admin()).await.is_ok() {
                        verified.fetch_add(1, Ordering::SeqCst);
                    }
                })
            })
            .collect();
        while verified.load(Ordering::SeqCst) < 3 {
            tokio::task::yield_now().await;
        }
        site.vault.seal(site.admin()).await.unwrap();
        for each in verifying {
            each.await.unwrap();
        }
        site.vault.unseal(site.admin(), plain("right")).await.unwrap();
    }
}
