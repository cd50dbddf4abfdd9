//! `serve`: the daemon.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::arguments::Globals;
use super::exit::Exit;
use super::failure::Failure;
use super::init::located;
use super::output::Form;
use super::wrong_passphrase::Origin;
use super::{config, hidden, passphrase};
use crate::config::{Listen, Settings};
use crate::daemon::{self, Plan, Signals};
use crate::systemd;
use crate::telemetry;

#[derive(Args)]
#[command(
    after_help = "Examples:\n  fsm-vault serve --data-dir /var/lib/fsm-vault\n  fsm-vault serve --data-dir ./vault \
                  --passphrase-file ./passphrase --listen unix:./vault.sock\n\nWithout a passphrase it comes up sealed; \
                  an operator unseals it with: fsm-vault unseal"
)]
pub struct Serve {
    /// Where the vault lives [default: data_dir of the configuration, else /var/lib/fsm-vault]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// A private file with the passphrase, - for standard input [default: passphrase_file of the configuration, else
    /// $CREDENTIALS_DIRECTORY/passphrase]
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Where to listen: unix:PATH or tcp:127.0.0.1:PORT; may be given several times [default: listen of the
    /// configuration, else vault.sock in $RUNTIME_DIRECTORY or DIR/run, and tcp:127.0.0.1:8271]
    #[arg(long, value_name = "ADDRESS")]
    listen: Vec<Listen>,
    /// Serve although the store is older than what is known of it, or lacks records; audited. A revoked caller may be active
    /// again
    #[arg(long)]
    accept_rollback: bool,
}

/// Of a passphrase from standard input that is a terminal: the daemon asks nobody.
const INSTEAD: &str = "leave it out, and the daemon comes up sealed: an operator types fsm-vault unseal, and is asked unseen; \
                       or send it there from a file or a program";

pub fn run(globals: &Globals, command: Serve) -> Result<(), Failure> {
    // Before there is a second thread: it changes the environment.
    let activated = systemd::Activated::take().map_err(Failure::usage)?;
    let mut settings = located(config::settings(globals)?, command.data_dir.as_deref())?;
    if !command.listen.is_empty() {
        settings.listen = command.listen;
    }
    let listen = settings.addresses(std::env::var_os("RUNTIME_DIRECTORY").as_deref()).map_err(|why| {
        Failure::usage(format!("the default Unix socket {why}; or name another one with --listen unix:PATH"))
    })?;
    let from = passphrase_file(command.passphrase_file.as_deref(), &settings);
    let mut unusable = Vec::new();
    let passphrase = match from.as_deref() {
        // One of several files that the configuration names: what is wrong with them is told at once.
        Some(file) if command.passphrase_file.is_none() && settings.passphrase_file.is_some() => {
            config::passphrase(file).map_err(|why| unusable.push(why)).ok()
        }
        file => file.map(|path| passphrase::from_file_or(path, INSTEAD)).transpose()?,
    };
    telemetry::start(&settings.log).map_err(Failure::usage)?;

    let sealed = passphrase.is_none();
    let activated = Some(activated).filter(|handed| !handed.is_empty());
    let accept_rollback = command.accept_rollback;
    if accept_rollback && from.is_none() {
        let how = "without a passphrase it comes up sealed: give --accept-rollback to fsm-vault unseal";
        return Err(Failure::usage(how));
    }
    let plan = Plan { settings, passphrase, accept_rollback, unusable, listen, activated };
    let runtime = runtime()?;
    let served = runtime.block_on(async {
        let mut signals = signals()?;
        let opened = daemon::open_unless_stopped(plan, &mut signals).await;
        let daemon = opened.map_err(|error| match &from {
            Some(file) => Origin::of_start(file, command.passphrase_file.is_some()).of(error.into()),
            None => error.into(),
        })?;
        let Some(daemon) = daemon else { return Ok(Served::Never) };
        if globals.output == Form::Json {
            let addresses: Vec<_> = daemon.addresses().iter().map(ToString::to_string).collect();
            globals
                .output
                .show(&serde_json::json!({ "addresses": addresses, "sealed": sealed }), String::new)?;
        }
        daemon.serve(signals).await?;
        Ok(Served::ToTheEnd)
    });
    match served {
        // What it still reads must not keep the process.
        Ok(Served::Never) => runtime.shutdown_background(),
        // Nor a backup whose disk doesn't answer. All else has ended.
        _ => runtime.shutdown_timeout(Duration::from_secs(1)),
    }
    served.map(drop)
}

/// What became of a start.
enum Served {
    ToTheEnd,
    /// A signal came before.
    Never,
}

/// Named by the flag, the configuration or systemd; None if by none of them.
fn passphrase_file(flag: Option<&Path>, settings: &Settings) -> Option<PathBuf> {
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY");
    flag.map(Path::to_owned)
        .or_else(|| settings.passphrase_file.clone())
        .or_else(|| systemd::passphrase_file(credentials.as_deref()))
}

/// The daemon's runtime. Made only now, so that what comes before it has the process to itself.
pub fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    daemon::runtime().map_err(|error| Failure::new(Exit::Failed, format!("can't start the runtime: {error}")))
}

pub fn signals() -> Result<Signals, Failure> {
    let signals = Signals::listen();
    hidden::hand_over();
    signals.map_err(|error| Failure::new(Exit::Failed, format!("can't catch signals: {error}")))
}
