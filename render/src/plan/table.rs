//! A plan as text: a table of its stages, what they add up to, and what is worth a second thought.

use std::fmt::Write as _;

use super::Plan;

/// A line of a table.
type Row = Vec<String>;

/// The whole text.
pub(super) fn text(plan: &Plan) -> String {
    let outlook = &plan.outlook;
    let mut out = format!("Scenario {}\n\n", plan.scenario);
    if !outlook.stages.is_empty() {
        out += &stages(plan);
    }
    if let Some(sweep) = &outlook.sweep {
        let _ = writeln!(
            out,
            "A sweep: a burst of {} requests (at most {}) estimates what the server completes; then {} stages of {}.\n\
             Their rates follow from the estimate, so their requests are not counted below.",
            amount(sweep.burst_requests),
            time(sweep.burst_seconds),
            amount(sweep.stages),
            time(sweep.stage_seconds)
        );
    }
    if let Some(search) = &outlook.search {
        let budget =
            search.most_seconds.map_or_else(String::new, |seconds| format!(", {} at most", time(seconds)));
        let _ = writeln!(
            out,
            "A search for the highest rate that meets the objectives (profile {}{budget}).\n\
             Its stages follow from what it finds, so their requests are not counted below.",
            search.profile.as_str()
        );
    }
    out.push('\n');
    for (name, value) in totals(plan) {
        let _ = writeln!(out, "{name:<22}{value}");
    }
    let given = outlook.assumptions;
    let _ = writeln!(
        out,
        "\nIn flight: rate × a latency of {} (--latency-seconds). Detects: the smallest overload that a stage of this length\n\
         tells from chance with 90 % power at 5 % false alarms, with c² = {} for the server's completions (--service-cv2);\n\
         a lower bound, as the verdict has to estimate what is taken as known here.",
        time(given.latency_seconds),
        given.service_cv2
    );
    for doubt in &plan.doubts {
        let _ = writeln!(out, "\nnote: {doubt}");
    }
    out
}

fn stages(plan: &Plan) -> String {
    let head = [
        "Stage",
        "Rate/s",
        "Start",
        "Length",
        "Requests",
        "Tokens in",
        "Tokens out",
        "In flight",
        "Detects",
        "5 % needs",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for stage in &plan.outlook.stages {
        let or_dash = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
        let resolution = stage.resolution;
        rows.push(vec![
            stage.stage.to_string(),
            or_dash(stage.rate.map(figure)),
            or_dash(stage.starts_at_seconds.map(time)),
            or_dash(stage.seconds.map(time)),
            amount(stage.requests),
            or_dash(stage.prompt_tokens.map(amount)),
            or_dash(stage.output_tokens.map(amount)),
            amount(stage.in_flight.ceil()),
            or_dash(resolution.map(|found| {
                found
                    .detectable_overload
                    .map_or_else(|| "nothing".to_owned(), |share| format!("≥ {} %", figure(share * 100.0)))
            })),
            or_dash(resolution.map(|found| time(found.seconds_for_five_percent.ceil()))),
        ]);
    }
    aligned(&rows)
}

fn totals(plan: &Plan) -> Vec<(&'static str, String)> {
    let outlook = &plan.outlook;
    let sum = |of: fn(&benchmark_schemas::plan::StageOutlook) -> Option<f64>| {
        outlook.stages.iter().map(of).sum::<Option<f64>>()
    };
    let mut totals = vec![("Requests", amount(outlook.requests))];
    if !outlook.stages.is_empty() {
        totals.extend(sum(|stage| stage.prompt_tokens).map(|tokens| ("Prompt tokens", amount(tokens))));
        totals.extend(sum(|stage| stage.output_tokens).map(|tokens| ("Output tokens", amount(tokens))));
    }
    totals
        .push(("Load takes", outlook.seconds.map_or_else(|| "as long as the server does".to_owned(), time)));
    totals.push(("Pod ends after", plan.deadline_seconds.map_or_else(|| "no limit".to_owned(), time)));
    totals.push((
        "In flight at most",
        outlook
            .in_flight_cap
            .map_or_else(|| "by the runner's cores, or the closed loop".to_owned(), |cap| cap.to_string()),
    ));
    totals.push(("Spool", bytes(outlook.spool_bytes)));
    totals
}

/// Columns as wide as their widest cell, right-aligned, two spaces between.
pub(crate) fn aligned(rows: &[Row]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut out = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:>width$}"));
        out += cells.collect::<Vec<_>>().join("  ").trim_end();
        out.push('\n');
    }
    out
}

/// A number with three significant digits, without zeros at its end.
fn figure(value: f64) -> String {
    let decimals = if value >= 100.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A whole number with its thousands apart; from a million on with a unit.
fn amount(value: f64) -> String {
    for (size, unit) in [(1e12, "T"), (1e9, "G"), (1e6, "M")] {
        if value >= size {
            return format!("{} {unit}", figure(value / size));
        }
    }
    let digits = format!("{value:.0}");
    match digits.len() {
        0..=4 => digits,
        length => format!("{},{}", &digits[..length - 3], &digits[length - 3..]),
    }
}

/// A span of time as people say it.
fn time(seconds: f64) -> String {
    if seconds < 60.0 {
        return format!("{} s", figure(seconds));
    }
    let whole = seconds.round();
    let (hours, minutes, rest) = ((whole / 3600.0).floor(), (whole % 3600.0 / 60.0).floor(), whole % 60.0);
    let parts = [(hours, "h"), (minutes, "min"), (rest, "s")];
    let parts = parts.iter().filter(|(value, _)| *value > 0.0).map(|(value, unit)| format!("{value} {unit}"));
    parts.collect::<Vec<_>>().join(" ")
}

fn bytes(value: f64) -> String {
    for (size, unit) in [(1024.0 * 1024.0 * 1024.0, "GiB"), (1024.0 * 1024.0, "MiB"), (1024.0, "KiB")] {
        if value >= size {
            return format!("about {} {unit}", figure(value / size));
        }
    }
    format!("about {value:.0} bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!([0.0, 5.0, 12.34, 123.4, 0.05].map(figure), ["0", "5", "12.3", "123", "0.05"]);
        assert_eq!(
            [0.0, 999.0, 1234.0, 12_345.0, 1_234_567.0, 2e9].map(amount),
            ["0", "999", "1234", "12,345", "1.23 M", "2 G"]
        );
        assert_eq!(
            [0.5, 59.0, 60.0, 61.0, 3600.0, 3725.4].map(time),
            ["0.5 s", "59 s", "1 min", "1 min 1 s", "1 h", "1 h 2 min 5 s"]
        );
        assert_eq!(
            [10.0, 2048.0, 5e6, 3e9].map(bytes),
            ["about 10 bytes", "about 2 KiB", "about 4.77 MiB", "about 2.79 GiB"]
        );
    }
}
