//! A name that is given again, and one that the program has too: what was somebody else's doing stays his.

use super::super::noun::Noun;
use super::super::*;
use super::enrol::{new, request, service};
use super::site::*;
use crate::audit::{Entry, Filter, LoggedEntry, Look, Outcome, Start};
use crate::model::{Caller, Denial, IntegrationName, Itself, Level, SecretId};

mod under_way;

const OPEN: &str = r#"{"allow_all_scripts":true,"allow_all_domains":true}"#;

async fn read(site: &Site, asker: Asker<'_>, filter: Filter) -> Vec<LoggedEntry> {
    let look = Look { start: Start::Newest, limit: 100, numbers: 0..=u64::MAX };
    site.vault.read_log(asker, look, filter).await.unwrap().entries
}

fn actions(entries: &[LoggedEntry]) -> Vec<&str> {
    entries.iter().map(|each| &*each.entry.action).collect()
}

/// Works as an operator does: makes a secret of his own, and is refused more often than is written one by one.
async fn work(site: &Site, session: &Session, id: &str) {
    site.later(1);
    site.vault.create_secret(asker(session), new_secret(id, "v", OPEN)).await.unwrap();
    for _ in 0..15 {
        assert_eq!(denied(site.vault.list_callers(asker(session), None, 9).await), FULL);
    }
}

/// Nothing is found of what was done before, however it is looked for, and what is done from now on is.
async fn begins_anew(site: &Site, session: &Session, name: &str) {
    let all = read(site, site.admin(), Filter::default()).await;
    for filter in [
        Filter::default(),
        Filter { caller: Some(name.to_owned()), ..Filter::default() },
        Filter { secret: Some("custsecret_merger".to_owned()), ..Filter::default() },
        Filter { action: Some("caller.list".to_owned()), ..Filter::default() },
        Filter { request_id: Some("r".to_owned()), ..Filter::default() },
        Filter { outcome: Some(Outcome::Denied), ..Filter::default() },
    ] {
        let mut seen = read(site, asker(session), filter.clone()).await;
        // Only the looks themselves.
        seen.retain(|each| each.entry.action != "audit.read");
        assert_eq!(seen, [], "{filter:?}");
    }
    for entry in all.iter().filter(|each| each.entry.caller.as_deref() == Some(name)) {
        let look = Look { start: Start::Oldest, limit: 9, numbers: entry.seq..=entry.seq };
        let page = site.vault.read_log(asker(session), look, Filter::default()).await.unwrap();
        assert_eq!(page.entries, [], "by its number");
    }
    site.later(1);
    site.vault.list_secrets(asker(session), &SecretFilter::default(), None, 9).await.unwrap();
    let seen = read(site, asker(session), Filter::default()).await;
    assert_eq!(seen.iter().filter(|each| each.entry.action == "secret.list").count(), 1);
}

#[tokio::test]
async fn who_gets_a_name_again_sees_nothing_of_its_earlier_holders_doings() {
    let site = Site::unsealed().await;
    let bob = site.operator("desk", Level::Edit, "bob").await;
    work(&site, &bob, "_merger").await;
    site.later(1);
    let own = read(&site, asker(&bob), Filter::default()).await;
    assert!(actions(&own).contains(&"secret.create") && actions(&own).contains(&"caller.list"));
    site.vault.revoke_caller(site.admin(), &"desk".parse().unwrap(), &IfMatch::Any).await.unwrap();
    let mallory = site.operator("desk", Level::View, "mallory").await;
    // What was counted meanwhile is written, and bob's old certificate is tried once more.
    site.later(100);
    site.vault.tend_log().await.unwrap();
    let tried = site.vault.see_secret(asker(&bob), &"_merger".parse().unwrap()).await;
    assert_eq!(denied(tried), Denial::CallerUnknown);
    begins_anew(&site, &mallory, "desk").await;
    let site = site.restarted().await;
    let seen = read(&site, asker(&mallory), Filter::default()).await;
    assert!(!actions(&seen).contains(&"secret.create") && actions(&seen).contains(&"secret.list"));
}

#[tokio::test]
async fn another_employee_sees_nothing_of_the_one_befores_doings() {
    let site = Site::unsealed().await;
    let desk = site.operator("desk", Level::Edit, "bob").await;
    work(&site, &desk, "_merger").await;
    site.later(1);
    let edit = async |level, employee: Option<&str>| {
        let employee = employee.map(|employee| employee.parse().unwrap());
        let role = Some(RoleEdit::Operator { level: Some(level), employee });
        let edit = CallerEdit { role, ..CallerEdit::default() };
        site.vault.edit_caller(site.admin(), &"desk".parse().unwrap(), &IfMatch::Any, edit).await.unwrap()
    };
    // The same one at another level is the same one.
    edit(Level::Create, Some("bob")).await;
    let seen = read(&site, asker(&desk), Filter::default()).await;
    assert!(actions(&seen).contains(&"secret.create") && actions(&seen).contains(&"caller.list"));
    site.later(1);
    edit(Level::Create, Some("temp")).await;
    let told = site.log(1).await.remove(0).entry.changes.unwrap();
    assert_eq!(told.as_object().unwrap().keys().collect::<Vec<_>>(), ["role"]);
    site.later(100);
    site.vault.tend_log().await.unwrap();
    begins_anew(&site, &desk, "desk").await;
    // An edit of anything else doesn't begin another life.
    edit(Level::View, None).await;
    let seen = read(&site, asker(&desk), Filter::default()).await;
    assert!(actions(&seen).contains(&"secret.list"), "{:?}", actions(&seen));
}

/// The clock was ahead and is set right, between two holders of a name or within the life of one: the log's order tells.
#[tokio::test]
async fn a_clock_that_is_set_back_shows_and_hides_no_doings() {
    let site = Site::unsealed().await;
    site.later(3600);
    let bob = site.operator("desk", Level::Edit, "bob").await;
    work(&site, &bob, "_merger").await;
    site.vault.revoke_caller(site.admin(), &"desk".parse().unwrap(), &IfMatch::Any).await.unwrap();
    site.later(-1800);
    let eve = site.operator("desk", Level::Edit, "eve").await;
    begins_anew(&site, &eve, "desk").await;
    work(&site, &eve, "_hers").await;
    let employee = Some("temp".parse().unwrap());
    let role = Some(RoleEdit::Operator { level: None, employee });
    let edit = CallerEdit { role, ..CallerEdit::default() };
    site.later(-900);
    site.vault.edit_caller(site.admin(), &"desk".parse().unwrap(), &IfMatch::Any, edit).await.unwrap();
    begins_anew(&site, &eve, "desk").await;
    // What was done since is seen, also at times from before.
    site.later(-900);
    let site = site.restarted().await;
    let seen = read(&site, asker(&eve), Filter::default()).await;
    assert!(actions(&seen).contains(&"secret.list") && !actions(&seen).contains(&"secret.create"));
}

#[tokio::test]
async fn an_id_and_an_integration_that_are_there_again_tell_nothing_of_before() {
    let site = Site::unsealed().await;
    let ann = site.operator("ann", Level::Full, "ann").await;
    let bib = site.operator("bib", Level::Edit, "bib").await;
    let (id, name): (SecretId, IntegrationName) = ("_twice".parse().unwrap(), "fsm".parse().unwrap());
    let make = async |session: &Session| {
        let vault = &site.vault;
        vault.create_secret(asker(session), new_secret("_twice", "v", OPEN)).await.unwrap();
        vault.create_integration(asker(session), new_fsm("an id", "a secret")).await.unwrap();
    };
    site.later(3600);
    make(&ann).await;
    site.vault.delete_secret(asker(&ann), &id, &IfMatch::Any).await.unwrap();
    site.vault.delete_integration(asker(&ann), &name, &IfMatch::Any).await.unwrap();
    site.later(-3600);
    make(&bib).await;
    site.vault.see_secret(asker(&ann), &id).await.unwrap();
    site.vault.see_integration(asker(&ann), &name).await.unwrap();
    let check = async |site: &Site| {
        let mut seen = read(site, asker(&bib), Filter::default()).await;
        seen.retain(|each| !matches!(&*each.entry.action, "audit.read" | "secret.notes"));
        assert_eq!(
            actions(&seen),
            ["integration.show", "secret.show", "integration.create", "secret.create"]
        );
        assert!(seen[2..].iter().all(|each| each.entry.caller.as_deref() == Some("bib")));
    };
    check(&site).await;
    // Nor do the notes, wherever a made-up cursor leads.
    let cursor = Some("n1-1000000".parse().unwrap());
    for cursor in [None, cursor] {
        let notes = site.vault.read_notes(asker(&bib), &id, cursor, 100).await.unwrap();
        assert!(notes.changes.iter().all(|each| each.entry.caller.as_deref() == Some("bib")), "{cursor:?}");
    }
    check(&site.restarted().await).await;
}

/// An integration may have a secret's ID for its name.
#[tokio::test]
async fn a_name_like_an_id_shows_nothing_of_that_secret() {
    let site = Site::unsealed().await;
    let bob = site.operator("bob", Level::Create, "bob").await;
    site.secret("_payroll", "v", OPEN).await.unwrap();
    let name = "custsecret_payroll".parse().unwrap();
    let (id, secret) = (Some("_b_id".parse().unwrap()), Some("_b_secret".parse().unwrap()));
    let new = NewIntegration {
        name,
        client_id_secret: id,
        client_secret_secret: secret,
        ..new_fsm("an id", "a secret")
    };
    site.vault.create_integration(asker(&bob), new).await.unwrap();
    site.vault.see_secret(site.admin(), &"_payroll".parse().unwrap()).await.unwrap();
    let of_it = Filter { secret: Some("custsecret_payroll".to_owned()), ..Filter::default() };
    assert_eq!(read(&site, asker(&bob), of_it.clone()).await, []);
    assert_eq!(read(&site, site.admin(), of_it).await.len(), 2);
}

/// Who may store a value could else try by it what another one is.
#[tokio::test]
async fn fingerprints_are_shown_to_full_operators_alone() {
    let site = Site::unsealed().await;
    let bob = site.operator("bob", Level::Edit, "bob").await;
    site.vault.create_secret(asker(&bob), new_secret("_his", "v", OPEN)).await.unwrap();
    let of_it = Filter { secret: Some("custsecret_his".to_owned()), ..Filter::default() };
    let prints = async |asker| {
        let read = read(&site, asker, of_it.clone()).await;
        read.iter().map(|each| each.entry.fingerprint.is_some()).collect::<Vec<_>>()
    };
    assert_eq!(prints(asker(&bob)).await, [false]);
    assert_eq!(prints(site.admin()).await, [true]);
}

#[tokio::test]
async fn nobody_is_registered_by_a_name_of_the_programs() {
    let site = Site::unsealed().await;
    for name in Itself::ALL.map(Itself::name) {
        let refused =
            site.vault.enrol_caller(site.admin(), new(name, service(), CertificateSource::FreshKey)).await;
        let Err(VaultError::Invalid(wrong)) = refused else { panic!("{name} was registered") };
        assert_eq!(wrong.len(), 1);
        assert!(wrong[0].pointer == "/name" && wrong[0].detail.contains("audit log"), "{wrong:?}");
        let entry = site.log(1).await.remove(0).entry;
        assert_eq!((entry.outcome, entry.reason.as_deref()), (Outcome::Failed, Some("invalid_field")));
        let vault = NewVault { operator: name.parse().unwrap(), ..site.new_vault() };
        assert!(matches!(create(vault).await, Err(VaultError::Invalid(_))), "{name} was made first operator");
    }
    site.service("daemons", "customscript_a", &[]).await;
}

/// A registration as one was taken before names were refused, made of another one.
pub async fn registered_before(site: &Site, from: &str, change: impl FnOnce(&mut Caller)) {
    let turn = site.vault.turn().await;
    let (mut caller, log) = {
        let live = site.vault.live();
        let unsealed = live.unsealed().ok().unwrap();
        let found = unsealed.registry.callers.get(from).unwrap();
        (Caller::clone(&found.noun), std::sync::Arc::clone(&unsealed.log))
    };
    // Nor was it told then where in the log it begins.
    caller.since_line = None;
    change(&mut caller);
    let entry = Entry { action: "caller.add".into(), outcome: Outcome::Allowed, ..Entry::default() };
    site.vault.commit_as(&turn, &log, entry, vec![Noun::Caller(caller)]).await.unwrap();
}

#[tokio::test]
async fn who_has_such_a_name_from_before_keeps_it_and_gets_none_of_the_programs_entries() {
    let site = Site::unsealed().await;
    let mallory = site.operator("stand-in", Level::View, "mallory").await;
    registered_before(&site, "stand-in", |caller| caller.name = "daemon".parse().unwrap()).await;
    site.later(1);
    let overdue =
        NewSecret { expires_on: Some("2020-01-01".parse().unwrap()), ..new_secret("_payroll", "v", OPEN) };
    site.vault.create_secret(site.admin(), overdue).await.unwrap();
    site.vault.list_secrets(asker(&mallory), &SecretFilter::default(), None, 9).await.unwrap();
    site.vault.renew_identity(asker(&mallory), &request(), None).await.unwrap();
    let by_name = Filter { caller: Some("daemon".to_owned()), ..Filter::default() };
    let all = read(&site, site.admin(), by_name.clone()).await;
    assert!(actions(&all).contains(&"notice.raise") && actions(&all).contains(&"secret.list"));
    for filter in [Filter::default(), by_name] {
        let mut seen = read(&site, asker(&mallory), filter).await;
        seen.retain(|each| each.entry.action != "audit.read");
        assert_eq!(actions(&seen), ["caller.renew", "secret.list"]);
    }
}
