//! The documents keep their word: every test, script and file that the tables of `docs/threats.md` and
//! `docs/reliability.md` name is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What is looked through, and how many names it has at least: a page that names nothing would pass for ever.
const PAGES: &[(&str, usize)] = &[("docs/threats.md", 150), ("docs/reliability.md", 0)];
/// Folders of the repository, for words that are paths.
const FOLDERS: &[&str] =
    &["benches/", "config/", "docs/", "examples/", "fuzz/", "src/", "systemd/", "tests/"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(below: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(below).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// `src/vault/mod.rs` is `vault`, `tests/vectors/disk.rs` is `vectors::disk`.
fn module(file: &Path) -> String {
    let words: Vec<_> = file.iter().map(|word| word.to_str().unwrap().trim_end_matches(".rs")).collect();
    words.iter().filter(|word| **word != "mod").copied().collect::<Vec<_>>().join("::")
}

/// The function that a line begins.
fn function(line: &str) -> Option<&str> {
    let line = line.trim_start();
    line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ")?.split(['(', '<']).next()
}

/// The full names of all tests, as cargo prints them; those of `tests/` with the file's name in front.
fn tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for folder in ["src", "tests"] {
        let folder = root().join(folder);
        let mut files = Vec::new();
        sources(&folder, &mut files);
        for file in files {
            let outer = module(file.strip_prefix(&folder).unwrap());
            let text = fs::read_to_string(&file).unwrap();
            let (mut inner, mut announced) = ("", false);
            for line in text.lines() {
                if line.starts_with(|first: char| !first.is_whitespace()) && line.ends_with("mod tests {") {
                    inner = "::tests";
                }
                let is_attribute =
                    ["#[test]", "#[tokio::test"].iter().any(|each| line.trim_start().starts_with(each));
                announced |= is_attribute;
                if let (true, Some(name)) = (announced, function(line)) {
                    names.insert(format!("{outer}{inner}::{name}"));
                    announced = false;
                }
            }
        }
    }
    names
}

/// What stands between two backticks on one line.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2))
}

fn is_module_path(word: &str) -> bool {
    word.contains("::")
        && word.split("::").all(|part| {
            part == "…"
                || part.starts_with(|first: char| first.is_ascii_lowercase())
                    && part
                        .bytes()
                        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        })
}

/// The test or the file that a word names, if it is a name of either kind and there is no such thing.
fn missing(page: &str, tests: &BTreeSet<String>, text: &str) -> (usize, Vec<String>) {
    let (mut named, mut gone, mut before) = (0, Vec::new(), String::new());
    for word in words(text) {
        if is_module_path(word) {
            let whole = match word.strip_prefix("…::") {
                Some(name) => format!("{before}::{name}"),
                None => word.to_owned(),
            };
            before = whole.rsplit_once("::").map(|(module, _)| module.to_owned()).unwrap_or_default();
            named += 1;
            if !tests.contains(&whole) {
                gone.push(format!("{page}: there is no test {whole}"));
            }
        } else if let Some(path) =
            word.split(' ').find(|part| FOLDERS.iter().any(|folder| part.starts_with(folder)))
        {
            named += 1;
            // A family of files, or a placeholder, is there if its folder is.
            let plain = path.split(['*', '…', '<', '{']).next().unwrap();
            let path = if plain == path { path } else { plain.rsplit_once('/').unwrap().0 };
            if !root().join(path).exists() {
                gone.push(format!("{page}: there is no file {path}"));
            }
        }
    }
    (named, gone)
}

#[test]
fn what_the_tables_name_is_there() {
    let tests = tests();
    let mut gone = Vec::new();
    for (page, least) in PAGES {
        let Ok(text) = fs::read_to_string(root().join(page)) else {
            assert_eq!(*least, 0, "{page}");
            continue;
        };
        let (named, missing) = missing(page, &tests, &text);
        assert!(named >= *least, "{page} names {named}");
        gone.extend(missing);
    }
    assert!(gone.is_empty(), "{}", gone.join("\n"));
}

#[test]
fn a_name_that_is_gone_is_found() {
    let tests = tests();
    let text = "`docs::a_name_that_is_gone_is_found`, `…::nowhere`, `tests/house.rs`, `tests/nowhere.sh --full`, \
                `model::domain::tests::nowhere`, `serde_json`, `GET /v1/secrets`";
    let (named, gone) = missing("page", &tests, text);
    assert_eq!((named, gone.len()), (5, 3), "{gone:?}");
}
