//! One table of the file while it is read: typed access by key, and a note for all that doesn't fit.
//!
//! Asking for a key is what makes it known, so the list of known keys can't drift from the reader.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

mod findings;

pub(super) use findings::Findings;

/// A table, with the keys that nobody has asked for yet.
pub(super) struct Table<'t, 'f> {
    path: String,
    line: Option<usize>,
    entries: DeTable<'t>,
    findings: &'f mut Findings<'t>,
}

/// What is wrong with a value: the rule it breaks.
type Rule = String;

impl<'t> Table<'t, '_> {
    fn read<T>(mut self, read_it: impl FnOnce(&mut Self) -> T) -> T {
        let read = read_it(&mut self);
        for key in self.entries.keys() {
            let line = self.findings.line_at(key.span().start);
            self.findings.unknown.push((line, join(&self.path, key.get_ref())));
        }
        read
    }

    /// Notes a problem with the value of `key`, found at `line`.
    pub(super) fn note(&mut self, line: Option<usize>, key: &str, rule: impl Into<String>) {
        let path = join(&self.path, key);
        self.findings.note(line, Some(path), rule);
    }

    pub(super) fn line(&self) -> Option<usize> {
        self.line
    }

    fn take(&mut self, key: &str) -> Option<(usize, DeValue<'t>)> {
        self.findings.known.push(join(&self.path, key));
        let value = self.entries.remove(key)?;
        Some((self.findings.line_at(value.span().start), value.into_inner()))
    }

    /// The value of `key` as `judge` reads it; None when it is absent or was noted as wrong.
    fn value<T>(&mut self, key: &str, judge: impl FnOnce(DeValue<'t>) -> Result<T, Rule>) -> Option<T> {
        let (line, value) = self.take(key)?;
        judge(value).map_err(|rule| self.note(Some(line), key, rule)).ok()
    }

    pub(super) fn flag(&mut self, key: &str) -> Option<bool> {
        self.value(key, |value| value.as_bool().ok_or_else(|| "takes true or false".to_owned()))
    }

    pub(super) fn number(&mut self, key: &str, range: RangeInclusive<u64>) -> Option<u64> {
        self.value(key, |value| number_of(&value, &range))
    }

    pub(super) fn text<T>(&mut self, key: &str, judge: impl FnOnce(&str) -> Result<T, Rule>) -> Option<T> {
        self.value(key, |value| judge(text_of(&value)?))
    }

    /// A text that can't be left out.
    pub(super) fn required<T>(
        &mut self,
        key: &str,
        judge: impl FnOnce(&str) -> Result<T, Rule>,
    ) -> Option<T> {
        if !self.entries.contains_key(key) {
            self.note(self.line, key, "is missing");
        }
        self.text(key, judge)
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&mut self, key: &str, words: &[(&str, T)]) -> Option<T> {
        let rule = || {
            let quoted: Vec<_> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
            format!("takes {}", quoted.join(" or "))
        };
        self.value(key, |value| {
            let chosen = value.as_str().and_then(|text| words.iter().find(|(word, _)| *word == text));
            chosen.map(|(_, meaning)| *meaning).ok_or_else(rule)
        })
    }

    /// A list of texts; each item is judged, all problems are noted, and the same item twice is one.
    pub(super) fn list<T: PartialEq>(
        &mut self,
        key: &str,
        judge: impl Fn(&str) -> Result<T, Rule>,
    ) -> Option<Vec<T>> {
        let items = self.array(key, "takes a list of texts, such as [\"a\", \"b\"]")?;
        Some(self.each(key, items, |item, before| {
            text_of(item).and_then(&judge).and_then(|read| new(read, before))
        }))
    }

    /// A list of whole numbers.
    pub(super) fn numbers(&mut self, key: &str, range: RangeInclusive<u64>) -> Option<Vec<u64>> {
        let items = self.array(
            key,
            &format!("takes a list of whole numbers from {} to {}", range.start(), range.end()),
        )?;
        Some(self.each(key, items, |item, _| number_of(item, &range)))
    }

    /// A list of whole numbers: at least one, and none twice.
    pub(super) fn distinct_numbers(&mut self, key: &str, range: RangeInclusive<u64>) -> Option<Vec<u64>> {
        let rule = || {
            format!("takes a list of whole numbers from {} to {}, at least one", range.start(), range.end())
        };
        let items = self.value(key, |value| match value {
            DeValue::Array(items) if !items.is_empty() => Ok(items),
            _ => Err(rule()),
        })?;
        Some(self.each(key, items, |item, before| number_of(item, &range).and_then(|read| new(read, before))))
    }

    /// What is right in a list, each item judged with those before it; what is wrong is noted.
    fn each<T>(
        &mut self,
        key: &str,
        items: impl IntoIterator<Item = Spanned<DeValue<'t>>>,
        judge: impl Fn(&DeValue, &[T]) -> Result<T, Rule>,
    ) -> Vec<T> {
        let mut read = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            match judge(item.get_ref(), &read) {
                Ok(item) => read.push(item),
                Err(rule) => {
                    let line = Some(self.findings.line_at(item.span().start));
                    self.note(line, &format!("{key}[{index}]"), rule);
                }
            }
        }
        read
    }

    /// A program with its arguments: the path is absolute, and an argument may come twice.
    pub(super) fn command(&mut self, key: &str) -> Option<Vec<String>> {
        let items = self.array(key, "takes a list of texts: the program's path, then its arguments")?;
        let mut read = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            let judged = text_of(item.get_ref()).and_then(|text| match (index, text.contains('\0')) {
                (_, true) => Err("has a NUL in it".to_owned()),
                (0, _) => absolute_path(text).map(|_| text.to_owned()),
                _ => Ok(text.to_owned()),
            });
            match judged {
                Ok(text) => read.push(text),
                Err(rule) => {
                    let line = Some(self.findings.line_at(item.span().start));
                    self.note(line, &format!("{key}[{index}]"), rule);
                }
            }
        }
        Some(read)
    }

    /// Line of the value of `key`, if the file has it and nobody has asked for it yet.
    pub(super) fn line_of(&self, key: &str) -> Option<usize> {
        self.entries.get(key).map(|value| self.findings.line_at(value.span().start))
    }

    /// A table below this one; when it is absent `read_it` gets an empty one, so that the defaults come from
    /// the same place.
    pub(super) fn section<T>(&mut self, key: &str, read_it: impl FnOnce(&mut Table<'t, '_>) -> T) -> T {
        let found = self.value(key, |value| match value {
            DeValue::Table(entries) => Ok(entries),
            _ => Err("takes a table: write it as [section] with its keys below".to_owned()),
        });
        let path = join(&self.path, key);
        Table { path, line: None, entries: found.unwrap_or_default(), findings: self.findings }.read(read_it)
    }

    /// A list of tables; those that `read_it` gives up on are left out, their problems noted.
    pub(super) fn tables<T>(
        &mut self,
        key: &str,
        read_it: impl Fn(&mut Table<'t, '_>) -> Option<T>,
    ) -> Vec<T> {
        let rule = "takes a list of tables, such as [{ key = \"value\" }]";
        let mut read = Vec::new();
        for (index, item) in self.array(key, rule).unwrap_or_default().into_iter().enumerate() {
            let line = Some(self.findings.line_at(item.span().start));
            let at = format!("{key}[{index}]");
            match item.into_inner() {
                DeValue::Table(entries) => {
                    let path = join(&self.path, &at);
                    read.extend(Table { path, line, entries, findings: self.findings }.read(&read_it));
                }
                _ => self.note(line, &at, rule),
            }
        }
        read
    }

    fn array(&mut self, key: &str, rule: &str) -> Option<Vec<Spanned<DeValue<'t>>>> {
        self.value(key, |value| match value {
            DeValue::Array(items) => Ok(items),
            _ => Err(rule.to_owned()),
        })
        .map(|items: DeArray| items.into_iter().collect())
    }
}

/// A path that the file names. Relative ones are refused: the daemon's working directory isn't the reader's.
pub(super) fn absolute_path(text: &str) -> Result<PathBuf, Rule> {
    if text.starts_with('/') && !text.contains('\0') {
        Ok(PathBuf::from(text))
    } else {
        Err("takes an absolute path, beginning with /".to_owned())
    }
}

fn number_of(value: &DeValue, range: &RangeInclusive<u64>) -> Result<u64, Rule> {
    value
        .as_integer()
        .and_then(|digits| u64::from_str_radix(digits.as_str(), digits.radix()).ok())
        .filter(|number| range.contains(number))
        .ok_or_else(|| format!("takes a whole number from {} to {}", range.start(), range.end()))
}

/// An item, unless it is among those before it.
fn new<T: PartialEq>(item: T, before: &[T]) -> Result<T, Rule> {
    if before.contains(&item) { Err("is in the list already; leave one out".to_owned()) } else { Ok(item) }
}

fn text_of<'v>(value: &'v DeValue) -> Result<&'v str, Rule> {
    value.as_str().ok_or_else(|| "takes a text in quotes".to_owned())
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
