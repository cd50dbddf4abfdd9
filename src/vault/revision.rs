//! Which state of a record somebody looked at, so that a change made on an older look is refused.

use jiff::Timestamp;

use super::error::VaultError;

/// The state of a record, as an entity tag (RFC 9110, 8.8.3) without its quotes. One that was deleted and made
/// again never has an earlier tag again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision(String);

/// On what a change depends (RFC 9110, 13.1.1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum IfMatch {
    /// Whatever there is.
    #[default]
    Any,
    /// One of these states. The texts are a peer's.
    OneOf(Vec<String>),
}

impl Revision {
    /// Of the record written so many times, of the noun made then.
    pub(super) fn new(revision: u64, made_at: Timestamp) -> Self {
        Self(format!("{:x}-{revision}", made_at.as_microsecond()))
    }

    /// The same of a record that shows another's state too.
    pub(super) fn with(self, other: u64) -> Self {
        Self(format!("{}.{other}", self.0))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl IfMatch {
    /// Refuses if the record is in another state.
    pub(super) fn check(&self, found: &Revision) -> Result<(), VaultError> {
        match self {
            Self::Any => Ok(()),
            Self::OneOf(tags) if tags.contains(&found.0) => Ok(()),
            Self::OneOf(_) => Err(VaultError::Stale),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_depends_on_the_state_it_was_made_on() {
        let found = Revision::new(3, Timestamp::UNIX_EPOCH);
        assert!(IfMatch::Any.check(&found).is_ok());
        assert!(IfMatch::OneOf(vec!["x".into(), found.as_str().into()]).check(&found).is_ok());
        for other in [Revision::new(2, Timestamp::UNIX_EPOCH), Revision::new(3, Timestamp::MAX)] {
            let stale = IfMatch::OneOf(vec![other.as_str().into()]).check(&found);
            assert!(matches!(stale, Err(VaultError::Stale)), "{other:?}");
        }
        assert!(IfMatch::OneOf(Vec::new()).check(&found).is_err());
    }
}
