//! Who gets a certificate, and what it is good for.

use super::super::*;
use super::site::*;
use crate::audit::Outcome;
use crate::client::FreshKey;
use crate::identity::{Peer, Presented};
use crate::model::{Caller, Denial, Level, Pins, Role};

pub fn service() -> Role {
    Role::Service { script: "customscript_nx_suitelet2".parse().unwrap(), employees: vec![], suiteapp: None }
}

pub fn new(name: &str, role: Role, source: CertificateSource) -> NewCaller {
    let (pins, mail, valid) = (Pins::default(), None, None);
    NewCaller { name: name.parse().unwrap(), role, pins, mail, source, valid }
}

pub fn request() -> String {
    FreshKey::generate().unwrap().request_pem
}

/// As the holder of the last certificate in the registration.
fn holder(caller: &Caller) -> Session {
    let key = caller.keys.last().unwrap();
    let (spiffe_id, serial) = (caller.spiffe_id.clone(), key.serial.clone());
    session(Presented { spiffe_id, key: key.spki_sha256, serial, not_after: key.not_after }, here())
}

#[tokio::test]
async fn an_active_name_is_not_given_twice_and_an_enrolment_is_written_down() {
    let site = Site::unsealed().await;
    site.service("fsm", "customscript_a", &["7"]).await;
    let entry = site.log(1).await.remove(0).entry;
    assert_eq!((&*entry.action, entry.outcome), ("caller.add", Outcome::Allowed));
    let changes = entry.changes.unwrap();
    assert_eq!(changes["role"]["script"], "customscript_a");
    let role = crate::model::Role::Operator { level: Level::Full, employee: "1".parse().unwrap() };
    let source = CertificateSource::FreshKey;
    let (pins, mail, valid) = (crate::model::Pins::default(), None, None);
    let again = NewCaller { name: "fsm".parse().unwrap(), role, pins, mail, source, valid };
    assert!(matches!(site.vault.enrol_caller(site.admin(), again).await, Err(VaultError::Conflict(_))));
}

#[tokio::test]
async fn the_same_key_certified_again_doesnt_revive_the_old_certificate() {
    let site = Site::with_fsm().await;
    let request = request();
    let enrol = async || {
        let new = new("fsm", service(), CertificateSource::Request(request.clone()));
        holder(&site.vault.enrol_caller(site.admin(), new).await.unwrap().caller)
    };
    let (name, fsm) = ("fsm".parse().unwrap(), "fsm".parse().unwrap());
    let before = enrol().await;
    site.vault.revoke_caller(site.admin(), &name, &IfMatch::Any).await.unwrap();
    let after = enrol().await;
    assert_eq!(before.presented.key, after.presented.key);
    site.vault.read_pair(asker(&after), &fsm, ANY).await.unwrap();
    assert_eq!(denied(site.vault.read_pair(asker(&before), &fsm, ANY).await), Denial::CallerUnknown);
}

#[tokio::test]
async fn nor_does_it_on_a_sealed_daemon() {
    let site = Site::unsealed().await;
    let request = request();
    let enrol = async || {
        let role = Role::Operator { level: Level::Full, employee: "7".parse().unwrap() };
        let new = new("ann", role, CertificateSource::Request(request.clone()));
        holder(&site.vault.enrol_caller(site.admin(), new).await.unwrap().caller)
    };
    let before = enrol().await;
    site.vault.revoke_caller(site.admin(), &"ann".parse().unwrap(), &IfMatch::Any).await.unwrap();
    let after = enrol().await;
    let unseal = async |vault: &Vault, session| vault.unseal(asker(session), plain("right")).await;
    site.vault.seal(site.admin()).await.unwrap();
    assert_eq!(denied(unseal(&site.vault, &before).await), Denial::CallerUnknown);
    unseal(&site.vault, &after).await.unwrap();
    // What is written down says so too; a list of before there were serials lets the key in, until it is written anew.
    let site = site.restarted().await;
    site.vault.seal(site.admin()).await.unwrap();
    assert_eq!(denied(unseal(&site.vault, &before).await), Denial::CallerUnknown);
    site.vault.operators.lock().unwrap().iter_mut().for_each(|each| each.serial = None);
    unseal(&site.vault, &before).await.unwrap();
    site.vault.seal(site.admin()).await.unwrap();
    assert_eq!(denied(unseal(&site.vault, &before).await), Denial::CallerUnknown);
    unseal(&site.vault, &after).await.unwrap();
}

#[tokio::test]
async fn one_renews_oneself_and_nobody_else() {
    let site = Site::with_fsm().await;
    let fsm = site.service("fsm", "customscript_nx_suitelet2", &[]).await;
    let pair = "fsm".parse().unwrap();
    let renewed = site.vault.renew_identity(asker(&fsm), &request(), None).await.unwrap();
    assert_eq!(renewed.caller.name.as_str(), "fsm");
    assert!(renewed.key_pem.is_none());
    let next = holder(&renewed.caller);
    for session in [&fsm, &next] {
        site.vault.read_pair(asker(session), &pair, ANY).await.unwrap();
    }
    // Another caller's certificate with this one's name is no way in.
    let other = site.service("other", "customscript_other", &[]).await;
    let forged =
        session(Presented { spiffe_id: fsm.presented.spiffe_id.clone(), ..other.presented.clone() }, here());
    assert_eq!(
        denied(site.vault.renew_identity(asker(&forged), &request(), None).await),
        Denial::CallerUnknown
    );
    // With its own certificate it renews itself, whatever it asks for, and changes nothing for the other.
    let keys = async || {
        site.vault.see_caller(site.admin(), &"fsm".parse().unwrap()).await.unwrap().caller.keys.len()
    };
    let before = keys().await;
    let theirs = site.vault.renew_identity(asker(&other), &request(), None).await.unwrap();
    assert_eq!((theirs.caller.name.as_str(), keys().await), ("other", before));
    // Longer than its kind gets, or for what is no request.
    let year = Some(jiff::SignedDuration::from_hours(366 * 24));
    assert!(site.vault.renew_identity(asker(&fsm), &request(), year).await.is_err());
    assert!(site.vault.renew_identity(asker(&fsm), "-----BEGIN nothing", None).await.is_err());
    site.vault.revoke_caller(site.admin(), &"fsm".parse().unwrap(), &IfMatch::Any).await.unwrap();
    assert_eq!(
        denied(site.vault.renew_identity(asker(&next), &request(), None).await),
        Denial::CallerRevoked
    );
}

#[tokio::test]
async fn a_full_operator_has_another_certificate_made_for_who_is_registered() {
    let site = Site::with_fsm().await;
    let fsm = site.service("fsm", "customscript_nx_suitelet2", &[]).await;
    let (name, pair) = ("fsm".parse().unwrap(), "fsm".parse().unwrap());
    let before = site.vault.see_caller(site.admin(), &name).await.unwrap();
    let made = site.vault.certify_caller(site.admin(), &name, None, None).await.unwrap();
    assert!(made.certificate_pem.is_some() && made.key_pem.is_some());
    let asked = site.vault.certify_caller(site.admin(), &name, Some(&request()), None).await.unwrap();
    assert!(asked.key_pem.is_none());
    let entry = site.log(1).await.remove(0).entry;
    assert_eq!((&*entry.action, entry.outcome), ("caller.certify", Outcome::Allowed));
    assert_eq!(
        (entry.subject.as_deref(), entry.changes.unwrap()["serials"].as_array().unwrap().len()),
        (Some("fsm"), 3)
    );
    for session in [&fsm, &holder(&made.caller), &holder(&asked.caller)] {
        site.vault.read_pair(asker(session), &pair, ANY).await.unwrap();
    }
    let after = site.vault.see_caller(site.admin(), &name).await.unwrap();
    assert_ne!(before.revision, after.revision);
    assert_eq!(
        (&before.caller.role, before.caller.enrolled_at),
        (&after.caller.role, after.caller.enrolled_at)
    );

    // As long as an enrolment gives, and no longer.
    let hours = |hours| Some(jiff::SignedDuration::from_hours(hours));
    site.vault.certify_caller(site.admin(), &name, None, hours(366 * 24)).await.unwrap();
    assert!(site.vault.certify_caller(site.admin(), &name, None, hours(367 * 24)).await.is_err());
    assert!(site.vault.certify_caller(site.admin(), &name, Some("nothing"), None).await.is_err());
    // No service does, and no operator below full; nor is it a way back for who was revoked.
    assert_eq!(denied(site.vault.certify_caller(asker(&fsm), &name, None, None).await), Denial::WrongRole);
    let editor = site.operator("editor", Level::Edit, "3").await;
    let below = denied(site.vault.certify_caller(asker(&editor), &name, None, None).await);
    assert!(matches!(below, Denial::Level(_)), "{below:?}");
    let nobody = site.vault.certify_caller(site.admin(), &"nobody".parse().unwrap(), None, None).await;
    assert!(matches!(nobody, Err(VaultError::NotFound(_))));
    site.vault.revoke_caller(site.admin(), &name, &IfMatch::Any).await.unwrap();
    let revoked = site.vault.certify_caller(site.admin(), &name, None, None).await;
    assert!(matches!(revoked, Err(VaultError::Conflict(_))));
}

#[tokio::test]
async fn one_certificate_too_many_ends_the_oldest_at_once() {
    let site = Site::unsealed().await;
    let first = site.service("fsm", "customscript_a", &[]).await;
    for _ in 0..7 {
        assert!(site.vault.stands(&first));
        site.vault.certify_caller(site.admin(), &"fsm".parse().unwrap(), None, None).await.unwrap();
    }
    let last = site.vault.certify_caller(site.admin(), &"fsm".parse().unwrap(), None, None).await.unwrap();
    assert_eq!((last.caller.keys.len(), site.vault.stands(&first)), (8, false));
    assert!(site.vault.stands(&holder(&last.caller)));
}

#[tokio::test]
async fn certificates_that_are_valid_are_few_and_the_asker_keeps_its_own() {
    let site = Site::unsealed().await;
    let fsm = site.service("fsm", "customscript_a", &[]).await;
    let renewed = async |by: &Session| {
        let enrolled = site.vault.renew_identity(asker(by), &request(), None).await.unwrap();
        (holder(&enrolled.caller), enrolled.caller.keys.len())
    };
    let mut lost = Vec::new();
    for count in 2..=8 {
        let (session, keys) = renewed(&fsm).await;
        assert_eq!(keys, count);
        lost.push(session);
    }
    for oldest in [0, 1] {
        assert!(site.vault.stands(&lost[oldest]));
        let (newest, keys) = renewed(&fsm).await;
        assert_eq!(keys, 8, "however often an answer is lost");
        assert!(!site.vault.stands(&lost[oldest]));
        assert!([&fsm, &newest, &lost[oldest + 1]].iter().all(|each| site.vault.stands(each)));
    }
    let (_newest, keys) = renewed(&lost[6]).await;
    assert_eq!((keys, site.vault.stands(&fsm)), (8, false), "the oldest of all, once another asks");
    assert!(site.vault.stands(&lost[6]));
}

#[tokio::test]
async fn a_foreign_caller_is_who_its_root_says_and_never_the_last_operator() {
    let site = Site::with_fsm().await;
    let foreign = |id: &str| CertificateSource::Foreign(id.parse().unwrap());
    let local = new("a", service(), foreign("spiffe://fsm-vault.internal/caller/admin"));
    assert!(matches!(site.vault.enrol_caller(site.admin(), local).await, Err(VaultError::Invalid(_))));

    let id = "spiffe://example.org/ns/fsm";
    let enrolled = site.vault.enrol_caller(site.admin(), new("a", service(), foreign(id))).await.unwrap();
    assert!(enrolled.certificate_pem.is_none() && enrolled.caller.keys.is_empty());
    let twice = site.vault.enrol_caller(site.admin(), new("b", service(), foreign(id))).await;
    assert!(matches!(twice, Err(VaultError::Conflict(_))));
    let presented = Presented { spiffe_id: id.parse().unwrap(), ..site.admin.presented.clone() };
    let workload = session(presented, Peer::Tcp { address: "127.0.0.1:1".parse().unwrap() });
    site.vault.read_pair(asker(&workload), &"fsm".parse().unwrap(), ANY).await.unwrap();
    assert!(site.vault.renew_identity(asker(&workload), &request(), None).await.is_err());

    // Revoked and registered under another name, the new one counts, also after a restart.
    site.vault.revoke_caller(site.admin(), &"a".parse().unwrap(), &IfMatch::Any).await.unwrap();
    site.vault.enrol_caller(site.admin(), new("0", service(), foreign(id))).await.unwrap();
    site.vault.read_pair(asker(&workload), &"fsm".parse().unwrap(), ANY).await.unwrap();
    let site = site.restarted().await;
    site.vault.read_pair(asker(&workload), &"fsm".parse().unwrap(), ANY).await.unwrap();

    let role = Role::Operator { level: Level::Full, employee: "2".parse().unwrap() };
    let second = new("second", role, foreign("spiffe://example.org/ns/operator"));
    site.vault.enrol_caller(site.admin(), second).await.unwrap();
    let last = site.vault.revoke_caller(site.admin(), &"admin".parse().unwrap(), &IfMatch::Any).await;
    assert!(matches!(last, Err(VaultError::Conflict(_))));
}

#[tokio::test]
async fn an_operator_whose_certificate_has_expired_is_no_replacement() {
    let site = Site::unsealed().await;
    let role = Role::Operator { level: Level::Full, employee: "2".parse().unwrap() };
    let brief = NewCaller {
        valid: Some(jiff::SignedDuration::from_hours(1)),
        ..new("brief", role, CertificateSource::FreshKey)
    };
    site.vault.enrol_caller(site.admin(), brief).await.unwrap();
    site.later(3600);
    let last = site.vault.revoke_caller(site.admin(), &"admin".parse().unwrap(), &IfMatch::Any).await;
    assert!(matches!(last, Err(VaultError::Conflict(_))));
}
