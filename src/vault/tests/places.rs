//! Where a vault is made, restored or looked for: what of somebody else's is there is left as it is, and said.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::super::*;
use super::site::*;
use crate::clock::Clock;

/// Why no vault is made in `place`.
async fn refused(site: &Site, place: &Path) -> String {
    let directory = Directory::at(place);
    let audit = settings(&directory);
    let refused = create(NewVault { directory, audit, ..site.new_vault() }).await.err().unwrap();
    assert!(matches!(refused, VaultError::Conflict(_) | VaultError::File { .. }), "{refused}");
    refused.to_string()
}

#[tokio::test]
async fn what_is_somebody_elses_is_never_removed_nor_said_to_be() {
    let site = Site::sealed().await;
    let folder = site._keep.path();
    // An archive beside the log's segments.
    let place = folder.join("archived");
    fs::create_dir_all(place.join("audit")).unwrap();
    for name in ["audit-00000001.jsonl.gz", "notes.txt"] {
        let file = place.join("audit").join(name);
        fs::write(&file, "precious").unwrap();
        assert!(refused(&site, &place).await.contains(&format!("{} isn't of a vault's log", file.display())));
        assert_eq!(fs::read(&file).unwrap(), b"precious");
        fs::remove_file(&file).unwrap();
    }
    // A directory with links of its own, such as /.
    let place = folder.join("another");
    fs::create_dir(&place).unwrap();
    symlink("/usr/bin", place.join("bin")).unwrap();
    let told = refused(&site, &place).await;
    assert!(told.contains("is not empty") && !told.contains("remove"), "{told}");
    // An identity that is somebody else's directory.
    let (place, theirs) = (folder.join("linked"), folder.join("theirs"));
    fs::create_dir_all(place.join("identities")).unwrap();
    fs::create_dir(&theirs).unwrap();
    symlink(&theirs, place.join("identities/admin")).unwrap();
    assert!(refused(&site, &place).await.contains("identities/admin is a link"));
    assert_eq!(fs::read_dir(&theirs).unwrap().count(), 0);
}

#[tokio::test]
async fn what_is_no_place_is_said_as_such_and_never_as_damage() {
    let site = Site::sealed().await;
    let folder = site._keep.path();
    fs::write(folder.join("file"), "").unwrap();
    symlink(folder.join("nowhere"), folder.join("link")).unwrap();
    for (place, why) in [
        ("file", "is no directory"),
        ("file/vault", "file is no directory"),
        ("link", "leads to isn't there"),
    ] {
        let place = folder.join(place);
        let directory = Directory::at(&place);
        for told in [
            refused(&site, &place).await,
            refuse_existing(&directory).await.err().unwrap().to_string(),
            directory.refuse_unless_empty().err().unwrap().to_string(),
            open_store(&directory).err().unwrap().to_string(),
        ] {
            assert!(told.contains(why) && !told.contains("damaged"), "{told}");
        }
    }
    for name in ["audit", "tls", "store"] {
        let place = folder.join(format!("a file for {name}"));
        fs::create_dir(&place).unwrap();
        fs::write(place.join(name), "").unwrap();
        let told = refused(&site, &place).await;
        assert!(told.contains(&format!("{name}: is no directory, and should be one")), "{told}");
    }
}

#[tokio::test]
async fn a_directory_without_a_vault_is_open_to_whom_it_likes() {
    let site = Site::sealed().await;
    let seen = inspect(&Directory::at("/"), None, site.clock.now()).await;
    assert!(seen.iter().all(|each| each.at != "permissions"), "{seen:?}");
    assert!(seen.iter().any(|each| each.found.contains("there is no vault in /")), "{seen:?}");
}

#[tokio::test]
async fn a_fresh_file_system_is_empty_although_it_has_a_lost_and_found() {
    let site = Site::sealed().await;
    let place = site._keep.path().join("mounted");
    let lost = place.join("lost+found");
    fs::create_dir_all(&lost).unwrap();
    // Nobody else can make one of root's.
    if std::os::unix::fs::chown(&lost, Some(0), None).is_err() {
        return;
    }
    let directory = Directory::at(&place);
    fs::write(lost.join("#12"), "precious").unwrap();
    assert!(refused(&site, &place).await.contains("is not empty"));
    assert!(directory.refuse_unless_empty().is_err());
    fs::remove_file(lost.join("#12")).unwrap();
    if std::os::unix::fs::chown(&lost, Some(12345), None).is_ok() {
        assert!(refused(&site, &place).await.contains("is not empty"));
        std::os::unix::fs::chown(&lost, Some(0), None).unwrap();
    }
    directory.refuse_unless_empty().unwrap();
    let audit = settings(&directory);
    create(NewVault { directory: directory.clone(), audit, ..site.new_vault() }).await.unwrap();
    let seen = inspect(&directory, Some(plain("right")), site.clock.now()).await;
    let bad: Vec<_> = seen.iter().filter(|each| each.health == Health::Bad).collect();
    assert!(bad.is_empty(), "{bad:?}");
    assert!(lost.is_dir());
}
