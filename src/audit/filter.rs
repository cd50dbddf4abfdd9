//! Which entries somebody looks for.

use jiff::Timestamp;

use super::entry::{LoggedEntry, Outcome};

/// What entries must have in common; nothing said, all are admitted. Words are compared to the letter with what
/// stands in the entry: an entry that leaves the field out doesn't match.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub request_id: Option<String>,
    pub caller: Option<String>,
    pub secret: Option<String>,
    pub integration: Option<String>,
    pub action: Option<String>,
    pub outcome: Option<Outcome>,
    /// From this time on.
    pub since: Option<Timestamp>,
    /// Before this time, so that two stretches that meet have no entry in common.
    pub until: Option<Timestamp>,
}

impl Filter {
    pub fn admits(&self, logged: &LoggedEntry) -> bool {
        let same = |wanted: &Option<String>, there: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| there == Some(wanted))
        };
        let entry = &logged.entry;
        same(&self.request_id, entry.request_id.as_deref())
            && same(&self.caller, entry.caller.as_deref())
            && same(&self.secret, entry.secret.as_deref())
            && same(&self.integration, entry.integration.as_deref())
            && same(&self.action, Some(&entry.action))
            && self.outcome.is_none_or(|wanted| wanted == entry.outcome)
            && self.since.is_none_or(|since| logged.time >= since)
            && self.until.is_none_or(|until| logged.time < until)
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::Entry;
    use super::*;

    #[test]
    fn each_word_counts_and_what_is_absent_matches_nothing() {
        let time: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let entry = Entry {
            request_id: Some("r".into()),
            caller: Some("fsm".into()),
            secret: Some("custsecret_a".into()),
            action: "secret.read".into(),
            outcome: Outcome::Denied,
            ..Entry::default()
        };
        let logged = LoggedEntry { seq: 1, time, entry, segment: 1 };
        let (all, word) = (Filter::default, |text: &str| Some(text.to_owned()));
        let second = jiff::SignedDuration::from_secs(1);
        for (filter, admits) in [
            (all(), true),
            (Filter { request_id: word("r"), ..all() }, true),
            (Filter { request_id: word("R"), ..all() }, false),
            (Filter { caller: word("fsm"), ..all() }, true),
            (Filter { caller: word("fsm2"), ..all() }, false),
            (Filter { secret: word("custsecret_a"), ..all() }, true),
            (Filter { secret: word("custsecret_"), ..all() }, false),
            (Filter { integration: word("fsm"), ..all() }, false),
            (Filter { action: word("secret.read"), ..all() }, true),
            (Filter { action: word("secret"), ..all() }, false),
            (Filter { outcome: Some(Outcome::Denied), ..all() }, true),
            (Filter { outcome: Some(Outcome::Allowed), ..all() }, false),
            (Filter { since: Some(time), ..all() }, true),
            (Filter { since: Some(time + second), ..all() }, false),
            (Filter { until: Some(time + second), ..all() }, true),
            (Filter { until: Some(time), ..all() }, false),
            (Filter { caller: word("fsm"), outcome: Some(Outcome::Allowed), ..all() }, false),
        ] {
            assert_eq!(filter.admits(&logged), admits, "{filter:?}");
        }
    }
}
