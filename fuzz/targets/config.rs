//! A configuration file: what is read holds valid settings only; what isn't is told in full, without a word of the
//! file.
#![no_main]

use std::collections::HashSet;

use fsm_vault::config::Listen;
use fsm_vault::config::fuzzing::settings;
use fsm_vault_fuzz::repeats_nothing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = str::from_utf8(data) else { return };
    match settings(text) {
        Ok(read) => {
            assert!(read.data_dir.is_absolute());
            let distinct: HashSet<_> = read.listen.iter().map(Listen::to_string).collect();
            assert_eq!(distinct.len(), read.listen.len());
            for listen in &read.listen {
                assert_eq!(listen.to_string().parse().as_ref(), Ok(listen));
                match listen {
                    Listen::Tcp(address) => assert!(address.ip().is_loopback()),
                    Listen::Unix(path) => assert!(path.is_absolute()),
                }
            }
            assert!(read.passphrase_file.is_none_or(|path| path.is_absolute()));
            let domains: HashSet<_> = read.identity.trust.iter().map(|each| &each.trust_domain).collect();
            assert_eq!(domains.len(), read.identity.trust.len());
            assert!(
                read.limits.connections > 0 && read.limits.waiting > 0 && read.limits.concurrent_streams > 0
            );
            assert!(!read.limits.handshake.is_zero() && !read.limits.header.is_zero());
            assert!(read.audit.segment_bytes >= 64 << 10);
            assert!(read.notice.critical_space_mib <= read.notice.low_space_mib);
            assert!(read.notice.command.first().is_none_or(|program| program.starts_with('/')));
        }
        Err(problems) => {
            assert!(!problems.is_empty());
            let lines = text.split('\n').count();
            for problem in problems {
                assert!(problem.line.is_none_or(|line| (1..=lines).contains(&line)), "{problem:?}");
                assert!(!problem.detail.contains('\n'));
                // A key is told, so that it can be found; what stands behind it never is.
                repeats_nothing(data, &problem.detail);
            }
        }
    }
});
