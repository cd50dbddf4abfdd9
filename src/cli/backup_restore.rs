//! `backup restore`: the vault of a backup anew, once somebody has seen whom it lets in again.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::arguments::Globals;
use super::backup_verify::{CALLERS, callers, document, inspected};
use super::columns::{Columns, time};
use super::connect::block_on;
use super::exit::Exit;
use super::failure::Failure;
use super::init::{at_place, located};
use super::list::item;
use super::{config, output, prompt, shell};
use crate::clock::SystemClock;
use crate::daemon::audit_settings;
use crate::model::CallerName;
use crate::vault::{Directory, Inspected, Restoring, restore_backup};

#[derive(Args)]
#[command(
    after_help = "Examples:\n  fsm-vault backup restore vault.fsmb --data-dir /var/lib/fsm-vault\n  fsm-vault backup restore \
                  vault.fsmb --data-dir /srv/vault --without crm --yes\n\nIt checks all of the backup, lists the callers that \
                  become active, and asks. Whoever was revoked after the backup was made is active in it: leave them out with \
                  --without. CA, callers and passphrases are those of the backup; the audit log begins anew."
)]
pub struct Restore {
    /// The backup
    file: PathBuf,
    /// Where the vault shall live: a directory that isn't there, or is empty
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// A private file with a passphrase that opens it, - for standard input; asked for unseen if left out
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// A caller of the backup that is revoked in the new vault; several by commas, or by the option again
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = item::<CallerName>)]
    without: Vec<CallerName>,
    /// Don't ask
    #[arg(long)]
    yes: bool,
}

pub fn run(globals: &Globals, command: Restore) -> Result<(), Failure> {
    let settings = located(config::settings(globals)?, Some(&command.data_dir))?;
    let directory = Directory::at(&settings.data_dir);
    directory.refuse_unless_empty()?;
    directory.refuse_unless_mine()?;
    let backup = inspected(&command.file, command.passphrase_file.as_deref())?;
    confirm(&command, &backup)?;
    let mut document = document(&backup);
    let audit = audit_settings(&settings);
    let plan = Restoring { directory, without: command.without, audit, clock: Arc::new(SystemClock) };
    let data = &settings.data_dir;
    let restored = block_on(async {
        let then = "remove that directory and type the same again, or name another one with --data-dir";
        restore_backup(backup, plan).await.map_err(|error| at_place(error, data, then))
    })?;

    document["data_dir"] = serde_json::json!(data);
    document["active_callers"]
        .as_array_mut()
        .into_iter()
        .for_each(|all| all.retain(|each| restored.active.iter().any(|name| each["name"] == name.as_str())));
    document["revoked_callers"] = serde_json::json!(restored.revoked);
    globals.output.show(&document, || {
        let named = |what: &str, names: &[CallerName]| match names {
            [] => String::new(),
            some => {
                format!("{what}: {}\n", some.iter().map(CallerName::as_str).collect::<Vec<_>>().join(", "))
            }
        };
        format!(
            "restored the vault into {}\n{}{}\nNext:\n  fsm-vault serve --data-dir {}\nA certificate that was renewed after \
             the backup was made is unknown here. If no full operator's is at hand: fsm-vault operator recover --data-dir {} --out DIR\n",
            data.display(),
            named("active", &restored.active),
            named("revoked", &restored.revoked),
            shell::word(data),
            shell::word(data),
        )
    })
}

/// Shows who comes back, and asks. The list is no result: it goes to standard error.
fn confirm(command: &Restore, backup: &Inspected) -> Result<(), Failure> {
    let is_active = |name: &CallerName| backup.active_callers().any(|each| each.name == *name);
    let (revoked_before, unknown): (Vec<_>, Vec<_>) =
        command.without.iter().filter(|name| !is_active(name)).partition(|name| backup.is_revoked(name));
    if !unknown.is_empty() {
        let option = |name: &&CallerName| format!("--without {name}");
        let options = unknown.iter().map(option).collect::<Vec<_>>().join(" ");
        let why = format!("the backup knows no such caller; leave out {options}");
        return Err(Failure::new(Exit::NotFound, why));
    }
    for name in revoked_before {
        output::tell(format_args!("{name} is revoked in the backup already."));
    }
    let is_left_out = |name: &CallerName| command.without.contains(name);
    let (revoked, active): (Vec<_>, Vec<_>) =
        backup.active_callers().map(|each| &**each).partition(|caller| is_left_out(&caller.name));
    output::tell(format_args!(
        "This backup is of {}. These callers become active, whatever was decided about them since:\n\n{}",
        time(backup.made_at),
        callers(Columns::told_with_head(CALLERS), active.into_iter())
    ));
    if !revoked.is_empty() {
        output::tell(format_args!(
            "These are revoked:\n\n{}",
            callers(Columns::told_with_head(CALLERS), revoked.into_iter())
        ));
    }
    if command.yes {
        return Ok(());
    }
    if !prompt::can_ask() {
        let why = "a restore lets these callers in again: give --yes, with --without NAME for each that shall not \
                   come back, or run this on a terminal";
        return Err(Failure::usage(why));
    }
    prompt::confirm("Type restore to go on: ", "restore", "nothing was restored")
}
