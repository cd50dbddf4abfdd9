//! The store of the vault that was backed up, with its file `epoch`, beside the log of the one that was restored.

use super::super::rollback::put_back;
use super::*;

/// What becomes of the restored vault before.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Before {
    Nothing,
    /// Its file `epoch` is lost, and that accepted.
    Accepted,
    /// The entry that says that it was restored is retired.
    Retired,
}

async fn kept(directory: &Directory, clock: &Arc<crate::clock::ManualClock>, retain: u32) -> Vault {
    let audit = crate::audit::Settings { segment_bytes: 2000, retain, ..settings(directory) };
    let (store, directory) = (open_store(directory).unwrap(), directory.clone());
    let opening = Opening { directory, store, audit, notices: NoticeRules::default(), clock: clock.clone() };
    Vault::open(opening).await.unwrap()
}

/// Reads, each a line, and what makes it possible to retire those before.
async fn looks(vault: &Vault, asker: Asker<'_>, number: usize) {
    for _ in 0..number {
        vault.see_secret(asker, &"_a".parse().unwrap()).await.map(drop).unwrap();
        vault.record_checkpoint().await.unwrap();
    }
}

#[tokio::test]
async fn it_is_an_older_one_whatever_became_of_the_restored_one() {
    for before in [Before::Nothing, Before::Accepted, Before::Retired] {
        let site = Site::unsealed().await;
        let gone = site.service("gone", "customscript_a", &[]).await;
        let ann = site.operator("ann", Level::View, "ann").await;
        site.secret("_a", "x", OPEN).await.unwrap();
        let path = site.backed_up().await;
        site.vault.close().await.unwrap();
        let Site { directory, clock, vault, admin, _keep } = site;
        drop(vault);
        let vault = kept(&directory, &clock, 0).await;
        vault.unseal_locally(plain("right")).await.unwrap();
        for number in 0..9 {
            // Its epoch is the higher one, and its log's end far off.
            let new = new_secret(&format!("_later_{number}"), "x", OPEN);
            vault.create_secret(asker(&admin), new).await.unwrap();
        }
        looks(&vault, asker(&admin), 150).await;
        vault.close().await.unwrap();
        let site = Site { directory, clock, vault, admin, _keep };
        let plan = site.restoring("new", &[]);
        let restored = plan.directory.clone();
        restore_backup(inspected(&path, "right").unwrap(), plan).await.unwrap();
        let Site { directory, clock, vault, admin, _keep } = site;
        drop(vault);

        let vault = kept(&restored, &clock, 2).await;
        vault.unseal_locally(plain("right")).await.unwrap();
        vault.revoke_caller(asker(&admin), &"gone".parse().unwrap(), &IfMatch::Any).await.unwrap();
        vault.revoke_caller(asker(&admin), &"ann".parse().unwrap(), &IfMatch::Any).await.unwrap();
        let site = Site { directory: restored.clone(), clock, vault, admin, _keep };
        let eve = site.operator("ann", Level::View, "eve").await;
        site.vault.see_secret(asker(&eve), &"_a".parse().unwrap()).await.map(drop).unwrap_err();
        site.vault.list_secrets(asker(&eve), &SecretFilter::default(), None, 9).await.unwrap();
        if before == Before::Retired {
            looks(&site.vault, site.admin(), 40).await;
            assert!(!restored.audit().join("audit-00000001.jsonl").exists());
        }
        site.vault.close().await.unwrap();
        let Site { clock, vault, _keep, .. } = site;
        drop(vault);
        if before == Before::Accepted {
            std::fs::remove_file(restored.epoch()).unwrap();
            let vault = kept(&restored, &clock, 2).await;
            vault.unseal_locally_accepting_rollback(plain("right")).await.unwrap();
            vault.close().await.unwrap();
        }

        put_back(&directory.store(), &restored.store());
        put_back(&directory.epoch(), &restored.epoch());
        let vault = kept(&restored, &clock, 2).await;
        let refused = vault.unseal_locally(plain("right")).await;
        let Err(VaultError::RolledBack(found)) = refused else { panic!("{before:?}: {refused:?}") };
        assert!(found.to_string().contains("restored from a backup"), "{before:?}: {found}");
        vault.unseal_locally_accepting_rollback(plain("right")).await.unwrap();
        vault.read_value(asker(&gone), &"_a".parse().unwrap(), ANY).await.unwrap();
        // What stands in that log under her name is another's doing.
        let look = Look { start: Start::Newest, limit: 1000, numbers: 0..=u64::MAX };
        let own = vault.read_log(asker(&ann), look, Filter::default()).await.unwrap().entries;
        assert!(own.iter().all(|each| each.entry.action != "secret.list"), "{before:?}: {own:?}");
        vault.close().await.unwrap();
        drop(vault);
        let vault = kept(&restored, &clock, 2).await;
        vault.unseal_locally(plain("right")).await.unwrap();
    }
}
