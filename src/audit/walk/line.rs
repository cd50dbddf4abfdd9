//! One line of a log: what it says, and what it is held against.

use serde::Deserialize;

use super::super::chain::{self, Chain, Link, Reason};
use super::super::disk::number_of;
use super::super::finding::{Finding, Flaw};
use super::super::own::RETIRE;
use super::Walk;
use crate::crypto::{MAC_LEN, MacKey};

/// What a line tells a reader of the chain.
#[derive(Deserialize)]
pub struct Line<'a> {
    pub(super) seq: u64,
    pub segment: Option<u32>,
    pub(super) format: Option<u32>,
    pub(super) vault: Option<&'a str>,
    previous: Option<&'a str>,
    pub reason: Option<std::borrow::Cow<'a, str>>,
    pub action: Option<std::borrow::Cow<'a, str>>,
    pub(super) subject: Option<std::borrow::Cow<'a, str>>,
    pub(super) count: Option<u64>,
    pub epoch: Option<u64>,
    pub outcome: Option<std::borrow::Cow<'a, str>>,
}

impl Line<'_> {
    /// The mac that a header says it follows, if its own follows from that.
    pub fn own_previous(
        &self,
        chain: &Chain,
        number: u32,
        text: &[u8],
        mac: &[u8; MAC_LEN],
    ) -> Option<[u8; MAC_LEN]> {
        let previous = self.previous.and_then(|hex| chain::mac_from_hex(hex.as_bytes()))?;
        chain.joins(number, &previous, text, mac).then_some(previous)
    }

    /// Who wrote the segment that this header begins, which isn't right under the key that it should have.
    fn writer<'a>(&self, chain: &'a Chain, number: u32, text: &[u8], mac: &[u8; MAC_LEN]) -> Writer<'a> {
        let is_whole = (self.segment, self.format, self.vault)
            == (Some(number), Some(chain::FORMAT), Some(chain.vault()));
        let previous = self.previous.and_then(|hex| chain::mac_from_hex(hex.as_bytes()));
        let Some(previous) = previous.filter(|_| is_whole) else { return Writer::Ours };
        chain.former(number, &previous, text, mac).map_or(Writer::Unknown, Writer::Former)
    }
}

/// By whose key a segment is.
pub(super) enum Writer<'a> {
    /// The one that it should have, or nobody's: it is damaged.
    Ours,
    /// One that the vault had before: an older store's.
    Former(&'a MacKey),
    /// One that the store knows nothing of, unless a line says otherwise.
    Unknown,
}

impl Walk<'_> {
    pub(super) fn line(&mut self, number: u32, line: u64, offset: u64, bytes: &[u8]) {
        let parts = chain::split(bytes);
        if let Some(checkpoint) = self.checkpoint
            && (checkpoint.segment, checkpoint.offset) == (number, offset)
        {
            self.checkpoint_line = line;
            let link = checkpoint.link();
            self.met = Some(link.is_some_and(|link| parts.is_some_and(|(_, mac)| mac == link.mac)));
        }
        self.pass_checkpoint(number, line, offset);
        let (Some((text, mac)), Ok(told)) = (parts, serde_json::from_slice::<Line>(bytes)) else {
            return self.lose(number, line, self.expected, Flaw::NotAnEntry);
        };
        match (told.segment.is_some(), line == 1) {
            (true, true) => self.header(number, &told, text, mac),
            (false, false) => self.entry(number, line, &told, bytes, text, mac),
            (false, true) => self.lose(number, line, Some(told.seq), Flaw::NoHeader),
            (true, false) => self.lose(number, line, Some(told.seq), Flaw::HeaderInside),
        }
    }

    fn header(&mut self, number: u32, told: &Line, text: &[u8], mac: [u8; MAC_LEN]) {
        let note = |flaw| Finding { segment: number, line: 1, seq: Some(told.seq), flaw };
        let Some(previous) = told.own_previous(self.chain, number, text, &mac) else {
            self.note(note(Flaw::Changed));
            self.writer = told.writer(self.chain, number, text, &mac);
            self.ahead.take_foreign(self.is_behind(number), matches!(self.writer, Writer::Unknown));
            return self.go_on(mac, None);
        };
        self.writer = Writer::Ours;
        let reason = told.reason.as_deref();
        if reason == Some(Reason::Damage.word()) {
            if self.begins_in != Some(number) {
                self.after_damage(number, told.seq);
            }
        } else if self.before.is_some_and(|before| before != previous)
            || (number == 1) != (reason == Some(Reason::First.word()))
            || (number == 1) != (previous == Link::ORIGIN.mac)
        {
            self.note(note(Flaw::DoesNotFollow));
        } else if self.expected.is_some_and(|expected| expected != told.seq) {
            self.note(note(Flaw::OutOfOrder));
        }
        let here = (Some(number), Some(chain::FORMAT), Some(self.chain.vault()));
        if let Some(format) = told.format.filter(|format| *format > chain::FORMAT) {
            self.newer.get_or_insert((number, format));
            self.note(note(Flaw::NewerFormat));
        } else if (told.segment, told.format, told.vault) != here {
            self.note(note(Flaw::Misplaced));
        }
        self.trust(told.seq, mac);
    }

    /// Of a header that says that what lies before it is damaged.
    fn after_damage(&mut self, number: u32, seq: u64) {
        let note = |flaw| Finding { segment: number, line: 1, seq: Some(seq), flaw };
        self.note(note(Flaw::AfterDamage));
        if seq > self.head.seq {
            self.restart = Some(seq);
        } else {
            self.note(note(Flaw::OutOfOrder));
        }
    }

    fn entry(&mut self, number: u32, line: u64, told: &Line, bytes: &[u8], text: &[u8], mac: [u8; MAC_LEN]) {
        let note = |flaw| Finding { segment: number, line, seq: Some(told.seq), flaw };
        let in_order = self.expected.is_none_or(|expected| expected == told.seq);
        match self.before {
            Some(before) if self.chain.joins(number, &before, text, &mac) => {
                if !in_order {
                    self.note(note(Flaw::OutOfOrder));
                }
                self.entries += 1;
                let is_ahead = self.checkpoint.is_none_or(|checkpoint| told.seq > checkpoint.seq);
                if told.action.as_deref() == Some(RETIRE) {
                    let upto = told.subject.as_deref().and_then(number_of).unwrap_or(0);
                    // The checkpoint counts without those that went before it.
                    let count = if is_ahead { told.count.unwrap_or(1) } else { 0 };
                    self.retired = (self.retired.0.max(upto), self.retired.1.saturating_add(count));
                }
                let is_former = number <= self.chain.last_former();
                if matches!(self.writer, Writer::Unknown) {
                    // Its header was changed, and no more.
                    self.writer = Writer::Ours;
                    self.ahead.take_own();
                }
                self.ahead.take(told, (is_ahead, is_former), bytes);
                self.trust(told.seq, mac);
            }
            Some(before) => {
                if let Writer::Former(key) = self.writer
                    && self.is_behind(number)
                    && chain::joins(key, &before, text, &mac)
                {
                    self.ahead.take_former(told);
                }
                self.note(note(if in_order { Flaw::Changed } else { Flaw::OutOfOrder }));
                self.go_on(mac, None);
            }
            // The line before couldn't be read, which has been noted; this one can't be judged.
            None => self.go_on(mac, None),
        }
    }

    fn trust(&mut self, seq: u64, mac: [u8; MAC_LEN]) {
        if seq >= self.head.seq {
            self.head = Link { seq, mac };
        }
        self.go_on(mac, seq.checked_add(1));
    }

    fn go_on(&mut self, mac: [u8; MAC_LEN], expected: Option<u64>) {
        (self.before, self.expected) = (Some(mac), expected);
    }
}
