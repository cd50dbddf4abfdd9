//! What the fuzz targets reach of this room's inside. Only builds with `--cfg fuzzing` have it.

use super::problem::Problem;
use super::settings::Settings;

/// The settings of a file with this text.
pub fn settings(text: &str) -> Result<Settings, Vec<Problem>> {
    super::read::settings(text).map_err(|wrong| wrong.problems)
}
