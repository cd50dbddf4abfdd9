//! What is sent of what was typed.

use super::*;
use clap::Parser;
use serde_json::{Value, json};

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    settings: Settings,
    #[arg(long)]
    clear: Vec<String>,
}

fn standing() -> Standing {
    let account: Installation = serde_json::from_value(json!({
        "account_id": "7_SB1", "state": "enabled", "note": "n", "consent_policy": "never_ask",
    }))
    .unwrap();
    let restrictions = RestrictionsForm {
        scripts: vec!["customscript_a".to_owned()],
        allow_all_domains: true,
        employees: vec!["7".to_owned()],
        available_to_suiteapp: true,
        suiteapp_id: Some("com.b".to_owned()),
        ..RestrictionsForm::default()
    };
    let endpoints = Endpoints { token: Some("https://a".to_owned()), ..Endpoints::default() };
    Standing { accounts: vec![account], endpoints, restrictions: Some(restrictions) }
}

fn body(line: &str) -> Option<Value> {
    let line = Line::try_parse_from(["x"].into_iter().chain(line.split_whitespace())).ok()?;
    let body = line.settings.add_to(Body::default(), standing(), &line.clear).ok()?.end();
    // As the daemon reads it: a field that is there twice is refused.
    Some(body.lend(crate::wire::read::<Value>).unwrap())
}

#[test]
fn only_what_was_typed_is_sent_and_parts_are_put_into_what_there_is() {
    let other = |id: &str, state: &str, note: &str, policy: Option<&str>| json!({"account_id": id, "state": state, "note": note, "consent_policy": policy});
    let endpoints = |token: Option<&str>, keys: Option<&str>| json!({"endpoints": {"authorize": null, "token": token, "revoke": null, "keys": keys, "certificates": null}});
    for (line, expected) in [
        ("", json!({})),
        (
            "--no-m2m --code-grant",
            json!({"authorization_code_grant": true, "client_credentials_grant": false}),
        ),
        ("--scope mcp --scope restlets", json!({"scopes": ["mcp", "restlets"]})),
        ("--account-id 1-sb1 --max-age-days 3", json!({"account_id": "1_SB1", "max_age_days": 3})),
        (
            "--account 7-sb1=blocked --account 8=enabled",
            json!({"accounts": [other("7_SB1", "blocked", "n", Some("never_ask")), other("8", "enabled", "", None)]}),
        ),
        (
            "--account-note 7_SB1=m=x --account-consent 7_SB1=always_ask",
            json!({"accounts": [other("7_SB1", "enabled", "m=x", Some("always_ask"))]}),
        ),
        ("--endpoint keys=https://b", endpoints(Some("https://a"), Some("https://b"))),
        ("--endpoint token=", endpoints(None, None)),
        (
            "--script customscript_b --suiteapp com.a",
            json!({"restrictions": {
                "scripts": ["customscript_b"], "allow_all_scripts": false, "domains": [], "allow_all_domains": true,
                "employees": ["7"], "available_to_suiteapp": true, "suiteapp_id": "com.a",
            }}),
        ),
        (
            "--allow-all-scripts --domain a.example",
            json!({"restrictions": {
                "scripts": [], "allow_all_scripts": true, "domains": ["a.example"], "allow_all_domains": false,
                "employees": ["7"], "available_to_suiteapp": true, "suiteapp_id": "com.b",
            }}),
        ),
        (
            "--any-employee",
            json!({"restrictions": {
                "scripts": ["customscript_a"], "allow_all_scripts": false, "domains": [], "allow_all_domains": true,
                "employees": [], "available_to_suiteapp": true, "suiteapp_id": "com.b",
            }}),
        ),
        (
            "--no-suiteapp",
            json!({"restrictions": {
                "scripts": ["customscript_a"], "allow_all_scripts": false, "domains": [], "allow_all_domains": true,
                "employees": ["7"], "available_to_suiteapp": false, "suiteapp_id": null,
            }}),
        ),
        ("--clear note --clear note --clear account-id", json!({"note": null, "account_id": null})),
        ("--clear note --note x", json!({"note": "x"})),
        (
            "--clear restrictions --script customscript_b --allow-all-domains",
            json!({"restrictions": {
                "scripts": ["customscript_b"], "allow_all_scripts": false, "domains": [], "allow_all_domains": true,
                "employees": [], "available_to_suiteapp": false, "suiteapp_id": null,
            }}),
        ),
        ("--clear accounts --account 8=enabled", json!({"accounts": [other("8", "enabled", "", None)]})),
        ("--clear endpoints --endpoint keys=https://b", endpoints(None, Some("https://b"))),
    ] {
        assert_eq!(body(line), Some(expected), "{line}");
    }
    for line in ["--account-note 9=x", "--account-consent 9=always_ask", "--account 7", "--endpoint keys"] {
        assert_eq!(body(line), None, "{line}");
    }
}
