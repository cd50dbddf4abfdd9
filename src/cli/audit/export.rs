//! `audit export`: the log as JSON, a page at a time, to standard output or into a file.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;

use super::super::arguments::Globals;
use super::super::exit::Exit;
use super::super::failure::Failure;
use super::super::output::{self, Form};
use super::super::value;
use super::search::Filters;
use crate::client::{Connection, printable_json};

/// Entries asked for at once. The file or pipe holds the rest, not this program.
const AT_ONCE: u32 = 1000;

#[derive(Args)]
#[command(
    after_help = "Examples:\n  fsm-vault audit export --since 2026-11-01 --until 2026-12-01 --out november.jsonl\n  \
                  fsm-vault audit export --after 1234 | tail -n 1\n\nOne entry a line; with --output json one array. It \
                  ends with what was written before it began. Prove the log with `audit verify`: what is exported has \
                  left the chain."
)]
pub struct Export {
    /// Write into this new file, for its owner alone; - is standard output, as if left out
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Only entries with higher numbers, such as the last one that you have
    #[arg(long, value_name = "NO")]
    after: Option<u64>,
    #[command(flatten)]
    filters: Filters,
}

pub async fn run(globals: &Globals, daemon: &mut Connection<'_>, command: Export) -> Result<(), Failure> {
    let Export { out, after, filters } = command;
    let search = filters.search()?.with("order", "oldest").with_some("after", after);
    let out = out.filter(|path| !value::is_stdin(path));
    let draft = out.as_deref().map(Draft::begin).transpose()?;
    let target: Box<dyn Write> = match &draft {
        Some(draft) => Box::new(&draft.file),
        None => Box::new(io::stdout()),
    };
    let mut written = Written::to(target, globals.output);
    let followed = search.follow(daemon, AT_ONCE, |page| written.page(&page.items)).await;
    let ended = followed.and_then(|()| written.end());
    let (entries, begun) = (written.entries, written.begun);
    drop(written);
    match (ended, draft) {
        (Ok(()), None) => Ok(()),
        (Ok(()), Some(draft)) => {
            let path = draft.publish()?;
            let document = serde_json::json!({ "entries": entries, "file": path });
            globals.output.show(&document, || format!("{entries} entries written to {}\n", path.display()))
        }
        // Standard output has part of a document, which no second one may follow.
        (Err(failure), None) if begun && globals.output == Form::Json => {
            output::tell(format_args!("fsm-vault: {}", failure.text));
            Err(Failure::told(failure.exit))
        }
        (Err(failure), _) => Err(failure),
    }
}

/// What has been written so far.
struct Written<W: Write> {
    target: BufWriter<W>,
    form: Form,
    entries: u64,
    /// Whether anything of the document has been written.
    begun: bool,
}

impl<W: Write> Written<W> {
    fn to(target: W, form: Form) -> Self {
        Self { target: BufWriter::new(target), form, entries: 0, begun: false }
    }

    fn page(&mut self, entries: &[Value]) -> Result<ControlFlow<()>, Failure> {
        let lines = entries.iter().try_for_each(|entry| self.entry(entry));
        match lines.and_then(|()| self.target.flush()) {
            Ok(()) => Ok(ControlFlow::Continue(())),
            // Whoever reads has read enough, as with `head`.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
            Err(error) => Err(unwritable(&error)),
        }
    }

    fn entry(&mut self, entry: &Value) -> io::Result<()> {
        let before = match (self.form, self.begun) {
            (Form::Text, _) => "",
            (Form::Json, false) => "[",
            (Form::Json, true) => ",",
        };
        let after = if self.form == Form::Text { "\n" } else { "" };
        self.begun = true;
        let entry = entry.to_string();
        write!(self.target, "{before}{}{after}", printable_json(&entry))?;
        self.entries += 1;
        Ok(())
    }

    fn end(&mut self) -> Result<(), Failure> {
        let last = match (self.form, self.begun) {
            (Form::Text, _) => "",
            (Form::Json, false) => "[]\n",
            (Form::Json, true) => "]\n",
        };
        match self.target.write_all(last.as_bytes()).and_then(|()| self.target.flush()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            ended => ended.map_err(|error| unwritable(&error)),
        }
    }
}

fn unwritable(error: &io::Error) -> Failure {
    Failure::new(Exit::Failed, format!("the entries can't be written: {error}"))
}

/// A file that gets its name only once it is whole. Dropped before, it goes.
struct Draft {
    file: File,
    draft: PathBuf,
    path: PathBuf,
}

impl Draft {
    fn begin(path: &Path) -> Result<Self, Failure> {
        let exists = |path: &Path| {
            let text = format!("{} exists already; name another file, or remove it first", path.display());
            Failure::new(Exit::Conflict, text)
        };
        if path.symlink_metadata().is_ok() {
            return Err(exists(path));
        }
        let mut draft = path.as_os_str().to_owned();
        draft.push(".draft");
        let draft = PathBuf::from(draft);
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft);
        let file = made.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => exists(&draft),
            _ => Failure::usage(format!("can't write {}: {error}", path.display())),
        })?;
        Ok(Self { file, draft, path: path.to_owned() })
    }

    /// Where it is now. Unlike a rename, a link never replaces.
    fn publish(self) -> Result<PathBuf, Failure> {
        let linked = self.file.sync_all().and_then(|()| std::fs::hard_link(&self.draft, &self.path));
        linked.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => {
                Failure::new(Exit::Conflict, format!("{} was made meanwhile", self.path.display()))
            }
            _ => Failure::new(Exit::Failed, format!("can't write {}: {error}", self.path.display())),
        })?;
        Ok(self.path.clone())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Left behind, it is in the way of the next try, which names it.
        let _ = std::fs::remove_file(&self.draft);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn written(form: Form, pages: &[&[Value]]) -> String {
        let mut out = Vec::new();
        let mut written = Written::to(&mut out, form);
        for page in pages {
            assert!(written.page(page).unwrap().is_continue());
        }
        written.end().unwrap();
        drop(written);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn lines_or_one_document_however_many_pages() {
        let entry = |seq: u64| serde_json::json!({ "seq": seq, "subject": "\u{202e}" });
        let all = [entry(1), entry(2), entry(3)];
        let pages = [&all[..2], &[], &all[2..]];
        let text = written(Form::Text, &pages);
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines, all);
        assert!(!text.contains('\u{202e}'));
        let document: Value = serde_json::from_str(&written(Form::Json, &pages)).unwrap();
        assert_eq!(document, serde_json::json!(all));
        assert_eq!(written(Form::Text, &[&[]]), "");
        assert_eq!(written(Form::Json, &[&[]]), "[]\n");
    }

    #[test]
    fn a_file_is_whole_private_and_never_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log.jsonl");
        let names = || std::fs::read_dir(directory.path()).unwrap().count();

        let draft = Draft::begin(&path).ok().unwrap();
        assert!(!path.exists());
        assert_eq!(Draft::begin(&path).err().map(|failure| failure.exit), Some(Exit::Conflict));
        drop(draft);
        assert_eq!(names(), 0);

        let draft = Draft::begin(&path).ok().unwrap();
        (&draft.file).write_all(b"x").unwrap();
        draft.publish().ok().unwrap();
        assert_eq!((names(), std::fs::read(&path).unwrap()), (1, b"x".to_vec()));
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(Draft::begin(&path).err().map(|failure| failure.exit), Some(Exit::Conflict));

        // Made by somebody else while it was being written.
        std::fs::remove_file(&path).unwrap();
        let draft = Draft::begin(&path).ok().unwrap();
        std::fs::write(&path, "theirs").unwrap();
        assert_eq!(draft.publish().err().map(|failure| failure.exit), Some(Exit::Conflict));
        assert_eq!((names(), std::fs::read(&path).unwrap()), (1, b"theirs".to_vec()));
    }
}
