//! The API's fields in the words of the command line: a refusal of the daemon names `/redirect_uris`, and who typed the
//! command gave `--redirect-uri`.

use std::collections::BTreeSet;
use std::ffi::OsString;

use clap::{Arg, Command, CommandFactory};

use super::arguments::Cli;

/// Options that aren't spelled as their field is, each with its field.
const SPELLED: &[(&str, &str)] = &[
    ("authorization_code_grant", "code-grant"),
    ("client_credentials_grant", "m2m"),
    ("redirect_uris", "redirect-uri"),
    ("scopes", "scope"),
    ("scripts", "script"),
    ("domains", "domain"),
    ("employees", "employee"),
    ("suiteapp_id", "suiteapp"),
    ("available_to_suiteapp", "suiteapp"),
    ("owners", "owner"),
    ("accounts", "account"),
    ("endpoints", "endpoint"),
    ("level", "operator"),
];

/// Members that only hold others.
const HOLDERS: [&str; 4] = ["restrictions", "service", "operator", "pins"];

/// The commands that the words lead to, the program first, up to a word that is none. Before the last of them only options for
/// all commands may stand, each of which takes a value.
pub fn path(program: &Command, mut words: impl Iterator<Item = OsString>) -> Vec<&Command> {
    let mut path = vec![program];
    words.next();
    while let Some(word) = words.next() {
        let word = word.to_string_lossy();
        match path[path.len() - 1].find_subcommand(&*word) {
            Some(command) => path.push(command),
            None if word.starts_with("--") && !word.contains('=') => drop(words.next()),
            None if word.starts_with('-') => {}
            None => break,
        }
    }
    path
}

/// The long options of the command that was typed.
pub struct Typed(BTreeSet<String>);

impl Typed {
    pub fn of(words: impl Iterator<Item = OsString>) -> Self {
        let program = Cli::command();
        let path = path(&program, words);
        let options = path.last().into_iter().flat_map(|command| command.get_arguments());
        Self(options.filter_map(Arg::get_long).map(str::to_owned).collect())
    }

    /// A text with its findings, each a line `  POINTER DETAIL`, where a pointer and the fields in the detail are options of
    /// the command.
    pub fn told(&self, text: &str) -> String {
        let line = |line: &str| match line.strip_prefix("  ").filter(|rest| rest.starts_with(['/', '?'])) {
            Some(finding) => {
                let (pointer, detail) = finding.split_once(' ').unwrap_or((finding, ""));
                let name = self.pointed(pointer).unwrap_or_else(|| pointer.to_owned());
                format!("  {name} {}", self.words(detail))
            }
            None => line.to_owned(),
        };
        text.split('\n').map(line).collect::<Vec<_>>().join("\n")
    }

    fn pointed(&self, pointer: &str) -> Option<String> {
        let members = || pointer.get(1..).unwrap_or_default().split('/');
        let field = members().find(|member| !HOLDERS.contains(member)).or_else(|| members().next_back())?;
        self.option(field)
    }

    fn option(&self, field: &str) -> Option<String> {
        let same = field.replace('_', "-");
        let spelled = SPELLED.iter().filter(|(of, _)| *of == field).map(|(_, option)| *option);
        let option = std::iter::once(&*same).chain(spelled).find(|option| self.0.contains(*option))?;
        Some(format!("--{option}"))
    }

    /// Words of several parts are fields, where there is such an option.
    fn words(&self, detail: &str) -> String {
        let piece = |piece: &str| {
            let word = piece.trim_end_matches(|end: char| !is_of_word(end));
            let option = word.contains('_').then(|| self.option(word)).flatten();
            option.map_or_else(|| piece.to_owned(), |option| piece.replacen(word, &option, 1))
        };
        detail.split_inclusive(|each: char| !is_of_word(each)).map(piece).collect()
    }
}

fn is_of_word(each: char) -> bool {
    each.is_ascii_lowercase() || each == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(line: &str) -> Typed {
        Typed::of(std::iter::once("fsm-vault").chain(line.split_whitespace()).map(OsString::from))
    }

    #[test]
    fn fields_are_told_as_options_of_the_command() {
        for (line, told, expected) in [
            ("integration create x", "/redirect_uris/0 is no URI", "--redirect-uri is no URI"),
            ("integration create x", "/name is taken", "/name is taken"),
            ("secret create _x", "/name is long", "--name is long"),
            ("integration edit x --m2m", "/accounts/1/state is odd", "--account is odd"),
            (
                "integration create x",
                "/client_credentials_grant is true although public_client is; not so",
                "--m2m is true although --public-client is; not so",
            ),
            (
                "secret edit _x",
                "/restrictions/scripts is empty although allow_all_scripts is false",
                "--script is empty although --allow-all-scripts is false",
            ),
            ("caller add a", "/service/script is missing", "--script is missing"),
            ("caller add a", "/operator/level is missing", "--operator is missing"),
            ("caller edit a", "/operator/level is missing", "--level is missing"),
            ("caller add a", "/operator is odd", "--operator is odd"),
            ("secret get _x", "?wait is out of bounds", "--wait is out of bounds"),
            ("--identity secret secret --addr=a get _x", "?wait is out of bounds", "--wait is out of bounds"),
            ("secret get _x", "/scopes is rest_webservices", "/scopes is rest_webservices"),
        ] {
            let text = format!("refused: Field\n  {told}");
            assert_eq!(typed(line).told(&text), format!("refused: Field\n  {expected}"), "{line}");
        }
        assert_eq!(typed("secret get _x").told("no /wait here"), "no /wait here");
    }

    #[test]
    fn every_spelling_is_an_option_somewhere() {
        fn options(command: &Command, found: &mut BTreeSet<String>) {
            found.extend(command.get_arguments().filter_map(Arg::get_long).map(str::to_owned));
            command.get_subcommands().for_each(|verb| options(verb, found));
        }
        let mut found = BTreeSet::new();
        options(&Cli::command(), &mut found);
        assert!(SPELLED.iter().all(|(_, option)| found.contains(*option)));
    }
}
