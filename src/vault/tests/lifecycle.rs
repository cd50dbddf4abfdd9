//! Sealed, unsealed, wrong passphrases, damage, a way back in.

use std::path::Path;

use super::super::*;
use super::frail::{Frail, Next};
use super::site::*;
use crate::audit::Outcome;
use crate::clock::Clock;
use crate::identity::Identity;
use crate::model::{Denial, Level};
use crate::store::{SledStore, Store};

#[tokio::test]
async fn sealed_it_does_nothing_and_unsealed_it_does_again() {
    let site = Site::with_fsm().await;
    let fsm = site.service("fsm", "customscript_nx_suitelet2", &[]).await;
    let name = "fsm".parse().unwrap();
    assert_eq!(denied(site.vault.seal(asker(&fsm)).await), Denial::WrongRole);
    site.vault.seal(site.admin()).await.unwrap();
    assert!(site.vault.is_sealed());
    assert_eq!(denied(site.vault.read_pair(asker(&fsm), &name, ANY).await), Denial::Sealed);
    assert_eq!(
        denied(site.vault.list_secrets(site.admin(), &SecretFilter::default(), None, 1).await),
        Denial::Sealed
    );
    assert_eq!(denied(site.vault.seal(site.admin()).await), Denial::Sealed);

    assert_eq!(denied(site.vault.unseal(asker(&fsm), plain("right")).await), Denial::CallerUnknown);
    site.vault.unseal(site.admin(), plain("right")).await.unwrap();
    site.vault.read_pair(asker(&fsm), &name, ANY).await.unwrap();
    assert!(matches!(site.vault.unseal(site.admin(), plain("right")).await, Err(VaultError::Conflict(_))));
}

#[tokio::test]
async fn wrong_passphrases_back_off_and_are_written_down_once_unsealed() {
    let site = Site::sealed().await;
    for _ in 0..3 {
        assert!(matches!(
            site.vault.unseal(site.admin(), plain("wrong")).await,
            Err(VaultError::WrongPassphrase)
        ));
    }
    // The third has set the first wait: one second, then two, then four.
    for wait in [1, 2, 4] {
        assert!(
            matches!(site.vault.unseal(site.admin(), plain("right")).await, Err(VaultError::Backoff(left)) if left == wait)
        );
        site.later(i64::try_from(wait).unwrap());
        assert!(matches!(
            site.vault.unseal(site.admin(), plain("wrong")).await,
            Err(VaultError::WrongPassphrase)
        ));
    }
    site.later(60);
    site.vault.unseal(site.admin(), plain("right")).await.unwrap();
    let attempts = site.log(100).await;
    let attempts = attempts.iter().filter(|each| each.entry.action == "vault.unseal");
    assert!(
        attempts.clone().all(|each| each.entry.caller.as_deref() == Some("admin")),
        "by name, once it is known"
    );
    assert_eq!(attempts.map(|each| each.entry.outcome).filter(|each| *each == Outcome::Allowed).count(), 1);
    let refused = site.log(100).await;
    let refused = refused.iter().filter(|each| each.entry.reason.as_deref() == Some("wrong_passphrase"));
    assert_eq!(refused.clone().count(), 6);
    assert!(
        refused.clone().all(|each| each.entry.outcome == Outcome::Denied && each.entry.changes.is_some())
    );
}

#[tokio::test]
async fn a_stranger_is_written_down_too_while_others_are_at_an_argon2id() {
    let site = Site::unsealed().await;
    let editor = site.operator("editor", Level::Edit, "2").await;
    site.vault.seal(site.admin()).await.unwrap();
    {
        let _at_it = site.vault.attempts.lock().await;
        for _ in 0..102 {
            let refused = site.vault.unseal(asker(&editor), plain("right")).await;
            assert_eq!(denied(refused), Denial::CallerUnknown);
        }
    }
    site.vault.unseal(site.admin(), plain("right")).await.unwrap();
    site.vault.seal(site.admin()).await.unwrap();
    site.vault.unseal(site.admin(), plain("right")).await.unwrap();
    let log = site.log(200).await;
    let of = |reason: &str| {
        log.iter().filter(|each| each.entry.reason.as_deref() == Some(reason)).collect::<Vec<_>>()
    };
    assert_eq!(of("caller_unknown").len(), 100, "each once");
    let more = of("not_kept_while_sealed");
    assert_eq!(more.iter().map(|each| each.entry.count).collect::<Vec<_>>(), [Some(2)]);
}

#[tokio::test]
async fn a_clock_set_back_doesnt_lock_the_operator_out() {
    let site = Site::sealed().await;
    for _ in 0..3 {
        let _ = site.vault.unseal(site.admin(), plain("wrong")).await;
    }
    site.later(-3600);
    site.vault.unseal(site.admin(), plain("right")).await.unwrap();
}

#[tokio::test]
async fn a_sealed_vault_knows_full_operators_alone() {
    let site = Site::unsealed().await;
    let editor = site.operator("editor", Level::Edit, "2").await;
    let second = site.operator("second", Level::Full, "3").await;
    let third = site.operator("third", Level::Full, "4").await;
    site.vault.revoke_caller(site.admin(), &"third".parse().unwrap(), &IfMatch::Any).await.unwrap();
    site.vault.seal(site.admin()).await.unwrap();
    for session in [&editor, &third] {
        assert_eq!(denied(site.vault.unseal(asker(session), plain("right")).await), Denial::CallerUnknown);
    }
    site.later(91 * 24 * 3600);
    assert_eq!(denied(site.vault.unseal(asker(&second), plain("right")).await), Denial::CertificateExpired);
    site.later(-91 * 24 * 3600);
    site.vault.unseal(asker(&second), plain("right")).await.unwrap();
}

#[tokio::test]
async fn an_existing_vault_is_left_alone() {
    let site = Site::sealed().await;
    let id = site.vault.id();
    assert!(matches!(create(site.new_vault()).await, Err(VaultError::InUse(_))));
    assert!(matches!(open_store(&site.directory), Err(VaultError::InUse(_))));
    let site = site.restarted_after(async |site| {
        assert!(matches!(create(site).await, Err(VaultError::VaultExists(_))));
    });
    assert_eq!(site.await.vault.id(), id);
}

#[tokio::test]
async fn a_damaged_record_is_named_and_nothing_is_served() {
    let site = Site::with_fsm().await;
    let Site { directory, clock, vault, _keep: keep, .. } = site;
    drop(vault);
    {
        let store = SledStore::open(&directory.store()).unwrap();
        let (key, sealed) = store.scan().await.unwrap().swap_remove(2);
        let mut bytes = sealed.as_bytes().to_vec();
        *bytes.last_mut().unwrap() ^= 1;
        let bent = crate::keys::Sealed::from_store(bytes);
        store.commit(crate::store::Batch::new().put(key, crate::store::Expect::Any, bent)).await.unwrap();
    }
    let store: std::sync::Arc<dyn Store> = open_store(&directory).unwrap();
    let audit = settings(&directory);
    let vault = Vault::open(Opening { directory, store, audit, notices: NoticeRules::default(), clock })
        .await
        .unwrap();
    assert!(matches!(vault.unseal_locally(plain("right")).await, Err(VaultError::Damaged(_))));
    assert!(vault.is_sealed());
    drop(keep);
}

#[tokio::test]
async fn an_operator_gets_back_in_with_the_passphrase() {
    let site = Site::unsealed().await;
    let out = site.directory.path().join("recovered");
    let name = recover_operator(&site.vault, None, &out).await.unwrap();
    assert_eq!(name.as_str(), "admin");
    assert_eq!(denied(site.vault.list_callers(site.admin(), None, 9).await), Denial::CallerUnknown);
    let presented = crate::identity::Identity::load(&out).unwrap().presented().unwrap();
    let recovered = session(presented, here());
    site.vault.list_callers(asker(&recovered), None, 9).await.unwrap();
    assert!(site.log(10).await.iter().any(|each| each.entry.action == "operator.recover"));
    // Never over an identity that is there.
    assert!(recover_operator(&site.vault, None, &out).await.is_err());
    site.vault.list_callers(asker(&recovered), None, 9).await.unwrap();
}

#[tokio::test]
async fn a_recovery_that_comes_to_nothing_leaves_no_identity_and_is_done_again() {
    let (site, frail) = Frail::under(Site::sealed().await).await;
    site.vault.unseal_locally(plain("right")).await.unwrap();
    let out = site.directory.path().join("recovered");
    for next in [Next::Full, Next::FailsUnwritten] {
        frail.fails(next, false);
        recover_operator(&site.vault, None, &out).await.unwrap_err();
        assert!(Identity::load(&out).is_err());
    }
    recover_operator(&site.vault, None, &out).await.unwrap();
    let presented = Identity::load(&out).unwrap().presented().unwrap();
    // Of one that may have been made the identity is kept.
    let out = out.with_extension("again");
    frail.fails(Next::FailsWritten, true);
    recover_operator(&site.vault, None, &out).await.unwrap_err();
    assert_ne!(Identity::load(&out).unwrap().presented().unwrap().key, presented.key);
}

#[tokio::test]
async fn a_truncated_log_is_noticed_and_the_vault_goes_on() {
    let site = Site::with_fsm().await;
    let report = site.vault.verify_log(site.admin()).await.unwrap();
    assert_eq!(report.first_bad, None);
    let segment = std::fs::read_dir(site.directory.audit())
        .unwrap()
        .map(|each| each.unwrap().path())
        .find(|path| path.extension().is_some_and(|ending| ending == "jsonl"))
        .unwrap();
    site.vault.close().await.unwrap();
    let text = std::fs::read_to_string(&segment).unwrap();
    let kept: Vec<&str> = text.lines().take(3).collect();
    std::fs::write(&segment, format!("{}\n", kept.join("\n"))).unwrap();

    let site = site.restarted().await;
    assert!(site.vault.log_standing().unwrap().damaged);
    let report = site.vault.verify_log(site.admin()).await.unwrap();
    assert!(report.first_bad.is_some());
    site.secret("_a", "x", r#"{"allow_all_scripts":true,"allow_all_domains":true}"#).await.unwrap();
}

#[tokio::test]
async fn another_ca_in_tls_is_noticed() {
    let site = Site::unsealed().await;
    let ca = site.directory.tls().join("ca.pem");
    let other = crate::identity::Authority::create(&"fsm-vault.internal".parse().unwrap(), noon()).unwrap();
    site.vault.seal(site.admin()).await.unwrap();
    std::fs::write(&ca, other.certificate_pem()).unwrap();
    let refused = site.vault.unseal(site.admin(), plain("right")).await.err().unwrap();
    assert!(
        refused.to_string().contains("isn't the certificate of the vault's own CA; put back a copy"),
        "{refused}"
    );
    // As the advice has it.
    std::fs::copy(site.directory.identity("admin").join("ca.pem"), &ca).unwrap();
    site.vault.unseal(site.admin(), plain("right")).await.unwrap();

    let Site { directory, vault, _keep, .. } = site;
    drop(vault);
    std::fs::write(&ca, other.certificate_pem()).unwrap();
    let seen = inspect(&directory, Some(plain("right")), noon()).await;
    let bad = seen.iter().filter(|seen| seen.health == Health::Bad).map(|seen| seen.at);
    assert_eq!(bad.collect::<Vec<_>>(), ["server certificate", "local CA"]);
}

#[tokio::test]
async fn a_lost_server_key_is_issued_anew_by_unsealing() {
    let mut site = Site::unsealed().await;
    for bend in [|path: &Path| std::fs::write(path, "no key"), |path: &Path| std::fs::remove_file(path)] {
        let Site { directory, clock, vault, admin, _keep } = site;
        drop(vault);
        bend(&directory.tls().join("server.key")).unwrap();
        let vault = reopened(&directory, &clock).await;
        // Sealed, nobody could be served; the daemon doesn't start so.
        let refused = vault.refuse_without_certificate().err().unwrap().to_string();
        assert!(refused.contains("server.key") && refused.contains("--passphrase-file"), "{refused}");
        vault.unseal_locally(plain("right")).await.unwrap();
        vault.refuse_without_certificate().unwrap();
        assert!(vault.server_certificate().expires_at() > noon());
        site = Site { directory, clock, vault, admin, _keep };
    }
}

#[tokio::test]
async fn a_directory_in_the_certificates_place_is_told_and_moved_away() {
    for name in ["server.key", "server.pem"] {
        let Site { directory, clock, vault, _keep, .. } = Site::unsealed().await;
        drop(vault);
        let place = directory.tls().join(name);
        std::fs::remove_file(&place).unwrap();
        std::fs::create_dir(&place).unwrap();
        let seen = inspect(&directory, Some(plain("right")), noon()).await;
        let bad: Vec<_> = seen.iter().filter(|seen| seen.health == Health::Bad).collect();
        let [Looked { at: "server certificate", found, advice: Some(advice), .. }] = bad[..] else {
            panic!("{bad:?}");
        };
        assert!(found.contains(name) && advice.contains(&format!("mv {}", place.display())), "{bad:?}");
        std::fs::rename(&place, place.with_extension("odd")).unwrap();
        reopened(&directory, &clock).await.unseal_locally(plain("right")).await.unwrap();
        assert!(place.is_file(), "{name}");
    }
}

#[tokio::test]
async fn where_a_vault_was_none_is_made() {
    let site = Site::unsealed().await;
    site.secret("_a", "x", r#"{"allow_all_scripts":true,"allow_all_domains":true}"#).await.unwrap();
    let (new, again) = (site.new_vault(), site.new_vault());
    let Site { directory, vault, _keep, .. } = site;
    drop(vault);
    std::fs::remove_dir_all(directory.store()).unwrap();
    let told = |error: VaultError| {
        assert!(
            matches!(&error, VaultError::Damaged(why) if why.contains("there was a vault in")),
            "{error}"
        );
    };
    told(open_store(&directory).err().unwrap());
    told(refuse_existing(&directory).await.err().unwrap());
    told(create(again).await.err().unwrap());
    // The log alone tells of it, too.
    std::fs::remove_file(directory.epoch()).unwrap();
    told(open_store(&directory).err().unwrap());
    told(create(new).await.err().unwrap());
    assert!(std::fs::read_dir(directory.audit()).unwrap().count() > 0, "its log is left alone");
}

#[tokio::test]
async fn a_list_of_operators_that_cannot_be_written_is_owed() {
    let site = Site::unsealed().await;
    let third = site.operator("third", Level::Full, "4").await;
    site.operator("fourth", Level::Full, "5").await;
    let (tls, aside) = (site.directory.tls(), site.directory.path().join("aside"));
    let listed =
        || std::fs::read_to_string(tls.join("operators.json")).unwrap().matches("spki_sha256").count();
    let revoke_without = async |name: &str| {
        std::fs::rename(&tls, &aside).unwrap();
        // The change stands.
        site.vault.revoke_caller(site.admin(), &name.parse().unwrap(), &IfMatch::Any).await.unwrap();
        std::fs::rename(&aside, &tls).unwrap();
    };
    revoke_without("fourth").await;
    assert_eq!(listed(), 3);
    site.vault.tend_operators();
    assert_eq!(listed(), 2);
    // Sealed before the file is written, this process goes by it all the same.
    revoke_without("third").await;
    site.vault.seal(site.admin()).await.unwrap();
    assert_eq!(denied(site.vault.unseal(asker(&third), plain("right")).await), Denial::CallerUnknown);
    site.vault.unseal(site.admin(), plain("right")).await.unwrap();
    assert_eq!(listed(), 1);
}

#[tokio::test]
async fn a_server_key_of_another_ca_is_none() {
    let site = Site::unsealed().await;
    let other = crate::identity::Authority::create(&"fsm-vault.internal".parse().unwrap(), noon()).unwrap();
    let tls = crate::identity::TlsDirectory::open(&site.directory.tls()).unwrap();
    tls.server_certificate().unwrap();
    tls.write_server(&other.issue_server(noon()).unwrap()).unwrap();
    assert!(tls.server_certificate().is_err());
}

#[tokio::test]
async fn a_clock_that_was_ahead_costs_no_more_than_another_certificate() {
    let site = Site::sealed().await;
    site.later(400 * 24 * 3600);
    site.vault.unseal_locally(plain("right")).await.unwrap();
    let (begun, _) = site.vault.server_certificate().life();
    site.later(-400 * 24 * 3600);
    assert!(begun > site.clock.now());
    site.vault.renew_server_certificate().unwrap();
    assert!(site.vault.server_certificate().life().0 <= site.clock.now());
}
