//! What operators may do, and what they can't.

use super::super::*;
use super::site::*;
use crate::audit::{Filter, LoggedEntry, Look, Outcome, Start};
use crate::model::{Denial, Lacking, Level, Release};

const OPEN: &str = r#"{"allow_all_scripts":true,"allow_all_domains":true}"#;

#[tokio::test]
async fn fsm_setup_is_all_or_nothing() {
    let site = Site::unsealed().await;
    site.secret("_fsm_oauth2_client_secret", "in the way", OPEN).await.unwrap();
    let outcome = site.vault.create_integration(site.admin(), new_fsm("a", "b")).await;
    assert!(matches!(outcome, Err(VaultError::Conflict(_))));
    assert_eq!(
        site.vault.list_secrets(site.admin(), &SecretFilter::default(), None, 10).await.unwrap().items.len(),
        1
    );
    assert!(site.vault.list_integrations(site.admin(), None, 10).await.unwrap().items.is_empty());

    for (id, secret) in [("", "b"), ("a", ""), ("same", "same")] {
        let outcome = site.vault.create_integration(site.admin(), new_fsm(id, secret)).await;
        assert!(matches!(outcome, Err(VaultError::Invalid(_))), "{id} {secret}");
    }
}

#[tokio::test]
async fn what_is_made_is_there_after_a_restart() {
    let site = Site::with_fsm().await;
    let fsm = site.service("fsm", "customscript_nx_suitelet2", &[]).await;
    let site = site.restarted().await;
    let pair = site.vault.read_pair(asker(&fsm), &"fsm".parse().unwrap(), ANY).await.unwrap();
    assert!(holds(&pair, "the id", Some("the secret")));
    let seen = site.vault.see_secret(site.admin(), &"_fsm_oauth2_client_id".parse().unwrap()).await.unwrap();
    assert_eq!(&*seen.secret.name, "FSM OAuth 2.0 Client ID");
    assert!(seen.restrictions().is_some());
}

#[tokio::test]
async fn one_of_two_makers_of_the_same_secret_wins() {
    let site = Site::unsealed().await;
    let (first, second) = tokio::join!(site.secret("_a", "one", OPEN), site.secret("_A", "two", OPEN));
    assert!(first.is_ok() != second.is_ok());
    let loser = if first.is_ok() { second } else { first };
    assert!(matches!(loser, Err(VaultError::Conflict(_))));
}

#[tokio::test]
async fn use_only_for_all_domains_is_refused() {
    let site = Site::unsealed().await;
    let mut new = new_secret("_a", "x", OPEN);
    new.release = Release::UseOnly;
    assert!(matches!(site.vault.create_secret(site.admin(), new).await, Err(VaultError::Invalid(_))));
    let mut new = new_secret("_a", "x", r#"{"allow_all_scripts":true,"domains":["a.example"]}"#);
    new.release = Release::UseOnly;
    site.vault.create_secret(site.admin(), new).await.unwrap();
    let service = site.service("fsm", "customscript_a", &[]).await;
    let domain = "a.example".parse().unwrap();
    let ask = crate::policy::Ask { domain: Some(&domain), ..ANY };
    let read = site.vault.read_value(asker(&service), &"_a".parse().unwrap(), ask).await;
    assert_eq!(denied(read), Denial::UseOnly);
}

#[tokio::test]
async fn lists_show_what_may_be_seen_and_nothing_else() {
    let site = Site::unsealed().await;
    let (viewer, creator) =
        (site.operator("v", Level::View, "8").await, site.operator("c", Level::Create, "9").await);
    site.secret("_a", "x", OPEN).await.unwrap();
    site.vault.create_secret(asker(&creator), new_secret("_b", "x", OPEN)).await.unwrap();
    let mut shared = new_secret("_c", "x", OPEN);
    shared.owners = vec!["8".parse().unwrap(), "9".parse().unwrap()];
    site.vault.create_secret(asker(&creator), shared).await.unwrap();

    let ids =
        |page: Page<SeenSecret>| page.items.iter().map(|seen| seen.secret.id.to_string()).collect::<Vec<_>>();
    for (session, expected) in [
        (&site.admin, vec!["custsecret_a", "custsecret_b", "custsecret_c"]),
        (&creator, vec!["custsecret_b", "custsecret_c"]),
        (&viewer, vec!["custsecret_c"]),
    ] {
        let listed =
            site.vault.list_secrets(asker(session), &SecretFilter::default(), None, 10).await.unwrap();
        assert_eq!(ids(listed), expected);
        for id in ["_a", "_b", "_c", "_nope"] {
            let id = id.parse::<crate::model::SecretId>().unwrap();
            let seen = site.vault.see_secret(asker(session), &id).await;
            assert_eq!(seen.is_ok(), expected.contains(&id.as_str()), "{id}");
            // One answer for what isn't there and what isn't one's own.
            assert!(matches!(seen, Ok(_) | Err(VaultError::NotFound("secret"))), "{id}");
        }
    }
    let first = site.vault.list_secrets(site.admin(), &SecretFilter::default(), None, 2).await.unwrap();
    assert!(first.more);
    let rest = site
        .vault
        .list_secrets(site.admin(), &SecretFilter::default(), Some(&first.items[1].secret.id), 2)
        .await
        .unwrap();
    assert_eq!((ids(rest), first.items.len()), (vec!["custsecret_c".to_owned()], 2));

    assert_eq!(
        denied(site.vault.create_secret(asker(&viewer), new_secret("_d", "x", OPEN)).await),
        Denial::Level(Lacking::Level(Level::Create))
    );
    assert_eq!(denied(site.vault.list_callers(asker(&creator), None, 9).await), FULL);
}

#[tokio::test]
async fn the_log_shows_an_operator_what_is_theirs() {
    let site = Site::unsealed().await;
    let creator = site.operator("c", Level::Create, "9").await;
    site.secret("_a", "x", OPEN).await.unwrap();
    site.vault.create_secret(asker(&creator), new_secret("_b", "x", OPEN)).await.unwrap();
    let seen = read(&site, asker(&creator), Filter::default()).await;
    assert!(seen.iter().all(|each| each.entry.secret.as_deref() != Some("custsecret_a")));
    assert!(seen.iter().any(|each| each.entry.secret.as_deref() == Some("custsecret_b")));
    let all = read(&site, site.admin(), Filter::default()).await;
    assert!(all.len() > seen.len());

    // What isn't theirs isn't found either, however it is looked for.
    let made = all.iter().find(|each| each.entry.secret.as_deref() == Some("custsecret_a")).unwrap();
    for filter in [
        Filter { secret: Some("custsecret_a".into()), ..Filter::default() },
        Filter { caller: Some("admin".into()), ..Filter::default() },
        Filter { since: Some(made.time), until: Some(made.time), ..Filter::default() },
    ] {
        assert_eq!(read(&site, asker(&creator), filter.clone()).await, [], "{filter:?}");
    }
    let look = Look { start: Start::Oldest, limit: 100, numbers: made.seq..=made.seq };
    let page = site.vault.read_log(asker(&creator), look.clone(), Filter::default()).await.unwrap();
    assert_eq!(page.entries, []);
    let page = site.vault.read_log(site.admin(), look, Filter::default()).await.unwrap();
    assert_eq!(page.entries.len(), 1);
    let theirs =
        Filter { caller: Some("c".into()), action: Some("secret.create".into()), ..Filter::default() };
    assert_eq!(read(&site, site.admin(), theirs).await.len(), 1);
}

#[tokio::test]
async fn what_an_id_was_before_stays_with_those_who_owned_it() {
    let site = Site::unsealed().await;
    let creator = site.operator("c", Level::Create, "9").await;
    site.secret("_life", "x", OPEN).await.unwrap();
    site.later(60);
    site.vault.delete_secret(site.admin(), &"_life".parse().unwrap(), &IfMatch::Any).await.unwrap();
    site.later(60);
    site.vault.create_secret(asker(&creator), new_secret("_life", "y", OPEN)).await.unwrap();
    let of_it = Filter { secret: Some("custsecret_life".into()), ..Filter::default() };
    let seen = read(&site, asker(&creator), of_it.clone()).await;
    assert_eq!(seen.iter().map(|each| &*each.entry.action).collect::<Vec<_>>(), ["secret.create"]);
    assert_eq!(read(&site, site.admin(), of_it).await.len(), 3);
}

async fn read(site: &Site, asker: Asker<'_>, filter: Filter) -> Vec<LoggedEntry> {
    let look = Look { start: Start::Newest, limit: 100, numbers: 0..=u64::MAX };
    site.vault.read_log(asker, look, filter).await.unwrap().entries
}

#[tokio::test]
async fn the_last_full_operator_stays() {
    let site = Site::unsealed().await;
    let admin = "admin".parse().unwrap();
    site.operator("lesser", Level::Edit, "2").await;
    assert!(matches!(
        site.vault.revoke_caller(site.admin(), &admin, &IfMatch::Any).await,
        Err(VaultError::Conflict(_))
    ));
    let second = site.operator("second", Level::Full, "3").await;
    site.vault.revoke_caller(asker(&second), &admin, &IfMatch::Any).await.unwrap();
    assert_eq!(denied(site.vault.list_callers(site.admin(), None, 9).await), Denial::CallerRevoked);
    assert!(matches!(
        site.vault.revoke_caller(asker(&second), &"second".parse().unwrap(), &IfMatch::Any).await,
        Err(VaultError::Conflict(_))
    ));
}

#[tokio::test]
async fn a_permitted_act_that_fails_is_written_down() {
    let site = Site::unsealed().await;
    site.secret("_a", "x", OPEN).await.unwrap();
    assert!(site.secret("_a", "y", OPEN).await.is_err());
    assert!(site.secret("_b", "", OPEN).await.is_err());
    assert!(site.vault.revoke_caller(site.admin(), &"admin".parse().unwrap(), &IfMatch::Any).await.is_err());
    let entries: Vec<_> = site.log(3).await.into_iter().map(|logged| logged.entry).collect();
    let told = |entry: &crate::audit::Entry| {
        (entry.action.to_string(), entry.outcome, entry.reason.as_deref().map(str::to_owned))
    };
    let failed = |action: &str, reason: &str| (action.to_owned(), Outcome::Failed, Some(reason.to_owned()));
    assert_eq!(
        entries.iter().map(told).collect::<Vec<_>>(),
        [
            failed("caller.revoke", "conflict"),
            failed("secret.create", "invalid_field"),
            failed("secret.create", "conflict")
        ]
    );
}
