//! One secret, or the halves of a pair.

/// What belongs to one secret, or to each half of a pair: the client ID's first, then the client secret's. A public
/// client's pair has only the first.
pub(super) struct Halves<T> {
    pub first: T,
    pub second: Option<T>,
}

impl<T> Halves<T> {
    pub fn each_mut(&mut self) -> impl Iterator<Item = &mut T> {
        std::iter::once(&mut self.first).chain(&mut self.second)
    }
}
