//! From the arguments to an exit code.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::arguments::{Cli, Globals, Noun};
use super::exit::Exit;
use super::failure::Failure;
use super::output::{self, Form};
use super::{
    audit, backup, caller, completions, config, doctor, fsm, harden, init, integration, keyslot, notices,
    operator, quickstart, secret, serve, status, watch,
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
            end(form, globals.and_then(|globals| begin(&globals, is_typed, noun)))
        }
        Err(error) => {
            let form = if wants_json(std::env::args_os()) { Form::Json } else { Form::Text };
            misused(form, &error)
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
fn misused(form: Form, error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        return match error.print() {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Exit::Failed.into(),
            _ => Exit::Done.into(),
        };
    }
    if let Some(text) = no_command(error) {
        return end(form, Err(Failure::usage(text)));
    }
    if has_stray_word(error) {
        let text = "there is a word too many (it is not repeated here, in case it is a value). Values are never \
                    given as arguments, where other users see them: they come from a file, standard input or a \
                    hidden prompt. For more, type the command with --help";
        return end(form, Err(Failure::usage(text)));
    }
    if form == Form::Json {
        let _ = output::print_json(&Failure::usage(error.kind()).document());
    }
    let _ = error.print();
    Exit::Usage.into()
}

/// In place of clap's text where a word is no command: it would repeat it, and after `passphrase` it may be one.
fn no_command(error: &clap::Error) -> Option<String> {
    if error.kind() != ErrorKind::InvalidSubcommand {
        return None;
    }
    let near = match error.get(ContextKind::SuggestedSubcommand) {
        Some(ContextValue::Strings(near)) => near.as_slice(),
        Some(ContextValue::String(near)) => std::slice::from_ref(near),
        _ => &[],
    };
    let next = if near.is_empty() {
        "For those that there are, type what stands before it with --help".to_owned()
    } else {
        format!("Did you mean: {}?", near.join(", "))
    };
    Some(format!("a word is no command here (it is not repeated, in case it is a value). {next}"))
}

/// Whether clap's text would repeat a word that is no option and stands where none belongs.
fn has_stray_word(error: &clap::Error) -> bool {
    error.kind() == ErrorKind::UnknownArgument
        && matches!(error.get(ContextKind::InvalidArg), Some(ContextValue::String(word)) if !word.starts_with('-'))
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
    fn a_stray_word_is_not_repeated() {
        let refused = |line: &str| Cli::try_parse_from(line.split_whitespace()).err().unwrap();
        for line in [
            "fsm-vault secret create _x 48151623",
            "fsm-vault unseal 48151623",
            "fsm-vault fsm setup 48151623",
        ] {
            assert!(has_stray_word(&refused(line)), "{line}");
        }
        for line in
            ["fsm-vault secret create _x --value 48151623", "fsm-vault secret create _x --value=48151623"]
        {
            let error = refused(line);
            assert!(!has_stray_word(&error) && !error.to_string().contains("48151623"), "{error}");
        }
    }

    #[test]
    fn nor_is_one_that_is_no_command() {
        let told = |line: &str| {
            let refused = Cli::try_parse_from(line.split_whitespace()).err().unwrap();
            no_command(&refused).unwrap()
        };
        assert!(told("fsm-vault statu").ends_with("Did you mean: status?"));
        for line in
            ["fsm-vault passphrase hunter2", "fsm-vault hunter2", "fsm-vault passphrase changehunter2"]
        {
            assert!(!told(line).contains("hunter2"), "{line}");
        }
    }

    #[test]
    fn json_is_heard_in_a_broken_sentence() {
        let wants = |line: &str| wants_json(line.split_whitespace().map(OsString::from));
        assert!(wants("fsm-vault --output json nonsense") && wants("fsm-vault nonsense --output=json"));
        assert!(!wants("fsm-vault json") && !wants("fsm-vault --output text json"));
    }
}
