//! Reads the log a page at a time, from either end.
//!
//! A page costs a bounded amount of reading, however few entries it finds: it may be short, even empty, and still
//! have a cursor that leads on. Cursors are places in the files, so that no page reads what an earlier one has read.

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek};
use std::ops::{ControlFlow, RangeInclusive};

use serde::Deserialize;

use super::disk::Disk;
use super::entry::LoggedEntry;
use super::verify::Extent;
use super::walk::LARGEST;

mod cursor;
mod lines;

pub use cursor::{Cursor, Place};
use lines::{FromStart, Part, lines_backwards, lines_forwards};

/// Longest header of a segment, generously.
const HEADER: usize = 4096;

/// What to read of the log.
#[derive(Debug, Clone)]
pub struct Look {
    pub start: Start,
    /// Entries on the page, at most.
    pub limit: usize,
    /// Sequence numbers that are wanted.
    pub numbers: RangeInclusive<u64>,
}

/// Where a page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At the log's end, going back.
    Newest,
    /// At the log's beginning, going on to where the log ends now.
    Oldest,
    /// Where an earlier page ended.
    At(Cursor),
}

/// What a page costs at most, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Most {
    /// Read, and a line.
    pub read: u64,
    /// Of the lines whose entries it has; or a line, if that has more.
    pub kept: u64,
}

/// Some entries, and how to get those that follow.
#[derive(Debug)]
pub struct Page {
    pub entries: Vec<LoggedEntry>,
    /// None: there are no more.
    pub next: Option<Cursor>,
}

/// The entries that `look` asks for and `keep` says yes to, at no more cost than `most`. Headers and lines that can't be
/// read are passed over; only verifying tells whether an entry is intact. None once `stop` says so, which is asked at each line, and
/// at each mebibyte that has none.
pub(super) fn page(
    disk: &dyn Disk,
    extent: &Extent,
    look: &Look,
    most: Most,
    keep: impl Fn(&LoggedEntry) -> bool,
    stop: impl Fn() -> bool,
) -> io::Result<Option<Page>> {
    let reading = Reading { disk, extent, look };
    let mut found = Found { entries: Vec::new(), most, look, keep, stop, stopped: false };
    let next = match look.start {
        Start::Newest => reading.back(None, &mut found),
        Start::At(Cursor::Newest(place)) => reading.back(Some(place), &mut found),
        Start::Oldest => reading.on(Place { segment: 0, offset: 0 }, None, &mut found),
        Start::At(Cursor::Oldest { from, end }) => reading.on(from, Some(end), &mut found),
    }?;
    Ok((!found.stopped).then_some(Page { entries: found.entries, next }))
}

/// What a page gathers, and what it may still cost.
struct Found<'a, K, S> {
    entries: Vec<LoggedEntry>,
    most: Most,
    look: &'a Look,
    keep: K,
    stop: S,
    stopped: bool,
}

/// Where a page stops at a line.
enum Stop {
    /// It is the first that no longer has room.
    Before,
    /// It is the last that may be read.
    After,
}

impl<K: Fn(&LoggedEntry) -> bool, S: Fn() -> bool> Found<'_, K, S> {
    fn take(&mut self, part: Part<'_>, segment: u32) -> ControlFlow<Stop> {
        self.stopped = (self.stop)();
        if self.stopped {
            return ControlFlow::Break(Stop::Before);
        }
        if let Part::Line(line) = part
            && let Ok(entry) = serde_json::from_slice::<LoggedEntry>(line)
            && let entry = (LoggedEntry { segment, ..entry })
            && self.look.numbers.contains(&entry.seq)
            && (self.keep)(&entry)
        {
            // The first has room in any case: each page leads on.
            let is_full = part.length() > self.most.kept && !self.entries.is_empty();
            if is_full || self.entries.len() >= self.look.limit {
                return ControlFlow::Break(Stop::Before);
            }
            self.most.kept = self.most.kept.saturating_sub(part.length());
            self.entries.push(entry);
        }
        self.most.read = self.most.read.saturating_sub(part.length());
        if self.most.read == 0 { ControlFlow::Break(Stop::After) } else { ControlFlow::Continue(()) }
    }
}

struct Reading<'a> {
    disk: &'a dyn Disk,
    extent: &'a Extent,
    look: &'a Look,
}

impl Reading<'_> {
    fn back<K: Fn(&LoggedEntry) -> bool, S: Fn() -> bool>(
        &self,
        before: Option<Place>,
        found: &mut Found<K, S>,
    ) -> io::Result<Option<Cursor>> {
        let upto = before.map_or(u32::MAX, |place| place.segment);
        for number in self.extent.present.iter().rev().copied().filter(|number| *number <= upto) {
            let Some((file, mut end)) = self.open(number)? else { continue };
            let first = header_number(&file);
            if first.is_some_and(|first| first > *self.look.numbers.end()) {
                continue;
            }
            if let Some(place) = before.filter(|place| place.segment == number) {
                end = end.min(place.offset);
            }
            let mut stopped = None;
            lines_backwards(&file, end, |part, offset| {
                let stop = found.take(part, number).break_value();
                stopped = stop.map(|stop| match stop {
                    Stop::Before => offset + part.length(),
                    Stop::After => offset,
                });
                if stopped.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
            if let Some(offset) = stopped {
                return Ok(Some(Cursor::Newest(Place { segment: number, offset })));
            }
            if first.is_some_and(|first| first < *self.look.numbers.start()) {
                break;
            }
        }
        Ok(None)
    }

    fn on<K: Fn(&LoggedEntry) -> bool, S: Fn() -> bool>(
        &self,
        from: Place,
        end: Option<Place>,
        found: &mut Found<K, S>,
    ) -> io::Result<Option<Cursor>> {
        let Some(end) = end.map_or_else(|| self.end(), |end| Ok(Some(end)))? else { return Ok(None) };
        let wanted = |number: &u32| (from.segment..=end.segment).contains(number);
        let mut numbers = self.extent.present.iter().copied().filter(wanted).peekable();
        while let Some(number) = numbers.next() {
            let Some((file, mut upto)) = self.open(number)? else { continue };
            if header_number(&file).is_some_and(|first| first > *self.look.numbers.end()) {
                break;
            }
            if let Some(following) = numbers.peek()
                && let Some((following, _)) = self.open(*following)?
                && header_number(&following).is_some_and(|first| first <= *self.look.numbers.start())
            {
                continue;
            }
            if number == end.segment {
                upto = upto.min(end.offset);
            }
            let begin = if number == from.segment { from.offset } else { 0 };
            let mut stopped = None;
            lines_forwards(&file, begin, upto, |part, offset| {
                let stop = found.take(part, number).break_value();
                stopped = stop.map(|stop| match stop {
                    Stop::Before => offset,
                    Stop::After => offset + part.length(),
                });
                if stopped.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
            if let Some(offset) = stopped {
                return Ok(Some(Cursor::Oldest { from: Place { segment: number, offset }, end }));
            }
        }
        Ok(None)
    }

    /// A segment and its confirmed bytes; none for what is no segment, or was taken away behind our back.
    fn open(&self, number: u32) -> io::Result<Option<(File, u64)>> {
        let file = match self.disk.read(number) {
            Err(error) if matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::NotFound) => {
                return Ok(None);
            }
            file => file?,
        };
        let length = match self.extent.current {
            Some((current, length)) if current == number => length,
            _ => written(&file)?,
        };
        Ok(Some((file, length)))
    }

    /// Where the log ends now.
    fn end(&self) -> io::Result<Option<Place>> {
        let Some(segment) = self.extent.present.last().copied() else { return Ok(None) };
        let offset = self.open(segment)?.map_or(0, |(_, length)| length);
        Ok(Some(Place { segment, offset }))
    }
}

/// A segment's bytes. Of a file that is larger than any segment those before its first hole: what made it so left one, as
/// writing never does.
fn written(mut file: &File) -> io::Result<u64> {
    let length = file.metadata()?.len();
    if length <= LARGEST {
        return Ok(length);
    }
    let hole = rustix::fs::seek(file, rustix::fs::SeekFrom::Hole(0))?;
    file.rewind()?;
    Ok(hole.min(LARGEST))
}

/// The sequence number of a segment's header, below those of its entries. None if it can't be told: then nothing is
/// passed over.
fn header_number(file: &File) -> Option<u64> {
    #[derive(Deserialize)]
    struct Header {
        seq: u64,
        #[expect(dead_code, reason = "tells a header from an entry")]
        segment: u32,
    }
    let mut bytes = Vec::with_capacity(HEADER);
    BufReader::new(FromStart { file, at: 0 }).take(HEADER as u64).read_until(b'\n', &mut bytes).ok()?;
    serde_json::from_slice::<Header>(&bytes).ok().map(|header| header.seq)
}
