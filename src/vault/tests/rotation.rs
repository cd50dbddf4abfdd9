//! Rotation as readers and operators see it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::super::*;
use super::site::*;
use crate::clock::Clock;
use crate::model::{Denial, Lacking, Level, SecretId, Standing, Unavailable, VersionWanted};
use crate::policy::Ask;
use jiff::SignedDuration;

const OPEN: &str = r#"{"allow_all_scripts":true,"allow_all_domains":true}"#;
const PREVIOUS: Ask<'static> = Ask { version: VersionWanted::Previous, ..ANY };

fn spread(grace: i64, activate: bool) -> Spread {
    Spread { grace: Some(SignedDuration::from_secs(grace)), activate, note: None, force: false }
}

fn pair(text: &str, spread: Spread) -> NewPair {
    NewPair { source: given(&format!("id {text}"), Some(&format!("secret {text}"))), spread }
}

fn version(number: u64) -> Ask<'static> {
    Ask { version: VersionWanted::Number(number), ..ANY }
}

#[tokio::test]
async fn overlap_hard_cut_and_the_way_back() {
    let site = Site::unsealed().await;
    site.secret("_a", "one", OPEN).await.unwrap();
    let id: SecretId = "_a".parse().unwrap();
    let service = site.service("fsm", "customscript_a", &[]).await;
    let read = async |ask| site.vault.read_value(asker(&service), &id, ask).await;
    let rotate = async |value: &str, spread| {
        site.vault
            .rotate_secret(site.admin(), &id, NewVersion { value: plain(value), spread }, &IfMatch::Any)
            .await
            .unwrap()
    };

    let two = rotate("two", spread(10, true)).await;
    assert_eq!((two.version, two.state, two.unchanged), (2, Standing::Current, false));
    let until = |seconds| site.clock.now() + SignedDuration::from_secs(seconds);
    assert_eq!(two.previous, Some(Replaced { version: 1, until: until(10) }));
    assert!(read(ANY).await.unwrap().value.same_as(&plain("two")));
    assert!(read(PREVIOUS).await.unwrap().value.same_as(&plain("one")));
    assert!(rotate("two", spread(10, true)).await.unchanged);
    let later = rotate("two", spread(0, false)).await;
    assert_eq!((later.version, later.unchanged), (3, false), "nobody tries out unseen what is current");
    site.vault.retire_version(site.admin(), &id, 3, false, &IfMatch::Any).await.unwrap();

    let cut = Cut { grace: Some(SignedDuration::from_secs(10)), force: false };
    let back = site.vault.activate_secret(site.admin(), &id, 1, cut, &IfMatch::Any).await.unwrap();
    assert_eq!(back.previous, Some(Replaced { version: 2, until: until(10) }));
    assert!(read(ANY).await.unwrap().value.same_as(&plain("one")));
    site.later(10);
    assert_eq!(denied(read(PREVIOUS).await), Denial::Version(Unavailable::Retired));
    assert!(matches!(
        site.vault.activate_secret(site.admin(), &id, 2, Cut::default(), &IfMatch::Any).await,
        Err(VaultError::Conflict(_))
    ));

    let three = rotate("three", spread(0, true)).await;
    assert_eq!((three.version, three.previous), (4, None));
    for gone in [1, 2, 3] {
        assert!(matches!(denied(read(version(gone)).await), Denial::Version(Unavailable::Retired)));
    }
    let pending = rotate("four", spread(0, false)).await;
    assert_eq!(pending.state, Standing::Pending);
    assert_eq!(denied(read(version(5)).await), Denial::Version(Unavailable::Pending));
    site.vault.retire_version(site.admin(), &id, 5, false, &IfMatch::Any).await.unwrap();
    assert!(matches!(
        site.vault.retire_version(site.admin(), &id, 4, false, &IfMatch::Any).await,
        Err(VaultError::Conflict(_))
    ));
    assert!(matches!(
        site.vault.retire_version(site.admin(), &id, 9, false, &IfMatch::Any).await,
        Err(VaultError::NotFound("version"))
    ));
    assert_eq!(rotate("five", spread(0, true)).await.version, 6);
}

/// As after an import of new values, all with the same grace.
#[tokio::test]
async fn graces_that_end_together_end_in_one_go() {
    const MANY: usize = 300;
    let site = Site::unsealed().await;
    let ids: Vec<_> = (0..MANY).map(|number| format!("_{number}")).collect();
    let secrets = ids.iter().map(|id| new_secret(id, "one", OPEN)).enumerate().collect();
    let import = Import { secrets, wrong: Vec::new(), count: MANY as u64 };
    site.vault.import_secrets(site.admin(), import).await.unwrap();
    for id in &ids {
        let new = NewVersion { value: plain("two"), spread: spread(10, true) };
        site.vault.rotate_secret(site.admin(), &id.parse().unwrap(), new, &IfMatch::Any).await.unwrap();
    }
    site.later(10);
    site.vault.retire_lapsed().await.unwrap();
    assert_eq!(site.vault.live().unsealed().unwrap().registry.secrets.in_grace().count(), 0, "all of them");
}

#[tokio::test]
async fn retired_values_leave_the_store() {
    let site = Site::unsealed().await;
    site.secret("_a", "one", OPEN).await.unwrap();
    let id: SecretId = "_a".parse().unwrap();
    let values = async |site: &Site| {
        let records = site.vault.store().scan().await.unwrap();
        records.iter().filter(|(key, _)| key.kind() == crate::keys::RecordKind::Value).count()
    };
    let new = NewVersion { value: plain("two"), spread: spread(10, true) };
    site.vault.rotate_secret(site.admin(), &id, new, &IfMatch::Any).await.unwrap();
    assert_eq!(values(&site).await, 2);
    site.later(10);
    site.vault.retire_lapsed().await.unwrap();
    assert_eq!(values(&site).await, 1);
    site.vault.retire_lapsed().await.unwrap();
    let site = site.restarted().await;
    assert_eq!(values(&site).await, 1);
    let seen = site.vault.see_secret(site.admin(), &id).await.unwrap();
    assert_eq!(seen.secret.last_version, 2);
}

#[tokio::test]
async fn a_pair_moves_as_one_and_its_halves_not_alone() {
    let site = Site::with_fsm().await;
    let (name, half) = ("fsm".parse().unwrap(), "_fsm_oauth2_client_id".parse().unwrap());
    let fsm = site.service("fsm", "customscript_nx_suitelet2", &[]).await;
    let read = async |ask| site.vault.read_pair(asker(&fsm), &name, ask).await;

    let alone = NewVersion { value: plain("x"), spread: spread(0, true) };
    assert!(matches!(
        site.vault.rotate_secret(site.admin(), &half, alone, &IfMatch::Any).await,
        Err(VaultError::Managed(_))
    ));
    assert!(matches!(
        site.vault.activate_secret(site.admin(), &half, 1, Cut::default(), &IfMatch::Any).await,
        Err(VaultError::Managed(_))
    ));
    assert!(matches!(
        site.vault.retire_version(site.admin(), &half, 1, false, &IfMatch::Any).await,
        Err(VaultError::Managed(_))
    ));

    site.vault.rotate_pair(site.admin(), &name, pair("2", spread(10, false)), &IfMatch::Any).await.unwrap();
    assert_eq!(read(ANY).await.unwrap().version, 1);
    site.vault.activate_pair(site.admin(), &name, 2, Cut::default(), &IfMatch::Any).await.unwrap();
    let (current, previous) = (read(ANY).await.unwrap(), read(PREVIOUS).await.unwrap());
    assert!(holds(&current, "id 2", Some("secret 2")));
    assert!(holds(&previous, "the id", Some("the secret")));

    // Both of them fetched last by fsm.
    let retire =
        async |number, force| site.vault.retire_pair(site.admin(), &name, number, force, &IfMatch::Any).await;
    assert!(matches!(retire(2, true).await, Err(VaultError::Conflict(_))), "it is current");
    assert!(matches!(retire(1, false).await, Err(VaultError::Conflict(_))), "it is held");
    retire(1, true).await.unwrap();
    assert_eq!(denied(read(PREVIOUS).await), Denial::Version(Unavailable::Unknown));
    assert_eq!(denied(read(version(1)).await), Denial::Version(Unavailable::Retired));
    assert!(holds(&read(ANY).await.unwrap(), "id 2", Some("secret 2")));
    assert!(matches!(retire(1, true).await, Err(VaultError::Conflict(_))), "it is retired");

    site.vault.reset_pair(site.admin(), &name, &IfMatch::Any).await.unwrap();
    assert!(matches!(denied(read(ANY).await), Denial::Version(_)));
    assert!(matches!(denied(read(PREVIOUS).await), Denial::Version(_)));
    let captured =
        site.vault.rotate_pair(site.admin(), &name, pair("3", spread(0, true)), &IfMatch::Any).await.unwrap();
    assert_eq!((captured.version, read(ANY).await.unwrap().version), (3, 3));

    let site = site.restarted().await;
    assert_eq!(site.vault.read_pair(asker(&fsm), &name, ANY).await.unwrap().version, 3);
}

#[tokio::test]
async fn only_owners_who_may_edit_rotate() {
    let site = Site::with_fsm().await;
    let name = "fsm".parse().unwrap();
    let creator = site.operator("c", Level::Create, "1").await;
    let editor = site.operator("e", Level::Edit, "1").await;
    let stranger = site.operator("s", Level::Edit, "9").await;
    let rotate = async |session| {
        site.vault.rotate_pair(asker(session), &name, pair("2", spread(0, true)), &IfMatch::Any).await
    };
    assert_eq!(denied(rotate(&creator).await), Denial::Level(Lacking::OwnersLevel(Level::Edit)));
    assert_eq!(denied(rotate(&stranger).await), Denial::Level(Lacking::Owning));
    rotate(&editor).await.unwrap();
}

/// Large values aren't held in memory: a hard cut may destroy one between the decision and the opening, and the next
/// one again.
#[tokio::test(flavor = "multi_thread")]
async fn hard_cuts_of_a_large_value_keep_nobody_from_reading() {
    let site = Arc::new(Site::unsealed().await);
    let id: SecretId = "_a".parse().unwrap();
    let large = |number: u64| number.to_string().repeat(50_000);
    site.secret("_a", &large(1), OPEN).await.unwrap();
    let service = Arc::new(site.service("fsm", "customscript_a", &[]).await);
    let done = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (site, service, id, done) =
                (Arc::clone(&site), Arc::clone(&service), id.clone(), Arc::clone(&done));
            tokio::spawn(async move {
                while !done.load(Ordering::Relaxed) {
                    let read = site.vault.read_value(asker(&service), &id, ANY).await.unwrap();
                    assert!(read.value.same_as(&plain(&large(read.version))));
                }
            })
        })
        .collect();
    for number in 2..30 {
        let new = NewVersion { value: plain(&large(number)), spread: spread(0, true) };
        site.vault.rotate_secret(site.admin(), &id, new, &IfMatch::Any).await.unwrap();
    }
    done.store(true, Ordering::Relaxed);
    for reader in readers {
        reader.await.unwrap();
    }
}

/// The promise that the product is named for: 64 readers never see halves of two pairs.
async fn never_mixed(site: Site, rotations: u64) {
    let site = Arc::new(site);
    let (name, done, reads) =
        ("fsm".parse().unwrap(), Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    site.vault.rotate_pair(site.admin(), &name, pair("2", spread(0, true)), &IfMatch::Any).await.unwrap();
    let fsm = Arc::new(site.service("fsm", "customscript_nx_suitelet2", &[]).await);
    let readers: Vec<_> = (0..64)
        .map(|_| {
            let (site, fsm, name) = (Arc::clone(&site), Arc::clone(&fsm), name.clone());
            let (done, reads) = (Arc::clone(&done), Arc::clone(&reads));
            tokio::spawn(async move {
                let mut last = 0;
                while !done.load(Ordering::Relaxed) {
                    let read = site.vault.read_pair(asker(&fsm), &name, ANY).await.unwrap();
                    let number = read.version;
                    let (id, secret) = (format!("id {number}"), format!("secret {number}"));
                    assert!(holds(&read, &id, Some(&secret)), "{number} is mixed");
                    assert!(number >= last, "{number} after {last}");
                    last = number;
                    reads.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for number in 3..3 + rotations {
        let grace = if number % 3 == 0 { 0 } else { 3600 };
        // The readers may lag behind; this is not about sparing them.
        let new = pair(&number.to_string(), Spread { force: true, ..spread(grace, true) });
        assert_eq!(
            site.vault.rotate_pair(site.admin(), &name, new, &IfMatch::Any).await.unwrap().version,
            number
        );
    }
    done.store(true, Ordering::Relaxed);
    for reader in readers {
        reader.await.unwrap();
    }
    assert!(reads.load(Ordering::Relaxed) > rotations, "the readers were starved");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pair_is_never_mixed() {
    never_mixed(Site::with_fsm().await, 300).await;
}

/// Nor of a record whose pair came later; there the first rotation is version 1.
#[tokio::test(flavor = "multi_thread")]
async fn a_pair_that_is_captured_later_is_never_mixed() {
    let site = Site::unsealed().await;
    let new = NewIntegration { pair: None, ..new_fsm("", "") };
    site.vault.create_integration(site.admin(), new).await.unwrap();
    let name = "fsm".parse().unwrap();
    let first = site.vault.rotate_pair(site.admin(), &name, pair("1", spread(0, true)), &IfMatch::Any).await;
    assert_eq!(first.unwrap().version, 1);
    never_mixed(site, 100).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes; tests/all --full runs it"]
async fn a_pair_is_never_mixed_over_ten_thousand_rotations() {
    never_mixed(Site::with_fsm().await, 10_000).await;
}
