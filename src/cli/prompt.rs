//! Hidden prompts on a terminal.

use std::io::{self, IsTerminal};

use super::exit::Exit;
use super::failure::Failure;
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
        eprintln!("The two differ.");
    }
    Err(Failure::usage(format!("{what}: the two entries differed {TRIES} times; nothing was changed")))
}

/// Asks for a word to be typed, seen, on a terminal: whether it was.
pub fn confirmed(prompt: &str, word: &str) -> Result<bool, Failure> {
    eprint!("{prompt}");
    let mut typed = String::new();
    match io::stdin().read_line(&mut typed) {
        Ok(_) => Ok(typed.trim() == word),
        Err(error) => Err(Failure::new(Exit::Failed, format!("can't ask on the terminal: {error}"))),
    }
}

fn ask(prompt: &str) -> Result<Plaintext, Failure> {
    match rpassword::prompt_password(prompt) {
        Ok(text) => Ok(Plaintext::new(text.into_bytes())),
        Err(error) => Err(Failure::new(Exit::Failed, format!("can't ask on the terminal: {error}"))),
    }
}
