//! Numbers of versions in a vault that was restored: none that the lost one gave, whatever happened after the backup.

use super::*;

async fn restored(site: &Site, path: &Path, name: &str) -> Vault {
    let plan = site.restoring(name, &[]);
    let directory = plan.directory.clone();
    restore_backup(inspected(path, "right").unwrap(), plan).await.unwrap();
    opened(site, directory).await
}

async fn opened(site: &Site, directory: Directory) -> Vault {
    let (store, audit, notices) =
        (open_store(&directory).unwrap(), settings(&directory), NoticeRules::default());
    let opening = Opening { directory, store, audit, notices, clock: site.clock.clone() };
    let vault = Vault::open(opening).await.unwrap();
    vault.unseal_locally(plain("right")).await.unwrap();
    vault
}

async fn rotated(vault: &Vault, site: &Site, value: &str) -> u64 {
    let new = NewVersion { value: plain(value), spread: spread() };
    vault.rotate_secret(site.admin(), &"_old".parse().unwrap(), new, &IfMatch::Any).await.unwrap().version
}

async fn made(vault: &Vault, site: &Site, id: &str) -> u64 {
    let seen = vault.create_secret(site.admin(), new_secret(id, "value", OPEN)).await.unwrap();
    seen.secret.last_version
}

#[tokio::test]
async fn none_is_given_again() {
    let site = Site::unsealed().await;
    assert_eq!(made(&site.vault, &site, "_old").await, 1);
    let path = site.backed_up().await;
    assert_eq!(rotated(&site.vault, &site, "lost").await, 2);
    assert_eq!(made(&site.vault, &site, "_lost").await, 1);

    let vault = restored(&site, &path, "first").await;
    let read = vault.see_secret(site.admin(), &"_old".parse().unwrap()).await.unwrap();
    assert_eq!(read.secret.current().unwrap().number, 1, "what there was keeps its number");
    let numbers = [rotated(&vault, &site, "new").await, made(&vault, &site, "_lost").await];
    assert!(numbers.iter().all(|number| *number > 1_000_000), "{numbers:?}");
    // Under other keys, and after a restart, it is still known; so it is of what was deleted meanwhile.
    vault.rekey(site.admin(), vec![plain("right")], false).await.unwrap();
    vault.delete_secret(site.admin(), &"_lost".parse().unwrap(), &IfMatch::Any).await.unwrap();
    vault.close().await.unwrap();
    drop(vault);
    let vault = opened(&site, site.restoring("first", &[]).directory).await;
    assert_eq!(rotated(&vault, &site, "newer").await, numbers[0] + 1);
    assert_eq!(made(&vault, &site, "_lost").await, numbers[1] + 1);
    assert_eq!(made(&vault, &site, "_later").await, numbers[1]);
    vault.close().await.unwrap();

    // That one is lost too, and the same backup is all there is.
    site.later(60);
    let vault = restored(&site, &path, "second").await;
    let again = rotated(&vault, &site, "newest").await;
    assert!(again > numbers[0] + 1, "{again} {numbers:?}");
    vault.close().await.unwrap();
}

/// A pipeline that rotates for all it is worth gives more than one a second.
#[tokio::test]
async fn nor_where_many_were_given_in_a_short_time() {
    let site = Site::unsealed().await;
    made(&site.vault, &site, "_old").await;
    let path = site.backed_up().await;
    let vault = restored(&site, &path, "first").await;
    let mut last = 0;
    for nth in 0..30 {
        last = rotated(&vault, &site, &format!("value {nth}")).await;
    }
    vault.close().await.unwrap();
    site.later(1);
    let vault = restored(&site, &path, "second").await;
    let first = rotated(&vault, &site, "another").await;
    assert!(first > last, "{first} {last}");
    vault.close().await.unwrap();
}
