//! A NetSuite account's ID.

use super::word::{Invalid, word};

word! {
    /// Such as `1234567` or `1234567_SB1`, in capitals and with an underscore, as NetSuite shows it. Its other
    /// spelling, `1234567-sb1`, which stands in host names, is folded into that one.
    AccountId, account_id
}

fn account_id(text: &str) -> Result<String, Invalid> {
    const RULE: Invalid = Invalid(
        "is no account ID: letters and digits, then perhaps `_` or `-` and what kind of account it is, \
         such as 1234567 or 1234567_SB1",
    );
    if text.len() > 40 {
        return Err(RULE);
    }
    let folded = text.to_ascii_uppercase().replace('-', "_");
    let plain = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    };
    let holds = match folded.split_once('_') {
        Some((company, kind)) => plain(company) && plain(kind),
        None => plain(&folded),
    };
    if holds { Ok(folded) } else { Err(RULE) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_ids_have_one_spelling() {
        for (typed, stored) in [
            ("1234567", "1234567"),
            ("1234567_SB1", "1234567_SB1"),
            ("1234567-sb1", "1234567_SB1"),
            ("1234567_sb1", "1234567_SB1"),
            ("tstdrv1234567", "TSTDRV1234567"),
            ("1234567_RP", "1234567_RP"),
        ] {
            assert_eq!(
                typed.parse::<AccountId>().ok().as_ref().map(AccountId::as_str),
                Some(stored),
                "{typed}"
            );
        }
        for wrong in [
            "",
            "_SB1",
            "1234567_",
            "1234567_SB1_2",
            "1234567-SB_1",
            "1234567 SB1",
            " 1234567",
            "1234567.app",
            "\u{661}234567",
            &"1".repeat(41),
        ] {
            assert!(wrong.parse::<AccountId>().is_err(), "{wrong:?}");
        }
    }
}
