//! Identifiers of secrets, scripts, SuiteApps, employees, callers and integrations.
//!
//! Each has one spelling: what NetSuite folds is folded before anything is derived from it, and all
//! else that would make two spellings of one name is refused.

use std::borrow::Cow;

use super::itself::Itself;
use super::unseen::is_unseen;
use super::word::{Invalid, word};

word! {
    /// `custsecret[a-z0-9_]{1,89}` (NETSUITE API secrets; ASCII-lowercased). The prefix may be left out.
    SecretId, secret_id
}
word! {
    /// `customscript[a-z0-9_]{1,89}`, ASCII-lowercased.
    ScriptId, script_id
}
word! {
    /// A SuiteApp's application ID such as `com.example.fieldservice`, ASCII-lowercased.
    SuiteAppId, suiteapp_id
}
word! {
    /// An employee, as the one NetSuite account names them: an internal ID, a login or a name. Compared exactly.
    Employee, employee
}
word! {
    /// A registered caller: the last segment of its SPIFFE ID. Lower case only, so that there is one spelling.
    CallerName, caller_name
}
word! {
    /// An integration record's name in this vault; part of its secrets' default IDs, hence their alphabet.
    IntegrationName, integration_name
}

/// NetSuite puts this in front of what the user types.
const SECRET_PREFIX: &str = "custsecret";
const SCRIPT_PREFIX: &str = "customscript";
/// NetSuite's limit for what follows the prefix.
const MAX_SUFFIX: usize = 89;

fn all(text: &str, allowed: impl Fn(u8) -> bool) -> bool {
    text.bytes().all(allowed)
}

fn lower_word(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_')
}

fn secret_id(text: &str) -> Result<Cow<'_, str>, Invalid> {
    const RULE: Invalid = Invalid(
        "is no secret ID: `custsecret` followed by 1 to 89 letters, digits or underscores, \
         such as custsecret_fsm_oauth2_client_id",
    );
    // Bounded before it is copied: the text may come from a peer.
    if text.len() > SECRET_PREFIX.len() + MAX_SUFFIX {
        return Err(RULE);
    }
    let good = |suffix: &str| (1..=MAX_SUFFIX).contains(&suffix.len()) && all(suffix, lower_word);
    // As it is spelled nearly always.
    if text.strip_prefix(SECRET_PREFIX).is_some_and(good) {
        return Ok(Cow::Borrowed(text));
    }
    let folded = text.to_ascii_lowercase();
    let suffix = folded.strip_prefix(SECRET_PREFIX).unwrap_or(&folded);
    if good(suffix) { Ok(Cow::Owned(format!("{SECRET_PREFIX}{suffix}"))) } else { Err(RULE) }
}

fn script_id(text: &str) -> Result<String, Invalid> {
    const RULE: Invalid = Invalid(
        "is no script ID: `customscript` followed by 1 to 89 letters, digits or underscores, \
         such as customscript_nx_suitelet2",
    );
    if text.len() > SCRIPT_PREFIX.len() + MAX_SUFFIX {
        return Err(RULE);
    }
    let folded = text.to_ascii_lowercase();
    match folded.strip_prefix(SCRIPT_PREFIX) {
        Some(suffix) if !suffix.is_empty() && all(suffix, lower_word) => Ok(folded),
        _ => Err(RULE),
    }
}

fn suiteapp_id(text: &str) -> Result<String, Invalid> {
    let folded = text.to_ascii_lowercase();
    let well_formed = (1..=128).contains(&folded.len())
        && all(&folded, |byte| lower_word(byte) || matches!(byte, b'.' | b'-'))
        && folded.split('.').all(|part| !part.is_empty());
    if well_formed {
        Ok(folded)
    } else {
        Err(Invalid(
            "is no SuiteApp ID: dotted words such as com.example.fieldservice, at most 128 characters",
        ))
    }
}

fn employee(text: &str) -> Result<String, Invalid> {
    if text.is_empty() || text.len() > 256 {
        return Err(Invalid("is no employee: it takes 1 to 256 bytes"));
    }
    if text.chars().any(|each| each.is_control() || each == ',') {
        return Err(Invalid(
            "is no employee: it has a comma or a control character; name one employee at a time",
        ));
    }
    if text.trim() != text {
        return Err(Invalid("is no employee: it begins or ends with white space"));
    }
    Ok(text.to_owned())
}

fn caller_name(text: &str) -> Result<String, Invalid> {
    let well_formed = text.len() <= 63
        && text.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit())
        && all(text, |byte| lower_word(byte) || matches!(byte, b'.' | b'-'));
    if well_formed {
        Ok(text.to_owned())
    } else {
        Err(Invalid(
            "is no caller name: 1 to 63 lower-case letters, digits, `.`, `-` or `_`, beginning with a letter or digit",
        ))
    }
}

fn integration_name(text: &str) -> Result<String, Invalid> {
    let folded = text.to_ascii_lowercase();
    if (1..=64).contains(&folded.len()) && all(&folded, lower_word) {
        Ok(folded)
    } else {
        Err(Invalid("is no integration name: 1 to 64 letters, digits or underscores, such as fsm"))
    }
}

impl Employee {
    /// Refuses a name that looks like another one and isn't. Who was named so before keeps it.
    pub fn check_new(&self) -> Result<(), Invalid> {
        let misleads = |each: char| is_unseen(each) || (each.is_whitespace() && each != ' ');
        if self.as_str().contains(misleads) {
            return Err(Invalid(
                "is no employee: it has a character that can't be seen, such as a zero-width space, or a space that is \
                 none; type it by hand instead of pasting it",
            ));
        }
        Ok(())
    }
}

impl CallerName {
    /// Refuses a name that nobody may be registered by any more. Who was before keeps it.
    pub fn check_new(&self) -> Result<(), Invalid> {
        if Itself::has(self.as_str()) {
            return Err(Invalid(
                "is what fsm-vault calls itself in the audit log (daemon, init, offline, restore); give another name",
            ));
        }
        Ok(())
    }
}

impl SecretId {
    /// The ID that an integration's secret has unless another is given: `custsecret_<name>_<part>`.
    pub fn of_integration(name: &IntegrationName, part: &str) -> Result<Self, Invalid> {
        format!("{SECRET_PREFIX}_{name}_{part}").parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is<T: std::str::FromStr + ToString>(text: &str) -> Option<String> {
        text.parse::<T>().ok().map(|parsed| parsed.to_string())
    }

    #[test]
    fn secret_ids_have_one_spelling() {
        let long = "x".repeat(89);
        for (typed, stored) in [
            ("_fsm_oauth2_client_id", "custsecret_fsm_oauth2_client_id"),
            ("custsecret_fsm_oauth2_client_id", "custsecret_fsm_oauth2_client_id"),
            ("CustSecret_FSM", "custsecret_fsm"),
            ("a", "custsecreta"),
            ("secret", "custsecretsecret"),
            (long.as_str(), &format!("custsecret{long}")),
        ] {
            assert_eq!(is::<SecretId>(typed).as_deref(), Some(stored), "{typed}");
        }
        for wrong in [
            "",
            "custsecret",
            "custsecret-a",
            "a b",
            " a",
            "a ",
            "a/b",
            "..",
            "%2f",
            "ä",
            "a\0",
            &"x".repeat(90),
        ] {
            assert_eq!(is::<SecretId>(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn script_ids_need_their_prefix() {
        assert_eq!(is::<ScriptId>("CustomScript_NX_Suitelet2").as_deref(), Some("customscript_nx_suitelet2"));
        for wrong in [
            "",
            "customscript",
            "nx_suitelet2",
            "customscript_nx suitelet2",
            "customscript_nx,customscript_b",
        ] {
            assert_eq!(is::<ScriptId>(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn callers_and_integrations_stay_inside_their_alphabet() {
        for right in ["fsm", "fsm-mobile.eu_1", "0"] {
            assert!(is::<CallerName>(right).is_some(), "{right}");
        }
        for wrong in ["", ".", "..", "-a", "Fsm", "a/b", "a b", "ä", &"x".repeat(64)] {
            assert!(is::<CallerName>(wrong).is_none(), "{wrong}");
        }
        assert_eq!(is::<IntegrationName>("FSM").as_deref(), Some("fsm"));
        assert!(is::<IntegrationName>("fsm-eu").is_none());
    }

    #[test]
    fn new_names_are_what_they_look_like_and_old_ones_are_read() {
        for right in ["ann", "Larry Nelson", "Jürgen O'Neill", "李四", "a\u{300}"] {
            assert_eq!(right.parse::<Employee>().unwrap().check_new(), Ok(()), "{right}");
        }
        for wrong in [
            "ann\u{200b}",
            "\u{feff}ann",
            "an\u{ad}n",
            "ann\u{3164}",
            "ann\u{e0041}",
            "ann\u{a0}lee",
            "\u{202e}nna",
        ] {
            let read: Employee = wrong.parse().expect("a record may have it");
            assert!(read.check_new().is_err(), "{}", wrong.escape_unicode());
        }
        assert!("daemon".parse::<CallerName>().unwrap().check_new().is_err());
        assert!("daemons".parse::<CallerName>().unwrap().check_new().is_ok());
    }

    #[test]
    fn employees_are_compared_as_written() {
        assert_eq!(is::<Employee>("Larry Nelson").as_deref(), Some("Larry Nelson"));
        for wrong in ["", " a", "a\t", "a,b", "a\nb"] {
            assert!(is::<Employee>(wrong).is_none(), "{wrong:?}");
        }
    }
}
