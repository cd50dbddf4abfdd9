//! Who the program is where it acts itself and no caller asked: in the audit log, and in records that say by whom.

/// The program, by what it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Itself {
    /// What it does by its own clock, and at its beginning and end.
    Daemon,
    /// The making of a vault.
    Init,
    /// What is done with the passphrase while no daemon runs.
    Offline,
    /// The making of a vault from a backup.
    Restore,
}

impl Itself {
    pub const ALL: [Self; 4] = [Self::Daemon, Self::Init, Self::Offline, Self::Restore];

    /// As it stands in the log, where callers stand by their names. No caller is registered by one of these any more.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Daemon => "daemon",
            Self::Init => "init",
            Self::Offline => "offline",
            Self::Restore => "restore",
        }
    }

    /// Whether it goes by this name.
    pub fn has(name: &str) -> bool {
        Self::ALL.iter().any(|each| each.name() == name)
    }
}
