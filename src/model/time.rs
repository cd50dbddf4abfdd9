//! A point in time as people write it.

use jiff::Timestamp;
use jiff::fmt::temporal::Pieces;

/// RFC 3339 with an offset. Times that can be reckoned with end a day before their years do, at both ends; what lies beyond,
/// such as `9999-12-31T23:59:59Z` for ever, is the last or the first of them.
pub fn parse_time(text: &str) -> Option<Timestamp> {
    if let Ok(time) = text.parse() {
        return Some(time);
    }
    let pieces = Pieces::parse(text).ok()?;
    pieces.time().zip(pieces.to_numeric_offset())?;
    match pieces.date().year() {
        9999 => Some(Timestamp::MAX),
        -9999 => Some(Timestamp::MIN),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_time_are_times() {
        let time = |text: &str| text.parse::<Timestamp>().ok();
        for (text, expected) in [
            ("2026-11-22T13:00:00+01:00", time("2026-11-22T12:00:00Z")),
            ("9999-12-30T21:00:00Z", time("9999-12-30T21:00:00Z")),
            ("9999-12-31T23:59:59Z", Some(Timestamp::MAX)),
            ("9999-12-31T23:59:59.999999999-05:00", Some(Timestamp::MAX)),
            ("-009999-01-01T00:00:00Z", Some(Timestamp::MIN)),
            ("9999-12-31T23:59:59", None),
            ("9999-12-31", None),
            ("9999-12-32T00:00:00Z", None),
            ("10000-01-01T00:00:00Z", None),
            ("2026-11-22", None),
            ("", None),
        ] {
            assert_eq!(parse_time(text), expected, "{text}");
        }
    }
}
