//! `secret import`: many secrets from a file of JSON lines, all of them or none.

use std::fs::File;
use std::path::{Path, PathBuf};

use clap::Args;
use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::arguments::Globals;
use super::columns::Columns;
use super::connect::{client, with_daemon};
use super::failure::Failure;
use super::value::{self, Origin};
use crate::client::{Body, Call, printable};
use crate::model::{FieldError, MAX_VALUE_BYTES};
use crate::secret::Plaintext;
use crate::wire::{self, ImportedView, Listed, MAX_VALUE_BODY, SecretForm, Unreadable};

/// Above the list of what is wrong.
const NOTHING: &str = "nothing was imported:";

#[derive(Args)]
#[command(
    after_help = "Example:\n  fsm-vault secret import secrets.jsonl\n\nEach line is a JSON object as POST /v1/secrets \
                  takes it, with \"value_file\" (a path, from the file's directory), \"value\" or \"value_base64\":\n\n  \
                  {\"id\":\"_crm_key\",\"value_file\":\"crm.txt\",\"restrictions\":{\"scripts\":[\"customscript_crm\"],\"allow_all_domains\":true}}"
)]
pub struct Import {
    /// A file of JSON lines, - for standard input
    file: PathBuf,
    /// Take the values as they are, with white space at their ends
    #[arg(long)]
    exact: bool,
}

/// One line: the fields for the daemon as they stand, and the value, in whichever form.
#[derive(Default)]
struct Line {
    fields: Vec<(String, Box<RawValue>)>,
    value: Option<Plaintext>,
    value_base64: Option<Plaintext>,
    value_file: Option<String>,
}

pub fn run(globals: &Globals, command: &Import) -> Result<(), Failure> {
    client(globals)?;
    let (text, directory) = if value::is_stdin(&command.file) {
        (value::from_stdin("the secrets", MAX_VALUE_BODY)?, Path::new("."))
    } else {
        let directory = command.file.parent().unwrap_or(Path::new("."));
        (value::from_file(&command.file, MAX_VALUE_BODY)?, directory)
    };
    let (numbers, objects) = read(&text, directory, command.exact)?;
    let body = Body::with_room(MAX_VALUE_BODY / 8).list("secrets", objects).end();
    with_daemon(globals, async |daemon| {
        let called = daemon.call(Call::post("/v1/imports").with(body)).await;
        let answer = called.map_err(|error| by_line(error.into(), &numbers))?;
        let imported: Listed<ImportedView> = answer.read()?;
        globals.output.answer(&answer, || {
            let mut columns = Columns::with_head(["ID", "VERSION"]);
            for each in &imported.items {
                columns.row([&each.id, &each.version.to_string()]);
            }
            columns.to_string()
        })
    })
}

/// The objects for the daemon, and the number of the line that each comes from. All lines that are wrong are told.
fn read(text: &Plaintext, directory: &Path, exact: bool) -> Result<(Vec<usize>, Vec<Plaintext>), Failure> {
    let (mut numbers, mut objects, mut wrong) = (Vec::new(), Vec::new(), Vec::new());
    text.lend(|bytes| {
        let lines = bytes.split(|byte| *byte == b'\n').enumerate();
        for (at, line) in lines.filter(|(_, line)| !line.trim_ascii().is_empty()) {
            match object(line, directory, exact) {
                Ok(object) => {
                    numbers.push(at + 1);
                    objects.push(object);
                }
                Err(why) => wrong.push((at + 1, why)),
            }
        }
    });
    if objects.is_empty() && wrong.is_empty() {
        return Err(Failure::usage("there is nothing to import: no line has a secret"));
    }
    if wrong.is_empty() {
        return Ok((numbers, objects));
    }
    // The daemon, which would tell all that is wrong with the others, isn't asked; what is seen from here is told of them too.
    for (number, object) in numbers.iter().zip(&objects) {
        if let Err(Unreadable::Shape(FieldError { pointer, detail })) =
            object.lend(wire::read_part::<SecretForm>).map(drop)
        {
            wrong.push((*number, of_field(&pointer, &detail)));
        }
    }
    wrong.sort_by_key(|(number, _)| *number);
    let wrong: Vec<_> = wrong.iter().map(|(number, why)| format!("line {number}: {why}")).collect();
    Err(Failure::usage(format!("{NOTHING}\n{}", wrong.join("\n"))))
}

fn object(line: &[u8], directory: &Path, exact: bool) -> Result<Plaintext, String> {
    serde_json::from_slice::<IgnoredAny>(line)
        .map_err(|error| format!("is no JSON (column {})", error.column()))?;
    if line.trim_ascii_start().first() != Some(&b'{') {
        return Err("is no JSON object".to_owned());
    }
    let line: Line = wire::read_part(line).map_err(|error| match error {
        Unreadable::Shape(FieldError { pointer, detail }) => of_field(&pointer, &detail),
        Unreadable::Malformed(detail) => detail,
    })?;
    let Line { fields, value, value_base64, value_file } = line;
    if [value.is_some(), value_base64.is_some(), value_file.is_some()].iter().filter(|given| **given).count()
        != 1
    {
        return Err("needs exactly one of value_file, value and value_base64".to_owned());
    }
    let room = 1024 + fields.iter().map(|(_, text)| text.get().len()).sum::<usize>();
    let mut body = Body::with_room(room);
    for (name, text) in &fields {
        body = body.field(name, text);
    }
    if let Some(base64) = &value_base64 {
        return Ok(body.secret("value_base64", base64).map_err(|error| error.to_string())?.end());
    }
    let value = match (value, value_file) {
        (Some(value), _) => {
            value.lend(|bytes| value::check(bytes, Origin::Line, "value", exact))?;
            value
        }
        (None, file) => {
            let file = file.unwrap_or_default();
            let path = directory.join(&file);
            let opened = inside(directory, &file)?;
            let value = value::from_opened(opened, &path, MAX_VALUE_BYTES).map_err(|failure| failure.text)?;
            value.lend(|bytes| value::check(bytes, Origin::File(&path), "value", exact))?;
            value
        }
    };
    Ok(body.value(&value).end())
}

/// Opens a regular file in the import's own directory or below: whoever wrote the lines says who may read the values, and
/// must not choose among all files of whoever runs this. The kernel keeps to it, also where links change meanwhile.
fn inside(directory: &Path, file: &str) -> Result<File, String> {
    let refused = |why: &str| format!("value_file {file}: {why}");
    let unreadable = |error: std::io::Error| format!("can't read value_file {file}: {error}");
    let outside = || refused("lies outside of the import file's directory");
    let base = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    let base = base.canonicalize().map_err(unreadable)?;
    let within = match Path::new(file) {
        path if path.is_absolute() => path.strip_prefix(&base).map_err(|_| outside())?,
        path => path,
    };
    let around = File::open(&base).map_err(unreadable)?;
    // Nothing is waited for: a FIFO is refused below.
    let how = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let only = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    let opened = openat2(&around, within, how, Mode::empty(), only).map_err(|error| match error {
        Errno::XDEV => outside(),
        other => unreadable(other.into()),
    })?;
    let opened = File::from(opened);
    if !opened.metadata().map_err(unreadable)?.is_file() {
        return Err(refused("is no regular file"));
    }
    Ok(opened)
}

/// The daemon's pointers as numbers of lines.
fn by_line(failure: Failure, numbers: &[usize]) -> Failure {
    match failure.refusal().map(|refusal| refusal.errors.as_slice()).unwrap_or_default() {
        [] => failure,
        errors => {
            let text = told(errors, numbers);
            failure.retold(text)
        }
    }
}

/// A line of text for each finding. The daemon has those of one line together: its number once.
fn told(errors: &[FieldError], numbers: &[usize]) -> String {
    let placed: Vec<(Option<usize>, String)> = errors.iter().map(|each| placed(each, numbers)).collect();
    let mut text = format!("{NOTHING}\n");
    for lines in placed.chunk_by(|one, other| one.0 == other.0) {
        for (at, (line, finding)) in lines.iter().enumerate() {
            let head = match (line, at) {
                (None, _) => String::new(),
                (Some(line), 0) => format!("line {line}: "),
                _ => "    ".to_owned(),
            };
            text.push_str(&format!("{head}{}\n", printable(finding)));
        }
    }
    text.trim_end().to_owned()
}

/// The number of the line, if it is about one, and what is wrong there.
fn placed(error: &FieldError, numbers: &[usize]) -> (Option<usize>, String) {
    let line = |place: &str| place.parse::<usize>().ok().and_then(|place| numbers.get(place));
    let inside = error.pointer.strip_prefix("/secrets/").unwrap_or_default();
    let (place, pointer) = inside.split_at(inside.find('/').unwrap_or(inside.len()));
    let Some(number) = line(place) else { return (None, of_field(&error.pointer, &error.detail)) };
    let detail = error
        .detail
        .split_once("that of /secrets/")
        .and_then(|(before, place)| line(place).map(|other| format!("{before}that of line {other}")))
        .unwrap_or_else(|| error.detail.clone());
    (Some(*number), of_field(pointer, &detail))
}

fn of_field(pointer: &str, detail: &str) -> String {
    match pointer.strip_prefix('/') {
        Some(field) => format!("{field} {detail}"),
        None => detail.to_owned(),
    }
}

impl<'de> Deserialize<'de> for Line {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Line;

            fn expecting(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
                out.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Line, A::Error> {
                let mut line = Line::default();
                while let Some(name) = map.next_key::<String>()? {
                    let is_there = match name.as_str() {
                        "value" => line.value.is_some(),
                        "value_base64" => line.value_base64.is_some(),
                        "value_file" => line.value_file.is_some(),
                        _ => line.fields.iter().any(|(earlier, _)| *earlier == name),
                    };
                    if is_there {
                        // Said as serde's own shapes do, and like them before the value is read: so it is known of which field.
                        return Err(A::Error::custom("duplicate field `"));
                    }
                    match name.as_str() {
                        "value" => line.value = Some(map.next_value()?),
                        "value_base64" => line.value_base64 = Some(map.next_value()?),
                        "value_file" => line.value_file = Some(map.next_value()?),
                        _ => line.fields.push((name, map.next_value()?)),
                    }
                }
                Ok(line)
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

#[cfg(test)]
mod tests;
