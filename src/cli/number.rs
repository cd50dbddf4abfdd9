//! Numbers and days as they are typed. A rule is told as a sentence, where a parser's own would be about digits and types.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use jiff::civil::Date;

/// Takes a whole number in this range.
pub fn within<T>(
    range: RangeInclusive<T>,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static
where
    T: FromStr + PartialOrd + Display + Send + Sync + Clone + 'static,
{
    move |text| {
        let rule = || format!("is no whole number from {} to {}", range.start(), range.end());
        text.parse().ok().filter(|number| range.contains(number)).ok_or_else(rule)
    }
}

/// A user of the host, by number: what the kernel tells of a peer.
pub fn uid(text: &str) -> Result<u32, &'static str> {
    text.parse().map_err(|_| "is no user's number; that of a name is told by: id -u NAME")
}

pub fn day(text: &str) -> Result<Date, &'static str> {
    text.parse().map_err(|_| "is no day such as 2027-06-30")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_a_sentence() {
        let few = within(1..=720_u16);
        assert_eq!(few("720"), Ok(720));
        for wrong in ["0", "721", "x", "", "-1", "99999"] {
            assert_eq!(few(wrong), Err("is no whole number from 1 to 720".to_owned()), "{wrong}");
        }
        assert!(uid("nobody").unwrap_err().contains("id -u"));
        assert!(day("2027-06-30").is_ok() && day("30.6.2027").is_err() && day("2027-13-01").is_err());
    }
}
