//! System notes: the part of the audit log that tells how one secret came to be what it is.

use std::sync::Arc;

use super::consumers::{Consumer, consumers};
use super::error::VaultError;
use super::lifecycle::Vault;
use super::log::life_of_secret;
use super::session::Asker;
use crate::audit::{Cursor, Log, LoggedEntry, Look, Outcome, Start};
use crate::model::{IntegrationName, SecretId};
use crate::policy::Action;

/// What is a change, and not a look or a use. Of an integration, it is a change of its two secrets.
const CHANGES: [&str; 12] = [
    "create", "import", "capture", "issue", "edit", "rotate", "activate", "retire", "reset", "delete",
    "block", "enable",
];

/// One page of notes, newest first. It may be short, even empty, and still not be the last.
pub struct Notes {
    pub changes: Vec<LoggedEntry>,
    /// Leads to older ones. None: there are no more.
    pub next: Option<Cursor>,
    /// All who fetched the secret.
    pub used_by: Vec<Consumer>,
}

/// Whose notes are read.
struct Of {
    secret: Arc<str>,
    /// The integration that owns it.
    integration: Option<Arc<str>>,
}

impl Vault {
    /// The changes of a secret since it was made, newest first. An ID that was used again shows nothing of its life
    /// before.
    pub async fn read_notes(
        &self,
        asker: Asker<'_>,
        id: &SecretId,
        cursor: Option<Cursor>,
        limit: usize,
    ) -> Result<Notes, VaultError> {
        let alone = self.paging.lock().await;
        let cleared = self.clear_secret(asker, Action::See, id, "secret.notes").await?;
        let (of, life, past, used_by) = {
            let live = self.live();
            let registry = &live.unsealed()?.registry;
            let kept = registry.secrets.get(id).ok_or(VaultError::NotFound("secret"))?;
            let integration = kept.noun.integration.as_ref().map(IntegrationName::shared);
            let of = Arc::new(Of { secret: id.shared(), integration });
            let used_by = consumers(registry, kept, None, cleared.now).collect();
            (of, life_of_secret(&kept.noun), registry.past.clone(), used_by)
        };
        let start = cursor.map_or(Start::Newest, Start::At);
        let log: Arc<Log> = Arc::clone(&cleared.log);
        // The page that finds the secret's beginning is the last. A made-up cursor may lead to before it.
        let sought = Arc::clone(&of);
        let keep = move |entry: &LoggedEntry| {
            life.has(&past, entry) && (sought.changes(entry) || sought.is_born_by(entry))
        };
        let page = log.page(Look { start, limit, numbers: 1..=u64::MAX }, keep).await?;
        let (mut items, mut next) = (page.entries, page.next);
        if let Some(first) = items.iter().position(|entry| of.is_born_by(entry)) {
            items.truncate(first + 1);
            next = None;
        }
        drop((log, alone));
        self.looked(cleared).await?;
        Ok(Notes { changes: items, next, used_by })
    }
}

impl Of {
    fn verb<'a>(&self, logged: &'a LoggedEntry) -> Option<&'a str> {
        let entry = &logged.entry;
        let (noun, verb) = entry.action.split_once('.')?;
        let mine = match noun {
            "secret" => entry.secret.as_ref() == Some(&self.secret),
            "integration" => entry.integration.is_some() && entry.integration == self.integration,
            _ => false,
        };
        mine.then_some(verb)
    }

    /// A change that was made, or that was begun and couldn't be stored. One with a reason came to nothing before.
    fn changes(&self, logged: &LoggedEntry) -> bool {
        let done = logged.entry.outcome != Outcome::Denied && logged.entry.reason.is_none();
        done && self.verb(logged).is_some_and(|verb| CHANGES.contains(&verb))
    }

    fn is_born_by(&self, logged: &LoggedEntry) -> bool {
        let born = matches!(self.verb(logged), Some("create" | "import"));
        born && logged.entry.outcome == Outcome::Allowed
    }
}
