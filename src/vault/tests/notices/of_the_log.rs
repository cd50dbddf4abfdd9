//! Notices of the log: damage, strays beside it, a journal that is away.

use super::super::site::*;
use super::OPEN;
use crate::model::NoticeLevel;

#[tokio::test]
async fn a_damaged_log_is_critical_until_it_is_found_whole() {
    let site = Site::unsealed().await;
    site.secret("_a", "v", OPEN).await.unwrap();
    site.vault.close().await.unwrap();
    let site = site
        .restarted_after(async |new| {
            let path = new.directory.audit().join("audit-00000001.jsonl");
            let text = std::fs::read_to_string(&path).unwrap();
            let at = text.rfind("vault.close").unwrap();
            let cut = text[..at].rfind('\n').unwrap() + 1;
            std::fs::write(&path, &text[..cut]).unwrap();
        })
        .await;
    let told = site.notices().await;
    let id = told.first_key_value().unwrap().0.clone();
    assert!(told.len() == 1 && id.starts_with("audit_damage.log.s1-l"), "{told:?}");
    assert_eq!(told[&id], NoticeLevel::Critical);
    assert!(site.vault.verify_log(site.admin()).await.unwrap().first_bad.is_some());
    site.vault.close().await.unwrap();
    let site = site.restarted().await;
    assert_eq!(site.notices().await, told, "a restart mends nothing");
    assert_eq!(site.said("notice.raise").await, [id]);
}

/// A line before the recorded head, in the segment that is written to, while the daemon is down and while it runs.
#[tokio::test]
async fn a_bent_line_in_the_segment_in_use_is_critical_at_once_and_over_restarts() {
    for while_it_runs in [false, true] {
        let site = Site::unsealed().await;
        site.secret("_a", "v", OPEN).await.unwrap();
        let bend = |path: std::path::PathBuf| {
            let text = std::fs::read_to_string(&path).unwrap();
            assert_eq!(text.lines().position(|line| line.contains("secret.create")), Some(3), "{text}");
            std::fs::write(&path, text.replacen("secret.create", "secret.delete", 1)).unwrap();
        };
        let name = "audit-00000001.jsonl";
        let site = if while_it_runs {
            bend(site.directory.audit().join(name));
            assert!(site.notices().await.is_empty(), "nobody has looked");
            for _ in 0..2 {
                assert!(site.vault.verify_log(site.admin()).await.unwrap().first_bad.is_some());
            }
            site
        } else {
            site.vault.close().await.unwrap();
            site.restarted_after(async |new| bend(new.directory.audit().join(name))).await
        };
        let told = site.notices().await;
        let told: Vec<_> = told.iter().map(|(id, level)| (id.as_str(), *level)).collect();
        assert_eq!(told, [("audit_damage.log.s1-l4", NoticeLevel::Critical)]);
        assert!(site.vault.log_standing().unwrap().damaged);
        let begun = site.directory.audit().join("audit-00000002.jsonl");
        assert!(std::fs::read_to_string(begun).unwrap().contains(r#""reason":"damage""#));
        site.vault.close().await.unwrap();
        let site = site.restarted().await;
        assert_eq!(site.notices().await.len(), 1, "a restart mends nothing");
        assert_eq!(site.said("audit.damage").await.len(), 1, "and tells nothing twice");
        assert!(site.vault.verify_log(site.admin()).await.unwrap().first_bad.is_some());
        assert!(!site.directory.audit().join("audit-00000003.jsonl").exists());
    }
}

#[tokio::test]
async fn a_stray_beside_the_log_is_told_until_it_is_gone() {
    let site = Site::unsealed().await;
    let stray = site.directory.audit().join("audit-00000009.jsonl");
    site.vault.close().await.unwrap();
    let site = site.restarted_after(async |_| std::fs::write(&stray, "junk").unwrap()).await;
    let told = site.notices().await;
    assert_eq!(told.keys().collect::<Vec<_>>(), ["audit_damage.log.s9-stray"]);
    site.vault.close().await.unwrap();
    let site = site.restarted().await;
    assert_eq!(site.notices().await, told, "and once");
    std::fs::remove_file(&stray).unwrap();
    assert!(site.vault.verify_log(site.admin()).await.unwrap().first_bad.is_none());
    assert!(site.notices().await.is_empty());
}

#[tokio::test]
async fn a_journal_that_is_away_is_told_until_it_is_back() {
    let mut site = Site::unsealed().await;
    let socket = site.directory.path().join("journal");
    site.vault.audit.journal = Some(socket.clone());
    for round in 1..3 {
        let told = site.notices().await;
        assert_eq!(
            told.into_iter().collect::<Vec<_>>(),
            [("journal.journald.away".to_owned(), NoticeLevel::Warning)]
        );
        let journald = std::os::unix::net::UnixDatagram::bind(&socket).unwrap();
        assert!(site.notices().await.is_empty());
        assert_eq!(site.said("notice.clear").await.len(), round);
        // It ends, and leaves its socket behind.
        drop(journald);
        assert_eq!(site.notices().await.len(), 1);
        std::fs::remove_file(&socket).unwrap();
    }
}
