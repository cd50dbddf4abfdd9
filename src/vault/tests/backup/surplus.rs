//! Older backups that can't be removed: the others go, the log and a notice tell of those that stay.

use std::fs::File;

use jiff::SignedDuration;
use rustix::fs::{IFlags, ioctl_getflags, ioctl_setflags};

use super::*;

const NOTICE: &str = "backup.schedule.surplus";

/// A file that nobody removes, until this is dropped.
struct Immutable(File);

impl Immutable {
    /// None for who may not do that, and where there is no such thing.
    fn make(path: &Path) -> Option<Self> {
        let file = File::open(path).unwrap();
        let flags = ioctl_getflags(&file).ok()?;
        ioctl_setflags(&file, flags | IFlags::IMMUTABLE).ok()?;
        Some(Self(file))
    }
}

impl Drop for Immutable {
    fn drop(&mut self) {
        let flags = ioctl_getflags(&self.0).unwrap();
        ioctl_setflags(&self.0, flags - IFlags::IMMUTABLE).unwrap();
    }
}

#[tokio::test]
async fn one_that_cant_be_removed_keeps_no_other_and_is_told_of() {
    let site = Site::with_fsm().await;
    let directory = site._keep.path().join("backups");
    std::fs::create_dir(&directory).unwrap();
    let rules = BackupRules { every: SignedDuration::from_hours(24), keep: 2 };
    let scheduled = || site.vault.schedule_backups(BackupPlan { directory: directory.clone(), rules });
    let made = async || {
        site.later(86_400);
        site.vault.tend_backups().await;
        let entries = std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = entries.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    };
    // What the log says, oldest first.
    let removed = async || {
        let log = site.log(1000).await.into_iter().rev().map(|each| each.entry);
        let those = log.filter(|entry| entry.action == "backup.remove");
        those.map(|entry| (entry.outcome, entry.changes.unwrap()["files"].clone())).collect::<Vec<_>>()
    };
    let said = async |action| {
        let log = site.log(1000).await;
        let of_it = |entry: &crate::audit::Entry| entry.subject.as_deref() == Some(NOTICE);
        log.iter().filter(|each| each.entry.action == action && of_it(&each.entry)).count()
    };
    let stands = async || {
        let page = site.vault.first_notices(site.admin(), NoticeLevel::Info, 100).await.unwrap();
        page.items.iter().any(|seen| seen.id.as_str() == NOTICE)
    };
    scheduled();
    let (_, first) = (made().await, made().await);
    assert!(!stands().await);
    let Some(immutable) = Immutable::make(&directory.join(&first[0])) else {
        eprintln!("not run: this takes root, and a file system with immutable files");
        return;
    };
    made().await;
    let third = made().await;
    assert_eq!((third.len(), &third[0]), (3, &first[0]));
    let (stuck, both) = (serde_json::json!([first[0]]), serde_json::json!([first[0], first[1]]));
    let (allowed, failed) = (Outcome::Allowed, Outcome::Failed);
    let told = [(allowed, stuck.clone()), (failed, stuck.clone()), (allowed, both), (failed, stuck)];
    assert_eq!(removed().await, told);
    assert!(stands().await);

    // After a restart it is unknown until the next one is made: not told again, nor cleared.
    scheduled();
    assert!(!stands().await);
    made().await;
    assert!(stands().await);
    assert_eq!((said("notice.raise").await, said("notice.clear").await), (1, 0));

    drop(immutable);
    assert_eq!(made().await.len(), 2);
    assert!(!stands().await);
    assert_eq!((said("notice.raise").await, said("notice.clear").await), (1, 1));
}
