//! `doctor`: looks at everything that could keep a vault from working, and says what to type.

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;
use serde_json::{Value, json};

use super::arguments::Globals;
use super::columns::Columns;
use super::connect::block_on;
use super::exit::Exit;
use super::failure::Failure;
use super::init::located;
use super::wrong_passphrase::Origin;
use super::{config, passphrase};
use crate::client::printable;
use crate::clock::{Clock, SystemClock};
use crate::config::Settings;
use crate::daemon;
use crate::vault::{Directory, Health, Looked, VaultError, inspect_asking};

mod running;

#[derive(Args)]
#[command(
    after_help = "Examples:\n  fsm-vault doctor\n  fsm-vault doctor --data-dir /var/lib/fsm-vault --passphrase-file \
                  passphrase\n\nWithout --data-dir the running daemon is asked. With it, the files of a stopped one are \
                  looked at; with the passphrase too, every record is opened and the whole audit log read: it is asked \
                  for on a terminal, where an empty line goes on without. Exit 1 if something is bad."
)]
pub struct Doctor {
    /// Look at the files of a stopped daemon here, instead of asking a running one
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// A private file with the passphrase, - for standard input; asked for unseen if left out on a terminal
    #[arg(long, value_name = "FILE", requires = "data_dir")]
    passphrase_file: Option<PathBuf>,
}

pub fn run(globals: &Globals, command: &Doctor) -> Result<(), Failure> {
    let mut seen = host();
    match &command.data_dir {
        Some(named) => {
            let settings = located(config::settings(globals)?, Some(named))?;
            let directory = Directory::at(&settings.data_dir);
            let ask = || passphrase::optional(command.passphrase_file.as_deref(), "look without it");
            let rules = daemon::notice_rules(&settings.notice);
            let found = block_on(inspect_asking(&directory, ask, &rules, SystemClock.now()))?;
            seen.extend(found.into_iter().map(|each| known_by(each, command.passphrase_file.as_deref())));
            seen.extend(journald(&settings));
        }
        None => match running::asked(globals) {
            Ok(found) => seen.extend(found),
            Err(failure) if failure.exit == Exit::Unreachable => {
                seen.push(running::unreachable(&failure));
                return show(globals, &seen, Some(Exit::Unreachable));
            }
            Err(failure) => return Err(failure),
        },
    }
    show(globals, &seen, None)
}

/// Shows the findings. `exit` is how it ends whatever they are.
fn show(globals: &Globals, seen: &[Looked], exit: Option<Exit>) -> Result<(), Failure> {
    let document: Vec<Value> = seen.iter().map(document).collect();
    globals.output.show(&json!({ "findings": document }), || table(seen))?;
    let bad = seen.iter().any(|each| each.health == Health::Bad);
    match exit.or(bad.then_some(Exit::Failed)) {
        Some(exit) => Err(Failure::told(exit)),
        None => Ok(()),
    }
}

/// A wrong passphrase with where it came from, which only this side knows.
fn known_by(looked: Looked, file: Option<&Path>) -> Looked {
    if looked.at != "passphrase" || looked.found != VaultError::WrongPassphrase.to_string() {
        return looked;
    }
    let (found, next) = Origin::shown(file, "--passphrase-file").told();
    Looked::other(looked.at, looked.health, found, next)
}

/// Whether the log's entries can go where the configuration wants them too; of a running daemon a notice tells it.
fn journald(settings: &Settings) -> Option<Looked> {
    let why = daemon::journald_is_away(settings)?;
    Some(Looked::other(
        "journald",
        Health::Doubtful,
        format!("audit.journald is on, and journald isn't there: {why}"),
        "systemctl start systemd-journald.socket, or take audit.journald out of the configuration",
    ))
}

/// What the host does with memory that it shouldn't do with a vault's.
fn host() -> Vec<Looked> {
    // One line of head, then a line for each area.
    let swapping = std::fs::read_to_string("/proc/swaps").is_ok_and(|swaps| swaps.lines().count() > 1);
    let swap = if swapping {
        Looked::other(
            "swap",
            Health::Doubtful,
            "on: the memory of an unsealed vault may be written to disk",
            "run the daemon under the shipped unit (MemorySwapMax=0), or turn it off: swapoff -a",
        )
    } else {
        Looked::fine("swap", "off")
    };
    vec![swap, systemd()]
}

fn systemd() -> Looked {
    let version = Command::new("systemctl").arg("--version").output().ok();
    let number = version.and_then(|said| {
        let text = String::from_utf8_lossy(&said.stdout).into_owned();
        text.split_whitespace().nth(1).and_then(|word| word.parse::<u32>().ok())
    });
    match number {
        // As sd_booted(3) asks.
        _ if !Path::new("/run/systemd/system").is_dir() => {
            Looked::fine("systemd", "isn't running this host; the daemon runs without it")
        }
        Some(number @ 252..) => Looked::fine("systemd", format!("version {number}")),
        Some(number) => Looked::other(
            "systemd",
            Health::Doubtful,
            format!("version {number}"),
            "the shipped unit is made for 252 and newer; start the daemon by hand or by a unit of your own",
        ),
        None => Looked::fine("systemd", "none here; the daemon runs without it"),
    }
}

fn word(health: Health) -> &'static str {
    match health {
        Health::Fine => "ok",
        Health::Doubtful => "warning",
        Health::Bad => "bad",
        Health::Unseen => "not seen",
    }
}

fn document(each: &Looked) -> Value {
    json!({ "at": each.at, "health": word(each.health), "found": each.found, "advice": each.advice })
}

/// What to do stands below each, where it can be copied; once, where the same helps against several.
fn table(seen: &[Looked]) -> String {
    let mut columns = Columns::pairs();
    for each in seen {
        columns.row([word(each.health), each.at, &each.found]);
    }
    let mut text = String::new();
    for (at, (line, each)) in columns.to_string().lines().zip(seen).enumerate() {
        text.push_str(line);
        text.push('\n');
        let Some(advice) = &each.advice else { continue };
        match seen[..at].iter().find(|earlier| earlier.advice == each.advice) {
            Some(earlier) => text.push_str(&format!("    do: as for the {} above\n", earlier.at)),
            None => text.push_str(&format!("    do: {}\n", printable(advice))),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_do_stands_below_what_was_found() {
        let seen = [
            Looked::fine("swap", "off"),
            Looked::other("store", Health::Bad, "it is\u{1b}[2J damaged", "restore a backup"),
        ];
        assert_eq!(
            table(&seen),
            "ok   swap   off\nbad  store  it is\\u{1b}[2J damaged\n    do: restore a backup\n"
        );
        let restore = || Looked::other("records", Health::Bad, "lost", "restore a backup");
        let told = table(&[seen[0].clone(), seen[1].clone(), restore(), restore()]);
        assert_eq!(told.matches("do: restore a backup\n").count(), 1, "{told}");
        assert_eq!(told.matches("do: as for the store above\n").count(), 2, "{told}");
        assert_eq!(
            document(&seen[0]),
            json!({ "at": "swap", "health": "ok", "found": "off", "advice": null })
        );
    }
}
