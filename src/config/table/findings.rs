//! What reading has found: problems, and keys that nobody knows, with what was probably meant.

use strsim::levenshtein;
use toml::de::DeTable;

use super::super::problem::Problem;
use super::Table;

/// Further than this from every known key, a suggestion would only confuse.
const NEAR: usize = 3;

/// What reading has found so far.
pub(in super::super) struct Findings<'t> {
    text: &'t str,
    problems: Vec<Problem>,
    /// Judged at the end, when all known keys have been asked for.
    pub(super) unknown: Vec<(usize, String)>,
    pub(super) known: Vec<String>,
}

impl<'t> Findings<'t> {
    pub(in super::super) fn new(text: &'t str) -> Self {
        Self { text, problems: Vec::new(), unknown: Vec::new(), known: Vec::new() }
    }

    /// Reads the file's root table with `read_it`, which asks for every key that there is.
    pub(in super::super) fn root<T>(
        &mut self,
        entries: DeTable<'t>,
        read_it: impl FnOnce(&mut Table<'t, '_>) -> T,
    ) -> T {
        Table { path: String::new(), line: None, entries, findings: self }.read(read_it)
    }

    pub(in super::super) fn note(
        &mut self,
        line: Option<usize>,
        key: Option<String>,
        detail: impl Into<String>,
    ) {
        self.problems.push(Problem { line, key, detail: detail.into() });
    }

    pub(in super::super) fn line_at(&self, offset: usize) -> usize {
        let before = self.text.as_bytes().get(..offset).unwrap_or(self.text.as_bytes());
        before.iter().filter(|byte| **byte == b'\n').count() + 1
    }

    /// All problems, unknown keys among them.
    pub(in super::super) fn into_problems(mut self) -> Vec<Problem> {
        for (line, path) in std::mem::take(&mut self.unknown) {
            let detail = match nearest(&path, &self.known) {
                Some(known) => format!("is no known key; the nearest is `{known}`"),
                None => "is no known key; config/fsm-vault.toml shows all of them".to_owned(),
            };
            self.note(Some(line), Some(presentable(path)), detail);
        }
        self.problems
    }

    #[cfg(test)]
    pub(in super::super) fn known(&self) -> &[String] {
        &self.known
    }
}

/// A key path fit for a terminal or a log: keys can be any text, and a secret may have slipped into one.
fn presentable(path: String) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'[' | b']');
    if path.len() <= 64 && path.bytes().all(plain) { path } else { "(an unusual key)".to_owned() }
}

/// The known key that was probably meant: near in spelling, or the same word in another table.
fn nearest<'k>(unknown: &str, known: &'k [String]) -> Option<&'k str> {
    if unknown.len() > 64 {
        return None;
    }
    let distance = |candidate: &str| {
        let ((table, key), (other_table, other_key)) = (parted(unknown), parted(candidate));
        levenshtein(key, other_key) + usize::from(table != other_table)
    };
    let measured = known.iter().map(|candidate| (distance(candidate), candidate));
    let (nearest, candidate) = measured.min_by_key(|(distance, _)| *distance)?;
    (nearest <= NEAR && nearest <= parted(candidate).1.len() / 2).then_some(candidate)
}

/// A key path's table and last word.
fn parted(path: &str) -> (&str, &str) {
    path.rsplit_once('.').unwrap_or(("", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_what_was_probably_meant() {
        let known: Vec<String> = [
            "data_dir",
            "listen",
            "audit",
            "audit.retain",
            "audit.durability",
            "limits.idle_seconds",
            "log.filter",
        ]
        .map(str::to_owned)
        .to_vec();
        for (typed, meant) in [
            ("datadir", Some("data_dir")),
            ("listens", Some("listen")),
            ("audit.retian", Some("audit.retain")),
            ("durability", Some("audit.durability")),
            ("log.retain", Some("audit.retain")),
            ("limits.idle_second", Some("limits.idle_seconds")),
            ("color", None),
            ("audit.x", None),
        ] {
            assert_eq!(nearest(typed, &known), meant, "{typed}");
        }
    }

    #[test]
    fn odd_keys_are_not_shown() {
        for odd in ["a b", "a\u{1b}[31m", "ä", &"x".repeat(65)] {
            assert_eq!(presentable(odd.to_owned()), "(an unusual key)");
        }
    }
}
