//! `quickstart`: the whole main job from nothing, a line for each step.

mod check;
mod place;

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use self::check::Found;
use self::place::Place;
use super::arguments::Globals;
use super::exit::Exit;
use super::failure::Failure;
use super::fsm::{Pair, PairFiles, client_secret};
use super::init::{self, USUAL_OPERATOR};
use super::output::{self, Form};
use super::{prompt, serve, shell, value};
use crate::client::Address;
use crate::config::{Listen, Log, Settings};
use crate::daemon::{self, DaemonError, Plan};
use crate::model::TrustDomain;
use crate::secret::Plaintext;
use crate::telemetry;
use crate::vault::VaultError;

#[derive(Args)]
#[command(
    after_help = "Examples:\n  fsm-vault quickstart\n  fsm-vault quickstart --once --client-id-file id.txt \
                  --client-secret-file secret.txt\n\nOn a terminal the pair is asked for, unseen and twice; without one \
                  and without files, or if nothing is typed, random sample values stand in for it."
)]
pub struct Quickstart {
    /// Where everything goes
    #[arg(long, value_name = "DIR", default_value = "./fsm-vault-quickstart")]
    dir: PathBuf,
    /// A file with the client ID, - for standard input
    #[arg(long, value_name = "FILE", requires = "client_secret_file")]
    client_id_file: Option<PathBuf>,
    /// A file with the client secret, - for standard input
    #[arg(long, value_name = "FILE", requires = "client_id_file")]
    client_secret_file: Option<PathBuf>,
    /// Take the values as they are, with white space at their ends
    #[arg(long)]
    exact: bool,
    /// Stop after the check
    #[arg(long)]
    once: bool,
}

/// What was done so far: told line by line, or kept for the one JSON document.
pub struct Steps {
    form: Form,
    lines: Vec<String>,
}

impl Steps {
    pub fn say(&mut self, line: impl Into<String>) -> Result<(), Failure> {
        let line = line.into();
        if self.form == Form::Text {
            output::print(format!("{line}\n").as_bytes())?;
        }
        self.lines.push(line);
        Ok(())
    }
}

/// A pair, and where it comes from.
pub struct Source {
    pub pair: Pair,
    pub from: &'static str,
}

pub fn run(globals: &Globals, command: Quickstart) -> Result<(), Failure> {
    if globals.output == Form::Json && !command.once {
        return Err(Failure::usage("--output json gives one document when all is done: add --once"));
    }
    let place = Place::at(&command.dir)?;
    // Asked before anything is made, so that whoever gives up leaves nothing behind.
    // Files are looked at whether they are needed or not: one that isn't there is a slip.
    let is_needed = place.is_new() || command.client_id_file.is_some();
    let source = is_needed.then(|| command.source()).transpose()?;
    let mut steps = Steps { form: globals.output, lines: Vec::new() };
    let passphrase = place.passphrase(&mut steps)?;
    let log = Log { filter: "warn".to_owned(), ..Log::default() };
    telemetry::start(&log).map_err(Failure::usage)?;

    let runtime = serve::runtime()?;
    let done = runtime.block_on(story(&command, &place, passphrase, source, steps));
    // A prompt that nobody answers any more must not keep the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    done
}

async fn story(
    command: &Quickstart,
    place: &Place,
    passphrase: Passphrases,
    source: Option<Source>,
    mut steps: Steps,
) -> Result<(), Failure> {
    let settings = Settings { data_dir: place.vault(), ..Settings::default() };
    make_vault(&settings, passphrase.making, &mut steps).await?;
    let listen = listeners(&settings, Listen::default_tcp(), &mut steps)?;
    let mut signals = serve::signals()?;
    let passphrase = Some(passphrase.serving);
    let unusable = Vec::new();
    let plan = Plan { settings, passphrase, accept_rollback: false, unusable, listen, activated: None };
    let opened = daemon::open_unless_stopped(plan, &mut signals).await;
    let Some(daemon) = opened.map_err(|error| place.wrong_passphrase(error.into()))? else {
        return Err(Failure::new(Exit::Failed, "stopped before the check was done"));
    };
    let addresses = daemon.addresses().to_vec();
    steps.say(format!("serving on {}", spelled(&addresses).join(" and ")))?;
    let address = reached(&addresses)?;
    let stopper = daemon.stopper();
    let mut serving = tokio::spawn(daemon.serve(signals));

    let checked = tokio::select! {
        ended = &mut serving => {
            stopped(ended)?;
            return Err(Failure::new(Exit::Failed, "stopped before the check was done"));
        }
        checked = check::run(place, &address, source, command, &mut steps) => checked,
    };
    let found = match checked {
        Ok(found) => found,
        Err(failure) => {
            stopper.cancel();
            // The check's failure is the news.
            let _ = serving.await;
            return Err(failure);
        }
    };
    if command.once {
        stopper.cancel();
        stopped(serving.await)?;
        return finish(place, &addresses, &found, steps);
    }
    steps.say(next(place, &address)?)?;
    stopped(serving.await)
}

/// The passphrase twice: one for making the vault, one for opening it.
pub struct Passphrases {
    making: Plaintext,
    serving: Plaintext,
}

async fn make_vault(settings: &Settings, passphrase: Plaintext, steps: &mut Steps) -> Result<(), Failure> {
    let known = "a constant of the product, covered by a test";
    let domain: TrustDomain = TrustDomain::DEFAULT.parse().expect(known);
    let operator = USUAL_OPERATOR.parse().expect(known);
    let shown = settings.data_dir.display();
    match init::make(settings, passphrase, domain, operator).await {
        Ok(()) => steps.say(format!("made a vault in {shown}, with its first operator {USUAL_OPERATOR}")),
        Err(VaultError::VaultExists(_)) => {
            steps.say(format!("found the vault of the last quickstart in {shown}"))
        }
        Err(other) => {
            let then = "type the same again, or name another directory with --dir";
            let failure = init::at_place(other, &settings.data_dir, then);
            // Here it is another option.
            let text = failure.text.replace("--data-dir", "--dir");
            Err(failure.retold(text))
        }
    }
}

/// The Unix socket in the vault's directory, if its path isn't too long, and the usual port, if it is free.
fn listeners(settings: &Settings, usual: Listen, steps: &mut Steps) -> Result<Vec<Listen>, Failure> {
    let mut listen = Vec::with_capacity(2);
    match Listen::default_unix(None, &settings.data_dir) {
        Ok(socket) => listen.push(socket),
        Err(why) => steps.say(format!("the Unix socket's path {why}; listening on TCP alone"))?,
    }
    // Somebody else may take it in between; then binding says so.
    match usual {
        Listen::Tcp(address) if TcpListener::bind(address).is_err() => {
            steps.say(format!("{address} is in use; taking a free port"))?;
            listen.push(Listen::Tcp((Ipv4Addr::LOCALHOST, 0).into()));
        }
        free => listen.push(free),
    }
    Ok(listen)
}

/// Where this program's own client reaches the daemon.
fn reached(addresses: &[Listen]) -> Result<Address, Failure> {
    let address = match addresses.first() {
        Some(Listen::Unix(path)) => format!("unix:{}", path.display()),
        Some(Listen::Tcp(address)) => format!("https://{address}"),
        None => String::new(),
    };
    address.parse().map_err(|why| Failure::new(Exit::Failed, format!("the daemon's address {why}")))
}

fn spelled(addresses: &[Listen]) -> Vec<String> {
    addresses.iter().map(ToString::to_string).collect()
}

fn stopped(ended: Result<Result<(), DaemonError>, tokio::task::JoinError>) -> Result<(), Failure> {
    ended.map_err(|_| Failure::new(Exit::Failed, "the daemon ended unexpectedly"))??;
    Ok(())
}

fn finish(place: &Place, addresses: &[Listen], found: &Found, mut steps: Steps) -> Result<(), Failure> {
    if steps.form == Form::Text {
        let dir = shell::word(place.path());
        return steps
            .say(format!("all checks passed; serve it again with: {} quickstart --dir {dir}", program()?));
    }
    let document = serde_json::json!({
        "dir": place.path(),
        "addresses": spelled(addresses),
        "allowed": { "caller": "fsm", "version": found.version },
        "refused": { "caller": "other", "code": found.refusal },
        "audit": { "intact": true, "entries": found.entries },
        "steps": steps.lines,
    });
    steps.form.show(&document, String::new)
}

/// What to type next.
fn next(place: &Place, address: &Address) -> Result<String, Failure> {
    let (program, address) = (program()?, shell::word(&address.to_string()));
    let command = |identity: PathBuf, words: &str| {
        format!("  {program} --identity {} --addr {address} {words}\n", shell::word(&identity))
    };
    Ok(format!(
        "\nTry in another terminal:\n{}{}{}\nCtrl-C stops the daemon; the same quickstart goes on where this one stopped.",
        command(place.identity("fsm"), "integration credentials fsm"),
        command(place.identity("other"), "integration credentials fsm    # refused"),
        command(place.operator(), "audit tail"),
    ))
}

fn program() -> Result<String, Failure> {
    let path = std::env::current_exe();
    path.map(|path| shell::word(&path))
        .map_err(|error| Failure::new(Exit::Failed, format!("where is this program? {error}")))
}

impl Quickstart {
    /// What to say if files were named for a pair that is there already: they aren't it, and how they become it.
    fn unused_files(&self, place: &Place, address: &Address) -> Result<Option<String>, Failure> {
        let (Some(id), Some(secret)) = (&self.client_id_file, &self.client_secret_file) else {
            return Ok(None);
        };
        let exact = if self.exact { " --exact" } else { "" };
        let when =
            if self.once { "start it again without --once and, while it serves" } else { "while it serves" };
        Ok(Some(format!(
            "warning: the vault in {} has a pair already, and keeps it: {} and {} were not used. To put them in its place, {when}, \
             type: {} --identity {} --addr {} integration rotate fsm --client-id-file {} --client-secret-file {}{exact}",
            place.path().display(),
            shell::word(id),
            shell::word(secret),
            program()?,
            shell::word(&place.operator()),
            shell::word(&address.to_string()),
            shell::word(id),
            shell::word(secret),
        )))
    }

    /// The pair from the files, from whoever sits at the terminal, or made up.
    fn source(&self) -> Result<Source, Failure> {
        if self.client_id_file.is_none() && !prompt::can_ask() {
            return sample("random sample values, as there is neither a file nor a terminal");
        }
        if self.client_id_file.is_none() {
            output::tell(
                "The FSM pair: the client ID and client secret that NetSuite shows once, when its integration record is \
                 saved.\nTo try it out without: an empty line, for random sample values.",
            );
            let Some(client_id) = value::asked_unless_empty("client ID", "--client-id-file", self.exact)?
            else {
                return sample("random sample values, as none were typed");
            };
            let client_secret = Some(client_secret(None, &client_id, self.exact)?);
            let pair = Pair { client_id, client_secret };
            if pair.warn_if_odd() {
                prompt::confirm("Type yes to store it all the same: ", "yes", "nothing was stored")?;
            }
            return Ok(given(pair));
        }
        let files = PairFiles {
            client_id_file: self.client_id_file.clone(),
            client_secret_file: self.client_secret_file.clone(),
            exact: self.exact,
        };
        let pair = files.read(false)?;
        pair.warn_if_odd();
        Ok(given(pair))
    }
}

fn given(pair: Pair) -> Source {
    Source { pair, from: "the values you gave" }
}

fn sample(from: &'static str) -> Result<Source, Failure> {
    let pair = Pair { client_id: place::random_text()?, client_secret: Some(place::random_text()?) };
    Ok(Source { pair, from })
}

#[cfg(test)]
mod tests;
