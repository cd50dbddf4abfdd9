//! Lists as they are typed: an option given several times, or several items by commas, as NetSuite's fields take them.
//!
//! clap parts them (`value_delimiter`); here is what one item is. For items alone that can't hold a comma.

use std::ffi::OsStr;
use std::str::FromStr;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

/// One item, without the white space around it.
pub fn item<T: FromStr>(text: &str) -> Result<T, T::Err> {
    text.trim().parse()
}

/// One of these words, without the white space around it. Shells offer all of them.
pub fn one_of<const N: usize>(words: [&'static str; N]) -> OneOf {
    OneOf(PossibleValuesParser::new(words))
}

#[derive(Clone)]
pub struct OneOf(PossibleValuesParser);

impl TypedValueParser for OneOf {
    type Value = String;

    fn parse_ref(
        &self,
        command: &clap::Command,
        option: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<String, clap::Error> {
        let trimmed = value.to_str().map_or(value, |text| OsStr::new(text.trim()));
        self.0.parse_ref(command, option, trimmed)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        self.0.possible_values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{DomainPattern, Employee, ScriptId};
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[arg(long, value_delimiter = ',', value_parser = item::<Employee>)]
        employee: Vec<Employee>,
        #[arg(long, value_delimiter = ',', value_parser = item::<DomainPattern>)]
        domain: Vec<DomainPattern>,
        #[arg(long, value_delimiter = ',', value_parser = item::<ScriptId>)]
        script: Vec<ScriptId>,
        #[arg(long, value_delimiter = ',', value_parser = one_of(["a", "b"]))]
        scope: Vec<String>,
    }

    fn read(words: &[&str]) -> Option<Vec<String>> {
        let line = Line::try_parse_from(std::iter::once(&"list").chain(words)).ok()?;
        let mut items: Vec<String> = line.employee.iter().map(ToString::to_string).collect();
        items.extend(line.domain.iter().map(ToString::to_string));
        items.extend(line.script.iter().map(ToString::to_string));
        items.extend(line.scope);
        Some(items)
    }

    #[test]
    fn commas_part_items_and_white_space_is_dropped() {
        for (words, items) in [
            (&["--employee", "1,2", "--employee", "3"][..], &["1", "2", "3"][..]),
            (&["--employee", " Larry Nelson , 2\t"], &["Larry Nelson", "2"]),
            (&["--domain", "a.example,*.b.example"], &["a.example", "*.b.example"]),
            (&["--script", "customscript_a, customscript_b"], &["customscript_a", "customscript_b"]),
            (&["--scope", "a, b"], &["a", "b"]),
            (&["--scope=b"], &["b"]),
        ] {
            let items: Vec<_> = items.iter().map(|item| (*item).to_owned()).collect();
            assert_eq!(read(words), Some(items), "{words:?}");
        }
    }

    #[test]
    fn an_empty_item_is_refused() {
        for option in ["employee", "domain", "script", "scope"] {
            for list in ["", " ", ",", "a,", ",a", "a,,b", "a, ,b", "customscript_a,", ",customscript_a"] {
                assert_eq!(read(&[&format!("--{option}={list}")]), None, "--{option}={list}");
            }
        }
    }
}
