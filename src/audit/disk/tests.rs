//! Names of segments, what is none, and whose the directory is.

use super::*;

#[test]
fn names_are_exact() {
    assert_eq!(number_of("audit-00000001.jsonl"), Some(1));
    assert_eq!(number_of("audit-123456789.jsonl"), Some(123_456_789));
    for near_miss in [
        "audit-1.jsonl",
        "audit-000000001.jsonl",
        "audit-00000000.jsonl",
        "audit-+0000001.jsonl",
        "audit-00000001.jsonl.gz",
        "audit-00000001.json",
        "Audit-00000001.jsonl",
        "audit-99999999999.jsonl",
        "audit-.jsonl",
    ] {
        assert_eq!(number_of(near_miss), None, "{near_miss}");
    }
}

#[test]
fn a_link_a_fifo_and_a_directory_are_no_segment() {
    let place = tempfile::tempdir().unwrap();
    let directory = Directory::prepare(&place.path().join("audit")).unwrap();
    let aim = place.path().join("aim");
    std::fs::write(&aim, "").unwrap();
    std::os::unix::fs::symlink(&aim, directory.path(1)).unwrap();
    std::fs::create_dir(directory.path(2)).unwrap();
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, directory.path(3), rustix::fs::FileType::Fifo, mode, 0).unwrap();
    for number in 1..=3 {
        assert!(directory.read(number).is_err(), "{number}");
        assert!(directory.reopen(number).is_err(), "{number}");
        assert!(directory.create(number).is_err(), "{number}");
    }
    assert_eq!(directory.read(1).unwrap_err().kind(), ErrorKind::InvalidData);
}

#[test]
fn an_error_says_of_what() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("audit");
    std::fs::write(&path, "").unwrap();
    for error in [Directory::prepare(&path).err(), Directory::at(&path).list().err()] {
        let error = error.unwrap();
        assert!(error.to_string().starts_with(&format!("{}: ", path.display())), "{error}");
        assert!(error.to_string().ends_with("move away what lies there"), "{error}");
    }
    let path = place.path().join("other");
    let directory = Directory::prepare(&path).unwrap();
    let error = directory.read(7).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("audit-00000007.jsonl"), "{error}");
}

#[test]
fn files_are_closed_to_others_and_the_directory_has_one_writer() {
    let place = tempfile::tempdir().unwrap();
    let directory = Directory::prepare(&place.path().join("audit")).unwrap();
    drop(directory.create(1).unwrap());
    let mode = |path: &Path| std::fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!((mode(&directory.0), mode(&directory.path(1))), (0o700, 0o600));
    let lock = directory.lock().unwrap();
    assert_eq!(directory.lock().err().unwrap().kind(), ErrorKind::WouldBlock);
    drop(lock);
    directory.lock().unwrap();
}

#[test]
fn a_trial_says_whether_the_disk_takes_writes_and_leaves_nothing() {
    let place = tempfile::tempdir().unwrap();
    let directory = Directory::prepare(&place.path().join("audit")).unwrap();
    directory.takes_writes().unwrap();
    assert_eq!(std::fs::read_dir(&directory.0).unwrap().count(), 0);
    std::fs::remove_dir(&directory.0).unwrap();
    assert_eq!(directory.takes_writes().unwrap_err().kind(), ErrorKind::NotFound);
}
