//! Who gets a value, who doesn't, and what is written down.

use super::super::IfMatch;
use super::site::*;
use crate::audit::Outcome;
use crate::identity::Peer;
use crate::model::{Denial, Level, Pins, Role};
use crate::policy::Ask;

const OPEN: &str = r#"{"allow_all_scripts":true,"allow_all_domains":true}"#;

#[tokio::test]
async fn the_fsm_pair_goes_to_its_script_alone() {
    let site = Site::with_fsm().await;
    let fsm = site.service("fsm", "customscript_nx_suitelet2", &[]).await;
    let other = site.service("other", "customscript_other", &[]).await;
    let (name, id) = ("fsm".parse().unwrap(), "_fsm_oauth2_client_secret".parse().unwrap());

    let pair = site.vault.read_pair(asker(&fsm), &name, ANY).await.unwrap();
    assert!(holds(&pair, "the id", Some("the secret")));
    assert_eq!(pair.version, 1);
    let value = site.vault.read_value(asker(&fsm), &id, ANY).await.unwrap();
    assert!(value.value.same_as(&plain("the secret")));

    assert_eq!(denied(site.vault.read_pair(asker(&other), &name, ANY).await), Denial::ScriptNotAllowed);
    assert_eq!(denied(site.vault.read_value(asker(&other), &id, ANY).await), Denial::ScriptNotAllowed);
    assert_eq!(denied(site.vault.read_pair(site.admin(), &name, ANY).await), Denial::WrongRole);
    let unknown = "nope".parse().unwrap();
    assert_eq!(denied(site.vault.read_pair(asker(&fsm), &unknown, ANY).await), Denial::SecretUnknown);
}

#[tokio::test]
async fn every_release_and_refusal_has_its_entry() {
    let site = Site::unsealed().await;
    site.secret("_a", "value of a", OPEN).await.unwrap();
    site.secret("_b", "value of b", r#"{"allow_all_scripts":true,"domains":["a.example"]}"#).await.unwrap();
    let service = site.service("fsm", "customscript_a", &["7"]).await;
    let (a, b) = ("_a".parse().unwrap(), "_b".parse().unwrap());
    let domain = "A.Example.".parse().unwrap();
    let towards = Ask { domain: Some(&domain), ..ANY };

    site.vault.read_value(asker(&service), &a, towards).await.unwrap();
    assert_eq!(denied(site.vault.read_value(asker(&service), &b, ANY).await), Denial::DomainRequired);
    let [refused, allowed] = site.log(2).await.try_into().unwrap();
    assert_eq!((allowed.entry.outcome, refused.entry.outcome), (Outcome::Allowed, Outcome::Denied));
    assert_eq!(allowed.entry.caller.as_deref(), Some("fsm"));
    assert_eq!(allowed.entry.secret.as_deref(), Some("custsecret_a"));
    assert_eq!(allowed.entry.version, Some(1));
    assert_eq!(allowed.entry.domain.as_deref(), Some("a.example"));
    assert_eq!(allowed.entry.employee.as_deref(), Some("7"));
    assert_eq!(allowed.entry.serial.as_deref(), Some(service.presented.serial.as_str()));
    assert!(allowed.entry.fingerprint.is_some() && allowed.entry.peer.is_some());
    assert_eq!(refused.entry.reason.as_deref(), Some("domain_required"));
    assert_eq!(refused.entry.fingerprint, None);
    let written = serde_json::to_string(&site.log(100).await).unwrap();
    assert!(!written.contains("value of"), "{written}");
}

/// Of a value, a half, a pair and what is read after a wait: all that there is to say, but the fingerprints.
#[tokio::test]
async fn an_entry_says_who_asked_for_what() {
    let site = Site::with_fsm().await;
    let fsm = site.service("fsm", "customscript_nx_suitelet2", &["7"]).await;
    let other = site.service("other", "customscript_other", &["7"]).await;
    let (name, half) = ("fsm".parse().unwrap(), "_fsm_oauth2_client_secret".parse().unwrap());
    let domain = "a.example".parse().unwrap();
    let employee = "7".parse().unwrap();
    let towards = Ask { domain: Some(&domain), employee: Some(&employee), ..ANY };
    let entry = |session: &super::super::Session, action: &str| crate::audit::Entry {
        request_id: Some("r".into()),
        caller: Some(if std::ptr::eq(session, &fsm) { "fsm" } else { "other" }.into()),
        serial: Some(session.presented.serial.as_str().into()),
        peer: Some(crate::audit::Peer::Process { uid: 7, pid: Some(1) }),
        action: action.to_owned().into(),
        integration: Some("fsm".into()),
        version: Some(1),
        domain: Some("a.example".into()),
        employee: Some("7".into()),
        outcome: Outcome::Allowed,
        ..crate::audit::Entry::default()
    };
    let of_half = |entry: crate::audit::Entry| crate::audit::Entry {
        secret: Some("custsecret_fsm_oauth2_client_secret".into()),
        integration: None,
        ..entry
    };
    let denied_entry = |entry: crate::audit::Entry| crate::audit::Entry {
        outcome: Outcome::Denied,
        reason: Some("script_not_allowed".into()),
        version: None,
        ..entry
    };

    site.vault.read_pair(asker(&fsm), &name, towards).await.unwrap();
    site.vault.read_value(asker(&fsm), &half, towards).await.unwrap();
    let patience = std::time::Duration::ZERO;
    site.vault.await_pair(asker(&fsm), &name, towards, &super::super::Known::Any, patience).await.unwrap();
    denied(site.vault.read_pair(asker(&other), &name, towards).await);
    denied(site.vault.read_value(asker(&other), &half, towards).await);
    denied(site.vault.await_pair(asker(&other), &name, towards, &super::super::Known::Any, patience).await);
    let mut log = site.log(5).await;
    log.reverse();
    let expected = [
        entry(&fsm, "integration.read"),
        of_half(entry(&fsm, "secret.read")),
        denied_entry(entry(&other, "integration.read")),
        denied_entry(of_half(entry(&other, "secret.read"))),
        denied_entry(entry(&other, "integration.read")),
    ];
    for (logged, expected) in log.into_iter().zip(expected) {
        let fingerprint = logged.entry.fingerprint.clone();
        assert_eq!(fingerprint.is_some(), logged.entry.outcome == Outcome::Allowed, "{:?}", logged.entry);
        assert_eq!(logged.entry, crate::audit::Entry { fingerprint, ..expected });
    }
}

#[tokio::test]
async fn without_the_log_nothing_is_released() {
    let site = Site::unsealed().await;
    site.secret("_a", "value", OPEN).await.unwrap();
    let service = site.service("fsm", "customscript_a", &[]).await;
    let id = "_a".parse().unwrap();
    let log = std::sync::Arc::clone(&site.vault.live().unsealed().ok().unwrap().log);
    log.close();
    assert!(site.vault.read_value(asker(&service), &id, ANY).await.is_err());
    assert!(site.secret("_b", "value", OPEN).await.is_err());
    assert!(site.vault.see_secret(site.admin(), &"_b".parse().unwrap()).await.is_err());
}

#[tokio::test]
async fn a_revocation_holds_from_the_next_request() {
    let site = Site::with_fsm().await;
    let fsm = site.service("fsm", "customscript_nx_suitelet2", &[]).await;
    let name = "fsm".parse().unwrap();
    site.vault.read_pair(asker(&fsm), &name, ANY).await.unwrap();
    site.vault.revoke_caller(site.admin(), &"fsm".parse().unwrap(), &IfMatch::Any).await.unwrap();
    assert_eq!(denied(site.vault.read_pair(asker(&fsm), &name, ANY).await), Denial::CallerRevoked);

    // The name, given to another key, doesn't bring the old one back.
    let again = site.service("fsm", "customscript_nx_suitelet2", &[]).await;
    site.vault.read_pair(asker(&again), &name, ANY).await.unwrap();
    assert_eq!(denied(site.vault.read_pair(asker(&fsm), &name, ANY).await), Denial::CallerUnknown);
}

#[tokio::test]
async fn a_certificate_ends_on_its_second_even_on_an_open_connection() {
    let site = Site::with_fsm().await;
    let fsm = site.service("fsm", "customscript_nx_suitelet2", &[]).await;
    let name = "fsm".parse().unwrap();
    site.later(24 * 3600 - 1);
    site.vault.read_pair(asker(&fsm), &name, ANY).await.unwrap();
    site.later(1);
    assert_eq!(denied(site.vault.read_pair(asker(&fsm), &name, ANY).await), Denial::CertificateExpired);
}

#[tokio::test]
async fn pins_hold_a_caller_to_its_peer() {
    let site = Site::with_fsm().await;
    let role = Role::Service {
        script: "customscript_nx_suitelet2".parse().unwrap(),
        employees: vec![],
        suiteapp: None,
    };
    let mut pinned = site.enrol("pinned", role, Pins { uid: Some(7), unit: None }).await;
    let name = "fsm".parse().unwrap();
    site.vault.read_pair(asker(&pinned), &name, ANY).await.unwrap();
    for peer in [
        Peer::Unix { uid: 8, pid: Some(1), unit: None },
        Peer::Unix { uid: 0, pid: Some(1), unit: None },
        Peer::Tcp { address: "127.0.0.1:7".parse().unwrap() },
    ] {
        pinned.peer = peer;
        assert_eq!(denied(site.vault.read_pair(asker(&pinned), &name, ANY).await), Denial::WrongPeer);
    }
}

#[tokio::test]
async fn large_values_come_from_the_store() {
    let site = Site::unsealed().await;
    let large = "🔑".repeat(1_000_000);
    site.secret("_a", &large, OPEN).await.unwrap();
    let service = site.service("fsm", "customscript_a", &[]).await;
    let id = "_a".parse().unwrap();
    assert!(site.vault.read_value(asker(&service), &id, ANY).await.unwrap().value.same_as(&plain(&large)));
    let site = site.restarted().await;
    assert!(site.vault.read_value(asker(&service), &id, ANY).await.unwrap().value.same_as(&plain(&large)));
}

#[tokio::test]
async fn operators_of_any_level_never_read_values() {
    let site = Site::with_fsm().await;
    for (name, level) in [("v", Level::View), ("c", Level::Create), ("e", Level::Edit), ("f", Level::Full)] {
        let operator = site.operator(name, level, "1").await;
        let read = site.vault.read_pair(asker(&operator), &"fsm".parse().unwrap(), ANY).await;
        assert_eq!(denied(read), Denial::WrongRole);
    }
}
