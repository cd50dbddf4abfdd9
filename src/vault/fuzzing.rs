//! What the fuzz targets reach of this room's inside. Only builds with `--cfg fuzzing` have it.

use jiff::Timestamp;

use super::feed::{Cursor, Feed, Happening, Subject};

/// A feed in which so many things have happened: the cursors that it gave out, and which of them `asked` is taken
/// for.
pub fn heard(events: usize, asked: impl FnOnce(&[Cursor]) -> Cursor) -> (Vec<Cursor>, Option<Cursor>) {
    let feed = Feed::new().expect("random numbers");
    let mut given = vec![feed.cursor(feed.end())];
    for _ in 0..events {
        feed.tell(Timestamp::UNIX_EPOCH, [Happening::Rotated { about: Subject::Vault, life: None }]);
        given.push(feed.cursor(feed.end()));
    }
    let asked = asked(&given);
    let taken = feed.place(asked).map(|place| feed.cursor(place));
    (given, taken)
}
