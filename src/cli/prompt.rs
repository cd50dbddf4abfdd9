//! Hidden prompts on a terminal.

use std::io::{self, IsTerminal};

use super::exit::Exit;
use super::failure::Failure;
use super::hidden::{self, Unanswered};
use super::output;
use crate::model::SecretId;
use crate::secret::Plaintext;

/// Tries until an entry will do, and both are the same.
const TRIES: usize = 3;

/// Whether there is somebody to ask.
pub fn can_ask() -> bool {
    io::stdin().is_terminal()
}

/// Asks once, unseen. `option` names a file in place of the question.
pub fn once(what: &str, option: &str) -> Result<Plaintext, Failure> {
    ask(&format!("{what} (hidden): "), option)
}

/// Asks twice, unseen, and up to three times until both are the same. What `check` refuses is told before it is typed again.
pub fn twice(
    what: &str,
    option: &str,
    check: impl Fn(&Plaintext) -> Result<(), Failure>,
) -> Result<Plaintext, Failure> {
    ask_twice(what, option, false, check)
}

/// The same, but that an empty line, typed once, is an answer: nothing.
pub fn twice_unless_empty(
    what: &str,
    option: &str,
    check: impl Fn(&Plaintext) -> Result<(), Failure>,
) -> Result<Option<Plaintext>, Failure> {
    let typed = ask_twice(what, option, true, check)?;
    Ok(Some(typed).filter(|typed| !typed.is_empty()))
}

fn ask_twice(
    what: &str,
    option: &str,
    may_be_empty: bool,
    check: impl Fn(&Plaintext) -> Result<(), Failure>,
) -> Result<Plaintext, Failure> {
    for left in (0..TRIES).rev() {
        let first = ask(&format!("{what} (hidden): "), option)?;
        if may_be_empty && first.is_empty() {
            return Ok(first);
        }
        match check(&first) {
            Err(failure) if left == 0 => return Err(failure),
            Err(failure) => {
                output::tell(failure.text);
                continue;
            }
            Ok(()) => {}
        }
        let second = ask(&format!("{what}, again: "), option)?;
        if first.same_as(&second) {
            return Ok(first);
        }
        output::tell(format_args!("The two differ."));
    }
    Err(Failure::usage(format!("{what}: the two entries differed {TRIES} times; nothing was changed")))
}

/// Asks for a word to be typed, seen, on a terminal. Anything else, nothing too, declines: a failure with one exit code for
/// all commands, 1. Nothing was wrong with how the command was typed, so it isn't 2, and nobody refused it, so it isn't 3.
/// `kept` continues the text, such as "nothing was deleted".
pub fn confirm(prompt: &str, word: &str, kept: &str) -> Result<(), Failure> {
    confirm_by(prompt, word, |typed| typed == word, kept)
}

/// The same for an ID, of which `custsecret` may be left out here as everywhere.
pub fn confirm_id(prompt: &str, id: &SecretId, kept: &str) -> Result<(), Failure> {
    confirm_by(prompt, id.as_str(), |typed| typed.parse().is_ok_and(|typed: SecretId| typed == *id), kept)
}

fn confirm_by(prompt: &str, word: &str, is: impl Fn(&str) -> bool, kept: &str) -> Result<(), Failure> {
    output::ask(prompt);
    let mut typed = String::new();
    match io::stdin().read_line(&mut typed) {
        Ok(_) => judged(&typed, word, is, kept),
        Err(error) => Err(Failure::new(Exit::Failed, format!("can't ask on the terminal: {error}"))),
    }
}

fn judged(typed: &str, word: &str, is: impl Fn(&str) -> bool, kept: &str) -> Result<(), Failure> {
    if is(typed.trim()) {
        return Ok(());
    }
    Err(Failure::new(Exit::Failed, format!("declined, for `{word}` wasn't typed; {kept}")))
}

fn ask(prompt: &str, option: &str) -> Result<Plaintext, Failure> {
    hidden::line(prompt).map_err(|why| match why {
        Unanswered::Lines => Failure::usage(format!(
            "more than one line came at once, and the question takes one; none of it was kept. A text of several lines is given as \
             a file: {option} FILE (- for standard input)"
        )),
        Unanswered::Terminal(error) => {
            Failure::new(Exit::Failed, format!("no answer from the terminal: {error}"))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_word_itself_goes_on() {
        for (typed, goes_on) in [
            ("fsm\n", true),
            (" fsm \r\n", true),
            ("", false),
            ("\n", false),
            ("y\n", false),
            ("FSM\n", false),
            ("fsm2\n", false),
        ] {
            match judged(typed, "fsm", |typed| typed == "fsm", "nothing was deleted") {
                Ok(()) => assert!(goes_on, "{typed:?}"),
                Err(failure) => {
                    assert!(!goes_on, "{typed:?}");
                    assert_eq!(failure.exit, Exit::Failed);
                    assert!(failure.text.ends_with("; nothing was deleted"), "{}", failure.text);
                }
            }
        }
    }
}
