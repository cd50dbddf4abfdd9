//! Where HTTP/2 frames begin and end in what a peer sends (RFC 9113, 4.1): to see a head that stays unfinished, and
//! frames that ask for work and bring none. What is in them is hyper's to read.

/// Before the first frame.
const PREFACE: usize = 24;
const FRAME_HEAD: usize = 9;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

/// Follows one connection.
pub struct Frames {
    /// Bytes until the next frame's head: of the preface, or of a frame.
    skip: usize,
    head: [u8; FRAME_HEAD],
    /// Bytes of the head that are there.
    have: usize,
    /// Frames of a request's head came, and their last one isn't over.
    in_a_head: bool,
    /// The frame that is being skipped ends a request's head.
    ends_it: bool,
}

impl Frames {
    pub fn new() -> Self {
        Self { skip: PREFACE, head: [0; FRAME_HEAD], have: 0, in_a_head: false, ends_it: false }
    }

    /// Takes what was read next. Returns how many frames began that carry neither a head nor a body, nor give room.
    pub fn read(&mut self, mut bytes: &[u8]) -> u32 {
        let mut idle_talk = 0;
        loop {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = &bytes[skipped..];
            if self.skip == 0 && std::mem::take(&mut self.ends_it) {
                self.in_a_head = false;
            }
            if bytes.is_empty() {
                return idle_talk;
            }
            let taken = (FRAME_HEAD - self.have).min(bytes.len());
            self.head[self.have..self.have + taken].copy_from_slice(&bytes[..taken]);
            self.have += taken;
            bytes = &bytes[taken..];
            if self.have == FRAME_HEAD {
                idle_talk += u32::from(self.begin());
            }
        }
    }

    /// Whether a request's head has begun and isn't over.
    pub fn is_in_a_head(&self) -> bool {
        self.in_a_head
    }

    /// A frame's head is complete. True: the frame is idle talk.
    fn begin(&mut self) -> bool {
        let [high, middle, low, kind, flags, ..] = self.head;
        self.have = 0;
        self.skip = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        match kind {
            HEADERS | CONTINUATION => {
                self.in_a_head = true;
                self.ends_it = flags & END_HEADERS != 0;
                false
            }
            // What was reset is counted by hyper.
            RST_STREAM | WINDOW_UPDATE => false,
            DATA => self.skip == 0 && flags == 0,
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, payload: usize) -> Vec<u8> {
        let length = u32::try_from(payload).unwrap().to_be_bytes();
        let mut frame = vec![length[1], length[2], length[3], kind, flags, 0, 0, 0, 1];
        frame.resize(FRAME_HEAD + payload, 0xff);
        frame
    }

    /// After each of these in turn: whether a head is unfinished, and the idle talk so far.
    fn follow(frames: &[Vec<u8>], piece: usize) -> Vec<(bool, u32)> {
        let (mut all, mut talk) = (Frames::new(), 0);
        all.read(&[0xff; PREFACE]);
        let step = |frame: &Vec<u8>| {
            talk += frame.chunks(piece).map(|piece| all.read(piece)).sum::<u32>();
            (all.is_in_a_head(), talk)
        };
        frames.iter().map(step).collect()
    }

    #[test]
    fn heads_and_idle_talk_are_seen_however_they_are_cut() {
        let mut half = frame(HEADERS, END_HEADERS, 50);
        half.truncate(40);
        let frames = [
            frame(4, 0, 0),
            frame(HEADERS, END_HEADERS | 1, 20),
            frame(HEADERS, 1, 20),
            frame(CONTINUATION, 0, 0),
            frame(CONTINUATION, END_HEADERS, 0),
            frame(DATA, 0, 300),
            frame(DATA, 0, 0),
            frame(DATA, 1, 0),
            frame(6, 0, 8),
            frame(WINDOW_UPDATE, 0, 4),
            frame(RST_STREAM, 0, 4),
            frame(0x77, 0, 70_000),
            half,
        ];
        let expected = [
            (false, 1),
            (false, 1),
            (true, 1),
            (true, 1),
            (false, 1),
            (false, 1),
            (false, 2),
            (false, 2),
            (false, 3),
            (false, 3),
            (false, 3),
            (false, 4),
            (true, 4),
        ];
        for piece in [1, 2, 7, 9, 10, 4096, 1 << 20] {
            assert_eq!(follow(&frames, piece), expected, "{piece}");
        }
    }
}
