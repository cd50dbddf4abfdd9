//! Which secrets of a list are wanted (NETSUITE.md, API secrets, list filters).

use super::secrets::Standing;
use crate::model::{Employee, Invalid, Origin, Secret};

/// Whom a secret is available to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Exposure {
    #[default]
    All,
    /// To no SuiteApp.
    Local,
    /// To a SuiteApp.
    Shared,
}

/// Where a secret comes from, as one asks for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OriginWanted {
    #[default]
    All,
    /// Owned by whoever asks.
    My,
    ThisAccount,
    External,
}

/// What to list. The default is all.
#[derive(Debug, Clone, Default)]
pub struct SecretFilter {
    /// Part of the name, the description, the ID, the application ID or an owner, in any case of letters.
    pub text: Option<String>,
    pub exposure: Exposure,
    pub origin: OriginWanted,
    /// An owner, exactly.
    pub owner: Option<Employee>,
}

impl SecretFilter {
    /// The same with the text folded once, so that it isn't for each secret.
    pub(super) fn folded(&self) -> Self {
        Self { text: self.text.as_deref().map(str::to_lowercase), ..self.clone() }
    }

    /// Whether a [folded](Self::folded) filter, used by `asker`, wants the secret.
    pub(super) fn wants(&self, secret: &Secret, standing: Standing<'_>, asker: &Employee) -> bool {
        let shared = standing.restrictions.is_some_and(|rules| rules.suiteapp.is_some());
        let exposed = match self.exposure {
            Exposure::All => true,
            Exposure::Local => !shared,
            Exposure::Shared => shared,
        };
        let comes = match self.origin {
            OriginWanted::All => true,
            OriginWanted::My => secret.owners.contains(asker),
            OriginWanted::ThisAccount => secret.origin == Origin::ThisAccount,
            OriginWanted::External => secret.origin == Origin::External,
        };
        exposed
            && comes
            && self.owner.as_ref().is_none_or(|owner| secret.owners.contains(owner))
            && self.text.as_ref().is_none_or(|text| says(secret, standing, text))
    }
}

fn says(secret: &Secret, standing: Standing<'_>, text: &str) -> bool {
    let fields = [&*secret.name, &*secret.description].into_iter();
    let words = [Some(secret.id.as_str()), standing.application_id].into_iter().flatten();
    let mut all = fields.chain(words).chain(secret.owners.iter().map(Employee::as_str));
    all.any(|field| has(field, text))
}

/// Whether the field, in lower case, contains the text. Most fields are ASCII, and then nothing is copied.
fn has(field: &str, text: &str) -> bool {
    if text.is_empty() || !field.is_ascii() {
        return field.to_lowercase().contains(text);
    }
    field.as_bytes().windows(text.len()).any(|part| part.eq_ignore_ascii_case(text.as_bytes()))
}

impl std::str::FromStr for Exposure {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text {
            "all" => Ok(Self::All),
            "local" => Ok(Self::Local),
            "shared" => Ok(Self::Shared),
            _ => Err(Invalid("is no exposure: all, local or shared")),
        }
    }
}

impl std::str::FromStr for OriginWanted {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text {
            "all" => Ok(Self::All),
            "my" => Ok(Self::My),
            "this_account" => Ok(Self::ThisAccount),
            "external" => Ok(Self::External),
            _ => Err(Invalid("is no origin: all, my, this_account or external")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_part_is_found_in_any_case_of_letters() {
        for (field, text, found) in [
            ("Shop KEY 7", "key", true),
            ("Shop KEY 7", "keys", false),
            ("key", "key", true),
            ("ke", "key", false),
            ("", "key", false),
            ("", "", true),
            ("Größe", "grö", true),
            ("GROESSE", "ö", false),
            ("\u{212a}", "k", true),
        ] {
            assert_eq!(has(field, text), found, "{field} {text}");
        }
    }

    proptest! {
        #[test]
        fn ascii_is_no_special_case(field in "[a-cA-C ]{0,8}", text in "[a-cA-Cö]{0,3}") {
            let text = text.to_lowercase();
            prop_assert_eq!(has(&field, &text), field.to_lowercase().contains(&text));
        }
    }
}
