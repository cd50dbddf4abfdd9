//! `operator recover`: a way back in, offline, with the passphrase.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};

use super::arguments::Globals;
use super::connect::block_on;
use super::failure::Failure;
use super::init::located;
use super::wrong_passphrase::Origin;
use super::{config, passphrase, shell};
use crate::clock::SystemClock;
use crate::daemon::audit_settings;
use crate::model::CallerName;
use crate::vault::{Directory, NoticeRules, Opening, Vault, VaultError, open_store, recover_operator};

#[derive(Subcommand)]
pub enum Operator {
    /// Give a full operator a new identity, while the daemon is stopped; its old keys are refused from then on
    Recover(Recover),
}

#[derive(Args)]
#[command(
    after_help = "Example:\n  fsm-vault operator recover --data-dir /var/lib/fsm-vault --out ./admin\n\nFor when all \
                  full operators' certificates are lost or expired. Stop the daemon first."
)]
pub struct Recover {
    /// Where the vault lives [default: data_dir of the configuration, else /var/lib/fsm-vault]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// A private file with the passphrase, - for standard input; asked for unseen if left out
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Which full operator [default: the first by name]
    #[arg(long, value_name = "NAME")]
    operator: Option<CallerName>,
    /// Recover although the store is older than what is known of it, or lacks records; audited. A revoked caller may be active
    /// again
    #[arg(long)]
    accept_rollback: bool,
    /// Where to write cert.pem, key.pem and ca.pem
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

pub fn recover(globals: &Globals, command: Recover) -> Result<(), Failure> {
    let settings = located(config::settings(globals)?, command.data_dir.as_deref())?;
    let directory = Directory::at(&settings.data_dir);
    let out = &command.out;
    let name = block_on(async {
        // The store first: a daemon that still runs is told before anybody is asked for a passphrase.
        let store = open_store(&directory)?;
        let audit = audit_settings(&settings);
        let vault = Vault::open(Opening {
            directory,
            store,
            audit,
            notices: NoticeRules::default(),
            clock: Arc::new(SystemClock),
        })
        .await?;
        let passphrase = passphrase::known(command.passphrase_file.as_deref())?;
        if command.accept_rollback {
            vault.unseal_locally_accepting_rollback(passphrase).await?;
        } else {
            vault.unseal_locally(passphrase).await?;
        }
        let recovered = recover_operator(&vault, command.operator.as_ref(), out).await;
        // Closed either way, so that the log ends in order; the first failure counts.
        let closed = vault.close().await;
        recovered.and_then(|name| closed.map(|()| name)).map_err(explained)
    });
    let origin = Origin::shown(command.passphrase_file.as_deref(), "--passphrase-file");
    let name = name.map_err(|failure| origin.of(failure))?;
    let document = serde_json::json!({ "operator": name, "identity": out });
    globals.output.show(&document, || {
        let out_word = shell::word(out);
        format!(
            "wrote a new identity of {name} to {}; its old keys are refused from now on\nNext, start the daemon and \
             type: fsm-vault status --identity {out_word}\n",
            out.display()
        )
    })
}

fn explained(error: VaultError) -> Failure {
    let missing = matches!(error, VaultError::NotFound(_));
    let failure = Failure::from(error);
    if missing { failure.and("Leave --operator out to recover the first one by name.") } else { failure }
}
