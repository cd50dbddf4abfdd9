//! Numbers as they are typed. A rule is told as a sentence, where Rust's own would be about digits and ranges of types.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// Takes a whole number in this range, which has no end that people know where it ends with its type.
pub fn within<T>(
    range: RangeInclusive<T>,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static
where
    T: FromStr + PartialOrd + Display + Bounded + Copy + Send + Sync + 'static,
{
    move |text| {
        let (start, end) = (range.start(), range.end());
        let rule = || match *end == T::MOST {
            true => format!("is no whole number from {start}"),
            false => format!("is no whole number from {start} to {end}"),
        };
        text.parse().ok().filter(|number| range.contains(number)).ok_or_else(rule)
    }
}

/// What a type can't go beyond.
pub trait Bounded {
    const MOST: Self;
}

impl Bounded for u16 {
    const MOST: Self = Self::MAX;
}

impl Bounded for u32 {
    const MOST: Self = Self::MAX;
}

impl Bounded for u64 {
    const MOST: Self = Self::MAX;
}

/// A user of the host, by number: names are told apart by nothing that the kernel knows.
pub fn uid(text: &str) -> Result<u32, &'static str> {
    text.parse().map_err(|_| "is no user's number; that of a name is told by: id -u NAME")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_a_sentence() {
        let (few, many) = (within(1..=720_u16), within(1..=u64::MAX));
        assert_eq!((few("720"), many("721")), (Ok(720), Ok(721)));
        for wrong in ["0", "721", "x", "", "-1", "99999"] {
            assert_eq!(few(wrong), Err("is no whole number from 1 to 720".to_owned()), "{wrong}");
        }
        assert_eq!(many("0"), Err("is no whole number from 1".to_owned()));
        assert!(uid("nobody").unwrap_err().contains("id -u"));
    }
}
