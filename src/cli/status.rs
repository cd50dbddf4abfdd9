//! `status`, `seal`, `unseal`: the state of the daemon.

use std::path::PathBuf;

use clap::Args;

use super::arguments::Globals;
use super::columns::{Columns, time};
use super::connect::with_daemon;
use super::exit::Exit;
use super::failure::Failure;
use super::wrong_passphrase::Origin;
use super::{output, passphrase};
use crate::client::{Answer, Body, Call, Client};
use crate::wire;

#[derive(Args)]
#[command(after_help = "Example:\n  fsm-vault status --identity /var/lib/fsm-vault/identities/admin")]
pub struct Status {}

#[derive(Args)]
#[command(after_help = "Example:\n  fsm-vault seal --identity /var/lib/fsm-vault/identities/admin")]
pub struct Seal {}

#[derive(Args)]
#[command(after_help = "Example:\n  fsm-vault unseal --identity /var/lib/fsm-vault/identities/admin")]
pub struct Unseal {
    /// A private file with the passphrase, - for standard input; asked for unseen if left out
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Unseal although the store is older than what is known of it, or lacks records; audited. A revoked caller may be active
    /// again
    #[arg(long)]
    accept_rollback: bool,
}

pub fn status(globals: &Globals) -> Result<(), Failure> {
    with_daemon(globals, async |daemon| {
        let answer = daemon.call(Call::get("/v1/sys/status")).await?;
        show(globals, daemon.client(), &answer)
    })
}

pub fn seal(globals: &Globals) -> Result<(), Failure> {
    with_daemon(globals, async |daemon| {
        let answer = match daemon.call(Call::post("/v1/sys/seal")).await.map_err(Failure::from) {
            Err(failure) if failure.exit == Exit::Sealed => {
                output::tell("sealed already");
                daemon.call(Call::get("/v1/sys/status")).await?
            }
            answer => answer?,
        };
        show(globals, daemon.client(), &answer)
    })
}

pub fn unseal(globals: &Globals, command: Unseal) -> Result<(), Failure> {
    passphrase::before_asking(globals, command.passphrase_file.as_deref(), async |daemon| {
        let status: wire::Status = daemon.call(Call::get("/v1/sys/status")).await?.read()?;
        if status.sealed {
            Ok(())
        } else {
            Err(Failure::new(Exit::Conflict, "the vault is unsealed already"))
        }
    })?;
    let passphrase = passphrase::known(command.passphrase_file.as_deref())?;
    let mut body = Body::default().secret("passphrase", &passphrase)?;
    if command.accept_rollback {
        body = body.field("accept_rollback", &true);
    }
    let body = body.end();
    with_daemon(globals, async |daemon| {
        let answer = daemon.call(Call::post("/v1/sys/unseal").with(body)).await?;
        show(globals, daemon.client(), &answer)
    })
    .map_err(|failure| Origin::shown(command.passphrase_file.as_deref(), "--passphrase-file").of(failure))
}

fn show(globals: &Globals, client: &Client, answer: &Answer) -> Result<(), Failure> {
    let status: wire::Status = answer.read()?;
    globals.output.answer(answer, || {
        let audit = match status.audit {
            None => "closed while sealed",
            Some(wire::AuditStanding { available: false, .. }) => "CAN'T BE WRITTEN: nothing is released",
            Some(wire::AuditStanding { damaged: true, .. }) => {
                "written, but DAMAGED: see fsm-vault audit verify"
            }
            Some(_) => "written, no damage noticed (all of it is read by: fsm-vault audit verify)",
        };
        let mut lines = Columns::pairs();
        lines.row([
            "vault",
            if status.sealed { "sealed; open it with: fsm-vault unseal" } else { "unsealed" },
        ]);
        lines.row(["version", &status.version]);
        lines.row(["time", &time(status.time)]);
        lines.row(["audit log", audit]);
        lines.row(["daemon's certificate", &format!("until {}", time(status.server_certificate_expires_at))]);
        lines.row(["your certificate", &format!("until {}", time(client.presented().not_after))]);
        lines.row(["address", &client.address().to_string()]);
        lines.to_string()
    })
}
