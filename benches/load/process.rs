//! What a process has used, by the kernel's own account.

use std::collections::HashMap;
use std::fs;

/// Nanoseconds on a CPU of each of a process's threads.
pub struct Cpu(HashMap<String, u64>);

impl Cpu {
    /// Now; None if there is no such process. The sum in `/proc/PID/stat` counts in hundredths of a second, which is too coarse.
    pub fn of(pid: u32) -> Option<Self> {
        let threads = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
        let used = threads.filter_map(|thread| {
            let thread = thread.ok()?;
            // A thread that ended meanwhile has no file any more.
            let told = fs::read_to_string(thread.path().join("schedstat")).ok()?;
            Some((thread.file_name().into_string().ok()?, told.split(' ').next()?.parse().ok()?))
        });
        Some(Self(used.collect()))
    }

    /// Nanoseconds since `before`. Of a thread that ended in between, what it used is lost.
    pub fn since(&self, before: &Self) -> u64 {
        self.0.iter().map(|(thread, used)| used - before.0.get(thread).copied().unwrap_or(0).min(*used)).sum()
    }
}

/// Resident memory in KiB, now and at its most.
pub fn memory(pid: u32) -> Option<(u64, u64)> {
    let told = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let field = |name: &str| {
        let line = told.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().trim_end_matches(" kB").parse().ok()
    };
    Some((field("VmRSS:")?, field("VmHWM:")?))
}
