//! A file's lines, from either end, in bounded memory.

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;

use super::super::chain::MAX_LINE;

/// Bytes read at once.
const PIECE: usize = 64 * 1024;

/// Reads a file without moving its position.
pub(super) struct FromStart<'a> {
    pub file: &'a File,
    pub at: u64,
}

impl Read for FromStart<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

/// What a file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// A line, without its line feed.
    Line(&'a [u8]),
    /// So many bytes of what is longer than a line can be, or of a line begun in its middle.
    Other(u64),
}

impl Part<'_> {
    /// In bytes, with the line feed.
    pub fn length(self) -> u64 {
        match self {
            Self::Line(line) => line.len() as u64 + 1,
            Self::Other(length) => length,
        }
    }
}

/// Hands out what there is before `end`, last first, with its places. Holds no more than a piece and a line.
pub(super) fn lines_backwards(
    file: &impl FileExt,
    mut end: u64,
    mut each: impl FnMut(Part<'_>, u64) -> ControlFlow<()>,
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
            let feed = end + at as u64;
            // The end of the line before, or an empty one.
            let (part, place) =
                if rest.is_empty() { (Part::Other(1), feed) } else { (Part::Line(&rest), feed + 1) };
            if each(part, place).is_break() {
                return Ok(());
            }
            rest.clear();
            unread = head;
        }
        if rest.len() > MAX_LINE {
            let other = Part::Other(rest.len() as u64);
            if each(other, end + unread.len() as u64).is_break() {
                return Ok(());
            }
            rest.clear();
        }
        rest.splice(..0, unread.iter().copied());
    }
    if !rest.is_empty() {
        let _ = each(Part::Line(&rest), 0);
    }
    Ok(())
}

/// Hands out what there is from `begin` to `end` in its order, like [`lines_backwards`].
pub(super) fn lines_forwards(
    mut file: &File,
    begin: u64,
    end: u64,
    mut each: impl FnMut(Part<'_>, u64) -> ControlFlow<()>,
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
        let is_piece = in_the_middle || (!whole && line.len() > MAX_LINE);
        let part = if is_piece { Part::Other(read) } else { Part::Line(&line) };
        let is_end_before = at < begin && whole && read == 1;
        if !is_end_before && each(part, at).is_break() {
            return Ok(());
        }
        at += read;
        in_the_middle = is_piece && !whole;
    }
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

    /// The lines, and how many bytes were none.
    fn gathered(
        hand_out: impl FnOnce(&mut dyn FnMut(Part<'_>, u64) -> ControlFlow<()>) -> io::Result<()>,
    ) -> (Vec<(Vec<u8>, u64)>, u64) {
        let (mut lines, mut other) = (Vec::new(), 0);
        hand_out(&mut |part, at| {
            match part {
                Part::Line(line) => lines.push((line.to_vec(), at)),
                Part::Other(length) => other += length,
            }
            ControlFlow::Continue(())
        })
        .unwrap();
        (lines, other)
    }

    #[test]
    fn lines_come_out_in_either_order_wherever_the_pieces_end() {
        for longest in [1, 7, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE] {
            let lines: Vec<Vec<u8>> =
                (0..9u8).map(|nth| vec![b'a' + nth; 1 + longest * usize::from(nth % 3) / 2]).collect();
            let (file, end) = file(&lines);
            let (mut seen, other) = gathered(|each| lines_backwards(&file, end, each));
            seen.reverse();
            assert_eq!(other, 1, "{longest}: the last line feed");
            assert_eq!((seen.clone(), 0), gathered(|each| lines_forwards(&file, 0, end, each)), "{longest}");
            assert_eq!(seen.into_iter().map(|(line, _)| line).collect::<Vec<_>>(), lines, "{longest}");
        }
    }

    #[test]
    fn a_line_is_whole_or_not_there() {
        let (file, end) =
            file(&[b"one".to_vec(), b"two".to_vec(), vec![b'x'; MAX_LINE + 9], b"four".to_vec()]);
        let from = |begin| gathered(|each| lines_forwards(&file, begin, end, each));
        let (one, two, last) = ((b"one".to_vec(), 0), (b"two".to_vec(), 4), (b"four".to_vec(), end - 5));
        let long = MAX_LINE as u64 + 10;
        assert_eq!(from(0), (vec![one, two.clone(), last.clone()], long));
        for (begin, other) in [(1, 4), (3, 2), (4, 0)] {
            assert_eq!(from(begin), (vec![two.clone(), last.clone()], long + other), "{begin}");
        }
        assert_eq!(from(9), (vec![last], long));
        for begin in [end, end + 100] {
            assert_eq!(from(begin).0, [], "{begin}");
        }
    }

    /// However little of it is a line, whoever reads may stop.
    #[test]
    fn what_is_no_line_is_counted() {
        let length = 5 * MAX_LINE as u64 + 77;
        let zeros = tempfile::tempfile().unwrap();
        zeros.set_len(length).unwrap();
        // The beginning may be that of a line, until it is too long for one.
        let (_, other) = gathered(|each| lines_backwards(&zeros, length, each));
        assert!(length - other <= (MAX_LINE + PIECE) as u64, "{other}");
        assert_eq!(gathered(|each| lines_forwards(&zeros, 0, length, each)), (Vec::new(), length));
        let middle = gathered(|each| lines_forwards(&zeros, 9, length, each));
        assert_eq!(middle, (Vec::new(), length - 8));
        for forwards in [true, false] {
            let mut read = 0;
            let mut each = |part: Part<'_>, _| {
                read += part.length();
                ControlFlow::Break(())
            };
            if forwards {
                lines_forwards(&zeros, 9, length, &mut each)
            } else {
                lines_backwards(&zeros, length, &mut each)
            }
            .unwrap();
            assert!((1..=(MAX_LINE + PIECE) as u64).contains(&read), "{read}");
        }
        let (feeds, _) = file(&vec![Vec::new(); 100]);
        assert_eq!(gathered(|each| lines_backwards(&feeds, 100, each)), (Vec::new(), 100));
        let (empty, other) = gathered(|each| lines_forwards(&feeds, 0, 100, each));
        assert_eq!((empty.len(), other), (100, 0));
    }
}
