//! `Accept` (RFC 9110, 12.5.1): whether a value is wanted as its bytes or in JSON, and metrics as OpenMetrics.
//!
//! Read where services fetch, so it takes no allocation.

use hyper::HeaderMap;
use hyper::header::ACCEPT;

/// A weight of a thousandth; the usual one is 1.
const ONE: u16 = 1000;

/// Whether the bytes alone are wanted: they are named, and JSON isn't named with as much weight. Whoever names neither, or
/// `*/*`, gets JSON.
pub fn wants_bytes(headers: &HeaderMap) -> bool {
    let bytes = weight(headers, b"application/octet-stream");
    bytes > 0 && bytes > weight(headers, b"application/json")
}

/// Whether OpenMetrics is named: who can't read it doesn't name it.
pub fn wants_open_metrics(headers: &HeaderMap) -> bool {
    weight(headers, b"application/openmetrics-text") > 0
}

/// The greatest weight that a media type is named with; 0 where it isn't.
fn weight(headers: &HeaderMap, kind: &[u8]) -> u16 {
    let lines = headers.get_all(ACCEPT).into_iter();
    let ranges = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    let weights = ranges.filter_map(|range| {
        let mut parts = range.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let is_meant = parts.next().is_some_and(|named| named.eq_ignore_ascii_case(kind));
        is_meant.then(|| parts.find_map(weight_of).unwrap_or(ONE))
    });
    weights.max().unwrap_or(0)
}

/// The weight that a parameter tells; none is told by another. One that can't be read is none at all.
fn weight_of(parameter: &[u8]) -> Option<u16> {
    let [b'q' | b'Q', rest @ ..] = parameter else { return None };
    let [b'=', number @ ..] = rest.trim_ascii_start() else { return None };
    Some(thousandths(number.trim_ascii_start()).unwrap_or(0))
}

/// `0`, `0.5`, `1.000`: up to 1, with three digits behind the point at most.
fn thousandths(number: &[u8]) -> Option<u16> {
    let (whole, digits) = match number {
        [whole @ (b'0' | b'1')] => (whole, &[][..]),
        [whole @ (b'0' | b'1'), b'.', digits @ ..] if digits.len() <= 3 => (whole, digits),
        _ => return None,
    };
    let mut told = u16::from(whole - b'0') * ONE;
    for (digit, worth) in digits.iter().zip([100, 10, 1]) {
        told += digit.is_ascii_digit().then(|| u16::from(digit - b'0') * worth)?;
    }
    Some(told).filter(|told| *told <= ONE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    fn headers(lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(ACCEPT, HeaderValue::from_str(line).unwrap());
        }
        headers
    }

    fn wants(lines: &[&str]) -> bool {
        wants_bytes(&headers(lines))
    }

    #[test]
    fn who_names_bytes_gets_them() {
        for text in [
            "application/octet-stream",
            "Application/Octet-Stream",
            "application/octet-stream;q=1.0",
            " application/octet-stream ; Q=0.001 ",
            "application/octet-stream;q = 1",
            "application/octet-stream;version=2;q=0.5",
            "text/plain, application/octet-stream",
            "application/octet-stream, */*",
            "application/octet-stream, application/json;q=0.9",
            "application/json;q=0, application/octet-stream;q=0.1",
        ] {
            assert!(wants(&[text]), "{text}");
        }
        assert!(wants(&["application/json;q=0.5", "application/octet-stream"]));
    }

    #[test]
    fn all_others_get_json() {
        assert!(!wants(&[]));
        for text in [
            "",
            ",;,",
            "*/*",
            "application/*",
            "application/json",
            "application/octet-stream;q=0",
            "application/octet-stream; q=0.000",
            "application/octet-stream;q=",
            "application/octet-stream;q=x",
            "application/octet-stream;q=1.001",
            "application/octet-stream;q=2",
            "application/octet-stream;q=0.1234",
            "application/octet-stream;q=-1",
            "application/octet-stream, application/json",
            "application/json, application/octet-stream;q=0.9",
            "application/octet-streams",
            "application/octet-stream2;q=1",
            "octet-stream",
        ] {
            assert!(!wants(&[text]), "{text}");
        }
    }

    #[test]
    fn open_metrics_is_for_who_asks_for_it() {
        for value in [
            "application/openmetrics-text",
            "Application/OpenMetrics-Text; version=1.0.0",
            // What Prometheus sends.
            "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
            "text/plain, application/openmetrics-text",
        ] {
            assert!(wants_open_metrics(&headers(&[value])), "{value}");
        }
        for value in [
            "",
            "*/*",
            "application/*",
            "text/plain",
            "application/openmetrics-text;q=0",
            "application/openmetrics-text; q=0.000",
            "application/openmetrics-texts",
            "application/json",
        ] {
            assert!(!wants_open_metrics(&headers(&[value])), "{value}");
        }
        assert!(!wants_open_metrics(&headers(&[])));
        assert!(wants_open_metrics(&headers(&["text/plain", "application/openmetrics-text"])));
    }
}
