//! Between the decision and the opening: whatever happens there, the permit must still stand.

use jiff::SignedDuration;

use super::super::tests::site::*;
use super::super::{IfMatch, NewVersion, Session, Spread};
use super::*;

const OPEN: &str = r#"{"allow_all_scripts":true,"allow_all_domains":true}"#;

struct Waiting {
    site: Site,
    service: Session,
    id: SecretId,
    permit: Permit,
}

/// A permit for version 1, decided on and not yet used.
async fn waiting(value: &str) -> Waiting {
    let site = Site::unsealed().await;
    site.secret("_a", value, OPEN).await.unwrap();
    let service = site.service("fsm", "customscript_a", &[]).await;
    let id: SecretId = "_a".parse().unwrap();
    let permit = site.vault.weigh(asker(&service), Asked::Secret(&id), ANY).unwrap().verdict.unwrap();
    Waiting { site, service, id, permit }
}

impl Waiting {
    /// The value that the permit gets, if it still gets one.
    fn open(self) -> Result<Option<Plaintext>, VaultError> {
        let (asker, asked) = (asker(&self.service), Asked::Secret(&self.id));
        let released = self.site.vault.open_permitted(self.permit, 1, asker, asked, ANY)?;
        Ok(released.map(|(_, parts, _)| parts.first.value))
    }

    async fn rotate(&self, grace: i64) {
        let spread = Spread {
            grace: Some(SignedDuration::from_secs(grace)),
            activate: true,
            note: None,
            force: false,
        };
        let new = NewVersion { value: plain("two"), spread };
        self.site.vault.rotate_secret(self.site.admin(), &self.id, new, &IfMatch::Any).await.unwrap();
    }
}

#[tokio::test]
async fn it_stands_while_nothing_changes_and_within_a_grace() {
    let undisturbed = waiting("one").await;
    assert!(undisturbed.open().unwrap().unwrap().same_as(&plain("one")));
    let rotated = waiting("one").await;
    rotated.rotate(10).await;
    assert!(rotated.open().unwrap().unwrap().same_as(&plain("one")), "what was audited is what is released");
}

#[tokio::test]
async fn it_falls_with_a_revocation() {
    let waiting = waiting("one").await;
    waiting
        .site
        .vault
        .revoke_caller(waiting.site.admin(), &"fsm".parse().unwrap(), &IfMatch::Any)
        .await
        .unwrap();
    assert!(waiting.open().unwrap().is_none());
}

#[tokio::test]
async fn it_falls_with_a_hard_cut_of_its_version() {
    let waiting = waiting("one").await;
    waiting.rotate(0).await;
    assert!(waiting.open().unwrap().is_none());
}

#[tokio::test]
async fn it_falls_with_a_seal() {
    let waiting = waiting("one").await;
    waiting.site.vault.seal(waiting.site.admin()).await.unwrap();
    assert_eq!(denied(waiting.open()), Denial::Sealed);
}

#[tokio::test]
async fn a_large_value_that_was_destroyed_meanwhile_is_no_damage() {
    let mut waiting = waiting(&"x".repeat(100_000)).await;
    waiting.rotate(0).await;
    assert!(!waiting.site.vault.fetch_large(&mut waiting.permit).await.unwrap());
}

#[tokio::test]
async fn what_is_released_is_under_way_and_what_is_refused_is_not() {
    let Waiting { site, service, id, .. } = waiting("one").await;
    let opened = site.vault.read_value(asker(&service), &id, ANY).await.unwrap();
    assert!(service.outgoing.is_waiting());
    drop(opened);
    assert!(service.outgoing.is_waiting(), "buffers may have it still");
    service.outgoing.flushes().flushed();
    assert!(!service.outgoing.is_waiting());
    site.vault.revoke_caller(site.admin(), &"fsm".parse().unwrap(), &IfMatch::Any).await.unwrap();
    let mut refused = std::pin::pin!(site.vault.read_value(asker(&service), &id, ANY));
    // While its entry is written, too: it must not be cut off from its answer.
    let first = std::future::poll_fn(|context| std::task::Poll::Ready(refused.as_mut().poll(context))).await;
    assert!(!service.outgoing.is_waiting());
    let refused = if let std::task::Poll::Ready(refused) = first { refused } else { refused.await };
    assert_eq!(denied(refused), Denial::CallerRevoked);
}

#[tokio::test]
async fn it_falls_with_the_keys_and_is_decided_anew() {
    let waiting = waiting("one").await;
    let service = waiting.service.presented.clone();
    waiting.site.vault.rekey(waiting.site.admin(), vec![plain("right")], false).await.unwrap();
    let (id, session) = (waiting.id.clone(), session(service, here()));
    let again = waiting.site.vault.read_value(asker(&session), &id, ANY).await.unwrap();
    assert!(again.value.same_as(&plain("one")));
    assert!(waiting.open().unwrap().is_none(), "what it was given is sealed under keys that are gone");
}
