//! Prometheus' text format (0.0.4, and what `OpenMetrics` adds to its lines): samples out of a metrics page.
//!
//! Types and help texts are passed over: what a name means is known beforehand. A line that is no sample spoils the
//! page, as for Prometheus itself.

/// One sample, as pieces of the page.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line<'a> {
    /// Name of the metric.
    pub name: &'a str,
    /// Labels without braces, as they stand there, escapes included.
    pub labels: &'a str,
    /// Value.
    pub value: f64,
}

/// A line that is no sample.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {number} of the page is no sample: {start:?}")]
pub struct NoSample {
    /// Its number, from 1.
    pub number: usize,
    /// Its start.
    pub start: String,
}

/// Characters of a bad line that are shown.
const SHOWN: usize = 60;

/// The samples of `page` in order.
pub fn samples(page: &str) -> impl Iterator<Item = Result<Line<'_>, NoSample>> {
    page.lines().zip(1..).filter_map(|(line, number)| {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return None;
        }
        let bad = || NoSample { number, start: line.chars().take(SHOWN).collect() };
        Some(sample(line).ok_or_else(bad))
    })
}

fn sample(line: &str) -> Option<Line<'_>> {
    let end = line.find(|c: char| !is_of_name(c)).unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let rest = rest.trim_start();
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => rest.split_at_checked(labels_end(rest)?).map(|(labels, rest)| (labels, &rest[1..]))?,
        None => ("", rest),
    };
    // An exemplar of OpenMetrics follows a hash sign.
    let rest = rest.split(" #").next().unwrap_or(rest);
    let mut words = rest.split_ascii_whitespace();
    let value = words.next()?.parse().ok()?;
    // A time stamp may follow.
    let stamped = words.next().is_none_or(|stamp| stamp.parse::<f64>().is_ok());
    let labels = labels.trim().trim_end_matches(',');
    (stamped && words.next().is_none()).then_some(Line { name, labels, value })
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == ':'
}

/// Where the closing brace stands: the first that is not within quotes.
fn labels_end(text: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'}' if !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn samples_of_every_shape_are_read() {
        let page = "# HELP vllm:x Some text.\n# TYPE vllm:x gauge\nvllm:x{model_name=\"a}\\\"b\",engine=\"0\",} 2.0\n\n\
                    plain 1e3\r\nwith_stamp{} +Inf 1700000000000\nbucket_total{le=\"+Inf\"} 7 # {trace=\"a\"} 0.5 1.0\n\
                    none NaN\n# EOF\n";
        let found: Vec<_> = samples(page).map(|line| line.expect("a sample")).collect();
        let shapes: Vec<_> = found.iter().map(|line| (line.name, line.labels, line.value)).collect();
        assert_eq!(
            &shapes[..4],
            [
                ("vllm:x", r#"model_name="a}\"b",engine="0""#, 2.0),
                ("plain", "", 1000.0),
                ("with_stamp", "", f64::INFINITY),
                ("bucket_total", r#"le="+Inf""#, 7.0),
            ]
        );
        assert!(shapes[4].2.is_nan());
    }

    #[test]
    fn what_is_no_sample_is_told_with_its_line() {
        let fault = |page| samples(page).find_map(Result::err).map(|fault| fault.to_string());
        insta::assert_snapshot!(fault("a 1\n<html><body>not found").expect("no sample"), @r#"line 2 of the page is no sample: "<html><body>not found""#);
        for line in ["a", "a x", "a{b=\"c\" 1", "1a 2", "a 1 b", "a 1 2 3", "{a=\"b\"} 1"] {
            assert!(fault(line).is_some(), "{line}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            name in "[a-zA-Z_:][a-zA-Z0-9_:]{0,20}", label in "[^\\n\\r]{0,20}", value in any::<f64>(),
        ) {
            prop_assume!(!value.is_nan());
            let escaped = label.replace('\\', r"\\").replace('"', "\\\"");
            let page = format!("# TYPE {name} gauge\n{name}{{l=\"{escaped}\"}} {value}\n");
            let found: Vec<_> = samples(&page).collect::<Result<_, _>>().expect("a sample");
            let labels = format!("l=\"{escaped}\"");
            prop_assert_eq!(found, vec![Line { name: &name, labels: &labels, value }]);
        }

        #[test]
        fn nothing_makes_it_panic(page: String) {
            samples(&page).for_each(drop);
        }
    }
}
