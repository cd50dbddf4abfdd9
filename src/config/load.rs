//! From a path to settings: reads the file, bounded, and hands its text to the reader.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;

use super::problem::ConfigError;
use super::read;
use super::settings::Settings;

/// Used when it is there and no other file is named.
pub const DEFAULT_FILE: &str = "/etc/fsm-vault/fsm-vault.toml";

const LARGEST_FILE: u64 = 1 << 20;
const WRITABLE_BY_ANYONE: u32 = 0o002;

impl Settings {
    /// The settings of the file at `path`, which must exist; without a path those of [`DEFAULT_FILE`], or the
    /// defaults when there is none.
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        match path {
            Some(path) => load(path, open(path)?),
            None => load_if_present(Path::new(DEFAULT_FILE)),
        }
    }
}

fn load_if_present(path: &Path) -> Result<Settings, ConfigError> {
    match opened(path) {
        Ok(file) => load(path, file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Settings::default()),
        // A file that is there but can't be read is no absent file: its rules would silently not hold.
        Err(error) => Err(unreadable(path, &error)),
    }
}

fn load(path: &Path, file: File) -> Result<Settings, ConfigError> {
    let found = file.metadata().map_err(|error| unreadable(path, &error))?;
    if found.file_type().is_char_device() {
        let detail = "is a device and no file: to go by the defaults alone, name an empty file";
        return Err(ConfigError::of_file(path, detail));
    }
    if found.permissions().mode() & WRITABLE_BY_ANYONE != 0 {
        // It names whom the vault trusts.
        let detail = format!("can be changed by any user; type: chmod o-w {}", path.display());
        return Err(ConfigError::of_file(path, detail));
    }
    let mut bytes = Vec::new();
    file.take(LARGEST_FILE + 1).read_to_end(&mut bytes).map_err(|error| unreadable(path, &error))?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(ConfigError::of_file(path, "is larger than 1 MiB, which is no configuration"));
    }
    let text = String::from_utf8(bytes).map_err(|_| ConfigError::of_file(path, "is not UTF-8 text"))?;
    read::settings(&text).map_err(|wrong| ConfigError::new(path, wrong))
}

fn open(path: &Path) -> Result<File, ConfigError> {
    opened(path).map_err(|error| unreadable(path, &error))
}

/// A pipe with a name would hold this up until somebody writes to it. What a shell hands over (`<(…)`) has none.
fn opened(path: &Path) -> io::Result<File> {
    let odd = |what| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    match std::fs::metadata(path).map(|found| found.file_type()) {
        Ok(kind) if kind.is_dir() => return odd("it is a directory and no file"),
        Ok(kind) if kind.is_fifo() && path.canonicalize().is_ok() => return odd("it is a pipe and no file"),
        _ => {}
    }
    File::open(path)
}

fn unreadable(path: &Path, error: &io::Error) -> ConfigError {
    ConfigError::of_file(path, format_args!("can't be read: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};

    fn said(result: Result<Settings, ConfigError>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn only_the_default_file_may_be_absent() {
        let directory = tempfile::tempdir().unwrap();
        let absent = directory.path().join("absent.toml");
        assert_eq!(load_if_present(&absent), Ok(Settings::default()));
        assert!(said(Settings::load(Some(&absent))).contains("absent.toml: can't be read"));
        assert!(said(load_if_present(directory.path())).contains("can't be read"));
    }

    #[test]
    fn a_file_is_bounded_utf8_and_its_owners() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("fsm-vault.toml");
        for (bytes, why) in [
            (vec![b'#'; (1 << 20) + 1], "larger than 1 MiB"),
            (b"data_dir = \"\xff\"".to_vec(), "not UTF-8"),
            (b"\n\ndatadir = 1".to_vec(), "fsm-vault.toml:3: datadir: "),
        ] {
            fs::write(&path, bytes).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
            let said = said(Settings::load(Some(&path)));
            assert!(said.contains(why), "{said}");
        }
        fs::write(&path, vec![b'#'; 1 << 20]).unwrap();
        assert_eq!(Settings::load(Some(&path)), Ok(Settings::default()));
        fs::set_permissions(&path, Permissions::from_mode(0o646)).unwrap();
        assert!(said(Settings::load(Some(&path))).contains("chmod o-w"));
    }
}
