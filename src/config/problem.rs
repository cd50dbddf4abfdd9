//! What is wrong with a configuration file, told without quoting it.

use std::fmt;
use std::path::{Path, PathBuf};

use super::read::Wrong;
use super::settings::Settings;

/// One problem: where it is, what is wrong, what would be right.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    /// Line of the file, from 1; None where the whole file is meant.
    pub line: Option<usize>,
    /// Dotted path such as `audit.retain`; None where no key is meant.
    pub key: Option<String>,
    /// One line that names the rule, never what the file has there.
    pub detail: String,
}

/// Everything that is wrong with one file; at least one problem, in the order of the lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    file: PathBuf,
    problems: Vec<Problem>,
    rest: Option<Box<Settings>>,
}

impl ConfigError {
    pub(super) fn new(file: &Path, Wrong { mut problems, rest }: Wrong) -> Self {
        problems.sort_by_key(|problem| problem.line);
        Self { file: file.to_owned(), problems, rest }
    }

    /// A problem of the file as a whole: it can't be read, it is too large.
    pub(super) fn of_file(file: &Path, detail: impl fmt::Display) -> Self {
        let problems = vec![Problem { line: None, key: None, detail: detail.to_string() }];
        Self::new(file, Wrong { problems, rest: None })
    }

    pub fn file(&self) -> &Path {
        &self.file
    }

    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// What is right in the file, for one who looks on: each key that is wrong has its default. None where the text can't be
    /// read as a whole.
    pub fn rest(&self) -> Option<&Settings> {
        self.rest.as_deref()
    }
}

impl fmt::Display for Problem {
    /// `LINE: KEY: DETAIL`, without what isn't known.
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        if let Some(line) = self.line {
            write!(out, "{line}: ")?;
        }
        if let Some(key) = &self.key {
            write!(out, "{key}: ")?;
        }
        out.write_str(&self.detail)
    }
}

impl fmt::Display for ConfigError {
    /// One line per problem, `FILE:LINE: KEY: DETAIL`, as compilers do and editors jump to.
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            let space = if problem.line.is_some() { "" } else { " " };
            write!(out, "{separator}{}:{space}{problem}", self.file.display())?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
