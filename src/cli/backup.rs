//! `backup`: everything in one sealed file, made while the daemon serves.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::arguments::Globals;
use super::connect::{client, with_daemon};
use super::exit::Exit;
use super::failure::Failure;
use super::wrong_passphrase::Origin;
use super::{backup_restore, backup_verify, output, passphrase, prompt, shell, value};
use crate::backup::Outline;
use crate::client::{Body, Call};
use crate::identity::NewFile;
use crate::secret::Plaintext;

#[derive(Subcommand)]
pub enum Backup {
    /// Write everything as it is now into one sealed file, while the daemon serves
    Create(Create),
    /// Open and check all of a backup, without the vault
    Verify(backup_verify::Verify),
    /// Make the vault of a backup anew, in a new directory
    Restore(backup_restore::Restore),
}

#[derive(Args)]
#[command(
    after_help = "Examples:\n  fsm-vault backup create --out vault.fsmb\n  fsm-vault backup create --out vault.fsmb \
                  --passphrase-file ./backup-passphrase\n\nIt opens with the passphrases that the vault has now. With \
                  --passphrase-file it does too if that is one of them. If it is none, the backup opens with it alone, and one of \
                  the vault's is asked for: whoever has the file and its passphrase has everything that is in it."
)]
pub struct Create {
    /// The file to write; one that is there is never replaced
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// A private file with one of the vault's passphrases, or with one for this backup alone; - for standard input
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// With one for this backup alone, a private file with one of the vault's; asked for unseen if left out
    #[arg(long, value_name = "FILE", requires = "passphrase_file")]
    vault_passphrase_file: Option<PathBuf>,
}

pub fn run(globals: &Globals, command: Backup) -> Result<(), Failure> {
    match command {
        Backup::Create(command) => create(globals, &command),
        Backup::Verify(command) => backup_verify::run(globals, &command),
        Backup::Restore(command) => backup_restore::run(globals, command),
    }
}

fn create(globals: &Globals, command: &Create) -> Result<(), Failure> {
    let out = &command.out;
    if value::is_stdin(out) {
        let why = "a backup counts once it is whole and on disk, so it isn't written to standard output: name a file, such as \
                   --out vault.fsmb, or --out ./- if that is its name";
        return Err(Failure::usage(why));
    }
    client(globals)?;
    let made = match &command.passphrase_file {
        None => fetch(globals, out, None)?,
        Some(file) => for_passphrase(globals, out, file, command.vault_passphrase_file.as_deref())?,
    };
    let Made { bytes, own_passphrase } = made;
    let document = serde_json::json!({ "file": out, "bytes": bytes, "own_passphrase": own_passphrase });
    globals.output.show(&document, || {
        let (shown, word) = (out.display(), shell::word(out));
        let opens = if own_passphrase {
            "with that passphrase of its own alone"
        } else {
            "with the passphrases that the vault has now"
        };
        format!(
            "wrote the backup {shown}, {bytes} bytes; it opens {opens}\nNext, see that it opens: fsm-vault backup verify {word}\n"
        )
    })
}

struct Made {
    bytes: u64,
    own_passphrase: bool,
}

/// The passphrase in `file` is one of the vault's or the backup's own: the daemon knows. Where one of the vault's is named
/// besides, it is the backup's own, and nothing is tried.
fn for_passphrase(
    globals: &Globals,
    out: &Path,
    file: &Path,
    of_vault: Option<&Path>,
) -> Result<Made, Failure> {
    let given = passphrase::fresh(Some(file))?;
    if of_vault.is_none() {
        match fetch(globals, out, Some((&given, None))) {
            Err(failure) if failure.is_wrong_passphrase && prompt::can_ask() => output::tell(format_args!(
                "That passphrase opens none of the vault's key slots, which counts as a wrong one: the backup will open with it \
                 alone. One of the vault's is needed to make it; named by --vault-passphrase-file FILE, nothing is tried before."
            )),
            Err(failure) if failure.is_wrong_passphrase => return Err(failure.and(which_of_both(file))),
            done => return done,
        }
    }
    let option = "--vault-passphrase-file";
    let known = passphrase::known_by(of_vault, option)?;
    fetch(globals, out, Some((&known, Some(&given))))
        .map_err(|failure| Origin::shown(of_vault, option).of(failure))
}

/// Where nobody can be asked.
fn which_of_both(file: &Path) -> String {
    let place = if value::is_stdin(file) {
        "standard input".to_owned()
    } else {
        format!("the file {}", shell::word(file))
    };
    format!(
        "It came from {place} (--passphrase-file), and opens none of the vault's key slots. If it was to be one of the vault's, put \
         the right one there, or leave the option out: the backup opens with the vault's anyway. If the backup is to open with it \
         alone, name a file with one of the vault's too: --vault-passphrase-file FILE"
    )
}

/// Fetches a backup into `out`: with a passphrase of the vault's that is shown, and one of the backup's own.
fn fetch(
    globals: &Globals,
    out: &Path,
    shown: Option<(&Plaintext, Option<&Plaintext>)>,
) -> Result<Made, Failure> {
    let mut file = NewFile::begin(out)?;
    let mut call = Call::post("/v1/sys/backup");
    let own = shown.and_then(|(_, own)| own);
    if let Some((known, _)) = shown {
        let body = Body::default().secret("passphrase", known)?;
        let body = if let Some(own) = own { body.secret("own_passphrase", own)? } else { body };
        call = call.with(body.end());
    }
    let bytes = with_daemon(globals, async |daemon| {
        let mut coming = daemon.download(call).await?;
        let (mut outline, mut bytes) = (Outline::default(), 0);
        while let Some(piece) = coming.next().await? {
            outline.take(&piece).map_err(|error| broken(&error))?;
            file.write(&piece).map_err(unwritable)?;
            bytes += piece.len() as u64;
        }
        outline.end().map_err(|error| broken(&error))?;
        Ok(bytes)
    })?;
    file.publish().map_err(unwritable)?;
    Ok(Made { bytes, own_passphrase: own.is_some() })
}

fn broken(error: &crate::backup::BackupError) -> Failure {
    Failure::new(Exit::Failed, format!("what the daemon sent is no whole backup: {error}; nothing was kept"))
}

/// A disk that is full is no wrong usage, unlike a name that is taken.
fn unwritable(error: crate::identity::FileError) -> Failure {
    match error {
        taken @ crate::identity::FileError::Exists { .. } => taken.into(),
        other => Failure::new(Exit::Failed, other),
    }
}
