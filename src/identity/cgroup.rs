//! Which systemd service a process belongs to, by `/proc/PID/cgroup`.

use crate::model::UnitName;

/// The system service whose control group this text names; None in any doubt.
///
/// Only the unified hierarchy's line `0::PATH` counts. PATH must be a service directly under `/system.slice`
/// or slices nested in it: only the system's own manager makes groups there. A user's manager makes what it
/// likes below `/user.slice`, and a service that has its group delegated makes what it likes below that.
pub(super) fn unit(text: &str) -> Option<UnitName> {
    let mut unified = text.lines().filter_map(|line| line.strip_prefix("0::"));
    let (path, None) = (unified.next()?, unified.next()) else { return None };
    let mut rest = path.strip_prefix("/system.slice/")?;
    let mut outer = "system";
    while let Some((slice, inner)) = rest.split_once('/') {
        outer = nested_in(outer, slice)?;
        rest = inner;
    }
    // systemd puts `_` before a name that the kernel could take for one of its own files (cg_escape).
    rest.strip_prefix('_').unwrap_or(rest).parse().ok()
}

/// The slice's stem, if it is a slice directly inside another: `system-a.slice` in `system.slice`.
fn nested_in<'a>(outer: &str, slice: &'a str) -> Option<&'a str> {
    let stem = slice.strip_suffix(".slice")?;
    let own = stem.strip_prefix(outer)?.strip_prefix('-')?;
    (!own.is_empty() && !own.contains('-')).then_some(stem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_services_and_near_misses() {
        for (text, expected) in [
            ("0::/system.slice/fsm-mobile.service\n", Some("fsm-mobile.service")),
            ("0::/system.slice/fsm-mobile.service", Some("fsm-mobile.service")),
            ("0::/system.slice/system-fsm.slice/fsm@1.service\n", Some("fsm@1.service")),
            ("0::/system.slice/system-fsm.slice/system-fsm-eu.slice/fsm@1.service\n", Some("fsm@1.service")),
            ("0::/system.slice/_cpu.service\n", Some("cpu.service")),
            ("4:memory:/x\n1:name=systemd:/y\n0::/system.slice/a.service\n", Some("a.service")),
            // A user's manager can name its units as it likes.
            ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/fsm-mobile.service\n", None),
            ("0::/user.slice/user-1000.slice/user@1000.service/system.slice/fsm-mobile.service\n", None),
            // So can a service in a group delegated to it.
            ("0::/system.slice/docker.service/system.slice/fsm-mobile.service\n", None),
            ("0::/system.slice/evil.service/fsm-mobile.service\n", None),
            ("0::/system.slice/fsm-mobile.service/payload\n", None),
            ("0::/system.slice/docker-0123.scope\n", None),
            ("0::/system.slice/fsm.socket\n", None),
            // Slices that aren't where they claim to be.
            ("0::/system.slice/user.slice/fsm-mobile.service\n", None),
            ("0::/system.slice/system-.slice/fsm-mobile.service\n", None),
            ("0::/system.slice/system-a-b.slice/fsm-mobile.service\n", None),
            ("0::/machine.slice/fsm-mobile.service\n", None),
            ("0::/fsm-mobile.service\n", None),
            ("0::/\n", None),
            ("0::/../system.slice/fsm-mobile.service\n", None),
            ("0::/system.slice/../user.slice/fsm-mobile.service\n", None),
            ("0::/system.slice/fsm-mobile.service (deleted)\n", None),
            ("0::/system.slice//fsm-mobile.service\n", None),
            ("0::/system.slice/.service\n", None),
            ("0::/system.slice/\n", None),
            ("0::system.slice/fsm-mobile.service\n", None),
            // Another hierarchy, and two answers.
            ("1:name=systemd:/system.slice/fsm-mobile.service\n", None),
            ("10::/system.slice/fsm-mobile.service\n", None),
            ("0::/system.slice/a.service\n0::/system.slice/b.service\n", None),
            ("", None),
        ] {
            assert_eq!(unit(text).as_ref().map(UnitName::as_str), expected, "{text}");
        }
    }
}
