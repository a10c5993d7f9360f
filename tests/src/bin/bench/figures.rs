//! Figures of several runs, their limits, and the closing tables.

use std::fmt::Write as _;

/// What a figure must keep to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Limit {
    AtLeast(f64),
    AtMost(f64),
    /// Nothing: it stands beside the others to be looked at.
    None,
}

/// One line of a table.
#[derive(Debug, Clone)]
struct Figure {
    name: String,
    unit: &'static str,
    runs: Vec<f64>,
    limit: Limit,
}

/// The figures of one bench.
#[derive(Debug)]
pub(crate) struct Table {
    title: String,
    figures: Vec<Figure>,
    notes: Vec<String>,
}

impl Table {
    pub(crate) fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), figures: Vec::new(), notes: Vec::new() }
    }

    /// Adds one run's value to the figure `name`, which is made if need be.
    pub(crate) fn add(&mut self, name: &str, unit: &'static str, value: f64, limit: Limit) {
        match self.figures.iter_mut().find(|figure| figure.name == name) {
            Some(figure) => figure.runs.push(value),
            None => self.figures.push(Figure { name: name.to_owned(), unit, runs: vec![value], limit }),
        }
    }

    /// Adds a line below the table.
    pub(crate) fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    /// True if every figure keeps to its limit.
    pub(crate) fn passes(&self) -> bool {
        self.figures.iter().all(Figure::passes)
    }

    /// The table in Markdown.
    pub(crate) fn markdown(&self) -> String {
        let mut text = format!(
            "### {}\n\n| figure | median | from – to | limit | |\n|---|---|---|---|---|\n",
            self.title
        );
        for figure in &self.figures {
            let (low, high) = extremes(&figure.runs);
            let (limit, verdict) = match figure.limit {
                Limit::AtLeast(least) => (format!("≥ {}", number(least)), figure.verdict()),
                Limit::AtMost(most) => (format!("≤ {}", number(most)), figure.verdict()),
                Limit::None => (String::new(), ""),
            };
            let Figure { name, unit, runs, .. } = figure;
            let median = number(median(runs));
            // Writing to memory cannot fail.
            let _ = writeln!(
                text,
                "| {name} | {median} {unit} | {} – {} | {limit} | {verdict} |",
                number(low),
                number(high)
            );
        }
        for note in &self.notes {
            let _ = write!(text, "\n{note}\n");
        }
        text
    }
}

impl Figure {
    fn passes(&self) -> bool {
        let median = median(&self.runs);
        match self.limit {
            Limit::AtLeast(least) => median >= least,
            Limit::AtMost(most) => median <= most,
            Limit::None => true,
        }
    }

    fn verdict(&self) -> &'static str {
        if self.passes() { "pass" } else { "**miss**" }
    }
}

/// The middle value, or the mean of the two in the middle; NaN if there is none.
pub(crate) fn median(values: &[f64]) -> f64 {
    percentile(values, 50.0)
}

/// Percentile `p` by linear interpolation (type 7); NaN if there are no values.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index into the values")]
pub(crate) fn percentile(values: &[f64], p: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = last as f64 * p / 100.0;
    let (below, share) = (place.floor() as usize, place.fract());
    let (low, high) = (sorted[below], sorted[(below + 1).min(last)]);
    low + (high - low) * share
}

fn extremes(values: &[f64]) -> (f64, f64) {
    (values.iter().copied().fold(f64::NAN, f64::min), values.iter().copied().fold(f64::NAN, f64::max))
}

/// `value` with about four digits, thousands apart.
fn number(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 1_000.0 || size.fract() == 0.0 => 0,
        size if size >= 100.0 => 1,
        size if size >= 10.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.digits$}");
    let (whole, rest) =
        text.split_once('.').map_or((text.as_str(), None), |(whole, rest)| (whole, Some(rest)));
    let (sign, whole) = whole.strip_prefix('-').map_or(("", whole), |whole| ("-", whole));
    let groups: Vec<&str> =
        whole.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    let whole = groups.join(",");
    rest.map_or_else(|| format!("{sign}{whole}"), |rest| format!("{sign}{whole}.{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_limits() {
        let mut table = Table::new("t");
        for value in [3.0, 1.0, 2.0] {
            table.add("a", "s", value, Limit::AtMost(2.0));
        }
        table.add("b", "", 1_234_567.0, Limit::AtLeast(2_000_000.0));
        table.add("c", "ms", 0.25, Limit::None);
        table.note("a note");
        assert!(!table.passes());
        insta::assert_snapshot!(table.markdown(), @"
        ### t

        | figure | median | from – to | limit | |
        |---|---|---|---|---|
        | a | 2 s | 1 – 3 | ≤ 2 | pass |
        | b | 1,234,567  | 1,234,567 – 1,234,567 | ≥ 2,000,000 | **miss** |
        | c | 0.250 ms | 0.250 – 0.250 |  |  |

        a note
        ");
    }

    #[test]
    fn percentiles_interpolate() {
        assert!((percentile(&[4.0, 1.0, 2.0, 3.0], 50.0) - 2.5).abs() < 1e-12);
        assert!((percentile(&[1.0, 2.0], 99.0) - 1.99).abs() < 1e-12);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(number(-12_345.6), "-12,346");
        assert_eq!(number(54.321), "54.32");
        assert_eq!(number(0.0543), "0.054");
        assert_eq!(number(f64::NAN), "NaN");
    }
}
