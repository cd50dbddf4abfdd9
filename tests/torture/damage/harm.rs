//! What is harmed: which room, which files of it, how often.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::lots::Lots;

mod act;

use act::ACTS;

/// A part of the data directory, or the backup beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Room {
    Store,
    Audit,
    Epoch,
    Tls,
    Backup,
}

const INSIDE: [Room; 4] = [Room::Store, Room::Audit, Room::Epoch, Room::Tls];

/// What has been done.
pub struct Harm {
    pub room: Room,
    pub what: String,
}

/// A data directory to be harmed, with an older copy of it.
pub struct Victim<'a> {
    pub directory: &'a Path,
    pub older: &'a Path,
    pub backup: &'a Path,
}

impl Victim<'_> {
    /// One harm or several, mostly to one room. None of them may have changed a byte.
    pub fn harm(&self, lots: &mut Lots) -> io::Result<Vec<Harm>> {
        let room = match lots.below(100) {
            0..52 => Room::Store,
            52..72 => Room::Audit,
            72..77 => Room::Epoch,
            77..87 => Room::Tls,
            87..92 => Room::Backup,
            _ => {
                let count = lots.of_range(2..5);
                return (0..count).map(|_| self.harm_in(lots.one_of(&INSIDE), lots)).collect();
            }
        };
        let count = lots.one_of(&[1, 1, 1, 2, 3]);
        (0..count).map(|_| self.harm_in(room, lots)).collect()
    }

    fn harm_in(&self, room: Room, lots: &mut Lots) -> io::Result<Harm> {
        let place = |root: &Path| match room {
            Room::Store => root.join("store"),
            Room::Audit => root.join("audit"),
            Room::Epoch => root.join("epoch"),
            Room::Tls => root.join("tls"),
            Room::Backup => self.backup.to_owned(),
        };
        let (here, before) = (place(self.directory), place(self.older));
        let harm = |what| Harm { room, what };
        // The whole of it, now and then.
        match lots.below(40) {
            0 if here.is_dir() => {
                fs::remove_dir_all(&here)?;
                return Ok(harm("removed as a whole".to_owned()));
            }
            1 if here.is_dir() && before.is_dir() => {
                fs::remove_dir_all(&here)?;
                copy(&before, &here)?;
                return Ok(harm("an older copy of the whole".to_owned()));
            }
            2 if here.is_dir() => {
                fs::remove_dir_all(&here)?;
                fs::write(&here, "a file")?;
                return Ok(harm("a file in its place".to_owned()));
            }
            _ => {}
        }
        let files = files(&here)?;
        if files.is_empty() {
            return Ok(harm("nothing left to harm".to_owned()));
        }
        let file = &files[lots.below(files.len())];
        let other = &files[lots.below(files.len())];
        let older = match file.strip_prefix(&here) {
            Ok(rest) if rest.as_os_str().is_empty() => before,
            Ok(rest) => before.join(rest),
            Err(_) => before,
        };
        let act = lots.one_of(&ACTS);
        let done = match act.on(file, other, &older, lots) {
            // A mode that was changed before, for anybody but root.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => "is kept from it".to_owned(),
            done => done?,
        };
        Ok(harm(format!("{}: {act:?} {done}", name_of(file))))
    }
}

fn name_of(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// All regular files at or below a path, but what only takes up room.
fn files(place: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    if place.is_file() {
        found.push(place.to_owned());
    } else if place.is_dir() {
        for entry in fs::read_dir(place)? {
            let path = entry?.path();
            let spare = path.file_name().is_some_and(|name| name == "ballast" || name == "reserve");
            if !spare {
                found.extend(files(&path)?);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// A directory with all that is in it.
pub fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    fs::set_permissions(to, fs::metadata(from)?.permissions())?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
