//! `completions`: what a shell and `man` want to know of this program, made from its own definition.

use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::arguments::{Cli, Globals};
use super::failure::Failure;
use super::output::{self, Form};

mod manual;

#[derive(Args)]
#[command(
    after_help = "Examples:\n  fsm-vault completions bash > /etc/bash_completion.d/fsm-vault\n  fsm-vault completions --man \
                  /usr/local/share/man/man1"
)]
pub struct Completions {
    /// For which shell
    #[arg(value_enum)]
    shell: Option<Shell>,
    /// Write the manual instead: a page for each command into this directory, over those of an earlier version
    #[arg(long, value_name = "DIR", conflicts_with = "shell")]
    man: Option<PathBuf>,
}

pub fn run(globals: &Globals, command: Completions) -> Result<(), Failure> {
    match (command.man, command.shell) {
        (Some(directory), _) => manual::write(globals, &directory),
        (None, Some(shell)) => script(globals, shell),
        (None, None) => Err(Failure::usage(
            "name a shell: fsm-vault completions bash; or for the manual a directory: fsm-vault completions --man DIR",
        )),
    }
}

fn script(globals: &Globals, shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "fsm-vault", &mut script);
    if shell == Shell::Bash {
        script = one_name(script);
    }
    match globals.output {
        Form::Text => output::print(&script),
        Form::Json => {
            let script = String::from_utf8_lossy(&script);
            let document = serde_json::json!({ "shell": shell.to_string(), "script": script });
            output::print_json(&crate::wire::write(&document))
        }
    }
}

/// clap_complete writes the hyphen of a program's name in two ways for bash, so that no command's words would be found.
fn one_name(script: Vec<u8>) -> Vec<u8> {
    match String::from_utf8(script) {
        Ok(text) => text.replace("fsm__subcmd__vault", "fsm__vault").into_bytes(),
        Err(odd) => odd.into_bytes(),
    }
}
