//! What is told of arguments that can't be parsed, where clap's own text would repeat a word that may be a value, or say
//! the same twice.

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Ways to change something, above which a list of them is told once, and not in a usage line again.
const MANY: usize = 6;
/// Commands of similar names that are told.
const NEAR: usize = 3;

/// The text that stands in for clap's.
pub fn text(error: &clap::Error) -> Option<String> {
    no_command(error).or_else(|| stray_word(error)).or_else(|| no_change(error))
}

/// Where a word is no command: after `passphrase` it may be one.
fn no_command(error: &clap::Error) -> Option<String> {
    if error.kind() != ErrorKind::InvalidSubcommand {
        return None;
    }
    // The nearest stands last.
    let near = strings(error, ContextKind::SuggestedSubcommand).iter().rev().take(NEAR).cloned();
    let near = near.collect::<Vec<_>>().join(", ");
    let next = if near.is_empty() {
        "For those that there are, type what stands before it with --help".to_owned()
    } else {
        format!("Did you mean: {near}?")
    };
    Some(format!("a word is no command here (it is not repeated, in case it is a value). {next}"))
}

/// Where a word is no option and stands where none belongs.
fn stray_word(error: &clap::Error) -> Option<String> {
    let is_word = error.kind() == ErrorKind::UnknownArgument
        && strings(error, ContextKind::InvalidArg).iter().any(|word| !word.starts_with('-'));
    is_word.then(|| {
        "there is a word too many (it is not repeated here, in case it is a value). Values are never given as \
         arguments, where other users see them: they come from a file, standard input or a hidden prompt. For more, \
         type the command with --help"
            .to_owned()
    })
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
    use super::super::arguments::Cli;
    use super::*;
    use clap::Parser;

    fn refused(line: &str) -> clap::Error {
        Cli::try_parse_from(line.split_whitespace()).err().unwrap()
    }

    #[test]
    fn a_stray_word_is_not_repeated() {
        for line in [
            "fsm-vault secret create _x 48151623",
            "fsm-vault unseal 48151623",
            "fsm-vault fsm setup 48151623",
        ] {
            let told = text(&refused(line)).unwrap();
            assert!(told.contains("a word too many") && !told.contains("48151623"), "{line}");
        }
        for line in
            ["fsm-vault secret create _x --value 48151623", "fsm-vault secret create _x --value=48151623"]
        {
            let error = refused(line);
            assert!(text(&error).is_none() && !error.to_string().contains("48151623"), "{error}");
        }
    }

    #[test]
    fn nor_is_one_that_is_no_command() {
        let told = |line: &str| text(&refused(line)).unwrap();
        assert!(told("fsm-vault statu").ends_with("Did you mean: status?"));
        assert!(told("fsm-vault secret crate").contains("Did you mean: create,"));
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
            let told = text(&refused(line)).unwrap();
            assert!(told.contains(last) && told.matches("--suiteapp").count() == 1, "{told}");
        }
        assert!(text(&refused("fsm-vault secret create _x --value-file f")).is_none());
    }
}
