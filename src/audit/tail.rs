//! Reads the log from its end, a piece at a time.

use std::io::{self, ErrorKind};
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;

use super::chain::MAX_LINE;
use super::disk::Disk;
use super::entry::LoggedEntry;
use super::verify::Extent;

const PIECE: usize = 64 * 1024;

/// The last `limit` entries numbered below `before` that `keep` says yes to, newest first. Headers and
/// lines that can't be read are passed over; only verifying tells whether an entry is intact.
pub(super) fn tail(
    disk: &dyn Disk,
    extent: &Extent,
    limit: usize,
    before: Option<u64>,
    keep: impl Fn(&LoggedEntry) -> bool,
) -> io::Result<Vec<LoggedEntry>> {
    let mut kept = Vec::new();
    for number in extent.present.iter().rev().copied() {
        if kept.len() >= limit {
            break;
        }
        let file = match disk.read(number) {
            Err(error) if matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::NotFound) => continue,
            file => file?,
        };
        let end = match extent.current {
            Some((current, length)) if current == number => length,
            _ => file.metadata()?.len(),
        };
        lines_backwards(&file, end, |line| {
            if let Ok(entry) = serde_json::from_slice::<LoggedEntry>(line)
                && before.is_none_or(|before| entry.seq < before)
                && keep(&entry)
            {
                kept.push(entry);
            }
            if kept.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
    }
    Ok(kept)
}

/// Hands out the lines before `end`, last first, without their line feeds. Holds no more than a piece and a
/// line.
fn lines_backwards(
    file: &impl FileExt,
    mut end: u64,
    mut each: impl FnMut(&[u8]) -> ControlFlow<()>,
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
            if !rest.is_empty() && each(&rest).is_break() {
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
        let _ = each(&rest);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn lines_come_out_last_first_wherever_the_pieces_end() {
        for longest in [1, 7, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE] {
            let mut file = tempfile::tempfile().unwrap();
            let lines: Vec<Vec<u8>> =
                (0..9u8).map(|nth| vec![b'a' + nth; 1 + longest * usize::from(nth % 3) / 2]).collect();
            for line in &lines {
                file.write_all(line).unwrap();
                file.write_all(b"\n").unwrap();
            }
            let end = file.metadata().unwrap().len();
            let mut seen = Vec::new();
            lines_backwards(&file, end, |line| {
                seen.push(line.to_vec());
                ControlFlow::Continue(())
            })
            .unwrap();
            seen.reverse();
            assert_eq!(seen, lines, "{longest}");
        }
    }
}
