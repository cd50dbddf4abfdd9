//! The keys of a log's chain. A vault that was rekeyed goes on in a new segment under a new one; what was written before
//! is checked with the key that it was written with.

use crate::crypto::MacKey;

/// The key that lines are written with, and those of the segments before.
pub struct ChainKeys {
    current: MacKey,
    /// By their last segment.
    former: Vec<Former>,
}

struct Former {
    until: u32,
    key: MacKey,
}

impl From<MacKey> for ChainKeys {
    fn from(current: MacKey) -> Self {
        Self { current, former: Vec::new() }
    }
}

impl ChainKeys {
    /// Segments up to `until` were written with this key, but for those of another that ends earlier.
    pub fn with_former(mut self, until: u32, key: MacKey) -> Self {
        let at = self.former.partition_point(|each| each.until < until);
        self.former.insert(at, Former { until, key });
        self
    }

    pub(super) fn current(&self) -> &MacKey {
        &self.current
    }

    /// The key that a segment of this number is checked with.
    pub(super) fn of(&self, segment: u32) -> &MacKey {
        let at = self.former.partition_point(|each| each.until < segment);
        self.former.get(at).map_or(&self.current, |each| &each.key)
    }

    /// The key before the current one by which it is so.
    pub(super) fn former(&self, is_so: impl Fn(&MacKey) -> bool) -> Option<&MacKey> {
        self.former.iter().map(|each| &each.key).find(|key| is_so(key))
    }

    /// The last segment that isn't the current key's; 0: there is none.
    pub(super) fn last_former(&self) -> u32 {
        self.former.last().map_or(0, |each| each.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::DerivedKey;
    use static_assertions::assert_not_impl_any;

    assert_not_impl_any!(ChainKeys: std::fmt::Debug, Clone, serde::Serialize);

    #[test]
    fn each_segment_has_the_key_it_was_written_with() {
        let key = |byte| MacKey::new(&DerivedKey::from_bytes(&[byte; 32]));
        let keys = ChainKeys::from(key(3)).with_former(5, key(2)).with_former(2, key(1));
        for (segment, byte) in [(1, 1), (2, 1), (3, 2), (5, 2), (6, 3), (u32::MAX, 3)] {
            assert!(keys.of(segment).hash(&[b"x"]).same_as(&key(byte).hash(&[b"x"])), "{segment}");
        }
        assert!(keys.current().hash(&[b"x"]).same_as(&key(3).hash(&[b"x"])));
        assert_eq!((keys.last_former(), ChainKeys::from(key(1)).last_former()), (5, 0));
    }
}
