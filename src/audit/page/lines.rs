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

/// Hands out the lines before `end`, last first, without their line feeds but with their places. Holds no more than
/// a piece and a line.
pub(super) fn lines_backwards(
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
pub(super) fn lines_forwards(
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
}
