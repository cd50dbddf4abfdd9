//! The two formats that a scrape may be answered in: Prometheus text, and OpenMetrics for who asks for it.
//!
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>

/// How the metrics are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Prometheus text 0.0.4.
    Prometheus,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Format {
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// The text, which is OpenMetrics, in this format.
    pub fn of_open_metrics(self, text: String) -> String {
        match self {
            Self::Prometheus => prometheus(&text),
            Self::OpenMetrics => text,
        }
    }
}

/// In Prometheus text a family has the name of its samples, there are fewer types, and neither units nor an end.
/// What [`super::render`] writes has no exemplars, and helps without quotes and line ends, so that all else is the same.
fn prometheus(text: &str) -> String {
    let mut to = String::with_capacity(text.len() + text.len() / 16);
    let mut help = None;
    for line in text.lines() {
        let Some(comment) = line.strip_prefix("# ") else {
            to.extend([line, "\n"]);
            continue;
        };
        let mut words = comment.splitn(3, ' ');
        match (words.next(), words.next(), words.next()) {
            // Written with the type, which says what the name is.
            (Some("HELP"), _, text) => help = text,
            (Some("TYPE"), Some(name), Some(kind)) => {
                let (suffix, kind) = match kind {
                    "counter" => ("_total", "counter"),
                    "info" => ("_info", "gauge"),
                    "unknown" => ("", "untyped"),
                    other => ("", other),
                };
                if let Some(help) = help.take() {
                    to.extend(["# HELP ", name, suffix, " ", help, "\n"]);
                }
                to.extend(["# TYPE ", name, suffix, " ", kind, "\n"]);
            }
            _ => {}
        }
    }
    to
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prometheus_text_has_its_own_names_and_types() {
        let open = "# HELP a Some A.\n# TYPE a counter\n# UNIT a seconds\na_total{b=\"c d\"} 1\n# HELP b B.\n# TYPE b info\n\
                    b_info{v=\"1\"} 1\n# TYPE c unknown\nc 2\n# HELP d D.\n# TYPE d histogram\nd_bucket{le=\"+Inf\"} 1\n# EOF\n";
        let classic = "# HELP a_total Some A.\n# TYPE a_total counter\na_total{b=\"c d\"} 1\n# HELP b_info B.\n# TYPE b_info gauge\n\
                       b_info{v=\"1\"} 1\n# TYPE c untyped\nc 2\n# HELP d D.\n# TYPE d histogram\nd_bucket{le=\"+Inf\"} 1\n";
        assert_eq!(Format::Prometheus.of_open_metrics(open.to_owned()), classic);
        assert_eq!(Format::OpenMetrics.of_open_metrics(open.to_owned()), open);
    }
}
