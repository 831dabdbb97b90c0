//! Prometheus' text format 0.0.4, derived from OpenMetrics: the same samples, with families named after their samples.

/// The text in the older format.
pub(super) fn from_open_metrics(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut help = None;
    for line in text.lines() {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some("HELP"), Some(_), rest) => help = Some(rest.unwrap_or_default()),
            (Some("#"), Some("TYPE"), Some(name), Some(kind)) => {
                let (suffix, kind) = match kind {
                    "counter" => ("_total", "counter"),
                    "info" => ("_info", "gauge"),
                    "unknown" => ("", "untyped"),
                    kind => ("", kind),
                };
                if let Some(help) = help.take() {
                    plain.push_str(&format!("# HELP {name}{suffix} {help}\n"));
                }
                plain.push_str(&format!("# TYPE {name}{suffix} {kind}\n"));
            }
            // Units are in the names, and this format has no end marker.
            (Some("#"), ..) => {}
            _ => {
                plain.push_str(line);
                plain.push('\n');
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_have_the_names_of_their_samples() {
        let open = "# HELP a_seconds Time.\n# TYPE a_seconds counter\n# UNIT a_seconds seconds\na_seconds_total 1.5\n\
                    # HELP b Build.\n# TYPE b info\nb_info{version=\"1 # 2\"} 1\n# HELP c Sizes.\n# TYPE c histogram\n\
                    c_sum 3\nc_count 1\nc_bucket{le=\"+Inf\"} 1\n# EOF\n";
        let plain = "# HELP a_seconds_total Time.\n# TYPE a_seconds_total counter\na_seconds_total 1.5\n\
                     # HELP b_info Build.\n# TYPE b_info gauge\nb_info{version=\"1 # 2\"} 1\n# HELP c Sizes.\n\
                     # TYPE c histogram\nc_sum 3\nc_count 1\nc_bucket{le=\"+Inf\"} 1\n";
        assert_eq!(from_open_metrics(open), plain);
    }
}
