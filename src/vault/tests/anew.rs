//! What was decided on is deleted and made anew before it is opened.

use super::super::*;
use super::site::*;
use crate::model::Denial;

fn pair(ids: [&str; 2], script: &str, values: [&str; 2]) -> NewIntegration {
    let mut form = crate::model::IntegrationForm::fsm();
    let rules = format!(r#"{{"scripts":["{script}"],"allow_all_domains":true}}"#);
    let rules: crate::model::RestrictionsForm = serde_json::from_str(&rules).unwrap();
    form.restrictions = Some(rules);
    form.redirect_uris = vec!["https://crm.example/back".to_owned()];
    let [client_id, client_secret] = ids.map(|id| Some(id.parse().unwrap()));
    NewIntegration {
        name: "crm".parse().unwrap(),
        form,
        is_template: false,
        client_id_secret: client_id,
        client_secret_secret: client_secret,
        pair: Some(given(values[0], Some(values[1]))),
    }
}

/// The record made anew has a pair of the same number, in other secrets.
#[tokio::test]
async fn a_pair_is_decided_on_anew() {
    let long = |head: &str| format!("{head}{}", "x".repeat(40_000));
    for (large, script) in [(false, "customscript_a"), (true, "customscript_a"), (false, "customscript_b")] {
        let text = |head: &str| if large { long(head) } else { head.to_owned() };
        let site = Site::unsealed().await;
        let reader = site.service("reader", "customscript_a", &[]).await;
        let name = "crm".parse().unwrap();
        let old = pair(["_old_id", "_old_secret"], "customscript_a", [&text("old id"), &text("old secret")]);
        site.vault.create_integration(site.admin(), old).await.unwrap();

        // One place for large values is what it waits for, once its entry is written and its bytes are read.
        let places = site.vault.large.available_permits();
        let taken = site.vault.large.acquire_many(u32::try_from(places).unwrap()).await.unwrap();
        let mut read = Box::pin(site.vault.read_pair(asker(&reader), &name, ANY));
        for _ in 0..if large { 200 } else { 1 } {
            assert!(futures_util::poll!(&mut read).is_pending());
            tokio::task::yield_now().await;
        }
        site.vault.delete_integration(site.admin(), &name, &IfMatch::Any).await.unwrap();
        let new = pair(["_new_id", "_new_secret"], script, [&text("new id"), &text("new secret")]);
        let made = site.vault.create_integration(site.admin(), new).await.unwrap();
        assert_eq!(made.seen.pair.as_ref().unwrap().current().unwrap().number, 1);
        drop(taken);
        let read = read.await;
        if script == "customscript_b" {
            assert_eq!(denied(read), Denial::ScriptNotAllowed);
            continue;
        }
        assert!(holds(&read.unwrap(), &text("new id"), Some(&text("new secret"))), "large: {large}");
        // What left is what the last entry is of.
        let entries = site.log(9).await;
        let mut reads = entries.iter().filter(|each| each.entry.action == "integration.read");
        let (last, first) = (&reads.next().unwrap().entry, &reads.next().unwrap().entry);
        assert_ne!(last.fingerprint, first.fingerprint);
        assert!(reads.next().is_none());
    }
}
