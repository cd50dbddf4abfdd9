//! The actions that the log of this release knows. What a newer daemon calls its own is looked for too: the daemon compares
//! words and refuses none, and this side says that it knows no such action.

use std::str::FromStr;

use strsim::levenshtein;

use crate::model::Invalid;

/// Noun, and its verbs.
const KNOWN: &[(&str, &[&str])] = &[
    ("audit", &["damage", "read", "recover", "refusing", "resume", "retire", "verify"]),
    ("backup", &["create", "remove"]),
    ("caller", &["add", "certify", "edit", "list", "renew", "revoke", "show"]),
    (
        "integration",
        &["activate", "create", "delete", "edit", "list", "read", "reset", "retire", "rotate", "show"],
    ),
    ("keyslot", &["add", "list", "remove"]),
    ("notice", &["acknowledge", "clear", "deliver", "list", "raise"]),
    ("operator", &["recover"]),
    ("request", &["repeat"]),
    (
        "secret",
        &[
            "access",
            "activate",
            "consumers",
            "create",
            "delete",
            "edit",
            "import",
            "lapse",
            "list",
            "notes",
            "read",
            "retire",
            "rotate",
            "show",
        ],
    ),
    (
        "vault",
        &[
            "accept_rollback",
            "close",
            "create",
            "describe",
            "metrics",
            "passphrase",
            "rekey",
            "reopen",
            "request",
            "restore",
            "seal",
            "status",
            "unseal",
        ],
    ),
    ("watch", &["open"]),
];
/// Slips of the keyboard up to which a word is taken for another.
const NEAR: usize = 3;

/// An action to look for: `noun.verb`, known or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action(String);

impl Action {
    pub fn word(&self) -> &str {
        &self.0
    }

    /// What to say of one that this release doesn't know.
    pub fn doubt(&self) -> Option<String> {
        let (noun, _) = self.0.split_once('.').unwrap_or((&self.0, ""));
        let all =
            || KNOWN.iter().flat_map(|(noun, verbs)| verbs.iter().map(move |verb| format!("{noun}.{verb}")));
        if all().any(|known| known == self.0) {
            return None;
        }
        let nearest = all()
            .map(|known| (levenshtein(&known, &self.0), known))
            .min()
            .filter(|(slips, _)| *slips <= NEAR);
        let verbs = KNOWN.iter().find(|(known, _)| *known == noun);
        let hint = match (nearest, verbs) {
            (Some((_, nearest)), _) => format!("the nearest is {nearest}"),
            (None, Some((_, verbs))) => format!("of {noun} there are {}", verbs.join(", ")),
            (None, None) => {
                let nouns: Vec<_> = KNOWN.iter().map(|(noun, _)| *noun).collect();
                format!("they begin with one of {}", nouns.join(", "))
            }
        };
        Some(format!(
            "no action {} is known to this release; {hint}. A newer daemon may know it, so it is looked for",
            self.0
        ))
    }
}

impl FromStr for Action {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let is_word = |word: &str| {
            !word.is_empty() && word.chars().all(|each| each.is_ascii_lowercase() || each == '_')
        };
        match text.split_once('.') {
            Some((noun, verb)) if is_word(noun) && is_word(verb) => Ok(Self(text.to_owned())),
            _ => Err(Invalid(
                "is no action: write a noun, a dot and a verb, such as secret.read or caller.add",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    #[test]
    fn an_unknown_action_is_told_with_the_nearest() {
        for (word, told) in [
            ("secret.read", None),
            ("watch.open", None),
            ("secrt.read", Some("the nearest is secret.read.")),
            ("caller.remove", Some("the nearest is caller.revoke.")),
            ("secret.annihilate", Some("of secret there are access, ")),
            ("moon.landing", Some("one of audit, backup, ")),
        ] {
            let doubt = word.parse::<Action>().unwrap().doubt();
            match told {
                None => assert_eq!(doubt, None),
                Some(part) => assert!(doubt.as_ref().is_some_and(|doubt| doubt.contains(part)), "{doubt:?}"),
            }
        }
        for wrong in ["", "read", "secret.", ".read", "secret read", "Secret.Read", "a.b.c", "secret.read\n"]
        {
            assert!(wrong.parse::<Action>().is_err(), "{wrong:?}");
        }
    }

    /// Reads the source: every `"noun.verb"` in the rooms that write entries, but for names of fail points and files.
    #[test]
    fn the_list_is_that_of_the_source() {
        fn read(below: &Path, text: &mut String) {
            for entry in std::fs::read_dir(below).unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                if path.is_dir() && name != "tests" && name != "openapi" {
                    read(&path, text);
                } else if name.ends_with(".rs") && !name.starts_with("tests") && !name.starts_with("testing")
                {
                    let whole = std::fs::read_to_string(&path).unwrap();
                    text.push_str(whole.split("#[cfg(test)]").next().unwrap());
                }
            }
        }
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut text = std::fs::read_to_string(source.join("api/openapi/call.rs")).unwrap();
        for room in ["vault", "audit", "api"] {
            read(&source.join(room), &mut text);
        }
        let known: BTreeSet<String> = KNOWN
            .iter()
            .flat_map(|(noun, verbs)| verbs.iter().map(move |verb| format!("{noun}.{verb}")))
            .collect();
        let points = text.split("failpoint!(\"").skip(1).filter_map(|after| after.split('"').next());
        let points: BTreeSet<&str> = points.collect();
        let is_action = |word: &&str| {
            word.parse::<Action>().is_ok()
                && KNOWN.iter().any(|(noun, _)| word.split('.').next() == Some(noun))
        };
        let mut found: BTreeSet<String> = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .flat_map(|line| line.split('"').skip(1).step_by(2))
            .filter(is_action)
            .filter(|word| !points.contains(word))
            .map(str::to_owned)
            .collect();
        // Made of a noun and a verb in vault/rotation.rs.
        for verb in ["rotate", "activate", "retire"] {
            found.extend(["secret", "integration"].map(|noun| format!("{noun}.{verb}")));
        }
        found.insert("integration.reset".to_owned());
        assert_eq!(known, found);
    }
}
