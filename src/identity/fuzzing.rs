//! What the fuzz targets reach of this room's inside. Only builds with `--cfg fuzzing` have it.

use super::pem;

/// All certificates of a PEM text, in DER.
pub fn certificates(text: &[u8]) -> Option<Vec<Vec<u8>>> {
    Some(pem::certificates(text).ok()?.iter().map(|each| each.to_vec()).collect())
}

/// A certificate as PEM.
pub fn armoured(der: &[u8]) -> String {
    pem::of_certificate(der)
}
