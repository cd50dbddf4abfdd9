//! What a timer writes down: the log's head, and what was refused while nothing could be written.

use super::frail::{Frail, Next};
use super::site::*;

const OPEN: &str = r#"{"allow_all_scripts":true,"allow_all_domains":true}"#;

fn recorded(site: &Site) -> u64 {
    let live = site.vault.live();
    live.unsealed().ok().unwrap().registry.checkpoint.as_ref().unwrap().checkpoint.seq
}

/// Or its last lines could be cut off unnoticed, for as long as nothing else is written.
#[tokio::test]
async fn a_head_that_had_no_room_is_recorded_later() {
    let (site, frail) = Frail::under(Site::sealed().await).await;
    site.vault.unseal_locally(plain("right")).await.unwrap();
    site.secret("_a", "x", OPEN).await.unwrap();
    let service = site.service("mobile", "customscript_a", &[]).await;
    site.vault.read_value(asker(&service), &"_a".parse().unwrap(), ANY).await.unwrap();
    let end = site.log(1).await[0].seq;
    assert!(recorded(&site) < end);
    frail.fails(Next::Full, false);
    site.vault.tend_log().await.unwrap_err();
    assert!(recorded(&site) < end);
    site.vault.tend_log().await.unwrap();
    assert_eq!(recorded(&site), end);
    // It is recorded once.
    let epoch = site.vault.live().unsealed().ok().unwrap().registry.next_epoch();
    site.vault.tend_log().await.unwrap();
    assert_eq!(site.vault.live().unsealed().ok().unwrap().registry.next_epoch(), epoch);
}

#[tokio::test]
async fn what_is_refused_in_the_last_moment_of_an_unsealing_is_in_the_log() {
    for written_by in ["timer", "seal", "close"] {
        let site = Site::unsealed().await;
        let service = site.service("mobile", "customscript_a", &[]).await;
        let entry = asker(&service).entry(None, "vault.unseal");
        site.vault.refuse_unknown_operator(asker(&service), entry).unwrap_err();
        match written_by {
            "timer" => site.vault.tend_log().await.unwrap(),
            "seal" => site.vault.seal(site.admin()).await.unwrap(),
            _ => site.vault.close().await.unwrap(),
        }
        let site = site.restarted().await;
        let is_told = |entries: Vec<crate::audit::LoggedEntry>| {
            let refused = entries.into_iter().map(|each| each.entry);
            refused.filter(|entry| entry.action == "vault.unseal" && entry.reason.is_some()).count()
        };
        assert_eq!(is_told(site.log(50).await), 1, "{written_by}");
    }
}
