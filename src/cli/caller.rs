//! `caller`: who may connect, and with which identity.

use clap::{Args, Subcommand};

use super::arguments::Globals;
use super::caller_add::{self, Add};
use super::caller_certify::{self, Certify};
use super::caller_edit::{self, Edit};
use super::caller_view::{described, pins, role, state};
use super::columns::{Columns, time};
use super::connect::{client, with_daemon};
use super::exit::Exit;
use super::failure::Failure;
use super::listing;
use crate::client::{Answer, Call, Connection, FreshKey, Renewal, printable};
use crate::model::CallerName;
use crate::secret::Plaintext;
use crate::wire::{self, CallerView, Enrolled, RenewalForm};

#[derive(Subcommand)]
pub enum Caller {
    /// Register a service or an operator and issue its certificate
    Add(Box<Add>),
    /// List all registrations
    List(List),
    /// Show one registration
    Show(Show),
    /// Change what a caller is: its script, employees, level, pins or mail address
    Edit(Box<Edit>),
    /// End a registration: the caller is refused from its next request on
    Revoke(Revoke),
    /// Issue another certificate to a registered caller, as one whose own has expired
    Certify(Certify),
    /// Renew your own certificate, with a new key, in the directory of --identity
    Renew(Renew),
}

#[derive(Args)]
#[command(after_help = "Example:\n  fsm-vault caller list")]
pub struct List {}

#[derive(Args)]
#[command(after_help = "Example:\n  fsm-vault caller show fsm")]
pub struct Show {
    /// Its name
    name: CallerName,
}

#[derive(Args)]
#[command(after_help = "Example:\n  fsm-vault caller revoke fsm")]
pub struct Revoke {
    /// Its name
    name: CallerName,
}

#[derive(Args)]
#[command(
    after_help = "Example:\n  fsm-vault caller renew --identity /etc/fsm-mobile/vault\n\nThe new key is made here and \
                  never leaves this host. The old certificate stays valid until it expires. Nothing is asked of the \
                  daemon before the directory has taken the new key."
)]
pub struct Renew {
    /// How long the new certificate lives, such as 12h [default and most: what the caller's kind gets]
    #[arg(long, value_name = "TIME")]
    valid: Option<String>,
}

pub fn run(globals: &Globals, command: Caller) -> Result<(), Failure> {
    match command {
        Caller::Add(command) => caller_add::run(globals, &command),
        Caller::List(_) => list(globals),
        Caller::Show(command) => show(globals, &command.name),
        Caller::Edit(command) => caller_edit::run(globals, *command),
        Caller::Revoke(command) => revoke(globals, &command.name),
        Caller::Certify(command) => caller_certify::run(globals, &command),
        Caller::Renew(command) => renew(globals, command),
    }
}

fn list(globals: &Globals) -> Result<(), Failure> {
    with_daemon(globals, async |daemon| {
        let list = listing::all(daemon, "/v1/callers").await?;
        listing::show(globals.output, &list, |callers: Vec<CallerView>| {
            let mut columns =
                Columns::with_head(["NAME", "ROLE", "FOR", "STATE", "CERTIFICATE UNTIL", "PINS"]);
            for caller in callers {
                let (role, whom) = role(&caller);
                let until = caller.certificate_expires_at.map(time).unwrap_or_default();
                columns.row([&caller.name, &role, &whom, state(&caller), &until, &pins(&caller)]);
            }
            columns.to_string()
        })
    })
}

fn show(globals: &Globals, name: &CallerName) -> Result<(), Failure> {
    with_daemon(globals, async |daemon| {
        let answer = daemon.call(Call::get(format!("/v1/callers/{name}"))).await?;
        let caller: CallerView = answer.read()?;
        globals.output.answer(&answer, || described(&caller))
    })
}

fn revoke(globals: &Globals, name: &CallerName) -> Result<(), Failure> {
    with_daemon(globals, async |daemon| {
        end(daemon, name).await?;
        let document = serde_json::json!({ "name": name, "state": "revoked" });
        globals.output.show(&document, || format!("revoked {name}\n"))
    })
}

/// Revokes a registration.
pub async fn end(daemon: &mut Connection<'_>, name: &CallerName) -> Result<Answer, Failure> {
    Ok(daemon.call(Call::delete(format!("/v1/callers/{name}"))).await?)
}

fn renew(globals: &Globals, command: Renew) -> Result<(), Failure> {
    let directory = globals.identity.clone().unwrap_or_default();
    client(globals)?;
    let fresh = FreshKey::generate()?;
    // A certificate that can't be kept would be one of the few that the caller may have.
    let renewal = Renewal::begin(&directory, &fresh.key_pem)?;
    let form = RenewalForm { csr: fresh.request_pem.clone(), valid: command.valid };
    with_daemon(globals, async |daemon| {
        let call = Call::post("/v1/identity/renew").with(Plaintext::new(wire::write(&form)));
        let answer = daemon.call(call).await?;
        let renewed: Enrolled = answer.read()?;
        let certificate = renewed.certificate.as_deref();
        let certificate =
            certificate.ok_or_else(|| Failure::new(Exit::Failed, "the daemon sent no certificate"))?;
        renewal.end(certificate)?;
        globals.output.answer(&answer, || {
            let until = renewed.caller.certificate_expires_at.map(time).unwrap_or_default();
            format!(
                "renewed {} in {}, valid until {until}\n",
                printable(&renewed.caller.name),
                directory.display()
            )
        })
    })
}
