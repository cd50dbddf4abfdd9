//! `secret get`: one of the two commands that print a value; and what a service says with a read.

use clap::Args;
use serde::Serialize;

use super::arguments::Globals;
use super::connect::with_daemon;
use super::exit::Exit;
use super::failure::Failure;
use super::number;
use super::output::{self, Form, Reveal};
use crate::client::Call;
use crate::model::{Domain, Employee, SecretId, VersionWanted};
use crate::wire::ValueRead;

#[derive(Args)]
#[command(
    after_help = "Example:\n  fsm-vault secret get custsecret_fsm_oauth2_client_id --identity /etc/fsm-mobile/vault"
)]
pub struct Get {
    /// Its ID; custsecret may be left out
    id: SecretId,
    #[command(flatten)]
    asked: Asked,
    /// Print exactly the value's bytes, without a line end
    #[arg(long)]
    raw: bool,
}

/// What a service says with a read.
#[derive(Args)]
pub struct Asked {
    /// The host that the value is meant for
    #[arg(long, value_name = "HOST")]
    domain: Option<Domain>,
    /// The employee on whose behalf it is used
    #[arg(long, value_name = "EMPLOYEE")]
    employee: Option<Employee>,
    /// A version's number, or `previous` [default: the current one]
    #[arg(long, value_name = "N|previous", value_parser = version)]
    version: Option<String>,
    /// Wait that long, 5m at most, for another version than the current one; then print what there is
    #[arg(long, value_name = "TIME", conflicts_with = "version")]
    wait: Option<String>,
    /// With --wait: the version that you have. Print nothing if it is still the current one at the end
    #[arg(long, value_name = "N", requires = "wait", value_parser = number::within(1..=u64::MAX))]
    known: Option<u64>,
}

/// For a reader that has the current version.
#[derive(Serialize)]
struct Unchanged {
    unchanged: bool,
    version: Option<u64>,
}

impl Asked {
    pub fn known(&self) -> Option<u64> {
        self.known
    }

    pub fn add_to(self, call: Call) -> Call {
        call.parameter("domain", self.domain)
            .parameter("employee", self.employee)
            .parameter("version", self.version)
            .waiting(self.wait.as_deref())
            .unless(self.known)
    }
}

/// Tells that the reader's version is still the current one.
pub fn unchanged(form: Form, version: Option<u64>) -> Result<(), Failure> {
    match form {
        Form::Json => output::print_json(&crate::wire::write(&Unchanged { unchanged: true, version })),
        Form::Text => {
            output::tell(format_args!(
                "fsm-vault: version {} is still the current one",
                version.unwrap_or_default()
            ));
            Ok(())
        }
    }
}

fn version(text: &str) -> Result<String, <VersionWanted as std::str::FromStr>::Err> {
    text.parse::<VersionWanted>().map(|_| text.to_owned())
}

pub fn get(globals: &Globals, command: Get) -> Result<(), Failure> {
    if command.raw && globals.output == Form::Json {
        return Err(Failure::usage("--raw prints bytes, --output json a document: give one of them"));
    }
    let known = command.asked.known();
    let call = command.asked.add_to(Call::get(format!("/v1/secrets/{}/value", command.id)));
    with_daemon(globals, async |daemon| {
        let answer = daemon.call(call).await?;
        if answer.is_unchanged() {
            return unchanged(globals.output, known);
        }
        let read: ValueRead = answer.read()?;
        match globals.output {
            Form::Json => answer.body.lend(output::print_json),
            Form::Text => {
                let odd = || Failure::new(Exit::Failed, "the daemon sent base64 that can't be read");
                let shown = Reveal::fitting(command.raw).render(read.into_bytes().ok_or_else(odd)?)?;
                shown.lend(output::print)
            }
        }
    })
}
