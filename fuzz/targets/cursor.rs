//! Places to go on from: `Last-Event-ID` of a watch, which only this run of the daemon can have given out; the cursor
//! of the log; and the events of a watch, in whatever pieces they come.
#![no_main]

use fsm_vault::api::fuzzing::last_event_id;
use fsm_vault::audit;
use fsm_vault::client::fuzzing::events;
use fsm_vault::vault::Cursor;
use fsm_vault::vault::fuzzing::heard;
use fsm_vault::wire;
use fsm_vault_fuzz::Input;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    match input.byte() {
        b'w' => watch(&mut input),
        b'l' => log(input.line()),
        b'e' => stream(&mut input),
        _ => written(&mut input),
    }
});

fn watch(input: &mut Input) {
    let (told, place) = (usize::from(input.byte() % 16), usize::from(input.byte()));
    let text = input.line();
    let parsed = text.parse::<Cursor>();
    let header = HeaderValue::from_str(text).ok().map(|value| {
        last_event_id(&HeaderMap::from_iter([(HeaderName::from_static("last-event-id"), value)]))
    });
    match (&parsed, header) {
        (Ok(cursor), Some(Ok(read))) => assert_eq!(read, Some(*cursor)),
        (Err(_), Some(Ok(read))) => assert!(read.is_none() && text.is_empty()),
        (Ok(_), other) => panic!("{text:?}: {other:?}"),
        (Err(_), _) => {}
    }
    if let Ok(cursor) = parsed {
        assert_eq!(cursor.to_string(), text, "one spelling");
        // Made up, it is no place: the chance is one in 2^64 for each event.
        let (_, taken) = heard(told, |_| cursor);
        assert_eq!(taken, None);
    }
    // Given out, it is its own place and no other.
    let (given, taken) = heard(told, |given| given[place % given.len()]);
    assert_eq!(taken, Some(given[place % given.len()]));
}

fn log(text: &str) {
    if let Ok(cursor) = text.parse::<audit::Cursor>() {
        let written = cursor.to_string();
        assert_eq!(written.parse::<audit::Cursor>(), Ok(cursor));
    }
}

/// The same events, wherever the stream is cut.
fn stream(input: &mut Input) {
    let at = input.number();
    let text = input.0;
    let at = at % (text.len() + 1);
    let whole = events(&[text]).ok();
    assert_eq!(events(&[&text[..at], &text[at..]]).ok(), whole);
    let single: Vec<&[u8]> = text.chunks(1).collect();
    assert_eq!(events(&single).ok(), whole);
}

/// What the daemon writes, the client reads.
fn written(input: &mut Input) {
    let detail = input.line().to_owned() + "\n" + input.line();
    let sent = wire::Resync { detail: detail.clone() };
    let text = wire::event("resync", Some("0123456789abcdef"), &sent);
    let read = events(&[text.as_bytes(), b":\n\n"]).expect("one event");
    let [event] = read.as_slice() else { panic!("{read:?}") };
    assert_eq!((event.name.as_str(), event.id.as_deref()), ("resync", Some("0123456789abcdef")));
    let data: wire::Resync = serde_json::from_str(&event.data).expect("it is JSON");
    assert_eq!(data.detail, detail);
}
