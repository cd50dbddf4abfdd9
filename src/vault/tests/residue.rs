//! Connections whose buffers may keep something: noted once, and waited for when they must end.

use std::sync::Arc;

use super::site::{ANY, Site, asker, plain};
use crate::model::IntegrationName;
use crate::vault::{IfMatch, Session};

/// Ends it when connections are told to look again; what `act` does must not be over before.
async fn ends_first<R>(site: &Site, ending: Arc<Session>, act: impl Future<Output = R>) -> R {
    let mut told = site.vault.departures().watch();
    let mut act = Box::pin(act);
    tokio::select! {
        biased;
        _ = &mut act => panic!("it didn't wait"),
        told = told.changed() => told.unwrap(),
    }
    // It is waiting by now, in vain.
    assert!(futures_util::poll!(&mut act).is_pending());
    drop(ending);
    act.await
}

#[tokio::test]
async fn over_http2_a_released_value_may_be_kept_and_over_http1_none() {
    let site = Site::with_fsm().await;
    let (fsm, name) = (site.service("fsm", "customscript_nx_suitelet2", &[]).await, "fsm".parse().unwrap());
    site.vault.read_pair(asker(&fsm), &name, ANY).await.unwrap();
    assert!(!fsm.outgoing.may_keep());
    fsm.outgoing.is_over_http2();
    assert!(!fsm.outgoing.may_keep());
    let pair = site.vault.read_pair(asker(&fsm), &name, ANY).await.unwrap();
    assert!(fsm.outgoing.may_keep() && !fsm.outgoing.keeps());
    pair.departing.leaves_a_copy();
    assert!(fsm.outgoing.keeps());
}

#[tokio::test]
async fn a_seal_waits_for_all_that_may_keep_something_but_who_asks_for_it() {
    let site = Site::with_fsm().await;
    let fsm = Arc::new(site.service("fsm", "customscript_nx_suitelet2", &[]).await);
    let clean = Arc::new(site.service("clean", "customscript_x", &[]).await);
    for each in [&fsm, &clean] {
        site.vault.departures().note(each);
    }
    fsm.outgoing.took_a_body();
    site.vault.departures().note(&fsm);
    let admin = &site.admin;
    admin.outgoing.took_a_body();
    ends_first(&site, fsm, site.vault.seal(asker(admin))).await.unwrap();
    assert!(site.vault.is_sealed());
    drop(clean);
    site.vault.unseal_locally(plain("right")).await.unwrap();
}

/// A value that is handed over later is asked about, and one that had no time to be cut doesn't leave.
#[tokio::test]
async fn a_seal_counts_before_it_is_acknowledged_and_so_does_what_it_gives_up_waiting_for() {
    let site = Site::with_fsm().await;
    let fsm = site.service("fsm", "customscript_nx_suitelet2", &[]).await;
    let name: IntegrationName = "fsm".parse().unwrap();
    let departures = site.vault.departures();
    let (before, given_up) = (departures.recalls(), departures.given_up());
    let pair = site.vault.read_pair(asker(&fsm), &name, ANY).await.unwrap();
    site.vault.seal(site.admin()).await.unwrap();
    let recalls = departures.recalls();
    assert!(recalls > before);
    assert_eq!(departures.given_up(), given_up + 1);
    drop(pair);
    fsm.outgoing.flushes().flushed();
    site.vault.unseal_locally(plain("right")).await.unwrap();
    site.vault.revoke_caller(site.admin(), &name.as_str().parse().unwrap(), &IfMatch::Any).await.unwrap();
    assert_eq!((departures.recalls(), departures.given_up()), (recalls + 1, given_up + 1));
}

/// However it comes to be sealed: a value that waits to be handed over isn't.
#[tokio::test]
async fn connections_are_told_of_every_seal() {
    let site = Site::with_fsm().await;
    let before = site.vault.departures().recalls();
    let told = site.vault.departures().watch();
    site.vault.wipe(site.vault.urgent_turn().await).await;
    assert!(site.vault.departures().recalls() > before);
    assert!(told.has_changed().unwrap());
}
