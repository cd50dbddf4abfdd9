//! Hidden prompts on a terminal.

use std::io::{self, IsTerminal};

use super::exit::Exit;
use super::failure::Failure;
use super::{hidden, output};
use crate::secret::Plaintext;

/// Tries until both entries are the same.
const TRIES: usize = 3;

/// Whether there is somebody to ask.
pub fn can_ask() -> bool {
    io::stdin().is_terminal()
}

/// Asks once, unseen.
pub fn once(what: &str) -> Result<Plaintext, Failure> {
    ask(&format!("{what} (hidden): "))
}

/// Asks twice, unseen, and up to three times until both are the same.
pub fn twice(what: &str) -> Result<Plaintext, Failure> {
    for _ in 0..TRIES {
        let first = ask(&format!("{what} (hidden): "))?;
        let second = ask(&format!("{what}, again: "))?;
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
    output::ask(prompt);
    let mut typed = String::new();
    match io::stdin().read_line(&mut typed) {
        Ok(_) => judged(&typed, word, kept),
        Err(error) => Err(Failure::new(Exit::Failed, format!("can't ask on the terminal: {error}"))),
    }
}

fn judged(typed: &str, word: &str, kept: &str) -> Result<(), Failure> {
    if typed.trim() == word {
        return Ok(());
    }
    Err(Failure::new(Exit::Failed, format!("declined, for `{word}` wasn't typed; {kept}")))
}

fn ask(prompt: &str) -> Result<Plaintext, Failure> {
    hidden::line(prompt)
        .map_err(|error| Failure::new(Exit::Failed, format!("can't ask on the terminal: {error}")))
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
            match judged(typed, "fsm", "nothing was deleted") {
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
