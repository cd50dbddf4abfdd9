//! From the arguments to an exit code.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ContextKind;

use super::arguments::{Cli, Globals, Noun};
use super::exit::Exit;
use super::failure::Failure;
use super::options::Typed;
use super::output::{self, Form};
use super::{
    audit, backup, caller, completions, config, doctor, fsm, harden, init, integration, keyslot, misuse,
    notices, operator, quickstart, secret, serve, status, watch,
};
use crate::telemetry;

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let exit = typed();
    telemetry::finish();
    exit
}

fn typed() -> ExitCode {
    if let Err(failure) = harden::harden() {
        return end(Form::Text, Err(failure));
    }
    match Cli::try_parse() {
        Ok(Cli { globals, noun }) => {
            let form = globals.output;
            let is_typed = globals.config.is_some();
            let globals = globals.or_from(|name| std::env::var_os(name));
            let ended = globals.and_then(|globals| begin(&globals, is_typed, noun));
            end(form, ended.map_err(|failure| failure.in_options(|| Typed::of(std::env::args_os()))))
        }
        Err(error) => {
            let form = if wants_json(std::env::args_os()) { Form::Json } else { Form::Text };
            misused(form, error)
        }
    }
}

/// A configuration that was typed is a good one, also where nothing of it is read; `config check` has its own way to tell.
fn begin(globals: &Globals, is_typed: bool, noun: Noun) -> Result<(), Failure> {
    if is_typed && !matches!(noun, Noun::Config(_)) {
        config::settings(globals)?;
    }
    run(globals, noun)
}

fn run(globals: &Globals, noun: Noun) -> Result<(), Failure> {
    match noun {
        Noun::Init(command) => init::run(globals, command),
        Noun::Serve(command) => serve::run(globals, command),
        Noun::Status(_) => status::status(globals),
        Noun::Seal(_) => status::seal(globals),
        Noun::Unseal(command) => status::unseal(globals, command),
        Noun::Passphrase(keyslot::Passphrase::Change(command)) => keyslot::change(globals, &command),
        Noun::Keyslot(command) => keyslot::run(globals, command),
        Noun::Rekey(command) => keyslot::rekey(globals, &command),
        Noun::Quickstart(command) => quickstart::run(globals, command),
        Noun::Fsm(fsm::Fsm::Setup(command)) => fsm::setup(globals, command),
        Noun::Operator(operator::Operator::Recover(command)) => operator::recover(globals, command),
        Noun::Caller(command) => caller::run(globals, command),
        Noun::Secret(command) => secret::run(globals, command),
        Noun::Integration(command) => integration::run(globals, command),
        Noun::Watch(command) => watch::run(globals, &command),
        Noun::Notices(command) => notices::run(globals, command),
        Noun::Audit(command) => audit::run(globals, command),
        Noun::Doctor(command) => doctor::run(globals, &command),
        Noun::Backup(command) => backup::run(globals, command),
        Noun::Config(config::Config::Check(command)) => config::check(globals, command),
        Noun::Completions(command) => completions::run(globals, command),
    }
}

fn end(form: Form, ended: Result<(), Failure>) -> ExitCode {
    let Err(failure) = ended else { return Exit::Done.into() };
    // A failure without a text was told by the result itself.
    if !failure.text.is_empty() {
        output::tell(format_args!("fsm-vault: {}", failure.text));
        if form == Form::Json {
            // Standard error has the text already; there is nobody left to tell if this fails.
            let _ = output::print_json(&failure.document());
        }
    }
    failure.exit.into()
}

/// Help and version are results; the rest is wrong usage.
fn misused(form: Form, mut error: clap::Error) -> ExitCode {
    if !error.use_stderr() {
        return match error.print() {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Exit::Failed.into(),
            _ => Exit::Done.into(),
        };
    }
    if let Some(text) = misuse::text(&error, std::env::args_os()) {
        return end(form, Err(Failure::usage(text)));
    }
    // No value of an option here begins with a hyphen, so that the advice to put `--` before it helps nobody.
    error.remove(ContextKind::Suggested);
    if form == Form::Json {
        let _ = output::print_json(&Failure::usage(error.kind()).document());
    }
    let _ = error.print();
    Exit::Usage.into()
}

/// For arguments that can't be parsed: whether they ask for JSON.
fn wants_json(arguments: impl Iterator<Item = OsString>) -> bool {
    let mut before = None;
    for each in arguments {
        if each == "--output=json" || (each == "json" && before.is_some_and(|before| before == "--output")) {
            return true;
        }
        before = Some(each);
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_heard_in_a_broken_sentence() {
        let wants = |line: &str| wants_json(line.split_whitespace().map(OsString::from));
        assert!(wants("fsm-vault --output json nonsense") && wants("fsm-vault nonsense --output=json"));
        assert!(!wants("fsm-vault json") && !wants("fsm-vault --output text json"));
    }
}
