//! `completions`: a script for the shell.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::arguments::{Cli, Globals};
use super::failure::Failure;
use super::output::{self, Form};

#[derive(Args)]
#[command(after_help = "Example:\n  fsm-vault completions bash > /etc/bash_completion.d/fsm-vault")]
pub struct Completions {
    /// For which shell
    #[arg(value_enum)]
    shell: Shell,
}

pub fn run(globals: &Globals, command: Completions) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(command.shell, &mut Cli::command(), "fsm-vault", &mut script);
    match globals.output {
        Form::Text => output::print(&script),
        Form::Json => {
            let script = String::from_utf8_lossy(&script);
            let document = serde_json::json!({ "shell": command.shell.to_string(), "script": script });
            output::print_json(&crate::wire::write(&document))
        }
    }
}
