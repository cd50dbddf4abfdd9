//! Who waits for the turn, and for whom it doesn't: what is urgent, what leaves, what one caller asks for by the dozen.

use std::cell::RefCell;

use futures_util::future::join_all;

use super::super::*;
use super::enrol::request;
use super::site::*;
use crate::model::{Denial, Level, NoticeLevel};

const MANY: usize = 12;

/// What has come to its end, in that order.
#[derive(Default)]
struct Ends(RefCell<Vec<&'static str>>);

impl Ends {
    async fn of<T>(&self, name: &'static str, done: impl Future<Output = T>) -> T {
        let outcome = done.await;
        self.0.borrow_mut().push(name);
        outcome
    }

    fn before(&self, name: &str) -> Vec<&'static str> {
        self.0.borrow().iter().take_while(|each| **each != name).copied().collect()
    }
}

async fn add(site: &Site, id: &str) -> Result<SeenSecret, VaultError> {
    site.secret(id, "value", r#"{"allow_all_scripts":true,"allow_all_domains":true}"#).await
}

/// With 8 certificates: one more ends one.
async fn with_many_certificates(site: &Site) -> Session {
    let fsm = site.service("fsm", "customscript_nx_suitelet2", &[]).await;
    for _ in 0..7 {
        site.vault.renew_identity(asker(&fsm), &request(), None).await.unwrap();
    }
    fsm
}

/// Lets the futures that are polled with it begin.
async fn a_moment() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_seal_and_a_revocation_let_one_of_the_queue_go_first() {
    let site = Site::with_fsm().await;
    site.service("fsm", "customscript_nx_suitelet2", &[]).await;
    let (ends, name) = (Ends::default(), "fsm".parse().unwrap());
    let ids: Vec<_> = (0..MANY).map(|number| format!("_{number}")).collect();
    let turn = site.vault.turn().await;
    let changes = join_all(ids.iter().map(|id| ends.of("change", add(&site, id))));
    let urgent = async {
        a_moment().await;
        let revoked = ends.of("revoked", site.vault.revoke_caller(site.admin(), &name, &IfMatch::Any));
        let sealed = ends.of("sealed", site.vault.seal(site.admin()));
        let both = async { tokio::join!(revoked, sealed) };
        let let_go = async {
            a_moment().await;
            drop(turn);
        };
        let ((revoked, sealed), ()) = tokio::join!(both, let_go);
        revoked.and(sealed).unwrap();
    };
    let (changes, ()) = tokio::join!(changes, urgent);
    assert!(ends.before("revoked").len() <= 1, "{:?}", ends.0.borrow());
    let made = changes.iter().filter(|each| each.is_ok()).count();
    assert!(made <= 1, "{made} changes went before a seal that came after them");
}

#[tokio::test]
async fn who_renews_by_the_dozen_keeps_nobody_waiting() {
    let site = Site::with_fsm().await;
    let fsm = with_many_certificates(&site).await;
    let ends = Ends::default();
    let requests: Vec<_> = (0..MANY).map(|_| request()).collect();
    let turn = site.vault.turn().await;
    let renewals = join_all(
        requests
            .iter()
            .map(|request| ends.of("renewal", site.vault.renew_identity(asker(&fsm), request, None))),
    );
    let other = async {
        a_moment().await;
        let let_go = async {
            a_moment().await;
            drop(turn);
        };
        tokio::join!(ends.of("change", add(&site, "_a")), let_go).0.unwrap();
    };
    let (renewals, ()) = tokio::join!(renewals, other);
    assert!(renewals.iter().all(Result::is_ok));
    assert!(ends.before("change").len() <= 2, "{:?}", ends.0.borrow());
}

async fn list(site: &Site, who: &Session) -> Result<(), VaultError> {
    site.vault.first_notices(asker(who), NoticeLevel::Info, 10).await.map(drop)
}

#[tokio::test]
async fn who_lists_notices_by_the_dozen_keeps_nobody_waiting() {
    let site = Site::unsealed().await;
    let vic = site.operator("vic", Level::View, "7").await;
    let ends = Ends::default();
    let turn = site.vault.turn().await;
    let lists = join_all((0..MANY).map(|_| ends.of("list", list(&site, &vic))));
    let other = async {
        a_moment().await;
        let let_go = async {
            a_moment().await;
            drop(turn);
        };
        tokio::join!(ends.of("change", add(&site, "_a")), let_go).0.unwrap();
    };
    let (lists, ()) = tokio::join!(lists, other);
    assert!(lists.iter().all(Result::is_ok));
    assert!(ends.before("change").len() <= 2, "{:?}", ends.0.borrow());
    assert!(site.vault.evaluating.begun() <= 2);
}

/// Beside a crowd that asks for what takes long: a revocation goes before it, and what it waits for isn't done any more.
#[tokio::test]
async fn nothing_is_evaluated_or_verified_for_who_is_revoked_while_he_waits() {
    let site = Site::unsealed().await;
    let (vic, name) = (site.operator("vic", Level::View, "7").await, "vic".parse().unwrap());
    let turn = site.vault.turn().await;
    let lists = join_all((0..MANY).map(|_| list(&site, &vic)));
    let verifications = join_all((0..MANY).map(|_| site.vault.verify_log(asker(&vic))));
    let revoked = async {
        a_moment().await;
        let let_go = async {
            a_moment().await;
            drop(turn);
        };
        tokio::join!(site.vault.revoke_caller(site.admin(), &name, &IfMatch::Any), let_go).0.unwrap();
    };
    let (lists, verifications, ()) = tokio::join!(lists, verifications, revoked);
    // The one whose turn it was may have come to its end, and the next have begun.
    let verifications: Vec<_> = verifications.into_iter().map(|verified| verified.map(drop)).collect();
    for outcomes in [lists, verifications] {
        let refused: Vec<_> = outcomes.into_iter().filter(Result::is_err).map(denied).collect();
        assert!(refused.len() >= MANY - 1 && refused.iter().all(|why| *why == Denial::CallerRevoked));
    }
    let begun = (site.vault.evaluating.begun(), site.vault.verifying.begun());
    assert!(begun.0 <= 2 && begun.1 <= 2, "{begun:?}");
    assert_eq!(site.vault.verify_log(site.admin()).await.unwrap().first_bad, None);
}

#[tokio::test]
async fn a_seal_goes_before_a_crowd_that_lists_notices_and_verifies() {
    let site = Site::unsealed().await;
    let vic = site.operator("vic", Level::View, "7").await;
    let ends = Ends::default();
    let turn = site.vault.turn().await;
    let lists = join_all((0..MANY).map(|_| ends.of("list", list(&site, &vic))));
    let verifications = join_all((0..MANY).map(|_| site.vault.verify_log(asker(&vic))));
    let sealed = async {
        a_moment().await;
        let let_go = async {
            a_moment().await;
            drop(turn);
        };
        tokio::join!(ends.of("sealed", site.vault.seal(site.admin())), let_go).0.unwrap();
    };
    let (lists, _, ()) = tokio::join!(lists, verifications, sealed);
    assert!(ends.before("sealed").len() <= 1, "{:?}", ends.0.borrow());
    assert!(lists.into_iter().skip(1).map(denied).all(|why| why == Denial::Sealed));
    assert!(site.vault.evaluating.begun() <= 2, "{}", site.vault.evaluating.begun());
}

/// Whoever is revoked while it waits hears so: nothing waits to leave that it may not have.
#[tokio::test]
async fn what_is_no_secret_is_not_waited_for() {
    let site = Site::with_fsm().await;
    let fsm = with_many_certificates(&site).await;
    let (request, name) = (request(), "fsm".parse().unwrap());
    let revoked = site.vault.revoke_caller(site.admin(), &name, &IfMatch::Any);
    let renewed = async {
        a_moment().await;
        site.vault.renew_identity(asker(&fsm), &request, None).await
    };
    let (revoked, renewed) = tokio::join!(revoked, renewed);
    revoked.unwrap();
    assert_eq!(denied(renewed), Denial::CallerRevoked);
    assert!(!fsm.outgoing.is_waiting());
}

/// While the value of somebody is on its way out, whoever takes it from him waits for that, and nobody else.
#[tokio::test]
async fn what_leaves_is_waited_for_without_the_turn() {
    let site = Site::with_fsm().await;
    let fsm = with_many_certificates(&site).await;
    let other = site.service("other", "customscript_nx_suitelet2", &[]).await;
    let pair = site.vault.read_pair(asker(&other), &"fsm".parse().unwrap(), ANY).await.unwrap();
    let uid = CallerEdit { uid: Some(Some(8)), ..CallerEdit::default() };
    let (ends, name, request) = (Ends::default(), "other".parse().unwrap(), request());
    let change = async |id| {
        a_moment().await;
        ends.of("change", add(&site, id)).await.unwrap();
    };
    let (renewed, ()) =
        tokio::join!(ends.of("1", site.vault.renew_identity(asker(&fsm), &request, None)), change("_1"));
    let edited = ends.of("2", site.vault.edit_caller(site.admin(), &name, &IfMatch::Any, uid));
    let (edited, ()) = tokio::join!(edited, change("_2"));
    let revoked = ends.of("3", site.vault.revoke_caller(site.admin(), &name, &IfMatch::Any));
    let (revoked, ()) = tokio::join!(revoked, change("_3"));
    assert!(renewed.is_ok() && edited.is_ok() && revoked.is_ok());
    assert_eq!(*ends.0.borrow(), ["change", "1", "change", "2", "change", "3"]);
    drop(pair);
}

/// A key that was made before its asker was revoked or the vault sealed is under way by then, or isn't given out.
#[tokio::test]
async fn a_key_made_here_is_known_to_a_seal_or_stays() {
    let site = Site::unsealed().await;
    let new = super::enrol::new("fsm", super::enrol::service(), CertificateSource::FreshKey);
    let made = site.vault.enrol_caller(site.admin(), new).await.unwrap();
    assert!(site.admin.outgoing.is_waiting());
    drop(made);
    site.admin.outgoing.flushes().flushed();
    assert!(!site.admin.outgoing.is_waiting());
    site.vault.seal(site.admin()).await.unwrap();
    assert_eq!(denied(site.vault.departing(site.admin())), Denial::Sealed);
}
