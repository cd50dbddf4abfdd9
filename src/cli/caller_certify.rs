//! `caller certify`: another certificate for who is registered, such as one whose own has expired.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

use super::arguments::Globals;
use super::caller_key::Keyed;
use super::connect::{client, with_daemon};
use super::failure::Failure;
use crate::client::{Call, printable};
use crate::model::CallerName;
use crate::secret::Plaintext;
use crate::wire::{self, CertificateForm, Enrolled};

#[derive(Args)]
#[command(
    after_help = "Examples:\n  fsm-vault caller certify fsm --out ./fsm-new\n  fsm-vault caller certify fsm --csr fsm.csr > \
                  fsm.pem\n\nWhat the caller may do stays as it was registered, and so do its other certificates until they \
                  expire: to end those, after a key was stolen, revoke the caller and add it anew."
)]
#[command(group(ArgGroup::new("key").args(["out", "csr"]).required(true).multiple(true)))]
pub struct Certify {
    /// Its name
    name: CallerName,
    /// How long the certificate lives, such as 24h or 7d [default: 24h for a service, 90d for an operator]
    #[arg(long, value_name = "TIME")]
    valid: Option<String>,
    /// Certify the key of this request (PKCS#10 in PEM), - for standard input
    #[arg(long, value_name = "FILE")]
    csr: Option<PathBuf>,
    /// Where to write cert.pem, key.pem and ca.pem: a new identity directory
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub fn run(globals: &Globals, command: &Certify) -> Result<(), Failure> {
    client(globals)?;
    let keyed = Keyed::choose(command.out.as_deref(), command.csr.as_deref())?;
    let keyed =
        keyed.ok_or_else(|| Failure::usage("give --out DIR, or --csr FILE for a key made elsewhere"))?;
    let form = CertificateForm { csr: keyed.request.clone(), valid: command.valid.clone() };
    with_daemon(globals, async |daemon| {
        let call = Call::post(format!("/v1/callers/{}/certificates", command.name));
        let answer = daemon.call(call.with(Plaintext::new(wire::write(&form)))).await?;
        keyed.hand_over(globals, &answer, "certified", again)
    })
}

fn again(enrolled: &Enrolled, written: &str) -> String {
    format!(
        "the certificate of {} could not be {written}; ask for another one",
        printable(&enrolled.caller.name)
    )
}
