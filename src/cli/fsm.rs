//! `fsm setup`: both FSM secrets and the integration `fsm`, in one step.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::arguments::Globals;
use super::connect::{client, with_daemon};
use super::exit::Exit;
use super::failure::Failure;
use super::{listing, output, prompt, value};
use crate::client::{Body, Call, Connection};
use crate::model::{FSM_NAME, FSM_SECRETS, redirect_uri};
use crate::secret::Plaintext;
use crate::wire::{FSM_TEMPLATE, IntegrationView};

/// Of a file with a redirect URI.
const LONGEST_URI: usize = 16 << 10;

#[derive(Subcommand)]
pub enum Fsm {
    /// Store the pair and the integration record `fsm`, restricted to customscript_nx_suitelet2
    Setup(Setup),
}

#[derive(Args)]
#[command(after_help = "Examples:\n  fsm-vault fsm setup\n  fsm-vault fsm setup --client-id-file id.txt \
                        --client-secret-file secret.txt\n\nWithout files both are asked for, unseen and twice. Where the \
                        integration is there already it refuses, before it asks: fsm-vault integration rotate fsm replaces \
                        the pair.")]
pub struct Setup {
    #[command(flatten)]
    pair: PairFiles,
    /// A redirect URI of the integration record, or @FILE for one that stands in a file; may be given several times. The one
    /// of the FSM Suitelet carries a capability token: other users of this host see arguments while the command runs
    #[arg(long, value_name = "URI|@FILE", value_parser = checked_uri)]
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

    /// Whether [`Self::read`] will ask somebody for a half of a confidential client's pair.
    fn will_ask(&self) -> bool {
        (self.client_id_file.is_none() || self.client_secret_file.is_none()) && prompt::can_ask()
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
        let client_id = value::read(id, "client ID", "--client-id-file", self.exact)?;
        let client_secret =
            (!is_public).then(|| client_secret(secret, &client_id, self.exact)).transpose()?;
        Ok(Pair { client_id, client_secret })
    }
}

/// A client secret, from a file or asked for. The ID once more is none: that is a slip of the clipboard.
pub fn client_secret(file: Option<&Path>, client_id: &Plaintext, exact: bool) -> Result<Plaintext, Failure> {
    value::read_fit(file, "client secret", "--client-secret-file", exact, |given| {
        if given.same_as(client_id) {
            let text = "the client secret is the same as the client ID; NetSuite shows two different values";
            return Err(Failure::usage(text));
        }
        Ok(())
    })
}

impl PairFiles {
    /// [`Self::read`], with a warning of what looks odd; if it was typed, whoever typed it may think again.
    pub fn looked_at(&self, is_public: bool) -> Result<Pair, Failure> {
        let pair = self.read(is_public)?;
        let was_typed = self.client_id_file.is_none() || (!is_public && self.client_secret_file.is_none());
        if pair.warn_if_odd() && was_typed && prompt::can_ask() {
            prompt::confirm("Type yes to store it all the same: ", "yes", "nothing was stored")?;
        }
        Ok(pair)
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

    /// Says so if a half doesn't look like NetSuite's: copied in part, perhaps, or the wrong text altogether. Returns whether
    /// there is such a one.
    pub fn warn_if_odd(&self) -> bool {
        let looks_right = |half: &Plaintext| {
            half.lend(|bytes| bytes.len() == 64 && bytes.iter().all(u8::is_ascii_hexdigit))
        };
        let mut is_odd = false;
        for (what, half) in [("ID", Some(&self.client_id)), ("secret", self.client_secret.as_ref())] {
            if half.is_some_and(|half| !looks_right(half)) {
                is_odd = true;
                output::tell(format_args!(
                    "warning: the client {what} is not 64 hexadecimal digits, as NetSuite's are; was all of it copied?"
                ));
            }
        }
        is_odd
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
    if command.pair.will_ask() {
        refuse_second(globals)?;
    }
    let pair = command.pair.looked_at(false)?;
    let call = pair.call(&command.redirect_uri)?;
    with_daemon(globals, async |daemon| {
        let answer = match daemon.call(call).await.map_err(Failure::from) {
            Err(failure) if failure.is_status(409) => {
                // The daemon's word names what is in the way; this one, what to type.
                let known = is_stored(daemon).await?;
                return Err(if known { failure.and(second()) } else { failure });
            }
            answer => answer?,
        };
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

/// Refuses where the daemon has the record, or a secret of one of its IDs.
fn refuse_second(globals: &Globals) -> Result<(), Failure> {
    with_daemon(globals, async |daemon| {
        if is_stored(daemon).await? {
            return Err(Failure::new(Exit::Conflict, second()));
        }
        for id in FSM_SECRETS {
            if listing::has_secret(daemon, id).await? {
                let text = format!(
                    "there is a secret {id} already, and the integration {FSM_NAME} needs the ID for its own; nothing was \
                     changed. See what it is: fsm-vault secret show {id}; if nobody needs it: fsm-vault secret delete {id}"
                );
                return Err(Failure::new(Exit::Conflict, text));
            }
        }
        Ok(())
    })
}

/// Whether the integration is there.
pub async fn is_stored(daemon: &mut Connection<'_>) -> Result<bool, Failure> {
    listing::has(daemon, "/v1/integrations", "name", FSM_NAME, &[]).await
}

fn second() -> String {
    format!(
        "the integration {FSM_NAME} is there already; nothing was changed. Type, for\n  \
         a new pair:                           fsm-vault integration rotate {FSM_NAME}\n  \
         a pair after NetSuite's reset:        fsm-vault integration reset {FSM_NAME}\n  \
         another redirect URI, rule or state:  fsm-vault integration edit {FSM_NAME} --help\n  \
         a look at it:                         fsm-vault integration show {FSM_NAME}"
    )
}

fn shown(text: &str) -> std::borrow::Cow<'_, str> {
    crate::client::printable(text)
}

/// A redirect URI, or `@` and a file with one.
pub fn checked_uri(text: &str) -> Result<String, String> {
    let uri = match text.strip_prefix('@') {
        None => text.to_owned(),
        Some(file) => {
            let read = value::from_file(Path::new(file), LONGEST_URI).map_err(|failure| failure.text)?;
            let text = read.lend(|bytes| String::from_utf8(bytes.to_vec()));
            text.map_err(|_| "is a file of something else than text".to_owned())?.trim().to_owned()
        }
    };
    redirect_uri(&uri).map_err(|why| why.to_string())?;
    Ok(uri)
}
