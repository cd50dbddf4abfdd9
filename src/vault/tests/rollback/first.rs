//! The file `epoch` where there is none yet: it is on the disk before the store remembers that there is one.

use super::*;

#[tokio::test]
async fn a_crash_in_the_first_start_leaves_no_older_copy() {
    for next in [Next::FailsWritten, Next::FailsUnwritten] {
        let (site, frail) = Frail::under(Site::sealed().await).await;
        frail.fails(next, true);
        // Nothing comes after the batch.
        unsealing(&site).await.unwrap();
        drop(frail);
        let site = after(site, |_| {}).await;
        unsealing(&site).await.unwrap();
    }
}

#[tokio::test]
async fn where_it_cant_be_made_the_first_start_fails_and_is_simply_done_again() {
    let site = Site::sealed().await;
    let log = std::fs::read_dir(site.directory.audit()).unwrap().count();
    let in_the_way = site.directory.epoch().with_extension("draft");
    std::fs::create_dir(&in_the_way).unwrap();
    let refused = unsealing(&site).await;
    assert!(matches!(refused, Err(VaultError::File { .. })), "{refused:?}");
    let told = refused.unwrap_err().to_string();
    assert!(told.contains(&format!("move it away: mv {} ", in_the_way.display())), "{told}");
    assert!(site.vault.is_sealed() && std::fs::read_dir(site.directory.audit()).unwrap().count() == log);
    std::fs::remove_dir(&in_the_way).unwrap();
    unsealing(&site).await.unwrap();
}

#[tokio::test]
async fn a_crash_in_an_acceptance_without_the_file_is_a_crash_before_it_or_after_it() {
    for (next, made) in [(Next::FailsWritten, true), (Next::FailsUnwritten, false)] {
        let (site, _) = with_an_older_copy().await;
        let site = after(site, |directory| std::fs::remove_file(directory.epoch()).unwrap()).await;
        let (site, frail) = Frail::under(site).await;
        frail.fails(next, true);
        let _ = site.vault.unseal_locally_accepting_rollback(plain("right")).await;
        drop(frail);
        let site = after(site, |_| {}).await;
        let again = unsealing(&site).await;
        assert_eq!(again.is_ok(), made, "{again:?}");
    }
}

#[tokio::test]
async fn a_directory_in_its_place_is_named_and_to_be_moved_away() {
    let (site, _) = with_an_older_copy().await;
    let site = after(site, |directory| {
        std::fs::remove_file(directory.epoch()).unwrap();
        std::fs::create_dir(directory.epoch()).unwrap();
    })
    .await;
    let path = site.directory.epoch();
    let refused = unsealing(&site).await;
    let accepted = site.vault.unseal_locally_accepting_rollback(plain("right")).await;
    for outcome in [refused, accepted] {
        let told = outcome.unwrap_err().to_string();
        assert!(told.contains(&format!("{} is a directory", path.display())), "{told}");
        assert!(told.contains("move it away"), "{told}");
    }
    std::fs::remove_dir(&path).unwrap();
    assert!(matches!(unsealing(&site).await, Err(VaultError::RolledBack(_))));
    site.vault.unseal_locally_accepting_rollback(plain("right")).await.unwrap();
}
