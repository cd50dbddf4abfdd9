//! What is told of arguments that can't be parsed, where clap's own text would repeat a word that may be a value, or say
//! the same twice.

use std::collections::BTreeSet;
use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command, CommandFactory};

use super::arguments::Cli;
use super::options::path;

/// Ways to change something, above which a list of them is told once, and not in a usage line again.
const MANY: usize = 6;
/// Commands of similar names that are told.
const NEAR: usize = 3;

/// What is done under other names elsewhere, and here.
const OTHER_NAMES: &[(&str, &[&str])] = &[
    ("read", &["get", "credentials"]),
    ("put", &["create", "rotate"]),
    ("set", &["create", "rotate", "edit"]),
    ("write", &["create", "rotate"]),
    ("add", &["create", "add"]),
    ("new", &["create", "add"]),
    ("update", &["edit", "rotate"]),
    ("change", &["edit", "change"]),
    ("delete", &["delete", "revoke", "remove"]),
    ("remove", &["delete", "revoke", "remove"]),
    ("rm", &["delete", "revoke", "remove"]),
    ("ls", &["list"]),
    ("start", &["serve"]),
    ("run", &["serve"]),
    ("lock", &["seal"]),
    ("unlock", &["unseal"]),
    ("log", &["audit"]),
    ("warnings", &["notices"]),
];

/// The text that stands in for clap's. `words` are those that were typed.
pub fn text(error: &clap::Error, words: impl Iterator<Item = OsString>) -> Option<String> {
    no_command(error, words)
        .or_else(|| stray_word(error))
        .or_else(|| no_value(error))
        .or_else(|| no_change(error))
}

/// Where a word is no command: after `passphrase` it may be one.
fn no_command(error: &clap::Error, words: impl Iterator<Item = OsString>) -> Option<String> {
    if error.kind() != ErrorKind::InvalidSubcommand {
        return None;
    }
    let program = Cli::command();
    let path = path(&program, words);
    let after = path.iter().map(|each| each.get_name()).collect::<Vec<_>>().join(" ");
    let word = strings(error, ContextKind::InvalidSubcommand).first().map_or("", String::as_str);
    let mut near = meant(path.last().unwrap_or(&&program), path.len() == 1, word);
    if near.is_empty() {
        // The nearest stands last.
        near.extend(strings(error, ContextKind::SuggestedSubcommand).iter().rev().cloned());
    }
    near.truncate(NEAR);
    let next = if near.is_empty() {
        format!("For those that there are: {after} --help")
    } else {
        format!("Did you mean: {}?", near.join(", "))
    };
    Some(format!("the word after {after} is no command (it is not repeated, in case it is a value). {next}"))
}

/// What such a word stands for, by another name or without its noun.
fn meant(command: &Command, is_program: bool, word: &str) -> Vec<String> {
    let others = OTHER_NAMES.iter().filter(|(name, _)| *name == word).flat_map(|(_, names)| *names);
    let names: Vec<&str> = std::iter::once(word).chain(others.copied()).collect();
    let found = names.iter().filter(|name| command.find_subcommand(name).is_some());
    let mut found: Vec<String> = found.map(|name| (*name).to_owned()).collect();
    if is_program {
        for noun in command.get_subcommands() {
            let verbs = names.iter().filter(|name| noun.find_subcommand(name).is_some());
            found.extend(verbs.map(|verb| format!("{} {verb}", noun.get_name())));
        }
    }
    found
}

/// Where a word stands that doesn't belong there, unless it is an option of another command, or nearly one of this.
fn stray_word(error: &clap::Error) -> Option<String> {
    if error.kind() != ErrorKind::UnknownArgument {
        return None;
    }
    let word = strings(error, ContextKind::InvalidArg).first().map_or("", String::as_str);
    let is_near = error.get(ContextKind::SuggestedArg).is_some();
    if is_near || word.strip_prefix("--").is_some_and(|name| all_options().contains(name)) {
        return None;
    }
    Some(
        "there is a word too many, or an option that isn't known (it is not repeated here, in case it is a value). \
         Values are never given as arguments, where other users see them: they come from a file, standard input or a \
         hidden prompt. For more, type the command with --help"
            .to_owned(),
    )
}

/// The long options of all commands.
fn all_options() -> BTreeSet<String> {
    fn add(command: &Command, found: &mut BTreeSet<String>) {
        found.extend(command.get_arguments().filter_map(Arg::get_long).map(str::to_owned));
        command.get_subcommands().for_each(|verb| add(verb, found));
    }
    let mut found = BTreeSet::new();
    add(&Cli::command(), &mut found);
    found
}

/// Where an argument's value isn't one: the rule, and not what was typed.
fn no_value(error: &clap::Error) -> Option<String> {
    let of = strings(error, ContextKind::InvalidArg).first()?;
    let wrong = match error.kind() {
        ErrorKind::ValueValidation => {
            let rule = std::error::Error::source(error)?.to_string();
            // Of the option, or of what was given to it.
            let of_it = ["takes ", "can't "].iter().any(|word| rule.starts_with(word));
            if of_it { format!("{of}: {rule}") } else { format!("{of}: what was given {rule}") }
        }
        ErrorKind::InvalidValue => match strings(error, ContextKind::ValidValue) {
            [] => return None,
            values => format!("{of} takes one of these: {}", values.join(", ")),
        },
        ErrorKind::TooManyValues => format!("{of} takes no value; leave out what stands behind its ="),
        _ => return None,
    };
    Some(format!("{wrong}. For more, type the command with --help"))
}

/// Where an edit says nothing that shall change.
fn no_change(error: &clap::Error) -> Option<String> {
    if error.kind() != ErrorKind::MissingRequiredArgument {
        return None;
    }
    let [group] = strings(error, ContextKind::InvalidArg) else { return None };
    // As clap writes a group of which one is needed: `<--name <TEXT>|--max-age-days <DAYS|never>>`.
    let ways: Vec<_> = group.strip_prefix("<--")?.strip_suffix('>')?.split("|--").collect();
    let ways = (ways.len() >= MANY).then(|| ways.join(", --"))?;
    Some(format!(
        "nothing is given that shall change; give at least one of these: --{ways}. For more, type the command with --help"
    ))
}

fn strings(error: &clap::Error, kind: ContextKind) -> &[String] {
    match error.get(kind) {
        Some(ContextValue::Strings(all)) => all,
        Some(ContextValue::String(one)) => std::slice::from_ref(one),
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn refused(line: &str) -> clap::Error {
        Cli::try_parse_from(line.split_whitespace()).err().unwrap()
    }

    fn told(line: &str) -> Option<String> {
        text(&refused(line), line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn a_stray_word_is_not_repeated() {
        for line in [
            "secret create _x 48151623",
            "unseal 48151623",
            "unseal -- -48151623",
            "unseal --48151623",
            "fsm setup 48151623",
            "passphrase change --hunter48151623",
        ] {
            let told = told(&format!("fsm-vault {line}")).unwrap();
            assert!(told.contains("a word too many") && !told.contains("48151623"), "{line}: {told}");
        }
        // What is an option elsewhere, or nearly one, is named.
        for line in
            ["caller edit a --valid 1h", "secret create _x --value 48151623", "unseal --value=48151623"]
        {
            let line = format!("fsm-vault {line}");
            let error = refused(&line);
            assert!(!error.to_string().contains("48151623"), "{error}");
        }
        assert!(told("fsm-vault caller edit a --valid 1h").is_none());
    }

    #[test]
    fn nor_is_what_is_no_value() {
        for (line, rule) in [
            (
                "secret create _x=48151623 --allow-all-scripts --allow-all-domains",
                "<ID>: what was given is no",
            ),
            ("secret retire _x 48151623x", "<VERSION>: what was given is no version"),
            ("secret get _x --version 48151623x", "--version"),
            (
                "caller edit a --level 48151623",
                "--level <LEVEL> takes one of these: view, create, edit, full.",
            ),
            ("secret rotate _x --force=48151623", "--force takes no value"),
            (
                "integration create x --redirect-uri http://48151623",
                "--redirect-uri <URI|@FILE>: what was given begins",
            ),
        ] {
            let told = told(&format!("fsm-vault {line}")).unwrap();
            assert!(told.contains(rule) && !told.contains("48151623"), "{told}");
        }
    }

    #[test]
    fn nor_is_one_that_is_no_command() {
        let told = |line: &str| told(line).unwrap();
        for (line, near) in [
            (
                "statu",
                "after fsm-vault is no command (it is not repeated, in case it is a value). Did you mean: status?",
            ),
            (
                "secret crate",
                "after fsm-vault secret is no command (it is not repeated, in case it is a value). Did you mean: create,",
            ),
            ("retire fsm 1", "Did you mean: secret retire, integration retire?"),
            ("restore f", "Did you mean: backup restore?"),
            ("secret read _x", "Did you mean: get?"),
            ("caller delete a", "Did you mean: revoke?"),
            ("start", "Did you mean: serve?"),
            ("integration hunter", "For those that there are: fsm-vault integration --help"),
        ] {
            let told = told(&format!("fsm-vault {line}"));
            assert!(told.contains(near), "{told}");
        }
        for line in
            ["fsm-vault passphrase hunter2", "fsm-vault hunter2", "fsm-vault passphrase changehunter2"]
        {
            assert!(!told(line).contains("hunter2"), "{line}");
        }
    }

    #[test]
    fn an_edit_of_nothing_tells_each_way_once() {
        for (line, last) in [
            ("fsm-vault secret edit _x", "--max-age-days <DAYS|never>. For"),
            ("fsm-vault caller edit a", "--no-mail. For"),
        ] {
            let told = told(line).unwrap();
            assert!(told.contains(last) && told.matches("--suiteapp").count() == 1, "{told}");
        }
        assert!(told("fsm-vault secret create _x --value-file f").is_none());
    }
}
