//! `completions --man`: a page of the manual for each command.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use super::super::arguments::{Cli, Globals};
use super::super::exit::Exit;
use super::super::failure::Failure;

const PROGRAM: &str = "fsm-vault";

const ENVIRONMENT: [(&str, &str); 5] = [
    ("FSM_VAULT_ADDR", "The daemon, as of --addr."),
    ("FSM_VAULT_CONFIG", "The daemon's configuration file, as of --config."),
    ("FSM_VAULT_IDENTITY", "The directory with cert.pem, key.pem and ca.pem, as of --identity."),
    ("NO_COLOR", "Set to anything: nothing is bold."),
    (
        "CREDENTIALS_DIRECTORY, RUNTIME_DIRECTORY, LISTEN_FDS, NOTIFY_SOCKET",
        "What systemd tells the daemon: where its credentials are (passphrase, smtp_password), where its socket goes, sockets that are open \
         already, and whom to tell that it is ready.",
    ),
];

const FILES: [(&str, &str); 4] = [
    (
        "/etc/fsm-vault/fsm-vault.toml",
        "The daemon's configuration. Every setting has a default; the file may be missing.",
    ),
    ("/var/lib/fsm-vault", "The vault, unless data_dir of the configuration names another directory."),
    ("/var/lib/fsm-vault/identities/admin", "The identity of the operator that init makes."),
    ("/run/fsm-vault/vault.sock", "Where the daemon listens, besides 127.0.0.1:8271."),
];

/// A page of the manual, ready for `man`.
struct Page {
    /// Such as `fsm-vault-secret-create.1`.
    file: String,
    roff: String,
}

pub fn write(globals: &Globals, directory: &Path) -> Result<(), Failure> {
    let failed = |error: io::Error| {
        Failure::new(Exit::Failed, format!("can't write to {}: {error}", directory.display()))
    };
    let pages = manual().map_err(failed)?;
    // A manual is for everybody, whereas all else that this program writes is for its user alone.
    let open = |path: &Path, mode| std::fs::set_permissions(path, Permissions::from_mode(mode));
    let missing: Vec<_> = directory.ancestors().take_while(|each| !each.exists()).collect();
    std::fs::create_dir_all(directory).map_err(failed)?;
    for made in missing.into_iter().filter(|made| !made.as_os_str().is_empty()) {
        open(made, 0o755).map_err(failed)?;
    }
    for page in &pages {
        let path = directory.join(&page.file);
        std::fs::write(&path, &page.roff).and_then(|()| open(&path, 0o644)).map_err(failed)?;
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
        let roff = with_examples(roff) + &ending(command.get_name() == PROGRAM);
        pages.push(Page { file: man.get_filename(), roff });
        command.get_subcommands().try_for_each(|verb| add(verb, pages))
    }
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    let mut pages = Vec::new();
    add(&program, &mut pages)?;
    Ok(pages)
}

/// What clap doesn't know of: exit codes, and on the first page what the environment and files do.
fn ending(is_first: bool) -> String {
    let rows = |rows: &[(&str, &str)]| -> String {
        rows.iter()
            .map(|(name, what)| format!(".TP\n\\fB{}\\fR\n{}\n", escaped(name), escaped(what)))
            .collect()
    };
    let codes: Vec<_> = (0..=7).map(|code| (code.to_string(), Exit::of_code(code).meaning())).collect();
    let codes: Vec<_> = codes.iter().map(|(code, meaning)| (code.as_str(), *meaning)).collect();
    let exits = format!(".SH \"EXIT STATUS\"\n{}", rows(&codes));
    if is_first {
        format!("{exits}.SH ENVIRONMENT\n{}.SH FILES\n{}", rows(&ENVIRONMENT), rows(&FILES))
    } else {
        format!("{exits}.SH \"SEE ALSO\"\n\\fBfsm\\-vault\\fR(1)\n")
    }
}

fn escaped(text: &str) -> String {
    text.replace('-', "\\-")
}

/// clap_mangen calls what stands after the options "EXTRA", and lets its lines be filled: an example would be broken.
fn with_examples(roff: Vec<u8>) -> String {
    const EXTRA: &str = "\n.SH EXTRA\n";
    let text = String::from_utf8_lossy(&roff).into_owned();
    let Some((before, extra)) = text.split_once(EXTRA) else { return text };
    // What follows the examples, and the next part.
    let end = extra.find("\n\n").into_iter().chain(extra.find("\n.SH ")).min().unwrap_or(extra.len());
    let (examples, rest) = extra.split_at(end);
    format!("{before}\n.SH EXAMPLES\n.nf\n{}\n.fi\n.PP\n{}", examples.trim_end(), rest.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_has_a_page_with_its_parts() {
        let pages = manual().unwrap();
        let page = |file: &str| {
            let found = pages.iter().find(|page| page.file == file).unwrap_or_else(|| panic!("no {file}"));
            found.roff.clone()
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
        assert!(page("fsm-vault-seal.1").contains("\n.TP\n\\fB5\\fR\nthe vault is sealed\n"));
        for part in ["ENVIRONMENT", "FILES"] {
            let part = format!("\n.SH {part}\n");
            assert!(page("fsm-vault.1").contains(&part) && !page("fsm-vault-seal.1").contains(&part));
        }
        for Page { file, roff } in &pages {
            assert!(!roff.contains("EXTRA"), "{file}");
            for part in
                [".TH ", "\n.SH NAME\n", "\n.SH SYNOPSIS\n", "\n.SH DESCRIPTION\n", "\n.SH \"EXIT STATUS\"\n"]
            {
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
