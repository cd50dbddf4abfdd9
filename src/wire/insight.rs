//! What an operator may know about one secret's life: system notes, consumers, access. Never a value.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{CallerName, Employee, ScriptId, Standing, UnitName};

/// One system note: who changed what, when.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct NoteView {
    /// The number of the audit log's line.
    pub seq: u64,
    pub time: Timestamp,
    #[schema(required)]
    pub by: Option<String>,
    pub action: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub version: Option<u64>,
    /// `failed`: it was begun and couldn't be stored.
    pub outcome: String,
    /// Fields, old and new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, nullable = false)]
    pub changes: Option<serde_json::Value>,
    #[schema(required)]
    pub request_id: Option<String>,
}

/// `GET /v1/secrets/{id}/notes`: a page of notes, newest first, and who used the secret.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Notes {
    pub items: Vec<NoteView>,
    #[schema(required)]
    pub next_cursor: Option<String>,
    pub used_by: Vec<ConsumerView>,
}

/// One caller that fetched the secret.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ConsumerView {
    #[schema(value_type = CallerName)]
    pub caller: String,
    /// Whether its registration still stands.
    pub active: bool,
    /// The version fetched last.
    pub version: u64,
    /// Where that version stands now; null: too old to be remembered.
    #[schema(required)]
    pub state: Option<Standing>,
    /// Whether that is another version than the current one.
    pub behind: bool,
    pub fetched_at: Timestamp,
    /// Fetches in all.
    pub count: u64,
}

/// What a service would be told.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AccessView {
    #[schema(value_type = CallerName)]
    pub caller: String,
    #[schema(value_type = ScriptId)]
    pub script: String,
    pub allowed: bool,
    /// Why not, in the audit log's word.
    #[schema(required)]
    pub reason: Option<String>,
    /// If allowed, on whose behalf; empty where it doesn't matter.
    #[schema(value_type = Vec<Employee>)]
    pub employees: Vec<String>,
    /// Pins: it must connect from there.
    #[schema(required)]
    pub only_from_uid: Option<u32>,
    #[schema(required, value_type = Option<UnitName>)]
    pub only_from_unit: Option<String>,
    /// Null for a caller of a foreign trust domain.
    #[schema(required)]
    pub certificate_expires_at: Option<Timestamp>,
}
