//! `config check`: all problems of a configuration file at once, without starting anything.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::arguments::Globals;
use super::exit::Exit;
use super::failure::Failure;
use crate::config::{ConfigError, DEFAULT_FILE, Problem, Settings};

#[derive(Subcommand)]
pub enum Config {
    /// Tell everything that is wrong with a configuration file
    Check(Check),
}

#[derive(Args)]
#[command(after_help = "Example:\n  fsm-vault config check /etc/fsm-vault/fsm-vault.toml")]
pub struct Check {
    /// The file [default: that of --config, else /etc/fsm-vault/fsm-vault.toml if it is there]
    file: Option<PathBuf>,
}

/// What the check found.
#[derive(serde::Serialize)]
struct Checked<'a> {
    /// Null: there is no file, the defaults hold.
    file: Option<&'a Path>,
    valid: bool,
    problems: &'a [Problem],
}

pub fn check(globals: &Globals, command: Check) -> Result<(), Failure> {
    let named = command.file.as_deref().or(globals.config.as_deref());
    match Settings::load(named) {
        Ok(_) => {
            let usual = Path::new(DEFAULT_FILE);
            let file = named.or_else(|| usual.exists().then_some(usual));
            globals.output.show(&Checked { file, valid: true, problems: &[] }, || match file {
                Some(file) => format!("{} is valid\n", file.display()),
                None => format!("there is no {DEFAULT_FILE}; the defaults hold\n"),
            })
        }
        Err(error) => {
            let found = Checked { file: Some(error.file()), valid: false, problems: error.problems() };
            globals.output.show(&found, || format!("{error}\n"))?;
            Err(Failure::told(Exit::Usage))
        }
    }
}

/// The settings that `--config` or the default file has, for the commands that need them.
pub fn settings(globals: &Globals) -> Result<Settings, Failure> {
    Settings::load(globals.config.as_deref()).map_err(|error: ConfigError| Failure::usage(error))
}
