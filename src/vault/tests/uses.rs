//! Who fetched what: counted, kept across restarts and crashes, and spared when versions are retired.

use jiff::SignedDuration;

use super::super::*;
use super::site::*;
use crate::keys::RecordKind;
use crate::model::{SecretId, Standing, VersionWanted};
use crate::policy::Ask;

const OPEN: &str = r#"{"allow_all_scripts":true,"allow_all_domains":true}"#;

fn id(text: &str) -> SecretId {
    text.parse().unwrap()
}

fn spread(grace: i64) -> Spread {
    Spread { grace: Some(SignedDuration::from_secs(grace)), activate: true, note: None, force: false }
}

async fn rotate(site: &Site, value: &str, spread: Spread) -> Result<Rotated, VaultError> {
    let new = NewVersion { value: plain(value), spread };
    site.vault.rotate_secret(site.admin(), &id("_a"), new, &IfMatch::Any).await
}

/// Caller, version and count of each consumer.
async fn consumers(site: &Site, of: &str) -> Vec<(String, u64, u64)> {
    let page = site.vault.list_consumers(site.admin(), &id(of), None, 9).await.unwrap();
    page.items.into_iter().map(|each| (each.caller.to_string(), each.last.version, each.last.count)).collect()
}

async fn fetch(site: &Site, service: &Session, times: usize) {
    for _ in 0..times {
        site.vault.read_value(asker(service), &id("_a"), ANY).await.unwrap();
    }
}

#[tokio::test]
async fn counts_survive_crashes_and_restarts_exactly() {
    let site = Site::unsealed().await;
    site.secret("_a", "one", OPEN).await.unwrap();
    let (one, two) =
        (site.service("one", "customscript_a", &[]).await, site.service("two", "customscript_a", &[]).await);
    fetch(&site, &one, 3).await;
    let site = site.restarted().await;
    assert_eq!(consumers(&site, "_a").await, [("one".into(), 1, 3)], "from the log alone");
    fetch(&site, &one, 1).await;
    site.vault.record_uses().await.unwrap();
    fetch(&site, &one, 1).await;
    fetch(&site, &two, 1).await;
    let both = [("one".into(), 1, 5), ("two".into(), 1, 1)];
    assert_eq!(consumers(&site, "_a").await, both);
    let site = site.restarted().await;
    assert_eq!(consumers(&site, "_a").await, both, "from the record, then the log");
    site.vault.close().await.unwrap();
    let site = site.restarted().await;
    assert_eq!(consumers(&site, "_a").await, both, "from the record alone");
    site.vault.seal(site.admin()).await.unwrap();
    site.vault.unseal(site.admin(), plain("right")).await.unwrap();
    assert_eq!(consumers(&site, "_a").await, both);
    let site = site.restarted().await;
    assert_eq!(consumers(&site, "_a").await, both, "counted once, however often it is opened");
}

#[tokio::test]
async fn nothing_fetched_is_nothing_recorded() {
    let site = Site::unsealed().await;
    site.secret("_a", "one", OPEN).await.unwrap();
    let one = site.service("one", "customscript_a", &[]).await;
    let records = async |site: &Site| {
        let all = site.vault.store().scan().await.unwrap();
        let of =
            |kind| all.iter().filter(move |(key, _)| key.kind() == kind).map(|(_, sealed)| sealed.revision());
        (of(RecordKind::Uses).collect::<Vec<_>>(), of(RecordKind::UsesMark).collect::<Vec<_>>())
    };
    site.vault.record_uses().await.unwrap();
    assert_eq!(records(&site).await, (vec![], vec![]));
    fetch(&site, &one, 1).await;
    site.vault.record_uses().await.unwrap();
    site.vault.record_uses().await.unwrap();
    assert_eq!(records(&site).await, (vec![Some(1)], vec![Some(1)]));
    fetch(&site, &one, 1).await;
    site.vault.record_uses().await.unwrap();
    assert_eq!(records(&site).await, (vec![Some(2)], vec![Some(2)]));
}

#[tokio::test]
async fn a_pair_is_used_as_both_of_its_halves() {
    let site = Site::with_fsm().await;
    let fsm = site.service("fsm", "customscript_nx_suitelet2", &[]).await;
    site.vault.read_pair(asker(&fsm), &"fsm".parse().unwrap(), ANY).await.unwrap();
    let site = site.restarted().await;
    site.vault.read_pair(asker(&fsm), &"fsm".parse().unwrap(), ANY).await.unwrap();
    for half in ["_fsm_oauth2_client_id", "_fsm_oauth2_client_secret"] {
        assert_eq!(consumers(&site, half).await, [("fsm".into(), 1, 2)]);
    }
}

/// A half may be fetched alone too: what was fetched last is what the log tells last.
#[tokio::test]
async fn the_last_fetch_is_the_last_in_the_log() {
    let mut site = Site::with_fsm().await;
    let fsm = site.service("fsm", "customscript_nx_suitelet2", &[]).await;
    let (half, pair) = (id("_fsm_oauth2_client_id"), "fsm".parse().unwrap());
    site.vault.read_value(asker(&fsm), &half, ANY).await.unwrap();
    let new = NewPair { source: given("id two", Some("secret two")), spread: spread(100) };
    site.vault.rotate_pair(site.admin(), &pair, new, &IfMatch::Any).await.unwrap();
    site.vault.read_pair(asker(&fsm), &pair, ANY).await.unwrap();
    site.vault.activate_pair(site.admin(), &pair, 1, Cut::default(), &IfMatch::Any).await.unwrap();
    // Each time it is counted from the log anew.
    for _ in 0..8 {
        site = site.restarted().await;
        assert_eq!(consumers(&site, "_fsm_oauth2_client_id").await, [("fsm".into(), 2, 2)]);
        let retired = site.vault.retire_pair(site.admin(), &pair, 2, false, &IfMatch::Any).await;
        assert!(matches!(retired, Err(VaultError::Conflict(_))), "{retired:?}");
    }
}

#[tokio::test]
async fn a_new_secret_of_the_same_id_was_used_by_nobody() {
    for recorded in [false, true] {
        let site = Site::unsealed().await;
        site.secret("_a", "one", OPEN).await.unwrap();
        let one = site.service("one", "customscript_a", &[]).await;
        fetch(&site, &one, 3).await;
        if recorded {
            site.vault.record_uses().await.unwrap();
        }
        site.vault.delete_secret(site.admin(), &id("_a"), &IfMatch::Any).await.unwrap();
        site.secret("_a", "two", OPEN).await.unwrap();
        assert!(consumers(&site, "_a").await.is_empty());
        let site = site.restarted().await;
        assert!(consumers(&site, "_a").await.is_empty());
        fetch(&site, &one, 1).await;
        let site = site.restarted().await;
        assert_eq!(consumers(&site, "_a").await, [("one".into(), 2, 1)]);
    }
}

#[tokio::test]
async fn a_name_that_is_given_again_has_fetched_nothing() {
    for recorded in [false, true] {
        let site = Site::unsealed().await;
        site.secret("_a", "one", OPEN).await.unwrap();
        let (one, two) = (
            site.service("one", "customscript_a", &[]).await,
            site.service("two", "customscript_a", &[]).await,
        );
        fetch(&site, &one, 3).await;
        fetch(&site, &two, 1).await;
        if recorded {
            site.vault.record_uses().await.unwrap();
        }
        site.later(1);
        site.vault.revoke_caller(site.admin(), &"one".parse().unwrap(), &IfMatch::Any).await.unwrap();
        assert_eq!(consumers(&site, "_a").await.len(), 2, "revoked, it did what it did");
        let one = site.service("one", "customscript_a", &[]).await;
        let others = [("two".to_owned(), 1, 1)];
        assert_eq!(consumers(&site, "_a").await, others);
        // A crash right after it.
        let site = site.restarted().await;
        assert_eq!(consumers(&site, "_a").await, others, "recorded: {recorded}");
        rotate(&site, "two", spread(100)).await.unwrap();
        fetch(&site, &two, 1).await;
        site.vault.retire_version(site.admin(), &id("_a"), 1, false, &IfMatch::Any).await.unwrap();
        fetch(&site, &one, 2).await;
        let both = [("one".to_owned(), 2, 2), ("two".to_owned(), 2, 2)];
        assert_eq!(consumers(&site, "_a").await, both);
        let site = site.restarted().await;
        assert_eq!(consumers(&site, "_a").await, both);
        site.vault.close().await.unwrap();
        let site = site.restarted().await;
        assert_eq!(consumers(&site, "_a").await, both);
    }
}

/// Whoever is enrolled while the clock is ahead has fetched what he fetches after it was set right; what the holder of the
/// name before him fetched, he hasn't.
#[tokio::test]
async fn a_clock_that_was_ahead_takes_no_fetches_away() {
    for (recorded, closed) in [(false, false), (true, false), (false, true)] {
        let site = Site::unsealed().await;
        site.secret("_a", "one", OPEN).await.unwrap();
        site.later(3600);
        let before = site.service("one", "customscript_a", &[]).await;
        fetch(&site, &before, 3).await;
        site.vault.record_uses().await.unwrap();
        site.vault.revoke_caller(site.admin(), &"one".parse().unwrap(), &IfMatch::Any).await.unwrap();
        site.later(-1);
        let one = site.service("one", "customscript_a", &[]).await;
        site.later(-3599);
        assert!(consumers(&site, "_a").await.is_empty());
        fetch(&site, &one, 2).await;
        if recorded {
            site.vault.record_uses().await.unwrap();
        }
        if closed {
            site.vault.close().await.unwrap();
        }
        let site = site.restarted().await;
        assert_eq!(
            consumers(&site, "_a").await,
            [("one".into(), 1, 2)],
            "recorded: {recorded}, closed: {closed}"
        );
        rotate(&site, "two", spread(100)).await.unwrap();
        let retired = site.vault.retire_version(site.admin(), &id("_a"), 1, false, &IfMatch::Any).await;
        assert!(matches!(retired, Err(VaultError::Conflict(_))), "{retired:?}");
    }
}

/// Fetches go on while the counts are recorded, again and again; none is lost or counted twice.
#[tokio::test(flavor = "multi_thread")]
async fn counts_are_cut_cleanly_under_load() {
    let site = std::sync::Arc::new(Site::unsealed().await);
    site.secret("_a", "one", OPEN).await.unwrap();
    let service = std::sync::Arc::new(site.service("one", "customscript_a", &[]).await);
    let readers: Vec<_> = (0..8)
        .map(|_| {
            let (site, service) = (std::sync::Arc::clone(&site), std::sync::Arc::clone(&service));
            tokio::spawn(async move { fetch(&site, &service, 100).await })
        })
        .collect();
    while readers.iter().any(|reader| !reader.is_finished()) {
        site.vault.record_uses().await.unwrap();
        tokio::task::yield_now().await;
    }
    for reader in readers {
        reader.await.unwrap();
    }
    let site = std::sync::Arc::into_inner(site).unwrap().restarted().await;
    assert_eq!(consumers(&site, "_a").await, [("one".into(), 1, 800)]);
}

#[tokio::test]
async fn who_is_behind_is_told() {
    let site = Site::unsealed().await;
    site.secret("_a", "one", OPEN).await.unwrap();
    let one = site.service("one", "customscript_a", &[]).await;
    fetch(&site, &one, 1).await;
    rotate(&site, "two", spread(100)).await.unwrap();
    let told = async || {
        let page = site.vault.list_consumers(site.admin(), &id("_a"), None, 9).await.unwrap();
        let Consumer { active, last, state, behind, .. } = &page.items[0];
        (*active, last.version, *state, *behind)
    };
    assert_eq!(told().await, (true, 1, Some(Standing::Previous), true));
    site.later(100);
    assert_eq!(told().await, (true, 1, Some(Standing::Retired), true));
    fetch(&site, &one, 1).await;
    assert_eq!(told().await, (true, 2, Some(Standing::Current), false));
    site.vault.revoke_caller(site.admin(), &"one".parse().unwrap(), &IfMatch::Any).await.unwrap();
    assert!(!told().await.0);
}

#[tokio::test]
async fn a_previous_version_is_not_taken_from_who_holds_it() {
    let site = Site::unsealed().await;
    site.secret("_a", "one", OPEN).await.unwrap();
    let (one, two) =
        (site.service("one", "customscript_a", &[]).await, site.service("two", "customscript_a", &[]).await);
    fetch(&site, &one, 1).await;
    rotate(&site, "two", spread(100)).await.unwrap();
    fetch(&site, &two, 1).await;
    let refused = |outcome: Result<(), VaultError>| match outcome {
        Err(VaultError::Conflict(why)) => {
            assert!(why.contains("what one fetched") && why.contains("--force"), "{why}");
        }
        other => panic!("{other:?}"),
    };
    refused(site.vault.retire_version(site.admin(), &id("_a"), 1, false, &IfMatch::Any).await);
    refused(rotate(&site, "three", spread(100)).await.map(|_| ()));
    refused(rotate(&site, "three", spread(0)).await.map(|_| ()));
    assert_eq!(site.log(1).await[0].entry.reason.as_deref(), Some("conflict"));
    // What takes nothing from anybody goes: a pending version, and the way back.
    rotate(&site, "three", Spread { activate: false, ..spread(100) }).await.unwrap();
    refused(
        site.vault
            .activate_secret(site.admin(), &id("_a"), 3, Cut::default(), &IfMatch::Any)
            .await
            .map(|_| ()),
    );
    site.vault.activate_secret(site.admin(), &id("_a"), 1, Cut::default(), &IfMatch::Any).await.unwrap();
    // Now two is the one that is held, by the other.
    let forced = Cut { grace: None, force: true };
    site.vault.activate_secret(site.admin(), &id("_a"), 3, forced, &IfMatch::Any).await.unwrap();
    let told = site.log(1).await.remove(0).entry.changes;
    assert_eq!(told, Some(serde_json::json!({"retired_early": 2, "fetched_last_by": ["two"]})));
    // Whoever has moved on holds nothing up, nor does who was revoked.
    fetch(&site, &one, 1).await;
    site.vault.retire_version(site.admin(), &id("_a"), 1, false, &IfMatch::Any).await.unwrap();
    rotate(&site, "four", spread(100)).await.unwrap();
    site.vault.revoke_caller(site.admin(), &"one".parse().unwrap(), &IfMatch::Any).await.unwrap();
    site.vault.retire_version(site.admin(), &id("_a"), 3, false, &IfMatch::Any).await.unwrap();
}

#[tokio::test]
async fn a_hold_is_remembered_after_a_restart_and_ends_with_the_grace() {
    let site = Site::unsealed().await;
    site.secret("_a", "one", OPEN).await.unwrap();
    let one = site.service("one", "customscript_a", &[]).await;
    fetch(&site, &one, 1).await;
    rotate(&site, "two", spread(100)).await.unwrap();
    let site = site.restarted().await;
    assert!(matches!(rotate(&site, "three", spread(100)).await, Err(VaultError::Conflict(_))));
    site.later(100);
    rotate(&site, "three", spread(100)).await.unwrap();
}

#[tokio::test]
async fn a_pair_is_spared_too_but_not_from_a_reset() {
    let site = Site::with_fsm().await;
    let name = "fsm".parse().unwrap();
    let fsm = site.service("fsm", "customscript_nx_suitelet2", &[]).await;
    let pair = |text: &str| NewPair { source: given(&format!("id {text}"), Some(text)), spread: spread(100) };
    site.vault.read_pair(asker(&fsm), &name, ANY).await.unwrap();
    site.vault.rotate_pair(site.admin(), &name, pair("2"), &IfMatch::Any).await.unwrap();
    let refused = site.vault.rotate_pair(site.admin(), &name, pair("3"), &IfMatch::Any).await;
    assert!(matches!(refused, Err(VaultError::Conflict(_))));
    let previous = Ask { version: VersionWanted::Previous, ..ANY };
    assert_eq!(site.vault.read_pair(asker(&fsm), &name, previous).await.unwrap().version, 1);
    site.vault.reset_pair(site.admin(), &name, &IfMatch::Any).await.unwrap();
    assert!(site.vault.read_pair(asker(&fsm), &name, previous).await.is_err());
}
