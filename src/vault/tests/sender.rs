//! Who sends what is wrong is judged as if it were right.

use super::super::*;
use super::site::*;
use crate::audit::Outcome;
use crate::model::{Denial, Lacking, Level};
use crate::policy::Action;

const OPEN: &str = r#"{"allow_all_scripts":true,"allow_all_domains":true}"#;

#[tokio::test]
async fn who_may_not_is_refused_and_that_is_in_the_log() {
    let site = Site::with_fsm().await;
    site.secret("_a", "x", OPEN).await.unwrap();
    let service = site.service("s", "customscript_a", &[]).await;
    let viewer = site.operator("v", Level::View, "1").await;
    let creator = site.operator("c", Level::Create, "1").await;
    let editor = site.operator("e", Level::Edit, "9").await;
    let judged =
        async |session, action, word, of| site.vault.judge_sender(asker(session), action, word, of).await;
    let full = Denial::Level(Lacking::Level(Level::Full));
    let of_owners = Denial::Level(Lacking::OwnersLevel(Level::Edit));
    let owning = Denial::Level(Lacking::Owning);
    for (session, action, word, of, expected) in [
        (&service, Action::Create, "secret.create", None, Denial::WrongRole),
        (&service, Action::Edit, "secret.edit", Some("_a"), Denial::WrongRole),
        (&service, Action::Edit, "secret.edit", Some("_a-"), Denial::WrongRole),
        (&service, Action::System, "vault.rekey", None, Denial::WrongRole),
        (&viewer, Action::Create, "secret.import", None, Denial::Level(Lacking::Level(Level::Create))),
        (&creator, Action::Edit, "secret.rotate", Some("_a"), of_owners),
        (&creator, Action::Edit, "secret.rotate", Some("_a-"), of_owners),
        (&creator, Action::Edit, "integration.reset", Some("fsm"), of_owners),
        (&creator, Action::Edit, "notice.acknowledge", None, of_owners),
        (&editor, Action::Edit, "secret.edit", Some("_a"), owning),
        (&editor, Action::Edit, "secret.edit", Some("_none"), owning),
        (&editor, Action::Delete, "secret.delete", Some("_a"), full),
        (&editor, Action::Callers, "caller.edit", Some("s"), full),
        (&editor, Action::System, "keyslot.add", None, full),
    ] {
        assert_eq!(denied(judged(session, action, word, of).await), expected, "{word}");
        let entry = site.log(1).await.remove(0).entry;
        assert_eq!((entry.action.as_ref(), entry.outcome), (word, Outcome::Denied));
        assert_eq!(entry.reason.as_deref(), Some(expected.reason()), "{word}");
        let named = entry.secret.or(entry.integration).or(entry.subject);
        assert_eq!(named.is_some(), of.is_some_and(|of| !of.ends_with('-')), "{word}");
    }
}

#[tokio::test]
async fn who_may_is_not() {
    let site = Site::with_fsm().await;
    let creator = site.operator("c", Level::Create, "1").await;
    let editor = site.operator("e", Level::Edit, "9").await;
    let mut own = new_secret("_own", "x", OPEN);
    own.owners = vec!["9".parse().unwrap()];
    site.vault.create_secret(site.admin(), own).await.unwrap();
    let before = site.log(1).await.remove(0).seq;
    for (asker, action, word, of) in [
        (asker(&creator), Action::Create, "secret.create", None),
        (asker(&editor), Action::Edit, "secret.edit", Some("_own")),
        (asker(&editor), Action::Edit, "secret.edit", Some("_own-")),
        (site.admin(), Action::Edit, "integration.edit", Some("fsm")),
        (site.admin(), Action::Callers, "caller.edit", Some("c")),
        (site.admin(), Action::Callers, "caller.add", None),
        (site.admin(), Action::System, "vault.rekey", None),
    ] {
        assert!(site.vault.judge_sender(asker, action, word, of).await.is_ok(), "{word}");
    }
    assert_eq!(site.log(1).await.remove(0).seq, before, "nothing is written");
    let none = site.vault.judge_sender(site.admin(), Action::Edit, "secret.edit", Some("_none")).await;
    assert!(matches!(none, Err(VaultError::NotFound("secret"))));
}

#[tokio::test]
async fn sealed_it_is_by_the_operators_that_are_known_then() {
    let site = Site::unsealed().await;
    let service = site.service("s", "customscript_a", &[]).await;
    site.vault.seal(site.admin()).await.unwrap();
    let judged = async |asker| site.vault.judge_sender(asker, Action::System, "vault.unseal", None).await;
    assert_eq!(denied(judged(asker(&service)).await), Denial::CallerUnknown);
    judged(site.admin()).await.unwrap();
    let other = site.vault.judge_sender(site.admin(), Action::Create, "secret.create", None).await;
    assert_eq!(denied(other), Denial::Sealed);
}
