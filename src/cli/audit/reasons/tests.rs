//! Each reason that the log may give has words here.

use super::*;
use std::collections::BTreeSet;
use std::path::Path;

/// The words in quotation marks on the right of arms in `function`, or anywhere as a literal `reason`.
fn words(path: &str, function: Option<&str>) -> BTreeSet<String> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let text = text.split("#[cfg(test)]").next().unwrap();
    let (text, mark) = match function {
        Some(name) => {
            (text.split_once(&format!("fn {name}(")).unwrap().1.split("\n    }\n").next().unwrap(), "=> \"")
        }
        None => (text, "Some(\""),
    };
    let lines = text.lines().filter(|line| function.is_some() || line.contains("reason"));
    let quoted = lines.filter_map(|line| line.split_once(mark)?.1.split('"').next());
    quoted.map(str::to_owned).collect()
}

fn sources(below: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(below).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            sources(&path, found);
        } else if !name.contains("/tests") {
            found.push(name);
        }
    }
}

/// Whatever can stand as a reason is read out of the source, so that a new one can't be forgotten here.
#[test]
fn every_reason_that_the_daemon_writes_is_explained() {
    let mut all: BTreeSet<String> = Denial::ALL.iter().map(|denial| denial.reason().to_owned()).collect();
    for (path, function, some) in [
        ("src/model/denial.rs", "reason", "script_not_allowed"),
        ("src/vault/error.rs", "reason", "tombstoned"),
        ("src/audit/finding.rs", "word", "after_damage"),
        ("src/model/notice.rs", "word", "critical"),
        ("src/vault/notices/deliveries.rs", "word", "hook"),
    ] {
        let found = words(path, Some(function));
        assert!(found.contains(some), "{path}: {found:?}");
        all.extend(found);
    }
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    for room in ["vault", "audit", "api"] {
        sources(&src.join(room), &mut files);
    }
    all.extend(files.iter().flat_map(|path| words(path, None)));
    assert!(all.contains("wrong_passphrase") && all.contains("retain") && all.len() > 40, "{all:?}");
    let silent: Vec<_> = all.iter().filter(|word| advice(word).is_none()).collect();
    assert!(silent.is_empty(), "no advice for {silent:?}");
    assert_eq!(advice("because"), None);
}

#[test]
fn a_refusal_is_never_without_a_next_step() {
    for denial in Denial::ALL {
        let advice = of_denial(denial);
        assert!(!advice.next.is_empty() && advice.why.ends_with('.'), "{denial:?}");
    }
}
