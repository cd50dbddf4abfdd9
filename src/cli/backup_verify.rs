//! `backup verify`: what is in a backup, once all of it was opened and found in its place.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::arguments::Globals;
use super::caller_view;
use super::columns::{Columns, time};
use super::failure::Failure;
use super::passphrase;
use super::wrong_passphrase::Origin;
use crate::identity::IdentityError;
use crate::model::Caller;
use crate::vault::{BackupFile, Inspected, VaultError};
use crate::wire::CallerView;

#[derive(Args)]
#[command(
    after_help = "Example:\n  fsm-vault backup verify vault.fsmb\n\nNeeds no daemon and no vault. Every record is decrypted \
                  and read as an unsealing would; nothing of it is shown. Exit 1 if it isn't whole, 3 if the passphrase is \
                  wrong."
)]
pub struct Verify {
    /// The backup
    file: PathBuf,
    /// A private file with a passphrase that opens it, - for standard input; asked for unseen if left out
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

pub fn run(globals: &Globals, command: &Verify) -> Result<(), Failure> {
    let backup = inspected(&command.file, command.passphrase_file.as_deref())?;
    globals.output.show(&document(&backup), || described(&backup))
}

/// A backup of which everything was opened.
pub(super) fn inspected(file: &Path, passphrase_file: Option<&Path>) -> Result<Inspected, Failure> {
    // What is no backup is told before anybody is asked for a passphrase.
    let of_file = |error: VaultError| Failure::from(error).of(file.display());
    let backup = BackupFile::open(file).map_err(|error| match error {
        // Names the file itself.
        VaultError::Identity(IdentityError::File(error)) => error.into(),
        other => of_file(other),
    })?;
    let passphrase = passphrase::known(passphrase_file)?;
    backup.inspect(&passphrase).map_err(of_file).map_err(|failure| {
        let is_wrong = failure.is_wrong_passphrase;
        let failure = Origin::shown(passphrase_file, "--passphrase-file").of(failure);
        let of_then = "A backup opens with the passphrases that the vault had when it was made, or with one of its own. If this is one of \
                       those, the beginning of the file is damaged, which can't be told from a wrong passphrase: try another backup.";
        if is_wrong { failure.and(of_then) } else { failure }
    })
}

pub(super) fn document(backup: &Inspected) -> Value {
    let Inspected { vault, made_at, manifest, slot, label, counts, .. } = backup;
    let callers: Vec<_> = backup.active_callers().map(|caller| CallerView::of(caller)).collect();
    json!({
        "intact": true, "vault": vault.to_string(), "made_at": made_at, "made_by": manifest.made_by,
        "program": manifest.program, "own_passphrase": manifest.own_passphrase, "slot": slot.to_string(), "label": label,
        "audit": manifest.audit, "records": counts.records, "active_callers": callers,
    })
}

pub(super) fn described(backup: &Inspected) -> String {
    let Inspected { vault, made_at, manifest, slot, label, counts, .. } = backup;
    let opens = if manifest.own_passphrase {
        "a passphrase of its own"
    } else {
        "the passphrases that the vault had then"
    };
    let each = |(kind, number): (&String, &u64)| format!("{kind} {number}");
    let mut lines = Columns::pairs();
    lines.row(["state", "whole: every record opened and is in its place"]);
    lines.row(["vault", &vault.to_string()]);
    lines.row([
        "made",
        &format!("{} by {}, fsm-vault {}", time(*made_at), manifest.made_by, manifest.program),
    ]);
    let label = label.as_ref().map(|label| format!(" ({})", label.as_str())).unwrap_or_default();
    lines.row(["opens with", &format!("{opens}; this one: key slot {slot}{label}")]);
    lines.row(["audit log", &format!("up to entry {}, mac {}", manifest.audit.seq, manifest.audit.mac)]);
    lines.row(["records", &counts.records.iter().map(each).collect::<Vec<_>>().join(", ")]);
    format!(
        "{lines}\nCallers that are active in it:\n{}",
        callers(Columns::with_head(CALLERS), backup.active_callers().map(|each| &**each))
    )
}

/// The head of [`callers`].
pub(super) const CALLERS: [&str; 5] = ["NAME", "ROLE", "FOR", "REGISTERED", "CERTIFICATE UNTIL"];

/// Who becomes active by a restore.
pub(super) fn callers<'a>(mut lines: Columns, all: impl Iterator<Item = &'a Caller>) -> String {
    for caller in all {
        let view = CallerView::of(caller);
        let (role, whom) = caller_view::role(&view);
        let until = match view.certificate_expires_at {
            None => "its own domain says".to_owned(),
            Some(end) if end <= jiff::Timestamp::now() => format!("{}, expired", time(end)),
            Some(end) => time(end),
        };
        lines.row([view.name, role, whom, time(caller.enrolled_at), until]);
    }
    lines.to_string()
}
