//! What comes out of a backup, and what a restore leaves that failed.

use super::*;

#[tokio::test]
async fn what_is_restored_is_what_was_there() {
    let site = Site::with_fsm().await;
    let fsm = site.service("fsm", "customscript_nx_suitelet2", &[]).await;
    let gone = site.service("gone", "customscript_nx_suitelet2", &[]).await;
    for _ in 0..50 {
        site.vault.list_secrets(site.admin(), &SecretFilter::default(), None, 9).await.unwrap();
    }
    let desk = site.operator("desk", Level::Edit, "1").await;
    let name = "fsm".parse().unwrap();
    site.vault.read_pair(asker(&fsm), &name, ANY).await.unwrap();
    let path = site.backed_up().await;
    let pair = NewPair { source: given("later id", Some("later secret")), spread: spread() };
    site.vault.rotate_pair(site.admin(), &name, pair, &IfMatch::Any).await.unwrap();

    for (without, why) in [(vec!["nobody"], 4), (vec!["admin"], 6), (vec!["gone", "admin"], 6)] {
        let backup = inspected(&path, "right").unwrap();
        let refused = restore_backup(backup, site.restoring("new", &without)).await.err().unwrap();
        assert_eq!(refused.exit_code(), why, "{without:?}");
    }
    assert!(!site._keep.path().join("new").exists());
    let in_use = Restoring { directory: site.directory.clone(), ..site.restoring("new", &[]) };
    let refused = restore_backup(inspected(&path, "right").unwrap(), in_use).await.err().unwrap();
    assert!(matches!(refused, VaultError::Conflict(_)));

    let plan = site.restoring("new", &["gone", "gone"]);
    let directory = plan.directory.clone();
    let restored = restore_backup(inspected(&path, "right").unwrap(), plan).await.unwrap();
    let names = |all: &[crate::model::CallerName]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        (names(&restored.active), names(&restored.revoked)),
        (vec!["admin".into(), "desk".into(), "fsm".into()], vec!["gone".into()])
    );

    let (store, audit, notices) =
        (open_store(&directory).unwrap(), settings(&directory), NoticeRules::default());
    let opening = Opening { directory, store, audit, notices, clock: site.clock.clone() };
    let vault = Vault::open(opening).await.unwrap();
    vault.unseal(site.admin(), plain("right")).await.unwrap();
    let read = vault.read_pair(asker(&fsm), &name, ANY).await.unwrap();
    assert!(holds(&read, "the id", Some("the secret")));
    assert_eq!(denied(vault.read_pair(asker(&gone), &name, ANY).await), Denial::CallerRevoked);
    // One fetch of then, and one of now.
    let half = "custsecret_fsm_oauth2_client_id".parse().unwrap();
    let consumers = vault.list_consumers(site.admin(), &half, None, 9).await.unwrap();
    assert_eq!(consumers.items[0].last.count, 2);
    assert!(vault.verify_log(site.admin()).await.unwrap().first_bad.is_none());
    // The log that begins here tells of nobody before those who are there, however long the one before was.
    let look = Look { start: Start::Newest, limit: 100, numbers: 0..=u64::MAX };
    vault.list_secrets(asker(&desk), &SecretFilter::default(), None, 9).await.unwrap();
    let own = vault.read_log(asker(&desk), look, Filter::default()).await.unwrap().entries;
    assert!(own.iter().any(|each| each.entry.action == "secret.list"));
    assert!(own.iter().any(|each| each.entry.action == "integration.read"), "of the pair that is his");
    vault.revoke_caller(site.admin(), &"fsm".parse().unwrap(), &IfMatch::Any).await.unwrap();
    vault.close().await.unwrap();
}

/// Its files move to another place under another root key: what is under way is of the old one.
#[tokio::test(flavor = "multi_thread")]
async fn a_rekey_gives_up_what_is_under_way_and_the_next_restores_whole() {
    let site = Site::with_fsm().await;
    for number in 0..5 {
        site.large(&format!("_s{number}")).await;
    }
    let backup = site.vault.begin_backup(site.admin()).await.unwrap();
    assert!(site.vault.go_on(&backup).await.unwrap().is_some());
    site.vault.rekey(site.admin(), vec![plain("right")], false).await.unwrap();
    assert!(matches!(site.vault.go_on(&backup).await, Err(VaultError::GivenUp(_))));

    let whole = inspected(&site.backed_up().await, "right").unwrap();
    assert_eq!(whole.counts.records["former_chain"], 1);
    let plan = site.restoring("new", &[]);
    let directory = plan.directory.clone();
    restore_backup(whole, plan).await.unwrap();
    let (store, audit, notices) =
        (open_store(&directory).unwrap(), settings(&directory), NoticeRules::default());
    let opening = Opening { directory, store, audit, notices, clock: site.clock.clone() };
    let vault = Vault::open(opening).await.unwrap();
    vault.unseal_locally(plain("right")).await.unwrap();
    // The log begins anew, under the one key that there is: the former one was of segments that aren't here.
    assert!(vault.verify_log(site.admin()).await.unwrap().first_bad.is_none());
    vault.close().await.unwrap();
}

#[tokio::test]
async fn a_restore_that_failed_leaves_no_vault_and_nothing_to_make_one_in() {
    let site = Site::with_fsm().await;
    let path = site.backed_up().await;
    let bytes = std::fs::read(&path).unwrap();
    let backup = inspected(&path, "right").unwrap();
    // Exchanged after it was looked at: the last byte of the digest.
    let mut bent = bytes.clone();
    *bent.last_mut().unwrap() ^= 1;
    std::fs::write(&path, &bent).unwrap();
    let plan = site.restoring("new", &[]);
    let directory = plan.directory.clone();
    assert!(restore_backup(backup, plan).await.is_err());
    let store = open_store(&directory).unwrap();
    assert!(store.header().await.unwrap().is_none());
    let opening = Opening {
        directory: directory.clone(),
        store,
        audit: settings(&directory),
        notices: NoticeRules::default(),
        clock: site.clock.clone(),
    };
    let told = |what: &str, error: Option<VaultError>| {
        let Some(VaultError::Conflict(why)) = error else { panic!("{what}: {error:?}") };
        assert!(why.contains("came to no end") && why.contains("remove that directory"), "{what}: {why}");
    };
    told("opened", Vault::open(opening).await.err());
    std::fs::write(&path, &bytes).unwrap();
    let again = async || restore_backup(inspected(&path, "right").unwrap(), site.restoring("new", &[])).await;
    told("restored", again().await.err());
    std::fs::remove_dir_all(directory.path()).unwrap();
    again().await.unwrap();
    // A crash right after the header was written leaves a whole vault, and the mark.
    directory.begin_restore().unwrap();
    reopened(&directory, &site.clock).await.unseal_locally(plain("right")).await.unwrap();
    assert!(!matches!(again().await, Err(VaultError::Conflict(why)) if why.contains("came to no end")));
}

/// They name segments of the log that the restored vault doesn't have, and its own begins with the same numbers.
#[tokio::test]
async fn damage_of_the_old_log_is_told_of_the_new_one_only_if_it_is_damaged_too() {
    let site = Site::unsealed().await;
    site.vault.close().await.unwrap();
    let lose_log = |directory: &Directory| std::fs::remove_dir_all(directory.audit()).unwrap();
    let site = site.restarted_after(async |new| lose_log(&new.directory)).await;
    let told = async |vault: &Vault| {
        vault.tend_notices().await.unwrap();
        let all = vault.first_notices(site.admin(), NoticeLevel::Critical, 9).await.unwrap().items;
        all.iter().map(|seen| seen.id.as_str().to_owned()).collect::<Vec<_>>()
    };
    let of_old = told(&site.vault).await;
    assert_eq!(of_old, ["audit_damage.log.s1-missing"]);
    site.vault.acknowledge_notice(site.admin(), &of_old[0].parse().unwrap()).await.unwrap();
    let path = site.backed_up().await;
    let plan = site.restoring("new", &[]);
    let directory = plan.directory.clone();
    restore_backup(inspected(&path, "right").unwrap(), plan).await.unwrap();
    let vault = reopened(&directory, &site.clock).await;
    vault.unseal_locally(plain("right")).await.unwrap();
    assert!(told(&vault).await.is_empty());
    vault.close().await.unwrap();
    drop(vault);
    lose_log(&directory);
    let vault = reopened(&directory, &site.clock).await;
    vault.unseal_locally(plain("right")).await.unwrap();
    assert_eq!(told(&vault).await, of_old, "nobody has acknowledged this");
}
