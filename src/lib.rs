//! fsm-vault.
