//! Every rule with the near miss beside it.

use serde_json::json;

use super::*;

fn made_at() -> Timestamp {
    Timestamp::UNIX_EPOCH
}

fn blank(form: &IntegrationForm, is_template: bool) -> Integration {
    let secret = (!form.public_client).then(|| "_x_client_secret".parse().unwrap());
    Integration::blank(
        "x".parse().unwrap(),
        form,
        is_template,
        ("ID".to_owned(), "admin".parse().unwrap(), made_at()),
        ("_x_client_id".parse().unwrap(), secret),
    )
}

/// A confidential client that is right.
fn right() -> IntegrationForm {
    IntegrationForm {
        authorization_code_grant: true,
        redirect_uris: vec!["https://a.example/callback".to_owned()],
        scopes: vec!["restlets".to_owned()],
        ..IntegrationForm::default()
    }
}

fn public() -> IntegrationForm {
    IntegrationForm { public_client: true, ..right() }
}

fn pointers(form: IntegrationForm) -> Vec<String> {
    let before = blank(&form, false);
    told(form, before)
}

fn told(form: IntegrationForm, before: Integration) -> Vec<String> {
    match form.check(before) {
        Ok(_) => Vec::new(),
        Err(wrong) => {
            assert!(wrong.iter().all(|each| each.detail.len() > 10), "{wrong:?}");
            wrong.into_iter().map(|each| each.pointer).collect()
        }
    }
}

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}

type Change = fn(&mut IntegrationForm);

/// What is changed in a form that is right, and the fields that are wrong then.
#[rustfmt::skip]
const CONFIDENTIAL: &[(&str, Change, &[&str])] = &[
    ("nothing", |_| {}, &[]),
    ("no grant", |f| f.authorization_code_grant = false, &["/authorization_code_grant"]),
    ("both grants", |f| f.client_credentials_grant = true, &[]),
    ("M2M alone needs no redirect URI", |f| { f.authorization_code_grant = false; f.client_credentials_grant = true; f.redirect_uris.clear() }, &[]),
    ("code grant without redirect URI", |f| f.redirect_uris.clear(), &["/redirect_uris"]),
    ("http redirect", |f| f.redirect_uris = texts(&["http://a.example/"]), &["/redirect_uris/0"]),
    ("custom scheme", |f| f.redirect_uris = texts(&["myapp://callback"]), &[]),
    ("the second is wrong", |f| f.redirect_uris.push("HTTP://localhost/".into()), &["/redirect_uris/1"]),
    ("a redirect URI twice", |f| f.redirect_uris.push("https://a.example/callback".into()), &["/redirect_uris/1"]),
    ("another by one letter", |f| f.redirect_uris.push("https://a.example/Callback".into()), &[]),
    ("20 redirect URIs", |f| f.redirect_uris = (0..20).map(|n| format!("https://a.example/{n}")).collect(), &[]),
    ("21 redirect URIs", |f| f.redirect_uris = (0..21).map(|n| format!("https://a.example/{n}")).collect(), &["/redirect_uris"]),
    ("no scope", |f| f.scopes.clear(), &["/scopes"]),
    ("an unknown scope", |f| f.scopes = texts(&["RESTlets"]), &["/scopes/0"]),
    ("a scope twice", |f| f.scopes = texts(&["restlets", "restlets"]), &["/scopes/1"]),
    ("three scopes", |f| f.scopes = texts(&["suite_analytics", "restlets", "rest_webservices"]), &[]),
    ("mcp alone", |f| f.scopes = texts(&["mcp"]), &[]),
    ("mcp with another", |f| f.scopes = texts(&["mcp", "restlets"]), &["/scopes"]),
    ("mcp with M2M", |f| { f.scopes = texts(&["mcp"]); f.client_credentials_grant = true }, &["/client_credentials_grant"]),
    ("mcp with Never Ask", |f| { f.scopes = texts(&["mcp"]); f.consent_policy = Some("never_ask".into()) }, &["/consent_policy"]),
    ("mcp with Ask First Time", |f| { f.scopes = texts(&["mcp"]); f.consent_policy = Some("ask_first_time".into()) }, &[]),
    ("Never Ask with another scope", |f| f.consent_policy = Some("never_ask".into()), &[]),
    ("a consent policy of its own", |f| f.consent_policy = Some("sometimes".into()), &["/consent_policy"]),
    ("a state of its own", |f| f.state = Some("Enabled".into()), &["/state"]),
    ("waiting at its beginning", |f| f.state = Some("waiting_for_approval".into()), &[]),
    ("hours of a confidential client", |f| f.refresh_token_validity_hours = Some(48), &["/refresh_token_validity_hours"]),
    ("the other hours too", |f| f.maximum_token_rotation_hours = Some(168), &["/maximum_token_rotation_hours"]),
    ("registration of a confidential client", |f| f.dynamic_client_registration = true, &["/dynamic_client_registration"]),
    ("client name without registration", |f| f.client_name = Some("App".into()), &["/client_name"]),
    ("no client name, spelled out", |f| f.client_name = Some(String::new()), &[]),
    ("two lines", |f| f.description = "a\nb".into(), &["/description"]),
    ("a note of 4000", |f| f.note = "x".repeat(4000), &[]),
    ("a note of 4001", |f| f.note = "x".repeat(4001), &["/note"]),
    ("account", |f| f.account_id = Some("1234567-sb1".into()), &[]),
    ("no account", |f| f.account_id = Some("1234567.sb1".into()), &["/account_id"]),
    ("its own account among the others", |f| { f.account_id = Some("1234567_SB1".into()); f.accounts = vec![other("1234567-sb1")] }, &["/accounts/0/account_id"]),
    ("its sandbox among the others", |f| { f.account_id = Some("1234567".into()); f.accounts = vec![other("1234567-sb1")] }, &[]),
    ("an account twice", |f| f.accounts = vec![other("7_SB1"), other("7-sb1")], &["/accounts/1/account_id"]),
    ("a name in another account", |f| f.accounts = vec![AccountForm { name: Some("x".into()), ..other("7") }], &["/accounts/0/name"]),
    ("a description in another account", |f| f.accounts = vec![AccountForm { description: Some("x".into()), ..other("7") }], &["/accounts/0/description"]),
    ("a wrong state in another account", |f| f.accounts = vec![AccountForm { state: Some("on".into()), ..other("7") }], &["/accounts/0/state"]),
    ("a wrong policy in another account", |f| f.accounts = vec![AccountForm { consent_policy: Some("".into()), ..other("7") }], &["/accounts/0/consent_policy"]),
    ("an endpoint", |f| f.endpoints.token = Some("https://a.example/token".into()), &[]),
    ("an endpoint in the clear", |f| f.endpoints.keys = Some("http://a.example/keys".into()), &["/endpoints/keys"]),
    ("rules that don't agree", |f| f.restrictions = Some(RestrictionsForm { allow_all_domains: true, ..Default::default() }), &["/restrictions/scripts"]),
    ("no rules", |f| f.restrictions = None, &[]),
    ("an owner", |f| f.owners = texts(&["7"]), &[]),
    ("two owners in one", |f| f.owners = texts(&["7", "8,9"]), &["/owners/1"]),
    ("max age of a day", |f| f.max_age_days = Some(1), &[]),
    ("max age of no day", |f| f.max_age_days = Some(0), &["/max_age_days"]),
    ("everything at once", |f| { f.scopes.clear(); f.redirect_uris = texts(&["http://x"]); f.state = Some("on".into()); f.max_age_days = Some(0) },
        &["/state", "/scopes", "/redirect_uris/0", "/max_age_days"]),
];

#[rustfmt::skip]
const PUBLIC: &[(&str, Change, &[&str])] = &[
    ("nothing", |_| {}, &[]),
    ("M2M", |f| f.client_credentials_grant = true, &["/client_credentials_grant"]),
    ("1 hour", |f| f.refresh_token_validity_hours = Some(1), &[]),
    ("720 hours", |f| f.refresh_token_validity_hours = Some(720), &[]),
    ("0 hours", |f| f.refresh_token_validity_hours = Some(0), &["/refresh_token_validity_hours"]),
    ("721 hours", |f| f.refresh_token_validity_hours = Some(721), &["/refresh_token_validity_hours"]),
    ("less than none", |f| f.maximum_token_rotation_hours = Some(-1), &["/maximum_token_rotation_hours"]),
    ("720 hours of rotation", |f| f.maximum_token_rotation_hours = Some(720), &[]),
    ("beyond all bounds", |f| f.maximum_token_rotation_hours = Some(i64::MAX), &["/maximum_token_rotation_hours"]),
    ("registration", |f| f.dynamic_client_registration = true, &[]),
    ("registration on localhost", |f| { f.dynamic_client_registration = true; f.redirect_uris.push("https://localhost:8443/x".into()) }, &["/client_name"]),
    ("registration with a custom scheme", |f| { f.dynamic_client_registration = true; f.redirect_uris.push("myapp://x".into()) }, &["/client_name"]),
    ("and a client name", |f| { f.dynamic_client_registration = true; f.redirect_uris.push("myapp://x".into()); f.client_name = Some("App".into()) }, &[]),
];

fn other(account: &str) -> AccountForm {
    AccountForm { account_id: account.to_owned(), ..AccountForm::default() }
}

#[test]
fn the_whole_table() {
    for (from, table) in [(right as fn() -> _, CONFIDENTIAL), (public, PUBLIC)] {
        for (what, change, expected) in table {
            let mut form = from();
            change(&mut form);
            assert_eq!(pointers(form), *expected, "{what}");
        }
    }
}

#[test]
fn what_is_fixed_and_what_has_no_way_back() {
    let (record, _) = right().check(blank(&right(), false)).unwrap();
    assert_eq!(told(public(), record.clone()), ["/public_client"]);
    let waiting = IntegrationForm { state: Some("waiting_for_approval".into()), ..right() };
    assert_eq!(told(waiting.clone(), record.clone()), ["/state"]);
    let (waits, _) = waiting.clone().check(blank(&waiting, false)).unwrap();
    assert!(told(waiting, waits.clone()).is_empty(), "it may stay");
    assert!(told(right(), waits).is_empty(), "it may be approved");

    let there = |state: &str| IntegrationForm {
        accounts: vec![AccountForm { state: Some(state.to_owned()), ..other("7") }],
        ..right()
    };
    let (elsewhere, _) = there("waiting_for_approval").check(record).unwrap();
    let (elsewhere, _) = there("blocked").check(elsewhere).unwrap();
    assert_eq!(told(there("waiting_for_approval"), elsewhere), ["/accounts/0/state"]);
}

#[test]
fn a_record_reads_back_as_the_form_it_came_from() {
    let form = IntegrationForm {
        accounts: vec![other("7_SB1"), other("1234567-rp")],
        account_id: Some("1234567-sb1".into()),
        scopes: texts(&["suite_analytics", "restlets"]),
        owners: texts(&["7"]),
        max_age_days: Some(90),
        restrictions: IntegrationForm::fsm().restrictions,
        ..public()
    };
    let (record, care) = form.check(blank(&public(), false)).unwrap();
    assert_eq!(
        (record.refresh_token_validity_hours, record.maximum_token_rotation_hours),
        (Some(48), Some(168))
    );
    assert_eq!(record.account_id.as_ref().map(AccountId::as_str), Some("1234567_SB1"));
    let (again, same) = record.form(&care).check(record.clone()).unwrap();
    assert_eq!((again, same), (record, care));
}

#[test]
fn fsm_is_what_the_table_says_and_may_begin_without_redirect_uris() {
    let form = IntegrationForm::fsm();
    assert_eq!(pointers(form.clone()), ["/redirect_uris"]);
    let (fsm, _) = form.clone().check(blank(&form, true)).unwrap();
    let shown = serde_json::to_value(&fsm).unwrap();
    assert_eq!(
        shown["restrictions"],
        json!({
            "scripts": ["customscript_nx_suitelet2"], "allow_all_scripts": false,
            "domains": [], "allow_all_domains": true,
            "employees": [], "available_to_suiteapp": false, "suiteapp_id": null,
        })
    );
    assert_eq!((shown["state"].as_str(), shown["scopes"].clone()), (Some("enabled"), json!(["restlets"])));
    assert_eq!(fsm.secret_names(), ["FSM OAuth 2.0 Client ID", "FSM OAuth 2.0 Client Secret"]);
    // An edit of something else goes on to work; to take the URIs away again doesn't.
    assert!(told(IntegrationForm { note: "x".into(), ..form.clone() }, fsm.clone()).is_empty());
    let with = IntegrationForm { redirect_uris: texts(&["https://a.example/"]), ..form.clone() };
    let (with, _) = with.check(fsm).unwrap();
    assert_eq!(told(form, with), ["/redirect_uris"]);
}

/// It stands in a record from before; a pair can be blocked all the same.
#[test]
fn a_redirect_uri_that_is_taken_no_more_keeps_nobody_from_other_edits() {
    let stands = texts(&["https://a_b.example/", "https://[::ffff:127.0.0.1]/"]);
    for form in [right(), public()] {
        let form = IntegrationForm { redirect_uris: stands.clone(), ..form };
        let registers = form.public_client;
        let form = IntegrationForm { dynamic_client_registration: registers, client_name: None, ..form };
        let mut before = blank(&form, false);
        before.redirect_uris.clone_from(&stands);
        before.dynamic_client_registration = registers;
        let blocked = IntegrationForm { state: Some("blocked".into()), ..form.clone() };
        assert_eq!(told(blocked.clone(), before.clone()), [""; 0], "{registers}");
        let anew = texts(&["https://c_d.example/", "https://[::ffff:127.0.0.1]/"]);
        let expected =
            if registers { vec!["/redirect_uris/0", "/client_name"] } else { vec!["/redirect_uris/0"] };
        assert_eq!(
            told(IntegrationForm { redirect_uris: anew, ..blocked.clone() }, before.clone()),
            expected
        );
        let twice = [&stands[..], &stands[..1]].concat();
        let told = told(IntegrationForm { redirect_uris: twice, ..blocked }, before);
        assert!(told.contains(&"/redirect_uris/2".to_owned()), "{told:?}");
    }
}

#[test]
fn what_is_wrong_is_told_without_a_name_too() {
    assert!(right().problems(false).is_empty());
    assert!(IntegrationForm { public_client: true, ..IntegrationForm::fsm() }.problems(true).is_empty());
    let wrong = IntegrationForm { scopes: Vec::new(), ..right() }.problems(false);
    assert_eq!(wrong.len(), 1, "{wrong:?}");
}

/// Records that were written before there were these fields.
#[test]
fn an_older_record_reads() {
    let old = r#"{"name":"fsm","description":"FSM OAuth 2.0","state":"enabled","authorization_code_grant":true,
        "client_credentials_grant":false,"redirect_uris":[],"scopes":["restlets"],"consent_policy":"always_ask",
        "application_id":"ID","client_id_secret":"custsecret_fsm_oauth2_client_id",
        "client_secret_secret":"custsecret_fsm_oauth2_client_secret","restrictions":null,
        "created_at":"2026-11-22T10:00:00Z","created_by":"admin","changed_at":"2026-11-22T10:00:00Z"}"#;
    let read: Integration = serde_json::from_str(old).unwrap();
    assert!(!read.public_client && read.accounts.is_empty() && read.note.is_empty());
    assert_eq!(read.pair_origin, PairOrigin::Captured);
    let (again, _) = read.form(&PairCare::default()).check(read.clone()).unwrap();
    assert_eq!(again, read);
}
