//! The files around the store: whose they are, who may enter, how much room there is, how long the certificates last.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use rustix::fs::statvfs;

use super::super::directory::Directory;
use super::super::error::VaultError;
use super::advice::{bad, of_file};
use super::{Health, Looked};
use crate::identity::{FileError, TlsDirectory, typed};
use crate::policy::notices::NoticeRules;

/// A certificate that ends within this time is worth a word.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

pub fn owner(directory: &Directory) -> Looked {
    let path = directory.path().display();
    match directory.refuse_other_owner() {
        Err(error) => bad("data directory", &error, directory),
        Ok(()) if !directory.path().is_dir() => {
            bad("data directory", &VaultError::NoVault(path.to_string()), directory)
        }
        Ok(()) => Looked::fine("data directory", path.to_string()),
    }
}

/// What others than the owner may do with what nobody else should have.
pub fn modes(directory: &Directory) -> Option<Looked> {
    let places = [directory.path().to_owned(), directory.store(), directory.audit(), directory.tls()];
    let open = places.iter().find(|path| {
        let mode = std::fs::metadata(path).map(|found| found.mode());
        mode.is_ok_and(|mode| mode & 0o077 != 0)
    })?;
    let path = open.display();
    Some(Looked::other(
        "permissions",
        Health::Bad,
        format!("others than the owner may enter {path}"),
        format!("take it from them: chmod 0700 {}", typed(open)),
    ))
}

/// Judged as the running daemon's notice `space` is: of the data, and of the log where it lies on another file system.
pub fn space(directory: &Directory, rules: &NoticeRules) -> Vec<Looked> {
    let device = |path: &Path| std::fs::metadata(path).ok().map(|found| found.dev());
    let (data, log) = (directory.path().to_owned(), directory.audit());
    let other = device(&log).filter(|log| Some(*log) != device(&data)).map(|_| log);
    [Some(data), other].into_iter().flatten().filter_map(|path| room(&path, rules)).collect()
}

fn room(path: &Path, rules: &NoticeRules) -> Option<Looked> {
    let space = statvfs(path).ok()?;
    let free = space.f_bavail.saturating_mul(space.f_frsize);
    let found = format!("{} MiB free", free >> 20);
    let health = match free {
        _ if free < rules.critical_bytes => Health::Bad,
        _ if free < rules.low_bytes => Health::Doubtful,
        _ => return Some(Looked::fine("space", found)),
    };
    let advice = format!(
        "make room on the file system of {}: below some 16 MiB changes are refused, and without room for the log everything is",
        typed(path)
    );
    Some(Looked::other("space", health, found, advice))
}

pub fn certificates(directory: &Directory, now: Timestamp) -> Vec<Looked> {
    let data = typed(directory.path());
    let anew = &*format!(
        "start the daemon with the passphrase: unsealed, it writes it anew: fsm-vault serve --data-dir {data} \
         --passphrase-file FILE"
    );
    let unreadable = |at, error: &FileError, otherwise: &str| {
        Looked::other(at, Health::Bad, error.to_string(), of_file(error, directory, otherwise))
    };
    let tls = TlsDirectory::at(&directory.tls());
    let server = match tls.refuse_directories().and_then(|()| tls.server_certificate()) {
        Err(error) => unreadable("server certificate", &error, anew),
        Ok(certificate) => ends("server certificate", certificate.expires_at(), now, anew),
    };
    let operators = match tls.operators() {
        Err(error) => unreadable("operators while sealed", &error, anew),
        Ok(known) => match known.iter().map(|each| each.not_after).max() {
            Some(last) => ends(
                "operators while sealed",
                last,
                now,
                "renew an operator's certificate in time: fsm-vault caller renew; once all have expired: fsm-vault \
                 operator recover",
            ),
            None => Looked::other("operators while sealed", Health::Bad, "none is known", anew),
        },
    };
    let authority = match tls.local_root() {
        Ok(root) => Looked::fine("local CA", format!("trust domain {}", root.trust_domain())),
        Err(error) => bad("local CA", &error.into(), directory),
    };
    vec![authority, server, operators]
}

fn ends(at: &'static str, end: Timestamp, now: Timestamp, advice: &str) -> Looked {
    let day = end.strftime("%Y-%m-%d");
    if end <= now {
        Looked::other(at, Health::Bad, format!("expired on {day}"), advice)
    } else if end.duration_since(now) < SOON {
        Looked::other(at, Health::Doubtful, format!("ends on {day}"), advice)
    } else {
        Looked::fine(at, format!("until {day}"))
    }
}
