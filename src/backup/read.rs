//! Reading a backup: every frame opened, every item in its order, the digest last.

use std::io::{BufReader, Read};

use super::error::BackupError;
use super::frame::{self, FULL, Start};
use super::head::Head;
use super::item::{self, Counts, Item, Manifest};
use crate::crypto::{MAC_LEN, Mac, Running};
use crate::keys::{BackupKeys, Sealed, StoreKey};

/// A backup whose head was read.
pub struct Closed<R> {
    input: BufReader<R>,
    pub head: Head,
}

/// A backup that is being read. What it has given is its writer's; that it is all, and in order, is certain once it has
/// given its end.
pub struct Reader<R> {
    input: BufReader<R>,
    keys: BackupKeys,
    head: Vec<u8>,
    /// Plaintext of the frames that were opened; what is before `at` was taken.
    items: Vec<u8>,
    at: usize,
    frames: u64,
    /// Whether the last frame was opened.
    is_last: bool,
    /// None: it was compared.
    digest: Option<Running>,
    /// As it was found right.
    digested: [u8; MAC_LEN],
    counts: Counts,
    before: Option<StoreKey>,
}

impl<R: Read> Closed<R> {
    /// Reads the head, and nothing more.
    pub fn open(input: R) -> Result<Self, BackupError> {
        let mut input = BufReader::with_capacity(FULL, input);
        let head = Head::read(&mut input)?;
        Ok(Self { input, head })
    }

    /// Goes on with the keys of the head's salt: the manifest.
    pub fn unlock(self, keys: BackupKeys) -> Result<(Reader<R>, Manifest), BackupError> {
        let Self { input, head } = self;
        let mut digest = keys.digest.begin();
        digest.add(&head.bytes);
        let mut reader = Reader {
            input,
            keys,
            head: head.bytes,
            items: Vec::new(),
            at: 0,
            frames: 0,
            is_last: false,
            digest: Some(digest),
            digested: [0; MAC_LEN],
            counts: Counts::default(),
            before: None,
        };
        match reader.item()? {
            Item::Manifest(manifest) => Ok((reader, manifest)),
            Item::Record(..) | Item::End(_) => Err(BackupError::Content("its manifest doesn't come first")),
        }
    }
}

impl<R: Read> Reader<R> {
    /// The next record. None: that was all, and all of it is what was written.
    pub fn record(&mut self) -> Result<Option<(StoreKey, Sealed)>, BackupError> {
        if self.digest.is_none() {
            return Ok(None);
        }
        match self.item()? {
            Item::Manifest(_) => Err(BackupError::Content("it has two manifests")),
            Item::Record(key, sealed) => {
                if self.before.replace(key).is_some_and(|before| before >= key) {
                    return Err(BackupError::Content("a record comes out of its order"));
                }
                self.counts.add(&key);
                Ok(Some((key, sealed)))
            }
            Item::End(counts) if counts == self.counts => self.end().map(|()| None),
            Item::End(_) => Err(BackupError::Content("it holds other records than it says")),
        }
    }

    /// How many records of each kind there were so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// The digest, once the end was given: the same for the same file.
    pub fn digest(&self) -> [u8; MAC_LEN] {
        self.digested
    }

    fn item(&mut self) -> Result<Item, BackupError> {
        self.fill(item::START)?;
        let start = self.items[self.at..self.at + item::START].try_into().expect("filled so far");
        let (kind, length) = item::parse_start(start)?;
        self.at += item::START;
        self.fill(length)?;
        let item = item::parse(kind, &self.items[self.at..self.at + length])?;
        self.at += length;
        Ok(item)
    }

    /// Opens frames until so many bytes wait. What was taken goes first.
    fn fill(&mut self, length: usize) -> Result<(), BackupError> {
        while self.items.len() - self.at < length {
            if self.is_last {
                return Err(BackupError::Content("an item is longer than what is left"));
            }
            self.items.drain(..self.at);
            self.at = 0;
            self.frame()?;
        }
        Ok(())
    }

    fn frame(&mut self) -> Result<(), BackupError> {
        let number = self.frames;
        let mut start = [0; frame::START];
        self.read(&mut start)?;
        let parsed = Start::parse(start, number)?;
        // At most one full frame, whatever the file says.
        let mut sealed = vec![0; parsed.sealed()];
        self.read(&mut sealed)?;
        let opened = self.keys.frames.open_numbered(parsed.nonce(number), &self.head, &sealed);
        self.items.extend_from_slice(&opened.map_err(|_| BackupError::Frame(number))?);
        if let Some(digest) = &mut self.digest {
            digest.add(&start);
            digest.add(&sealed);
        }
        self.frames += 1;
        self.is_last = parsed.is_last;
        Ok(())
    }

    fn end(&mut self) -> Result<(), BackupError> {
        if !self.is_last || self.at < self.items.len() {
            return Err(BackupError::Content("its end doesn't come last"));
        }
        let mut stored = [0; MAC_LEN];
        self.read(&mut stored)?;
        let computed = self.digest.take().ok_or(BackupError::Digest)?.end();
        if !computed.same_as(&Mac::from_stored(stored)) {
            return Err(BackupError::Digest);
        }
        self.digested = stored;
        if self.input.read(&mut [0])? > 0 { Err(BackupError::Trailing) } else { Ok(()) }
    }

    fn read(&mut self, bytes: &mut [u8]) -> Result<(), BackupError> {
        self.input.read_exact(bytes).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => BackupError::CutShort(self.frames),
            _ => error.into(),
        })
    }
}
