//! Reads that wait: what lets them go, and that they are decided when it does.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use jiff::SignedDuration;

use super::super::*;
use super::site::*;
use crate::audit::Outcome;
use crate::model::{Denial, SecretId};

const OPEN: &str = r#"{"allow_all_scripts":true,"allow_all_domains":true}"#;
/// Longer than any test.
const LONG: Duration = Duration::from_secs(3600);

fn spread(grace: i64) -> Spread {
    Spread { grace: Some(SignedDuration::from_secs(grace)), activate: true, note: None, force: true }
}

impl Site {
    async fn rotate(&self, id: &str, value: &str, grace: i64) {
        let new = NewVersion { value: plain(value), spread: spread(grace) };
        self.vault.rotate_secret(self.admin(), &id.parse().unwrap(), new, &IfMatch::Any).await.unwrap();
    }

    async fn rotate_pair(&self, text: &str) {
        let new = NewPair { source: given(&format!("id {text}"), Some(text)), spread: spread(10) };
        self.vault.rotate_pair(self.admin(), &"fsm".parse().unwrap(), new, &IfMatch::Any).await.unwrap();
    }
}

/// A bound for what is to happen at once: else a test that fails would hang.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("it is let go")
}

/// Polls once.
async fn now<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
    std::future::poll_fn(|context| {
        Poll::Ready(match future.as_mut().poll(context) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        })
    })
    .await
}

#[tokio::test]
async fn a_rotation_lets_it_go_and_nothing_else_does() {
    let site = Site::unsealed().await;
    site.secret("_a", "one", OPEN).await.unwrap();
    site.secret("_b", "one", OPEN).await.unwrap();
    let (service, id): (_, SecretId) =
        (site.service("fsm", "customscript_a", &[]).await, "_a".parse().unwrap());
    let entries = site.log(100).await.len();
    for known in [Known::Present, Known::OneOf(vec![7, 1])] {
        let mut waiting = pin!(site.vault.await_value(asker(&service), &id, ANY, &known, LONG));
        assert!(now(waiting.as_mut()).await.is_none());
        site.rotate("_b", &format!("{known:?}"), 10).await;
        site.service(if known == Known::Present { "x" } else { "y" }, "customscript_a", &[]).await;
        assert!(now(waiting.as_mut()).await.is_none());
        if known != Known::Present {
            site.rotate("_a", "two", 10).await;
            soon(waiting).await.unwrap();
        }
    }
    let read = site.vault.read_value(asker(&service), &id, ANY).await.unwrap();
    assert!(read.version == 2 && read.value.same_as(&plain("two")));
    let since = site.log(100).await;
    let reads =
        since[..since.len() - entries].iter().filter(|each| each.entry.action == "secret.read").count();
    assert_eq!(reads, 1, "the wait itself is no entry");
}

#[tokio::test]
async fn who_has_something_else_or_may_not_doesnt_wait() {
    let site = Site::unsealed().await;
    site.secret("_a", "one", OPEN).await.unwrap();
    site.secret("_b", "one", r#"{"scripts":["customscript_b"],"allow_all_domains":true}"#).await.unwrap();
    let service = site.service("fsm", "customscript_a", &[]).await;
    let wait = async |id: &str, known, patience| {
        site.vault.await_value(asker(&service), &id.parse().unwrap(), ANY, &known, patience).await
    };
    wait("_a", Known::OneOf(vec![2]), LONG).await.unwrap();
    wait("_a", Known::OneOf(vec![]), LONG).await.unwrap();
    for known in [Known::Present, Known::Any, Known::OneOf(vec![1])] {
        wait("_a", known, Duration::from_millis(1)).await.unwrap();
    }
    let entries = site.log(100).await.len();
    assert_eq!(denied(wait("_b", Known::Present, LONG).await), Denial::ScriptNotAllowed);
    assert_eq!(denied(wait("_c", Known::Present, LONG).await), Denial::SecretUnknown);
    let since = site.log(100).await;
    assert_eq!(since.len() - entries, 2);
    assert!(since[..2].iter().all(|each| each.entry.outcome == Outcome::Denied));
}

#[tokio::test]
async fn a_pair_lets_go_those_who_wait_for_it_and_for_its_halves() {
    let site = Site::with_fsm().await;
    let service = site.service("fsm", "customscript_nx_suitelet2", &[]).await;
    let (name, half) = ("fsm".parse().unwrap(), "_fsm_oauth2_client_id".parse().unwrap());
    for number in ["2", "3"] {
        let pair = site.vault.await_pair(asker(&service), &name, ANY, &Known::Present, LONG);
        let half = site.vault.await_value(asker(&service), &half, ANY, &Known::Present, LONG);
        let (pair, half, ()) = soon(async { tokio::join!(pair, half, site.rotate_pair(number)) }).await;
        assert!(pair.is_ok() && half.is_ok());
    }
    let waiting = site.vault.await_pair(asker(&service), &name, ANY, &Known::Present, LONG);
    let reset = site.vault.reset_pair(site.admin(), &name, &IfMatch::Any);
    let (waited, reset) = soon(async { tokio::join!(waiting, reset) }).await;
    assert!(waited.is_ok() && reset.is_ok());
    assert!(matches!(denied(site.vault.read_pair(asker(&service), &name, ANY).await), Denial::Version(_)));
}

#[tokio::test]
async fn a_seal_a_revocation_and_an_expiry_end_it() {
    let site = Site::with_fsm().await;
    let one = site.service("one", "customscript_nx_suitelet2", &[]).await;
    let two = site.service("two", "customscript_nx_suitelet2", &[]).await;
    let name = "fsm".parse().unwrap();
    let wait = |session| site.vault.await_pair(asker(session), &name, ANY, &Known::Present, LONG);

    let who = "one".parse().unwrap();
    let revoking = site.vault.revoke_caller(site.admin(), &who, &IfMatch::Any);
    let (waited, revoked) = soon(async { tokio::join!(wait(&one), revoking) }).await;
    assert!(waited.is_ok() && revoked.is_ok());
    assert_eq!(denied(site.vault.read_pair(asker(&one), &name, ANY).await), Denial::CallerRevoked);

    let mut sealed = pin!(wait(&two));
    assert!(now(sealed.as_mut()).await.is_none());
    site.vault.seal(site.admin()).await.unwrap();
    assert_eq!(denied(soon(sealed).await), Denial::Sealed);
    site.vault.unseal_locally(plain("right")).await.unwrap();

    site.clock.turn(SignedDuration::from_hours(24) - SignedDuration::from_millis(3));
    soon(wait(&two)).await.unwrap();
    site.clock.turn(SignedDuration::from_millis(3));
    assert_eq!(denied(site.vault.read_pair(asker(&two), &name, ANY).await), Denial::CertificateExpired);
}

/// 32 readers wait and read, on every thread there is, while the pair rotates under them; then they are revoked, or
/// the vault is sealed. Whoever asks after that was acknowledged gets nothing, and nobody is left waiting.
async fn crowd(seal: bool) {
    let site = Arc::new(Site::with_fsm().await);
    site.rotate_pair("99").await;
    let acknowledged = Arc::new(AtomicBool::new(false));
    let released = Arc::new(AtomicU64::new(0));
    let mut readers = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let session =
            Arc::new(site.service(&format!("s{}", readers.len()), "customscript_nx_suitelet2", &[]).await);
        for _ in 0..8 {
            let (site, session) = (Arc::clone(&site), Arc::clone(&session));
            let (acknowledged, released) = (Arc::clone(&acknowledged), Arc::clone(&released));
            readers.spawn(async move {
                let name = "fsm".parse().unwrap();
                let mut known = Known::OneOf(vec![]);
                loop {
                    let waited = site.vault.await_pair(asker(&session), &name, ANY, &known, LONG).await;
                    let late = acknowledged.load(Ordering::SeqCst);
                    let read = match waited {
                        Ok(()) => site.vault.read_pair(asker(&session), &name, ANY).await,
                        Err(error) => Err(error),
                    };
                    match read {
                        Ok(pair) => {
                            assert!(!late, "released after the acknowledgement");
                            assert_eq!(
                                pair.client_id.lend(<[u8]>::len),
                                pair.client_secret.unwrap().lend(<[u8]>::len) + 3
                            );
                            known = Known::OneOf(vec![pair.version]);
                            released.fetch_add(1, Ordering::SeqCst);
                        }
                        Err(error) => return denied::<()>(Err(error)),
                    }
                }
            });
        }
    }
    while released.load(Ordering::SeqCst) < 32 {
        assert!(readers.try_join_next().is_none(), "all are served");
        tokio::task::yield_now().await;
    }
    for number in 100..130 {
        site.rotate_pair(&number.to_string()).await;
    }
    if seal {
        site.vault.seal(site.admin()).await.unwrap();
        acknowledged.store(true, Ordering::SeqCst);
    } else {
        for number in [0, 8, 16, 24] {
            let name = format!("s{number}").parse().unwrap();
            site.vault.revoke_caller(site.admin(), &name, &IfMatch::Any).await.unwrap();
        }
        acknowledged.store(true, Ordering::SeqCst);
    }
    let expected = if seal { Denial::Sealed } else { Denial::CallerRevoked };
    while let Some(ended) = soon(readers.join_next()).await {
        assert_eq!(ended.unwrap(), expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_crowd_gets_nothing_after_a_revocation() {
    crowd(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_crowd_gets_nothing_after_a_seal() {
    crowd(true).await;
}
