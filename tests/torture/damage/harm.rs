//! What is done to the files.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::lots::Lots;

/// Bytes of a hole in what the database reads as a whole: more than there is memory.
const ABYSS: u64 = 4 << 40;

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

/// What is done to one file.
#[derive(Debug, Clone, Copy)]
enum Act {
    Flip,
    Overwrite,
    Zero,
    Cut,
    Duplicate,
    Repeat,
    Swap,
    Append,
    Remove,
    Empty,
    Directory,
    Pipe,
    Link,
    Older,
    Exchange,
    Copy,
    Hole,
    Junk,
    Mode,
}

/// The more often, the more it takes to be found.
const ACTS: [Act; 26] = [
    Act::Flip,
    Act::Flip,
    Act::Flip,
    Act::Flip,
    Act::Overwrite,
    Act::Overwrite,
    Act::Zero,
    Act::Zero,
    Act::Cut,
    Act::Cut,
    Act::Duplicate,
    Act::Repeat,
    Act::Swap,
    Act::Append,
    Act::Remove,
    Act::Empty,
    Act::Directory,
    Act::Pipe,
    Act::Link,
    Act::Older,
    Act::Exchange,
    Act::Copy,
    Act::Hole,
    Act::Hole,
    Act::Junk,
    Act::Mode,
];

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

impl Act {
    fn on(self, file: &Path, other: &Path, older: &Path, lots: &mut Lots) -> io::Result<String> {
        if is_too_large(file) || is_too_large(other) {
            return Ok("is too large by now".to_owned());
        }
        match self {
            Self::Remove => fs::remove_file(file).map(|()| String::new()),
            Self::Empty => fs::write(file, "").map(|()| String::new()),
            Self::Directory => {
                fs::remove_file(file)?;
                fs::create_dir(file).map(|()| String::new())
            }
            Self::Pipe => {
                fs::remove_file(file)?;
                mknodat(CWD, file, FileType::Fifo, Mode::from_raw_mode(0o600), 0)?;
                Ok(String::new())
            }
            Self::Link => {
                fs::remove_file(file)?;
                std::os::unix::fs::symlink("/dev/zero", file).map(|()| "to /dev/zero".to_owned())
            }
            Self::Older if older.is_file() => fs::copy(older, file).map(|_| String::new()),
            Self::Older => Ok("has no older one".to_owned()),
            Self::Exchange => {
                let (mine, others) = (fs::read(file)?, fs::read(other)?);
                fs::write(file, others)?;
                fs::write(other, mine)?;
                Ok(format!("with {}", other.file_name().unwrap_or_default().to_string_lossy()))
            }
            Self::Copy => {
                let to = beside(file, lots);
                if !to.exists() {
                    fs::copy(file, &to)?;
                }
                Ok(format!("to {}", to.file_name().unwrap_or_default().to_string_lossy()))
            }
            Self::Hole => {
                let length = match name_of(file) {
                    name if (name == "conf" || name.starts_with("snap.")) && lots.below(2) == 0 => ABYSS,
                    _ => lots.length(64 << 20) as u64,
                };
                let file = fs::OpenOptions::new().append(true).open(file)?;
                file.set_len(file.metadata()?.len() + length)?;
                Ok(format!("of {length} bytes at its end"))
            }
            Self::Junk => {
                let Some(number) = segment(&name_of(file)) else { return Ok("is no segment".to_owned()) };
                let (from, count) = (number + 1, lots.one_of(&[1, 3, 100]));
                let junk: Vec<u8> = match lots.below(3) {
                    0 => Vec::new(),
                    1 => (0..lots.length(10_000)).map(|_| lots.byte()).collect(),
                    _ => fs::read(file)?,
                };
                for number in from..from + count {
                    let path = file.with_file_name(segment_name(number));
                    if !path.exists() {
                        fs::write(path, &junk)?;
                    }
                }
                Ok(format!("of {} bytes in {count} files from {from} on", junk.len()))
            }
            Self::Mode => {
                let mode = lots.one_of(&[0, 0o400, 0o644]);
                fs::set_permissions(file, fs::Permissions::from_mode(mode))?;
                Ok(format!("{mode:o}"))
            }
            _ => {
                let mut bytes = fs::read(file)?;
                if bytes.is_empty() {
                    return Ok("is empty".to_owned());
                }
                let done = self.on_bytes(&mut bytes, lots);
                fs::write(file, bytes)?;
                Ok(done)
            }
        }
    }

    fn on_bytes(self, bytes: &mut Vec<u8>, lots: &mut Lots) -> String {
        let at = somewhere(bytes, lots);
        let length = lots.length((bytes.len() - at).min(70_000));
        let end = at + length;
        match self {
            Self::Flip => {
                let bit = 1 << lots.below(8);
                bytes[at] ^= bit;
                format!("{bit:#04x} at {at}")
            }
            Self::Overwrite => {
                bytes[at..end].fill_with(|| lots.byte());
                format!("{length} bytes at {at}")
            }
            Self::Zero => {
                bytes[at..end].fill(0);
                format!("{length} bytes at {at}")
            }
            Self::Cut => {
                bytes.truncate(at);
                format!("at {at}")
            }
            // What comes after it moves.
            Self::Duplicate => {
                let copied = bytes[at..end].to_vec();
                bytes.splice(end..end, copied);
                format!("{length} bytes at {at}")
            }
            // What was there is gone.
            Self::Repeat => {
                let to = lots.below(bytes.len() - length + 1);
                bytes.copy_within(at..end, to);
                format!("{length} bytes at {at}, again at {to}")
            }
            Self::Swap => {
                let to = lots.below(bytes.len() - length + 1);
                let (first, second) = (bytes[at..end].to_vec(), bytes[to..to + length].to_vec());
                bytes[at..end].copy_from_slice(&second);
                bytes[to..to + length].copy_from_slice(&first);
                format!("{length} bytes at {at} and {to}")
            }
            _ => {
                bytes.extend((0..length).map(|_| lots.byte()));
                format!("{length} bytes")
            }
        }
    }
}

/// A place where something is, mostly: much of the store's file is zeros.
fn somewhere(bytes: &[u8], lots: &mut Lots) -> usize {
    let mut at = lots.below(bytes.len());
    for _ in 0..50 {
        if bytes[at] != 0 {
            break;
        }
        at = lots.below(bytes.len());
    }
    at
}

/// The name that the next one of such files would have: a segment's or a snapshot's number is one higher.
fn beside(file: &Path, lots: &mut Lots) -> PathBuf {
    let name = name_of(file);
    let raised = segment(&name).and_then(|number| {
        let next = number + 1 + u32::try_from(lots.below(2)).ok()?;
        Some(segment_name(next))
    });
    let raised = raised.or_else(|| {
        let number = u64::from_str_radix(name.strip_prefix("snap.")?, 16).ok()?;
        Some(format!("snap.{:016X}", number + 1 + lots.below(1 << 20) as u64))
    });
    file.with_file_name(raised.unwrap_or_else(|| format!("{name}.copy")))
}

fn name_of(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The number in a segment's name.
fn segment(name: &str) -> Option<u32> {
    name.strip_prefix("audit-")?.strip_suffix(".jsonl")?.parse().ok()
}

fn segment_name(number: u32) -> String {
    format!("audit-{number:08}.jsonl")
}

/// Another harm has made it so large that it is no longer read here.
fn is_too_large(file: &Path) -> bool {
    fs::symlink_metadata(file).is_ok_and(|found| found.len() >= ABYSS)
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
