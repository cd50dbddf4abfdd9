//! `config check`: all problems of a configuration at once, those of the files that it names and of where it is to listen too,
//! without starting anything.

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use rustix::fs::{Access, access};

use super::arguments::Globals;
use super::exit::Exit;
use super::failure::Failure;
use super::{passphrase, shell};
use crate::config::{ConfigError, DEFAULT_FILE, Listen, Problem, Settings};
use crate::daemon::{self, By, Unusable};
use crate::identity::{as_user, read_private};
use crate::secret::Plaintext;

#[derive(Subcommand)]
pub enum Config {
    /// Tell everything that is wrong with a configuration file, and with the files that it names
    Check(Check),
}

#[derive(Args)]
#[command(
    after_help = "Example:\n  fsm-vault config check /etc/fsm-vault/fsm-vault.toml\n\nIt looks at the files that the \
                  configuration names and at where it is to listen, as the user who runs it. What only the daemon's user can tell is a warning."
)]
pub struct Check {
    /// The file [default: that of --config, else /etc/fsm-vault/fsm-vault.toml if it is there]
    file: Option<PathBuf>,
}

/// What the check found.
#[derive(Default, serde::Serialize)]
struct Checked<'a> {
    /// Null: there is no file, the defaults hold.
    file: Option<&'a Path>,
    valid: bool,
    /// For which `serve` refuses it.
    problems: Vec<Problem>,
    /// For which `serve` may refuse it, or goes on without something.
    warnings: Vec<Problem>,
}

pub fn check(globals: &Globals, command: Check) -> Result<(), Failure> {
    let named = command.file.as_deref().or(globals.config.as_deref());
    let usual = Path::new(DEFAULT_FILE);
    let file = named.or_else(|| usual.exists().then_some(usual));
    let mut found = Checked { file, ..Checked::default() };
    match Settings::load(named) {
        Ok(settings) => look(&settings, &mut found),
        Err(error) => {
            found.file = Some(named.unwrap_or(usual));
            found.problems = error.problems().to_vec();
            if let Some(rest) = error.rest() {
                look_on(rest, error.problems(), &mut found);
            }
        }
    }
    found.valid = found.problems.is_empty();
    globals.output.show(&found, || found.told())?;
    if found.valid { Ok(()) } else { Err(Failure::told(Exit::Usage)) }
}

impl Checked<'_> {
    fn told(&self) -> String {
        let file = self.file.unwrap_or(Path::new(DEFAULT_FILE)).display();
        let line = |kind: &str, problem: &Problem| {
            let space = if problem.line.is_some() { "" } else { " " };
            format!("{file}:{space}{kind}{problem}\n")
        };
        let problems = self.problems.iter().map(|each| line("", each));
        let warnings = self.warnings.iter().map(|each| line("warning: ", each));
        let verdict = match self.file {
            Some(file) if self.valid => format!("{} is valid\n", file.display()),
            None if self.valid => format!("there is no {DEFAULT_FILE}; the defaults hold\n"),
            _ => String::new(),
        };
        problems.chain(warnings).chain([verdict]).collect()
    }
}

/// Looks at what a file names that has problems itself: at all but what these are about.
fn look_on(rest: &Settings, problems: &[Problem], found: &mut Checked) {
    let about = |key: &str| problems.iter().any(|problem| problem.key.as_deref() == Some(key));
    let mut named = Checked { file: found.file, ..Checked::default() };
    look(rest, &mut named);
    let told = |each: &Problem| each.key.as_deref().is_none_or(|key| !about(key));
    found.problems.extend(named.problems.into_iter().filter(told));
    found.warnings.extend(named.warnings.into_iter().filter(told));
}

/// Looks at what the settings name, as `serve` will.
fn look(settings: &Settings, found: &mut Checked) {
    let file = settings.passphrase_file.as_deref();
    let passphrase = file.and_then(|file| passphrase(file).err());
    let unusable: Vec<_> = passphrase.into_iter().chain(daemon::unusable(settings)).collect();
    let user = rustix::process::geteuid().as_raw();
    let owner = std::fs::metadata(&settings.data_dir).ok().map(|found| found.uid());
    let again = as_daemon(owner, found.file);
    for Unusable { key, detail, by } in unusable {
        let key = Some(key.to_owned());
        match by {
            By::ThisUser if owner != Some(user) => {
                let detail = format!("{detail}; whether the daemon's user can, he alone can tell: {again}");
                found.warnings.push(Problem { line: None, key, detail });
            }
            By::Others => found.warnings.push(Problem { line: None, key, detail }),
            By::ThisUser | By::Anyone => found.problems.push(Problem { line: None, key, detail }),
        }
    }
    let names_files = file.is_some()
        || !settings.identity.trust.is_empty()
        || settings.outbound.extra_ca.is_some()
        || !settings.notice.command.is_empty()
        || settings.listen.iter().any(|listen| matches!(listen, Listen::Unix(_)));
    if user == 0 && owner.is_some_and(|owner| owner != 0) && names_files {
        let detail = format!(
            "the files that it names were looked at as root, who may read all of them; as the daemon: {again}"
        );
        found.warnings.push(Problem { line: None, key: None, detail });
    }
    if let Some(why) = daemon::journald_is_away(settings) {
        let detail =
            format!("is on, and journald isn't there ({why}): the log's entries will go to its files alone");
        found.warnings.push(Problem { line: None, key: Some("audit.journald".to_owned()), detail });
    }
    let mut warn = |key: &str, detail| {
        found.warnings.push(Problem { line: None, key: Some(key.to_owned()), detail });
    };
    if let Some(directory) = settings.backup.directory.as_deref() {
        let path = shell::word(directory);
        if !directory.is_dir() {
            warn(
                "backup.directory",
                format!(
                    "{path} is no directory, so that no backup will be made there. Type: sudo install -d -m 0700 -o fsm-vault -g fsm-vault {path}"
                ),
            );
        } else if access(directory, Access::WRITE_OK | Access::EXEC_OK).is_err() {
            let next = if owner == Some(rustix::process::geteuid().as_raw()) {
                format!("Type: sudo chown fsm-vault: {path}")
            } else {
                format!("As the daemon: {again}")
            };
            warn("backup.directory", format!("this user may not write to {path}. {next}"));
        }
    }
    let data = &settings.data_dir;
    if std::fs::metadata(data.join("store")).is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        let path = shell::word(data);
        warn(
            "data_dir",
            format!("there is no vault in {path} yet; make one: fsm-vault init --data-dir {path}"),
        );
    }
}

/// How to look once more as the daemon's user, the owner of its directory.
fn as_daemon(owner: Option<u32>, file: Option<&Path>) -> String {
    let who = owner.map_or_else(|| "sudo runuser -u fsm-vault --".to_owned(), as_user);
    let file = file.map_or_else(String::new, |file| format!(" {}", shell::word(file)));
    format!("{who} fsm-vault config check{file}")
}

/// The passphrase in the file that the configuration names.
pub fn passphrase(file: &Path) -> Result<Plaintext, Unusable> {
    const KEY: &str = "passphrase_file";
    if !passphrase::is_credential(file) {
        // Only this tells whether it is but this user who can't.
        read_private(file, passphrase::LONGEST_FILE).map_err(|error| Unusable::of_file(KEY, &error))?;
    }
    passphrase::from_file(file).map_err(|failure| Unusable { key: KEY, detail: failure.text, by: By::Anyone })
}

/// The settings that `--config` or the default file has, for the commands that need them.
pub fn settings(globals: &Globals) -> Result<Settings, Failure> {
    Settings::load(globals.config.as_deref()).map_err(|error: ConfigError| Failure::usage(error))
}
