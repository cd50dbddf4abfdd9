//! What released formats have written, and this program has to read: the folders of `tests/fixtures/`, each by name.
//!
//! A folder holds a data directory, a backup of it and what an independent reader found in them; `tests/fixtures/make`
//! made it. Each test goes through all of them.

use fsm_vault::vault::{BackupFile, Cut, Directory, IfMatch, NewVersion, Restoring, Spread, restore_backup};

#[path = "upgrade/binary.rs"]
mod binary;
#[path = "upgrade/compare.rs"]
mod compare;
#[path = "upgrade/fixture.rs"]
mod fixture;

use fixture::{Fixture, plain};

#[tokio::test]
async fn a_data_directory_opens_by_either_key_slot_and_holds_what_was_put_in() {
    for fixture in Fixture::all() {
        let passphrases = fixture.passphrases();
        assert!(passphrases.len() > 1, "{}", fixture.name);
        for passphrase in &passphrases {
            let (_keep, directory) = fixture.data();
            let vault = fixture.opened(&directory, passphrase).await;
            compare::nouns(&fixture, &vault).await;
            compare::answers(&fixture, &vault).await;
            compare::log(&fixture, &vault).await;
            vault.close().await.unwrap();
        }
    }
}

#[tokio::test]
async fn it_can_be_changed_and_opened_again() {
    for fixture in Fixture::all() {
        let (_keep, directory) = fixture.data();
        let passphrase = &fixture.passphrases()[0];
        let vault = fixture.opened(&directory, passphrase).await;
        let admin = fixture.session("admin");
        let id = "custsecret_versions".parse().unwrap();
        let activated = vault
            .activate_secret(fixture::asker(&admin), &id, 4, Cut { grace: None, force: true }, &IfMatch::Any)
            .await
            .unwrap();
        assert_eq!(activated.version, 4, "{}", fixture.name);
        // The number goes on from the life that the tombstone tells of.
        let gone = fixture.noun("tombstone", "id", "custsecret_gone")["last_version"].as_u64().unwrap();
        let new = fixture::new_secret("custsecret_gone", "there again");
        let made = vault.create_secret(fixture::asker(&admin), new).await.unwrap();
        assert_eq!(made.secret.last_version, gone + 1, "{}", fixture.name);
        let spread = Spread { grace: None, activate: true, note: None, force: true };
        let plainly = "custsecret_plain".parse().unwrap();
        let new = NewVersion { value: plain("another value"), spread };
        vault.rotate_secret(fixture::asker(&admin), &plainly, new, &IfMatch::Any).await.unwrap();
        vault.close().await.unwrap();
        drop(vault);

        let vault = fixture.opened(&directory, passphrase).await;
        for (secret, text) in [("custsecret_versions", "fourth"), ("custsecret_gone", "there again")] {
            let ask = serde_json::json!({"caller": "fsm", "secret": secret, "text": text});
            compare::answer(&fixture, &vault, &ask).await;
        }
        let ask = serde_json::json!({"caller": "crm", "secret": "custsecret_plain", "domain": "api.example.com",
            "employee": "17", "text": "another value"});
        compare::answer(&fixture, &vault, &ask).await;
        compare::log(&fixture, &vault).await;
    }
}

#[tokio::test]
async fn a_backup_verifies_and_restores_to_the_same() {
    for fixture in Fixture::all() {
        for passphrase in &fixture.passphrases() {
            let keep = tempfile::tempdir().unwrap();
            let inspected = BackupFile::open(&fixture.backup()).unwrap().inspect(&plain(passphrase)).unwrap();
            assert_eq!(inspected.vault.to_string(), fixture.text("vault"), "{}", fixture.name);
            assert_eq!(inspected.manifest.program, fixture.text("program"), "{}", fixture.name);
            compare::counts(&fixture, &inspected.counts);
            let directory = Directory::at(keep.path().join("restored"));
            let plan = Restoring {
                directory: directory.clone(),
                without: Vec::new(),
                audit: fixture::audit_settings(&directory),
                clock: fixture.clock(),
            };
            let restored = restore_backup(inspected, plan).await.unwrap();
            assert!(restored.revoked.is_empty(), "{}", fixture.name);
            let vault = fixture.opened(&directory, passphrase).await;
            compare::nouns(&fixture, &vault).await;
            compare::answers(&fixture, &vault).await;
        }
    }
}

/// By the clock of today, by which certificates and graces may be long over.
#[test]
fn the_binary_looks_at_it_recovers_an_operator_and_serves() {
    for fixture in Fixture::all() {
        let (keep, directory) = fixture.data();
        let binary = binary::Binary::on(&fixture, directory.path(), keep.path());
        binary.finds_it_whole();
        binary.recovers_an_operator();
        let served = binary.serves();
        served.lists_what_there_is();
        served.ends();
        binary.verifies_the_backup();
    }
}
