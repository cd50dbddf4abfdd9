//! The header (docs/formats.md, The header): what parses is written as it was read, byte for byte.
#![no_main]

use fsm_vault::keys::{Header, HeaderError};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    match Header::parse(data) {
        Ok(header) => {
            assert_eq!(header.to_bytes(), data);
            let slots = header.slots().len();
            assert!((1..=8).contains(&slots));
            assert_eq!(data.len(), 22 + 109 * slots);
        }
        Err(HeaderError::Format(format)) => {
            // Told before anything else in it is looked at.
            assert!(data.starts_with(b"FSMV") && data[4] == format && format > 1);
        }
        Err(HeaderError::Damaged | HeaderError::Cost(_)) => {}
        Err(other) => panic!("parsing computes nothing: {other}"),
    }
});
