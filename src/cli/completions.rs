//! `completions`: what a shell and `man` want to know of this program, made from its own definition.

use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;

use super::arguments::{Cli, Globals};
use super::exit::Exit;
use super::failure::Failure;
use super::output::{self, Form};

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

/// A page of the manual, ready for `man`.
struct Page {
    /// Such as `fsm-vault-secret-create.1`.
    file: String,
    roff: Vec<u8>,
}

pub fn run(globals: &Globals, command: Completions) -> Result<(), Failure> {
    match (command.man, command.shell) {
        (Some(directory), _) => write_manual(globals, &directory),
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

fn write_manual(globals: &Globals, directory: &Path) -> Result<(), Failure> {
    let failed = |error: io::Error| {
        Failure::new(Exit::Failed, format!("can't write to {}: {error}", directory.display()))
    };
    let pages = manual().map_err(failed)?;
    std::fs::create_dir_all(directory).map_err(failed)?;
    for page in &pages {
        std::fs::write(directory.join(&page.file), &page.roff).map_err(failed)?;
    }
    let names: Vec<_> = pages.iter().map(|page| page.file.as_str()).collect();
    let document = serde_json::json!({ "directory": directory, "pages": names });
    globals.output.show(&document, || format!("{} pages written to {}\n", pages.len(), directory.display()))
}

/// All pages, that of the whole program first.
fn manual() -> io::Result<Vec<Page>> {
    fn add(command: &Command, pages: &mut Vec<Page>) -> io::Result<()> {
        let man = Man::new(command.clone())
            .manual("fsm-vault")
            .source(concat!("fsm-vault ", env!("CARGO_PKG_VERSION")));
        let mut roff = Vec::new();
        man.render(&mut roff)?;
        let roff = with_examples(roff);
        pages.push(Page { file: man.get_filename(), roff });
        command.get_subcommands().try_for_each(|verb| add(verb, pages))
    }
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    let mut pages = Vec::new();
    add(&program, &mut pages)?;
    Ok(pages)
}

/// clap_mangen calls what stands after the options "EXTRA", and lets its lines be filled: an example would be broken.
fn with_examples(roff: Vec<u8>) -> Vec<u8> {
    const EXTRA: &str = "\n.SH EXTRA\n";
    let text = match String::from_utf8(roff) {
        Ok(text) => text,
        Err(odd) => return odd.into_bytes(),
    };
    let Some((before, extra)) = text.split_once(EXTRA) else { return text.into_bytes() };
    // What follows the examples, and the next part.
    let end = extra.find("\n\n").into_iter().chain(extra.find("\n.SH ")).min().unwrap_or(extra.len());
    let (examples, rest) = extra.split_at(end);
    format!("{before}\n.SH EXAMPLES\n.nf\n{}\n.fi\n.PP\n{}", examples.trim_end(), rest.trim_start())
        .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_has_a_page_with_its_parts() {
        let pages = manual().unwrap();
        let page = |file: &str| {
            let found = pages.iter().find(|page| page.file == file).unwrap_or_else(|| panic!("no {file}"));
            String::from_utf8(found.roff.clone()).unwrap()
        };
        let commands = |command: &Command| {
            fn count(command: &Command) -> usize {
                1 + command
                    .get_subcommands()
                    .filter(|verb| verb.get_name() != "help")
                    .map(count)
                    .sum::<usize>()
            }
            count(command)
        };
        assert_eq!(pages.len(), commands(&Cli::command()));
        assert!(page("fsm-vault.1").contains("FSM_VAULT_IDENTITY"));
        assert!(page("fsm-vault-audit-explain.1").contains("fsm\\-vault audit explain ab07"));
        assert!(page("fsm-vault-audit-explain.1").contains("\n.SH EXAMPLES\n"));
        for Page { file, roff } in &pages {
            let roff = std::str::from_utf8(roff).unwrap();
            assert!(!roff.contains("EXTRA"), "{file}");
            for part in [".TH ", "\n.SH NAME\n", "\n.SH SYNOPSIS\n", "\n.SH DESCRIPTION\n"] {
                assert!(roff.contains(part), "{file} lacks {part}");
            }
            // A line that began with a dot or an apostrophe by accident would be taken for a request, and vanish.
            for line in roff.lines().filter(|line| line.starts_with(['.', '\''])) {
                let request = line[1..].split(' ').next().unwrap();
                let known = ["TH", "SH", "TP", "RS", "RE", "IP", "PP", "br", "ie", "el", "nf", "fi"];
                assert!(known.contains(&request), "{file}: {line}");
            }
        }
    }
}
