//! Reads the log a page at a time, from either end.
//!
//! A page costs a bounded amount of reading, however few entries it finds: it may be short, even empty, and still
//! have a cursor that leads on. Cursors are places in the files, so that no page reads what an earlier one has read.

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::ops::{ControlFlow, RangeInclusive};
use std::os::unix::fs::FileExt;
use std::str::FromStr;

use serde::Deserialize;

use super::chain::MAX_LINE;
use super::disk::Disk;
use super::entry::LoggedEntry;
use super::verify::Extent;
use crate::model::Invalid;

/// Bytes read at once.
const PIECE: usize = 64 * 1024;
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

/// Where a page ended. As text `n2-1840`, or with its end `o2-1840-3-99`. A made-up one does no harm: it leads to
/// what could be had without it, or to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cursor {
    /// What lies before this place follows, newest first.
    Newest(Place),
    /// What lies from here on follows, oldest first, up to where the log ended when the first page was read.
    Oldest { from: Place, end: Place },
}

/// Between two lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    segment: u32,
    /// Bytes of the segment before it.
    offset: u64,
}

/// Some entries, and how to get those that follow.
#[derive(Debug)]
pub struct Page {
    pub entries: Vec<LoggedEntry>,
    /// None: there are no more.
    pub next: Option<Cursor>,
}

/// The entries that `look` asks for and `keep` says yes to, after reading `most` bytes at most and a line. Headers
/// and lines that can't be read are passed over; only verifying tells whether an entry is intact.
pub(super) fn page(
    disk: &dyn Disk,
    extent: &Extent,
    look: &Look,
    most: u64,
    keep: impl Fn(&LoggedEntry) -> bool,
) -> io::Result<Page> {
    let reading = Reading { disk, extent, look };
    let mut found = Found { entries: Vec::new(), left: most, look, keep };
    let next = match look.start {
        Start::Newest => reading.back(None, &mut found),
        Start::At(Cursor::Newest(place)) => reading.back(Some(place), &mut found),
        Start::Oldest => reading.on(Place { segment: 0, offset: 0 }, None, &mut found),
        Start::At(Cursor::Oldest { from, end }) => reading.on(from, Some(end), &mut found),
    }?;
    Ok(Page { entries: found.entries, next })
}

/// What a page gathers, and what it may still read.
struct Found<'a, K> {
    entries: Vec<LoggedEntry>,
    left: u64,
    look: &'a Look,
    keep: K,
}

/// Where a page stops at a line.
enum Stop {
    /// It is the first that no longer has room.
    Before,
    /// It is the last that may be read.
    After,
}

impl<K: Fn(&LoggedEntry) -> bool> Found<'_, K> {
    fn take(&mut self, line: &[u8]) -> ControlFlow<Stop> {
        if let Ok(entry) = serde_json::from_slice::<LoggedEntry>(line)
            && self.look.numbers.contains(&entry.seq)
            && (self.keep)(&entry)
        {
            if self.entries.len() >= self.look.limit {
                return ControlFlow::Break(Stop::Before);
            }
            self.entries.push(entry);
        }
        self.left = self.left.saturating_sub(length(line));
        if self.left == 0 { ControlFlow::Break(Stop::After) } else { ControlFlow::Continue(()) }
    }
}

/// A line with its line feed.
fn length(line: &[u8]) -> u64 {
    line.len() as u64 + 1
}

struct Reading<'a> {
    disk: &'a dyn Disk,
    extent: &'a Extent,
    look: &'a Look,
}

impl Reading<'_> {
    fn back<K: Fn(&LoggedEntry) -> bool>(
        &self,
        before: Option<Place>,
        found: &mut Found<K>,
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
            lines_backwards(&file, end, |line, offset| {
                let stop = found.take(line).break_value();
                stopped = stop.map(|stop| match stop {
                    Stop::Before => offset + length(line),
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

    fn on<K: Fn(&LoggedEntry) -> bool>(
        &self,
        from: Place,
        end: Option<Place>,
        found: &mut Found<K>,
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
            lines_forwards(&file, begin, upto, |line, offset| {
                let stop = found.take(line).break_value();
                stopped = stop.map(|stop| match stop {
                    Stop::Before => offset,
                    Stop::After => offset + length(line),
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
            _ => file.metadata()?.len(),
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

/// Reads a file without moving its position.
struct FromStart<'a> {
    file: &'a File,
    at: u64,
}

impl Read for FromStart<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

/// Hands out the lines before `end`, last first, without their line feeds but with their places. Holds no more than
/// a piece and a line.
fn lines_backwards(
    file: &impl FileExt,
    mut end: u64,
    mut each: impl FnMut(&[u8], u64) -> ControlFlow<()>,
) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    // The end of a line whose beginning lies before what has been read.
    let mut rest: Vec<u8> = Vec::new();
    while end > 0 {
        let length = usize::try_from(end).map_or(PIECE, |end| end.min(PIECE));
        end -= length as u64;
        let mut unread = &mut piece[..length];
        match file.read_exact_at(unread, end) {
            // Cut behind our back: there are fewer lines than there were.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => unread.fill(b'\n'),
            read => read?,
        }
        while let Some(at) = unread.iter().rposition(|byte| *byte == b'\n') {
            let (head, line) = unread.split_at_mut(at);
            rest.splice(..0, line[1..].iter().copied());
            if !rest.is_empty() && each(&rest, end + at as u64 + 1).is_break() {
                return Ok(());
            }
            rest.clear();
            unread = head;
        }
        if rest.len() > MAX_LINE {
            rest.clear();
        }
        rest.splice(..0, unread.iter().copied());
    }
    if !rest.is_empty() {
        let _ = each(&rest, 0);
    }
    Ok(())
}

/// Hands out the lines from `begin` to `end` in their order, like [`lines_backwards`]. A longer line than there can
/// be comes in pieces, which are none. Begun in the middle of a line, it passes over the rest of it.
fn lines_forwards(
    mut file: &File,
    begin: u64,
    end: u64,
    mut each: impl FnMut(&[u8], u64) -> ControlFlow<()>,
) -> io::Result<()> {
    // With the byte before: a line feed, if a line begins here.
    let mut at = begin.saturating_sub(1);
    file.seek(SeekFrom::Start(at))?;
    let mut reader = BufReader::with_capacity(PIECE, file.take(end.saturating_sub(at)));
    let mut line = Vec::new();
    let mut in_the_middle = begin > 0;
    loop {
        line.clear();
        let read = reader.by_ref().take(MAX_LINE as u64 + 1).read_until(b'\n', &mut line)? as u64;
        if read == 0 {
            return Ok(());
        }
        let whole = line.last() == Some(&b'\n');
        if whole {
            line.pop();
        }
        if !in_the_middle && each(&line, at).is_break() {
            return Ok(());
        }
        at += read;
        in_the_middle = in_the_middle && !whole;
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Self::Newest(Place { segment, offset }) => write!(out, "n{segment}-{offset}"),
            Self::Oldest { from, end } => {
                write!(out, "o{}-{}-{}-{}", from.segment, from.offset, end.segment, end.offset)
            }
        }
    }
}

impl FromStr for Cursor {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let read = || {
            let (order, places) = text.split_at_checked(1)?;
            let numbers: Option<Vec<u64>> = places.split('-').take(5).map(plain_number).collect();
            let place = |segment: u64, offset| Some(Place { segment: segment.try_into().ok()?, offset });
            match (order, numbers?.as_slice()) {
                ("n", &[segment, offset]) => Some(Self::Newest(place(segment, offset)?)),
                ("o", &[segment, offset, last, length]) => {
                    Some(Self::Oldest { from: place(segment, offset)?, end: place(last, length)? })
                }
                _ => None,
            }
        };
        read().ok_or(Invalid("is no cursor of this list"))
    }
}

fn plain_number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn file(lines: &[Vec<u8>]) -> (File, u64) {
        let mut file = tempfile::tempfile().unwrap();
        for line in lines {
            file.write_all(line).unwrap();
            file.write_all(b"\n").unwrap();
        }
        let end = file.metadata().unwrap().len();
        (file, end)
    }

    #[test]
    fn lines_come_out_in_either_order_wherever_the_pieces_end() {
        for longest in [1, 7, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE] {
            let lines: Vec<Vec<u8>> =
                (0..9u8).map(|nth| vec![b'a' + nth; 1 + longest * usize::from(nth % 3) / 2]).collect();
            let (file, end) = file(&lines);
            let mut seen = Vec::new();
            lines_backwards(&file, end, |line, at| {
                seen.push((line.to_vec(), at));
                ControlFlow::Continue(())
            })
            .unwrap();
            seen.reverse();
            let mut again = Vec::new();
            lines_forwards(&file, 0, end, |line, at| {
                again.push((line.to_vec(), at));
                ControlFlow::Continue(())
            })
            .unwrap();
            assert_eq!(seen, again, "{longest}");
            assert_eq!(seen.into_iter().map(|(line, _)| line).collect::<Vec<_>>(), lines, "{longest}");
        }
    }

    #[test]
    fn a_line_is_whole_or_not_there() {
        let (file, end) =
            file(&[b"one".to_vec(), b"two".to_vec(), vec![b'x'; MAX_LINE + 9], b"four".to_vec()]);
        let from = |begin| {
            let mut seen = Vec::new();
            lines_forwards(&file, begin, end, |line, at| {
                seen.push((line.len(), at));
                ControlFlow::Continue(())
            })
            .unwrap();
            seen
        };
        let last = (4, end - 5);
        assert_eq!(from(0)[..2], [(3, 0), (3, 4)]);
        assert_eq!(from(0).last(), Some(&last));
        for begin in [1, 3, 4] {
            assert_eq!(from(begin)[0], (3, 4), "{begin}");
        }
        assert_eq!(from(9), [last], "from within the line that is too long");
        assert_eq!(from(end), []);
        assert_eq!(from(end + 100), []);
    }

    #[test]
    fn cursors_are_read_as_they_were_written() {
        let (from, end) = (Place { segment: 2, offset: 1840 }, Place { segment: 3, offset: 99 });
        for (cursor, text) in
            [(Cursor::Newest(from), "n2-1840"), (Cursor::Oldest { from, end }, "o2-1840-3-99")]
        {
            assert_eq!(cursor.to_string(), text);
            assert_eq!(text.parse(), Ok(cursor));
        }
        for wrong in [
            "",
            "n",
            "2-1840",
            "n2",
            "n2-1-3-4",
            "o2-1840",
            "n-1-2",
            "n2-+1",
            "n99999999999-1",
            "o1-2-3-4-5",
            "ü1-2",
        ] {
            assert!(wrong.parse::<Cursor>().is_err(), "{wrong}");
        }
    }
}
