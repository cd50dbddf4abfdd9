//! What is done to one file, and how often each of it.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::super::lots::Lots;
use super::name_of;

/// Bytes of a hole in what the database reads as a whole: more than there is memory.
const ABYSS: u64 = 4 << 40;

/// What is done to one file.
#[derive(Debug, Clone, Copy)]
pub(super) enum Act {
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
pub(super) const ACTS: [Act; 26] = [
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

impl Act {
    pub(super) fn on(self, file: &Path, other: &Path, older: &Path, lots: &mut Lots) -> io::Result<String> {
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
