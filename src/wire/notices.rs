//! Standing notices, as operators see them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{CallerName, NoticeId, NoticeKind, NoticeLevel};

/// One standing notice. Names and dates, never values.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct NoticeView {
    #[schema(value_type = NoticeId)]
    pub id: String,
    pub level: NoticeLevel,
    pub kind: NoticeKind,
    /// `secret`, `integration`, `caller` or `vault`.
    pub subject_kind: String,
    pub subject: String,
    /// When it was raised first.
    pub since: Timestamp,
    /// When what it warns of happens; null where there is no such time.
    #[schema(required)]
    pub due: Option<Timestamp>,
    pub message: String,
    /// What to do.
    pub action: String,
    /// Null again once it has risen higher.
    #[schema(required, value_type = Option<CallerName>)]
    pub acknowledged_by: Option<String>,
    #[schema(required)]
    pub acknowledged_at: Option<Timestamp>,
}
