//! `backup`: everything in one sealed file, made while the daemon serves.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::arguments::Globals;
use super::connect::{client, with_daemon};
use super::exit::Exit;
use super::failure::Failure;
use super::wrong_passphrase::Origin;
use super::{backup_restore, backup_verify, passphrase, shell, value};
use crate::backup::Outline;
use crate::client::{Body, Call};
use crate::identity::NewFile;

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
                  --passphrase-file it opens with that one alone, and one of the vault's is asked for: whoever has the file \
                  and its passphrase has everything that is in it."
)]
pub struct Create {
    /// The file to write; one that is there is never replaced
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// A private file with a passphrase for this backup alone, - for standard input
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// With it, a private file with one of the vault's passphrases; asked for unseen if left out
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
    if value::is_stdin(&command.out) {
        let why = "a backup counts once it is whole and on disk, so it isn't written to standard output: name a file, such as \
                   --out vault.fsmb, or --out ./- if that is its name";
        return Err(Failure::usage(why));
    }
    client(globals)?;
    let own = command.passphrase_file.as_deref();
    let own = own.map(|file| passphrase::fresh(Some(file))).transpose()?;
    let of_vault = command.vault_passphrase_file.as_deref();
    let known =
        own.as_ref().map(|_| passphrase::known_by(of_vault, "--vault-passphrase-file")).transpose()?;
    let out = &command.out;
    let mut file = NewFile::begin(out)?;
    let mut call = Call::post("/v1/sys/backup");
    if let (Some(known), Some(own)) = (&known, &own) {
        let body = Body::default().secret("passphrase", known)?.secret("own_passphrase", own)?;
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
    })
    .map_err(|failure| Origin::shown(of_vault, "--vault-passphrase-file").of(failure))?;
    file.publish().map_err(unwritable)?;
    let document = serde_json::json!({ "file": out, "bytes": bytes, "own_passphrase": own.is_some() });
    globals.output.show(&document, || {
        let (shown, word) = (out.display(), shell::word(out));
        format!("wrote the backup {shown}, {bytes} bytes\nNext, see that it opens: fsm-vault backup verify {word}\n")
    })
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
