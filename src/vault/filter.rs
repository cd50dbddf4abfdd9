//! Which secrets of a list are wanted (NETSUITE.md, API secrets, list filters).

use crate::model::{Employee, Invalid, Origin};
use crate::vault::SeenSecret;

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
    pub(super) fn wants(&self, seen: &SeenSecret, asker: &Employee) -> bool {
        let shared = seen.restrictions.as_ref().is_some_and(|rules| rules.suiteapp.is_some());
        let secret = &seen.secret;
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
            && self.text.as_ref().is_none_or(|text| says(seen, text))
    }
}

fn says(seen: &SeenSecret, text: &str) -> bool {
    let secret = &seen.secret;
    let fields = [&secret.name, &secret.description].into_iter().map(String::as_str);
    let words = [Some(secret.id.as_str()), seen.application_id.as_deref()].into_iter().flatten();
    let mut all = fields.chain(words).chain(secret.owners.iter().map(Employee::as_str));
    all.any(|field| field.to_lowercase().contains(text))
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
