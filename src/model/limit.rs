//! What there is only so much of, for all callers or for each.

/// A limit of the configuration that a peer ran into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Connections whose handshake isn't over.
    Handshakes,
    Connections,
    CallerConnections,
    CallerRequests,
    Rate,
    Waiting,
    CallerWaiting,
    Large,
    CallerLarge,
}

impl Limit {
    pub const ALL: [Self; 9] = [
        Self::Handshakes,
        Self::Connections,
        Self::CallerConnections,
        Self::CallerRequests,
        Self::Rate,
        Self::Waiting,
        Self::CallerWaiting,
        Self::Large,
        Self::CallerLarge,
    ];

    /// Its key in the configuration's `limits`.
    pub fn key(self) -> &'static str {
        match self {
            Self::Handshakes => "handshakes",
            Self::Connections => "connections",
            Self::CallerConnections => "caller_connections",
            Self::CallerRequests => "caller_requests",
            Self::Rate => "requests_per_second",
            Self::Waiting => "waiting",
            Self::CallerWaiting => "caller_waiting",
            Self::Large => "large",
            Self::CallerLarge => "caller_large",
        }
    }
}
