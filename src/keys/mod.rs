//! The key hierarchy: passphrase → root → per record; the AAD as a type; sealing and opening a record.
//!
//! ```text
//! passphrase ──Argon2id(salt, cost in the header)──▶ wrapping key ──AES-256-GCM──▶ root key (random)
//! root key ──HKDF(salt = 32 random bytes in the record, "record")──▶ one key for one record
//!          ├─HKDF("index")───────▶ names of records in the store
//!          ├─HKDF("fingerprint")─▶ fingerprints of values
//!          ├─HKDF("census")──────▶ what all records add up to
//!          ├─HKDF("epoch")───────▶ the epoch file
//!          ├─HKDF("audit chain")─▶ the audit log's chain
//!          └─HKDF(salt in a backup, "backup", "backup digest")─▶ that backup
//! ```
//!
//! The one room that derives keys. Hands no key out except the audit chain's, and that as a type of its own.

mod census;
mod epoch;
mod header;
mod ring;
mod sealed;
mod slot;

pub use census::{Census, Tally};
pub use epoch::{EPOCH_LEN, EPOCH_MOST, ToldEpoch};
pub use header::{Header, HeaderError, Renewed, VaultId};
pub use ring::{BackupKeys, ChainKey, FormerChain, KeyRing};
pub use sealed::{FORMAT, OpenError, RecordKind, RecordName, Sealed, StoreKey};
