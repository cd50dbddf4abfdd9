//! Whose share a connection takes of: the holder of a registration has one of his own, all others have one together.

use super::super::*;
use super::enrol::{new, service};
use super::site::*;
use crate::identity::{Peer, Presented};
use crate::model::{Level, Pins, SpiffeId};

fn holder(site: &Site, session: &Session) -> Holder {
    site.vault.holder(&session.presented, &session.peer)
}

#[tokio::test]
async fn a_name_that_is_given_again_has_another_share() {
    let site = Site::unsealed().await;
    let name = "fsm".parse().unwrap();
    let old = site.service("fsm", "customscript_a", &[]).await;
    let before = holder(&site, &old);
    assert!(matches!(before, Holder::Caller(..)));
    site.later(1);
    site.vault.revoke_caller(site.admin(), &name, &IfMatch::Any).await.unwrap();
    assert_eq!(holder(&site, &old), Holder::Stranger, "revoked");
    let new = site.service("fsm", "customscript_a", &[]).await;
    let after = holder(&site, &new);
    assert!(matches!(after, Holder::Caller(..)));
    assert_ne!(after, before, "connections from before the revocation may still be open");
    assert_eq!(holder(&site, &old), Holder::Stranger, "of the same name, with the wrong key");
}

#[tokio::test]
async fn a_renewed_certificate_and_the_one_before_share() {
    let site = Site::unsealed().await;
    let session = |enrolled: EnrolledCaller| {
        let (key, spiffe_id) = (enrolled.caller.keys.last().unwrap().clone(), enrolled.caller.spiffe_id);
        let presented =
            Presented { spiffe_id, key: key.spki_sha256, serial: key.serial, not_after: key.not_after };
        super::site::session(presented, here())
    };
    let source = CertificateSource::FreshKey;
    let old = session(site.vault.enrol_caller(site.admin(), new("fsm", service(), source)).await.unwrap());
    let request = super::enrol::request();
    let renewed = session(site.vault.renew_identity(asker(&old), &request, None).await.unwrap());
    assert_eq!(holder(&site, &old), holder(&site, &renewed));
    site.later(25 * 3600);
    assert_eq!(holder(&site, &old), Holder::Stranger, "expired");
}

#[tokio::test]
async fn who_is_none_of_ours_or_elsewhere_is_a_stranger() {
    let site = Site::unsealed().await;
    let mut unknown = site.service("fsm", "customscript_a", &[]).await.presented;
    unknown.spiffe_id = "spiffe://example.org/fsm".parse().unwrap();
    assert_eq!(site.vault.holder(&unknown, &here()), Holder::Stranger);
    let pins = Pins { uid: Some(7), unit: None };
    let pinned = site.enrol("pinned", service(), pins).await;
    assert!(matches!(holder(&site, &pinned), Holder::Caller(..)));
    let elsewhere = Peer::Unix { uid: 8, pid: None, unit: None };
    assert_eq!(site.vault.holder(&pinned.presented, &elsewhere), Holder::Stranger);
}

#[tokio::test]
async fn a_sealed_vault_tells_its_operators_from_all_others() {
    let site = Site::unsealed().await;
    let fsm = site.service("fsm", "customscript_a", &[]).await;
    let editor = site.operator("editor", Level::Edit, "3").await;
    let full = site.operator("full", Level::Full, "2").await;
    let mut old = full.presented.clone();
    old.key = fsm.presented.key;
    site.vault.seal(site.admin()).await.unwrap();
    let id = |session: &Session| -> SpiffeId { session.presented.spiffe_id.clone() };
    assert_eq!(holder(&site, &full), Holder::Operator(id(&full)));
    assert_eq!(site.vault.holder(&old, &here()), Holder::Untold(id(&full)), "his share is to unseal with");
    for other in [&fsm, &editor] {
        assert_eq!(holder(&site, other), Holder::Untold(id(other)));
    }
}
