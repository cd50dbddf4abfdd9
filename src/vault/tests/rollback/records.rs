//! A single record put back, lost or taken away: the census notices, and the rest is had once that is accepted.

use super::super::site::*;
use super::{OPEN, after, unsealing, with_an_older_copy};
use crate::keys::{RecordKind, Sealed, StoreKey};
use crate::store::{Batch, Expect, SledStore, Store};
use crate::vault::*;

/// What one record of the store has come to, found by what it names.
#[derive(Debug, Clone, Copy)]
enum Loss {
    Head,
    Caller,
    Value,
    Secret,
    Half,
}

#[tokio::test]
async fn without_one_record_the_rest_is_had_once_that_is_accepted() {
    use crate::keys::RecordName as Name;
    for loss in [Loss::Head, Loss::Caller, Loss::Value, Loss::Secret, Loss::Half] {
        let site = Site::with_fsm().await;
        let reader = site.service("reader", "customscript_a", &[]).await;
        let fsm = site.service("fsm", "customscript_nx_suitelet2", &[]).await;
        site.service("crm", "customscript_a", &[]).await;
        for id in ["_a", "_b"] {
            site.secret(id, "x", OPEN).await.unwrap();
            site.vault.read_value(asker(&reader), &id.parse().unwrap(), ANY).await.unwrap();
        }
        site.vault.close().await.unwrap();
        let Site { directory, clock, vault, admin, _keep } = site;
        let (id, crm) = ("_b".parse().unwrap(), "crm".parse().unwrap());
        let half = (crate::model::FSM_SECRETS[1]).parse().unwrap();
        let gone = {
            let (_, keys) = vault.header().open(&plain("right")).unwrap();
            keys.store_key(&match loss {
                Loss::Head => Name::Checkpoint,
                Loss::Caller => Name::Caller(&crm),
                Loss::Value => Name::Value(&id, 1),
                Loss::Secret => Name::Secret(&id),
                Loss::Half => Name::Value(&half, 1),
            })
        };
        drop(vault);
        let store = SledStore::open(&directory.store()).unwrap();
        store.commit(Batch::new().delete(gone, Expect::Any)).await.unwrap();
        drop(store);
        let vault = reopened(&directory, &clock).await;
        let refused = vault.unseal_locally(plain("right")).await;
        assert!(matches!(refused, Err(VaultError::RolledBack(_))), "{loss:?}: {refused:?}");
        vault.unseal_locally_accepting_rollback(plain("right")).await.unwrap();
        let site = Site { directory, clock, vault, admin, _keep };
        let log = site.log(20).await;
        let accepted = log.iter().find(|each| each.entry.action == "vault.accept_rollback").unwrap();
        let told = accepted.entry.changes.as_ref().unwrap();
        assert!(told["records"]["flaw"].is_string(), "{loss:?}: {told}");
        site.vault.close().await.unwrap();
        // It is whole from then on, and what was lost can be made again.
        let site = after(site, |_| {}).await;
        unsealing(&site).await.unwrap();
        let there = site.vault.read_value(asker(&reader), &"_a".parse().unwrap(), ANY).await;
        assert!(there.unwrap().value.same_as(&plain("x")), "{loss:?}");
        let lost = site.vault.read_value(asker(&reader), &id, ANY).await;
        assert_eq!(lost.is_err(), matches!(loss, Loss::Value | Loss::Secret), "{loss:?}");
        let pair = site.vault.read_pair(asker(&fsm), &"fsm".parse().unwrap(), ANY).await;
        assert_eq!(pair.is_err(), matches!(loss, Loss::Half), "{loss:?}");
        if let Loss::Secret = loss {
            site.secret("_b", "y", OPEN).await.unwrap();
            site.vault.read_value(asker(&reader), &id, ANY).await.unwrap();
            site.vault.record_uses().await.unwrap();
        }
        if let Loss::Value = loss {
            let spread = Spread { grace: None, activate: true, note: None, force: false };
            let new = NewVersion { value: plain("y"), spread };
            site.vault.rotate_secret(site.admin(), &id, new, &IfMatch::Any).await.unwrap();
            site.vault.read_value(asker(&reader), &id, ANY).await.unwrap();
        }
        let site = site.restarted().await;
        site.vault.rekey(site.admin(), vec![plain("right")], false).await.unwrap();
    }
}

#[tokio::test]
async fn a_single_record_put_back_taken_away_or_added_is_noticed() {
    let (site, older) = with_an_older_copy().await;
    let before = SledStore::open(&older.join("store")).unwrap().scan().await.unwrap();
    let Site { directory, clock, vault, admin: _, _keep } = site;
    drop(vault);
    let now = SledStore::open(&directory.store()).unwrap().scan().await.unwrap();
    let changed = |(key, sealed): &&(StoreKey, Sealed)| {
        key.kind() == RecordKind::Caller && now.iter().any(|(each, other)| each == key && other != sealed)
    };
    let (revoked, active) = before.iter().find(changed).unwrap();
    let (kept, after) = now.iter().find(|(key, _)| key == revoked).unwrap();
    let deleted: Vec<_> = before.iter().filter(|(key, _)| now.iter().all(|(each, _)| each != key)).collect();
    assert_eq!(deleted.len(), 2, "a secret and its value");
    let keep = || Batch::new().put(*kept, Expect::Any, after.clone());
    let take_away =
        |batch: Batch| deleted.iter().fold(batch, |batch, (key, _)| batch.delete(*key, Expect::Any));
    let mut cases = vec![
        ("put back", Batch::new().put(*revoked, Expect::Any, active.clone())),
        ("taken away", Batch::new().delete(*kept, Expect::Any)),
    ];
    let add = |batch: Batch, (key, sealed): &(StoreKey, Sealed)| batch.put(*key, Expect::Any, sealed.clone());
    cases.extend(deleted.iter().map(|each| ("added", add(Batch::new(), each))));
    cases.push(("added", deleted.iter().fold(Batch::new(), |batch, each| add(batch, each))));
    for (what, batch) in cases {
        let store = SledStore::open(&directory.store()).unwrap();
        store.commit(batch).await.unwrap();
        drop(store);
        let vault = reopened(&directory, &clock).await;
        let refused = vault.unseal_locally(plain("right")).await;
        assert!(matches!(refused, Err(VaultError::RolledBack(_))), "{what}: {refused:?}");
        drop(vault);
        let store = SledStore::open(&directory.store()).unwrap();
        store.commit(take_away(keep())).await.unwrap();
    }
    let vault = reopened(&directory, &clock).await;
    vault.unseal_locally(plain("right")).await.unwrap();
}
