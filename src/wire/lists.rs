//! Lists, a page at a time.

use serde::{Deserialize, Serialize};

/// One page. `next_cursor` goes into the next request's `cursor`; null on the last page.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Listed<T> {
    pub items: Vec<T>,
    pub next_cursor: Option<String>,
}

/// Entries of the audit log as the client reads them, newest first. `next_cursor` leads to older ones.
pub type AuditEntries = Listed<serde_json::Value>;
