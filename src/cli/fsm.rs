//! `fsm setup`: both FSM secrets and the integration `fsm`, in one step.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::arguments::Globals;
use super::connect::{client, with_daemon};
use super::failure::Failure;
use super::value;
use crate::client::{Body, Call};
use crate::model::{FSM_NAME, Invalid, redirect_uri};
use crate::secret::Plaintext;
use crate::wire::{FSM_TEMPLATE, IntegrationView};

#[derive(Subcommand)]
pub enum Fsm {
    /// Store the pair and the integration record `fsm`, restricted to customscript_nx_suitelet2
    Setup(Setup),
}

#[derive(Args)]
#[command(after_help = "Examples:\n  fsm-vault fsm setup\n  fsm-vault fsm setup --client-id-file id.txt \
                        --client-secret-file secret.txt\n\nWithout files both are asked for, unseen and twice.")]
pub struct Setup {
    #[command(flatten)]
    pair: PairFiles,
    /// A redirect URI of the integration record; may be given several times. The one of the FSM Suitelet carries a
    /// capability token: other users of this host see arguments while the command runs
    #[arg(long, value_name = "URI", value_parser = checked_uri)]
    redirect_uri: Vec<String>,
}

/// Where the two halves of a pair come from.
#[derive(Args)]
pub struct PairFiles {
    /// A file with the client ID, - for standard input
    #[arg(long, value_name = "FILE")]
    pub client_id_file: Option<PathBuf>,
    /// A file with the client secret, - for standard input
    #[arg(long, value_name = "FILE")]
    pub client_secret_file: Option<PathBuf>,
    /// Take values as they are, with white space at their ends
    #[arg(long)]
    pub exact: bool,
}

/// Client ID and client secret; a public client has no client secret.
pub struct Pair {
    pub client_id: Plaintext,
    pub client_secret: Option<Plaintext>,
}

impl PairFiles {
    /// Whether a file was named.
    pub fn is_given(&self) -> bool {
        self.client_id_file.is_some() || self.client_secret_file.is_some()
    }

    /// Reads what the client has, each half from its file or by a hidden double prompt.
    pub fn read(&self, is_public: bool) -> Result<Pair, Failure> {
        if is_public && self.client_secret_file.is_some() {
            let text =
                "--client-secret-file: it is a public client, which has no client secret; leave it out";
            return Err(Failure::usage(text));
        }
        let (id, secret) = (self.client_id_file.as_deref(), self.client_secret_file.as_deref());
        if [id, secret].into_iter().flatten().filter(|path| value::is_stdin(path)).count() > 1 {
            return Err(Failure::usage("standard input can't be both: give a file for one of the two"));
        }
        Ok(Pair {
            client_id: value::read(id, "client ID", "--client-id-file", self.exact)?,
            client_secret: (!is_public)
                .then(|| value::read(secret, "client secret", "--client-secret-file", self.exact))
                .transpose()?,
        })
    }
}

impl Pair {
    /// The pair as an object of a request's body.
    pub fn body(&self) -> Result<Body, Failure> {
        let body = Body::with_room(self.room()).secret("client_id", &self.client_id)?;
        Ok(match &self.client_secret {
            Some(secret) => body.secret("client_secret", secret)?,
            None => body,
        })
    }

    fn room(&self) -> usize {
        let length = |half: &Plaintext| half.lend(<[u8]>::len);
        2 * (length(&self.client_id) + self.client_secret.as_ref().map_or(0, length)) + 1024
    }

    /// Says so if a half doesn't look like NetSuite's: copied in part, perhaps, or the wrong text altogether.
    pub fn warn_if_odd(&self) {
        let looks_right = |half: &Plaintext| {
            half.lend(|bytes| bytes.len() == 64 && bytes.iter().all(u8::is_ascii_hexdigit))
        };
        for (what, half) in [("ID", Some(&self.client_id)), ("secret", self.client_secret.as_ref())] {
            if half.is_some_and(|half| !looks_right(half)) {
                eprintln!(
                    "warning: the client {what} is not 64 hexadecimal digits, as NetSuite's are; was all of it copied?"
                );
            }
        }
    }

    /// The call that stores the pair with the FSM record.
    pub fn call(&self, redirect_uris: &[String]) -> Result<Call, Failure> {
        let credentials = self.body()?;
        let body = Body::with_room(self.room() + 1024)
            .field("name", &FSM_NAME)
            .field("template", &FSM_TEMPLATE)
            .field("redirect_uris", &redirect_uris)
            .object("credentials", credentials);
        Ok(Call::post("/v1/integrations").with(body.end()))
    }
}

pub fn setup(globals: &Globals, command: Setup) -> Result<(), Failure> {
    // Before anybody is asked for values in vain.
    client(globals)?;
    let pair = command.pair.read(false)?;
    pair.warn_if_odd();
    let call = pair.call(&command.redirect_uri)?;
    with_daemon(globals, async |daemon| {
        let answer = daemon.call(call).await?;
        let record: IntegrationView = answer.read()?;
        globals.output.answer(&answer, || {
            let scripts = record.restrictions.map(|rules| rules.scripts.join(", ")).unwrap_or_default();
            let gaps = record.gaps.iter().map(|gap| {
                format!("Note that {} {}\n", gap.pointer.trim_start_matches('/'), shown(&gap.detail))
            });
            let gaps: String = gaps.collect();
            format!(
                "stored {} and {}\nmade the integration {} for {}, version {}\nNext, let its service in: fsm-vault \
                 caller add fsm --script customscript_nx_suitelet2 --out DIR\n{gaps}",
                shown(&record.client_id_secret),
                shown(record.client_secret_secret.as_deref().unwrap_or_default()),
                shown(&record.name),
                shown(&scripts),
                record.version.unwrap_or_default(),
            )
        })
    })
}

fn shown(text: &str) -> std::borrow::Cow<'_, str> {
    crate::client::printable(text)
}

pub fn checked_uri(text: &str) -> Result<String, Invalid> {
    redirect_uri(text).map(|()| text.to_owned())
}
