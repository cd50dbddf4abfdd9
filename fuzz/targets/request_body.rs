//! The bodies of requests and answers: what is read is written and read again as the same; what isn't is told without
//! a value. What a form says is kept, or all that is wrong with it is told.
#![no_main]

use fsm_vault::model::{Integration, IntegrationForm, Restrictions, RestrictionsForm, redirect_uri};
use fsm_vault::wire;
use fsm_vault_fuzz::{Input, reads_back, repeats_nothing};
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use serde::Serialize;
use serde::de::DeserializeOwned;

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let kind = input.byte();
    let body = input.0;
    match kind {
        b'a' => restrictions(body),
        b'b' => integration(body),
        b'c' => drop(read::<wire::SecretForm>(body)),
        b'd' => drop(read::<wire::SecretPatch>(body)),
        b'e' => {
            if let Some(import) = read::<wire::ImportForm>(body) {
                import.secrets.iter().for_each(|each| drop(read::<wire::SecretForm>(each.get().as_bytes())));
            }
        }
        b'f' => drop(read::<wire::VersionForm>(body)),
        b'g' => drop(read::<wire::NewPairForm>(body)),
        b'h' => both::<wire::ActivationForm>(body),
        b'i' => both::<wire::CallerForm>(body),
        b'j' => both::<wire::CallerEditForm>(body),
        b'k' => both::<wire::RenewalForm>(body),
        b'l' => drop(read::<wire::Passphrase>(body)),
        b'm' => drop(read::<wire::PassphraseChange>(body)),
        b'n' => drop(read::<wire::KeySlotForm>(body)),
        b'w' => drop(read::<wire::Unseal>(body)),
        b'x' => drop(read::<wire::RekeyForm>(body)),
        b'y' => drop(read::<wire::BackupForm>(body)),
        // What the client reads.
        b'o' => drop(reads_back::<wire::Problem>(body)),
        b'p' => drop(reads_back::<wire::SecretView>(body)),
        b'q' => drop(reads_back::<wire::CallerView>(body)),
        b'r' => drop(reads_back::<wire::IntegrationView>(body)),
        b's' => drop(reads_back::<wire::NoticeView>(body)),
        b't' => drop(reads_back::<wire::Status>(body)),
        b'u' => drop(reads_back::<wire::Verification>(body)),
        b'v' => pair(body),
        _ => uri(body),
    }
});

/// As the daemon reads it.
fn read<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    match wire::read::<T>(body) {
        Ok(read) => Some(read),
        Err(why) => {
            repeats_nothing(body, &why);
            None
        }
    }
}

/// For shapes that both ends write.
fn both<T: DeserializeOwned + Serialize>(body: &[u8]) {
    if let Some(form) = read::<T>(body) {
        let written = wire::write(&form);
        let again = read::<T>(&written).expect("what the client writes, the daemon reads");
        assert_eq!(wire::write(&again), written);
    }
}

fn restrictions(body: &[u8]) {
    let Some(form) = read::<RestrictionsForm>(body) else { return };
    match form.check("/restrictions") {
        Ok(kept) => {
            let again = RestrictionsForm::from(kept.clone()).check("");
            assert_eq!(again.as_ref(), Ok(&kept), "what is shown can be saved");
            let record = serde_json::to_vec(&kept).expect("it serialises");
            assert_eq!(serde_json::from_slice::<Restrictions>(&record).ok(), Some(kept));
        }
        Err(wrong) => {
            assert!(!wrong.is_empty());
            repeats_nothing(body, &wrong);
        }
    }
}

fn integration(body: &[u8]) {
    let Some(sent) = read::<wire::IntegrationBody>(body) else { return };
    let mut form = IntegrationForm::default();
    sent.apply(&mut form);
    let ids = ("_a".parse().expect("an ID"), (!form.public_client).then(|| "_b".parse().expect("an ID")));
    let made = ("id".to_owned(), "admin".parse().expect("a name"), Timestamp::UNIX_EPOCH);
    let blank = Integration::blank("fsm".parse().expect("a name"), &form, false, made, ids);
    match form.check(blank) {
        Ok((record, care)) => {
            record.redirect_uris.iter().for_each(|each| assert!(redirect_uri(each).is_ok()));
            let again = record.form(&care).check(record.clone());
            assert_eq!(again.as_ref(), Ok(&(record, care)), "a record comes from its own form");
        }
        Err(wrong) => {
            assert!(!wrong.is_empty());
            repeats_nothing(body, &wrong);
        }
    }
}

/// The one body that carries values out, written by hand.
fn pair(body: &[u8]) {
    let cut = body.len() / 2;
    let (Ok(id), Ok(secret)) = (str::from_utf8(&body[..cut]), str::from_utf8(&body[cut..])) else { return };
    let plain = |text: &str| fsm_vault::secret::Plaintext::new(text.as_bytes().to_vec());
    let (id, secret) = (plain(id), plain(secret));
    let written = wire::pair_body(&id, Some(&secret), cut as u64);
    let read: wire::PairRead = written.lend(|text| serde_json::from_slice(text)).expect("it is JSON");
    assert!(read.client_id.same_as(&id) && read.version == cut as u64);
    assert!(read.client_secret.is_some_and(|read| read.same_as(&secret)));
}

fn uri(text: &[u8]) {
    let Ok(text) = str::from_utf8(text) else { return };
    if redirect_uri(text).is_ok() {
        let (scheme, rest) = text.split_once("://").expect("a scheme");
        assert!(
            !scheme.eq_ignore_ascii_case("http")
                && scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        );
        assert!(!rest.is_empty() && text.len() <= 2000 && text.bytes().all(|byte| byte.is_ascii_graphic()));
    }
}
