//! The house: imports between rooms go one way, down the table, and every file says what it is for.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Room, and the rooms that it may name. A room may name only what stands above it.
const TABLE: &[(&str, &[&str])] = &[
    ("secret", &[]),
    ("clock", &[]),
    ("heap", &[]),
    ("failpoint", &[]),
    ("lots", &[]),
    ("model", &[]),
    ("crypto", &["secret"]),
    ("keys", &["secret", "model", "crypto"]),
    ("policy", &["model"]),
    ("store", &["model", "keys"]),
    ("backup", &["secret", "crypto", "keys"]),
    ("audit", &["clock", "model", "crypto"]),
    ("identity", &["secret", "clock", "model", "keys", "store"]),
    (
        "vault",
        &[
            "secret", "clock", "heap", "model", "crypto", "keys", "policy", "store", "backup", "audit",
            "identity",
        ],
    ),
    ("notify", &["secret", "model", "audit", "vault"]),
    ("jobs", &["clock", "model", "vault"]),
    ("wire", &["secret", "model"]),
    ("config", &["model"]),
    ("telemetry", &["model", "audit", "config"]),
    (
        "api",
        &["secret", "clock", "model", "crypto", "policy", "audit", "identity", "vault", "wire", "telemetry"],
    ),
    ("systemd", &[]),
    (
        "daemon",
        &[
            "secret",
            "clock",
            "heap",
            "model",
            "crypto",
            "audit",
            "identity",
            "vault",
            "notify",
            "jobs",
            "api",
            "config",
            "systemd",
            "telemetry",
        ],
    ),
    ("client", &["secret", "clock", "model", "crypto", "identity", "wire"]),
    (
        "cli",
        &[
            "secret",
            "clock",
            "model",
            "crypto",
            "backup",
            "audit",
            "identity",
            "vault",
            "wire",
            "config",
            "systemd",
            "telemetry",
            "daemon",
            "client",
        ],
    ),
];

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

fn all() -> Vec<(String, PathBuf, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    sources(&src, &mut found);
    found
        .into_iter()
        .map(|path| {
            let inside = path.strip_prefix(&src).unwrap().to_str().unwrap();
            let room = inside.split(['/', '.']).next().unwrap().to_owned();
            let text = fs::read_to_string(&path).unwrap();
            (room, path, text)
        })
        .collect()
}

/// Product code: without the tests, which may look wherever they need to.
fn product(path: &Path, text: &str) -> String {
    let is_tests = path.iter().any(|part| part == "tests" || part == "tests.rs" || part == "testing.rs");
    if is_tests { String::new() } else { text.split("#[cfg(test)]\nmod tests {").next().unwrap().to_owned() }
}

#[test]
fn imports_go_one_way() {
    let allowed: BTreeMap<_, BTreeSet<_>> =
        TABLE.iter().map(|(room, names)| (*room, names.iter().copied().collect())).collect();
    let order: Vec<_> = TABLE.iter().map(|(room, _)| *room).collect();
    for (at, (room, names)) in TABLE.iter().enumerate() {
        assert!(names.iter().all(|name| order[..at].contains(name)), "{room} names a room below itself");
    }
    let mut wrong = Vec::new();
    for (room, path, text) in all() {
        if matches!(room.as_str(), "lib" | "main") {
            continue;
        }
        let allowed = allowed.get(room.as_str()).unwrap_or_else(|| panic!("{room} is in no table"));
        for (at, _) in product(&path, &text).match_indices("crate::") {
            let named: String = text[at + 7..]
                .chars()
                .take_while(|each| each.is_ascii_alphanumeric() || *each == '_')
                .collect();
            if named != room && !allowed.contains(named.as_str()) {
                wrong.push(format!("{}: {room} names {named}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_says_what_it_is_for() {
    for (_, path, text) in all() {
        assert!(text.starts_with("//!"), "{}", path.display());
    }
}

#[test]
fn unsafe_has_a_file_of_its_own() {
    let mut with: Vec<_> = all()
        .into_iter()
        .filter(|(_, path, text)| {
            product(path, text).lines().filter(|line| !line.trim_start().starts_with("//")).any(|line| {
                ["unsafe_code", "unsafe {", "unsafe fn", "unsafe impl"].iter().any(|each| line.contains(each))
            })
        })
        .map(|(_, path, _)| {
            path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().to_str().unwrap().to_owned()
        })
        .collect();
    with.sort();
    assert_eq!(with, ["src/heap.rs", "src/identity/pidfd.rs"], "Cargo.toml denies it everywhere else");
}
