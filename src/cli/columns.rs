//! Aligned columns of text from elsewhere.

use crate::client::printable;

/// Rows of cells; each column is as wide as its widest cell, the last one as long as it is.
pub struct Columns {
    rows: Vec<Vec<String>>,
    bold_head: bool,
}

impl Columns {
    /// A list with a head, which is bold on a terminal.
    pub fn with_head<const N: usize>(head: [&str; N]) -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        let rows = vec![head.map(str::to_owned).to_vec()];
        Self { rows, bold_head: super::output::is_terminal() && !plain }
    }

    /// The same for standard error, where nothing is bold.
    pub fn told_with_head<const N: usize>(head: [&str; N]) -> Self {
        Self { bold_head: false, ..Self::with_head(head) }
    }

    /// Names and what they stand for.
    pub fn pairs() -> Self {
        Self { rows: Vec::new(), bold_head: false }
    }

    /// Adds a row. Cells are made printable; an empty one is shown as `-`.
    pub fn row<const N: usize>(&mut self, cells: [impl AsRef<str>; N]) {
        let cell = |cell: &str| if cell.is_empty() { "-".to_owned() } else { printable(cell).into_owned() };
        self.rows.push(cells.iter().map(|each| cell(each.as_ref())).collect());
    }
}

impl std::fmt::Display for Columns {
    fn fmt(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for (index, row) in self.rows.iter().enumerate() {
            let bold = self.bold_head && index == 0;
            if bold {
                out.write_str("\u{1b}[1m")?;
            }
            for (column, cell) in row.iter().enumerate() {
                if column + 1 < row.len() {
                    write!(out, "{cell:<width$}  ", width = widths[column])?;
                } else {
                    out.write_str(cell)?;
                }
            }
            out.write_str(if bold { "\u{1b}[0m\n" } else { "\n" })?;
        }
        Ok(())
    }
}

/// A time as people read it, to the second.
pub fn time(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_harmless() {
        let mut columns = Columns::with_head(["NAME", "STATE", "WHAT"]);
        columns.bold_head = false;
        columns.row(["ä", "on", "x"]);
        columns.row(["longer\u{1b}[1m", "", "a b"]);
        let expected = "\
NAME             STATE  WHAT
ä                on     x
longer\\u{1b}[1m  -      a b
";
        assert_eq!(columns.to_string(), expected);
        columns.bold_head = true;
        assert!(columns.to_string().starts_with("\u{1b}[1mNAME             STATE  WHAT\u{1b}[0m\n"));
        assert_eq!(Columns::pairs().to_string(), "");
    }

    #[test]
    fn times_are_shown_to_the_second() {
        assert_eq!(time("2026-11-22T12:00:00.123456Z".parse().unwrap()), "2026-11-22 12:00:00Z");
    }
}
