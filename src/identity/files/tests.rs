//! Whose a file must be, and what it may be; drafts that leave nothing behind.

use super::super::error::typed;
use super::*;
use std::fs;
use std::os::unix::fs::PermissionsExt;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_private_file_is_its_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.pem");
    fs::write(&path, "hush").unwrap();
    for (bits, open) in [
        (0o600, false),
        (0o400, false),
        (0o700, false),
        (0o640, true),
        (0o620, true),
        (0o610, true),
        (0o604, true),
        (0o602, true),
        (0o644, true),
    ] {
        fs::set_permissions(&path, fs::Permissions::from_mode(bits)).unwrap();
        match read_private(&path, 4) {
            Ok(text) if !open => assert!(text.same_as(&Plaintext::new(b"hush".to_vec()))),
            Err(error @ FileError::Exposed { .. }) if open => {
                let command = format!("chmod 600 {}", path.display());
                assert!(error.to_string().ends_with(&command), "{error}");
            }
            _ => panic!("{bits:o}"),
        }
    }
}

#[test]
fn what_says_whom_to_trust_is_not_for_every_user_to_change() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("roots of others.pem");
    fs::write(&path, "roots").unwrap();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    for (bits, right) in [(0o644, true), (0o664, true), (0o600, true), (0o646, false), (0o666, false)] {
        fs::set_permissions(&path, fs::Permissions::from_mode(bits)).unwrap();
        assert!(open_file(&path).is_ok());
        for name in [&path, &link] {
            match open_trusted(name) {
                Ok(_) => assert!(right, "{bits:o}"),
                Err(error) => {
                    assert!(!right && matches!(error, FileError::Changeable { .. }), "{bits:o}");
                    let command = format!("can be changed by any user; type: chmod o-w {}", typed(name));
                    assert!(error.to_string().ends_with(&command), "{error}");
                }
            }
        }
    }
}

#[test]
fn only_a_regular_file_of_bounded_size_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.pem");
    assert!(matches!(read_private(&path, 4), Err(FileError::Io { .. })));
    assert!(matches!(read_private(folder.path(), 4), Err(FileError::NotRegular { .. })));
    let pipe = folder.path().join("pipe");
    rustix::fs::mknodat(CWD, &pipe, rustix::fs::FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    assert!(matches!(read_private(&pipe, 4), Err(FileError::NotRegular { .. })));
    assert!(matches!(read_private(Path::new("/dev/null"), 4), Err(FileError::NotRegular { .. })));

    replace(&path, b"12345", PRIVATE).unwrap();
    assert!(matches!(read_private(&path, 4), Err(FileError::TooLarge { most: 4, .. })));
    assert!(read_private(&path, 5).is_ok());
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert!(read_private(&link, 5).is_ok());
}

/// Runs only where the test may give a file away.
#[test]
fn another_users_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.pem");
    replace(&path, b"hush", PRIVATE).unwrap();
    if std::os::unix::fs::chown(&path, Some(12345), None).is_ok() {
        let refused = read_private(&path, 4).err().unwrap();
        assert!(matches!(refused, FileError::Foreign { owner: 12345, .. }), "{refused}");
    }
}

#[test]
fn a_file_is_replaced_whole_and_leaves_no_draft() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.pem");
    replace(&path, b"old", PUBLIC).unwrap();
    // A link in its place is replaced, not written through.
    let victim = folder.path().join("victim");
    fs::write(&victim, "untouched").unwrap();
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(&victim, &path).unwrap();
    replace(&path, b"new", PRIVATE).unwrap();
    assert_eq!((fs::read(&path).unwrap(), mode(&path)), (b"new".to_vec(), 0o600));
    assert_eq!(fs::read(&victim).unwrap(), b"untouched");

    assert!(matches!(write_new(&path, b"newer", PRIVATE), Err(FileError::Exists { .. })));
    assert_eq!(fs::read(&path).unwrap(), b"new");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn directories_are_made_for_their_owner() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("identities/admin");
    make_directory(&deep).unwrap();
    assert_eq!((mode(&deep), mode(deep.parent().unwrap())), (0o700, 0o700));
    make_directory(&deep).unwrap();
}
