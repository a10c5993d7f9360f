//! The closing table, and what is wrong in it.

use std::fmt::Write as _;

use benchmark_schemas::report::Search as Report;

use crate::cases::{Case, Kind, Law};

/// Limits of the profile `tight`.
const MOST_BIAS: f64 = 0.03;
const LEAST_COVERAGE: f64 = 0.90;
/// A certified rate may be so much too high …
const TOO_HIGH: f64 = 1.03;
/// … in so many of the searches.
const MOST_TOO_HIGH: f64 = 0.05;
/// Searches that may end undecided, of Poisson and of gamma arrivals.
const MOST_UNDECIDED: [f64; 2] = [0.10, 0.30];

/// What the searches of a case found.
pub(crate) struct Row {
    case: Case,
    truth: Option<f64>,
    searches: f64,
    /// Estimates over the truth: mean and standard deviation.
    bias: f64,
    deviation: f64,
    /// Shares of all searches.
    covered: f64,
    certified_ratio: f64,
    too_high: f64,
    undecided: f64,
    right_binding: f64,
    ceiling_ratio: Option<f64>,
    load_hours: f64,
    /// What seeds to look at.
    wrong: Vec<String>,
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

impl Row {
    pub(crate) fn of(case: Case, truth: Option<f64>, reports: Vec<(u64, &Report)>) -> Self {
        let count = reports.len() as f64;
        let mut row = Self {
            case,
            truth,
            searches: count,
            bias: 0.0,
            deviation: 0.0,
            covered: 0.0,
            certified_ratio: 0.0,
            too_high: 0.0,
            undecided: 0.0,
            right_binding: 0.0,
            ceiling_ratio: None,
            load_hours: mean(
                &reports.iter().map(|(_, report)| report.load_minutes / 60.0).collect::<Vec<_>>(),
            ),
            wrong: Vec::new(),
        };
        let (mut ratios, mut certified, mut ceilings) = (Vec::new(), Vec::new(), Vec::new());
        for (seed, report) in reports {
            if report.binding == Some(case.binding()) {
                row.right_binding += 1.0 / count;
            } else {
                row.wrong.push(format!("seed {seed}: {:?}, {}", report.binding, report.ending));
            }
            ceilings.extend(report.throughput_ceiling.map(|ceiling| ceiling.value / case.capacity()));
            let Some(truth) = truth else {
                // There is nothing to find: a rate that is stated all the same is too high.
                let stated = report.slo_rate.is_some() || report.certified_rate.is_some();
                row.too_high += f64::from(u8::from(stated)) / count;
                row.undecided += f64::from(u8::from(!report.decided)) / count;
                continue;
            };
            if !report.decided {
                row.undecided += 1.0 / count;
                row.wrong.push(format!("seed {seed}: undecided, {}", report.ending));
            }
            if let Some(estimate) = report.slo_rate {
                ratios.push(estimate.value / truth);
                let [lower, upper] = estimate.interval;
                if (lower..=upper).contains(&truth) {
                    row.covered += 1.0 / count;
                } else {
                    row.wrong.push(format!("seed {seed}: {:.4} in {lower:.4} to {upper:.4}", estimate.value));
                }
            }
            if let Some(rate) = report.certified_rate {
                certified.push(rate / truth);
                row.too_high += f64::from(u8::from(rate > TOO_HIGH * truth)) / count;
            }
        }
        row.bias = mean(&ratios) - 1.0;
        let squares: Vec<f64> = ratios.iter().map(|ratio| (ratio - 1.0 - row.bias).powi(2)).collect();
        row.deviation = mean(&squares).sqrt();
        row.certified_ratio = mean(&certified);
        row.ceiling_ratio = (!ceilings.is_empty()).then(|| mean(&ceilings));
        row
    }
}

/// All rows as a table.
pub(crate) fn markdown(rows: &[Row]) -> String {
    let mut text = String::from(
        "\n| case | truth, /s | ceiling / true | rate / true: mean, sd | interval holds it | certified / true | certified \
         > 3 % too high | undecided | binding right | load, h |\n|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let percent = |share: f64| format!("{:.1} %", share * 100.0);
        let known = |value: String| if row.truth.is_some() { value } else { "–".to_owned() };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {:.1} |",
            row.case,
            row.truth.map_or("–".to_owned(), |truth| format!("{truth:.3}")),
            row.ceiling_ratio.map_or("–".to_owned(), |ratio| format!("{ratio:.3}")),
            known(format!("{:.3}, {:.3}", 1.0 + row.bias, row.deviation)),
            known(percent(row.covered)),
            known(format!("{:.3}", row.certified_ratio)),
            percent(row.too_high),
            known(percent(row.undecided)),
            percent(row.right_binding),
            row.load_hours
        );
    }
    for row in rows {
        for wrong in row.wrong.iter().take(12) {
            let _ = writeln!(text, "{}: {wrong}", row.case);
        }
    }
    text
}

/// What is beyond its limit. Of a few seeds the shares of all cases together are held to theirs, of many those of each.
pub(crate) fn faults(rows: &[Row], seeds: u64) -> Vec<String> {
    let mut faults = Vec::new();
    let mut hold = |name: &str, fault: bool, said: String| {
        if fault {
            faults.push(format!("{name}: {said}"));
        }
    };
    let searched: Vec<&Row> = rows.iter().filter(|row| row.truth.is_some()).collect();
    for row in &searched {
        let name = row.case.to_string();
        hold(&name, row.bias.abs() > MOST_BIAS, format!("bias {:.2} %", row.bias * 100.0));
        if seeds >= 100 {
            shares(&name, row, row.searches, &mut hold);
        }
    }
    for row in rows {
        let said = format!("the binding signal is right in {:.1} %", row.right_binding * 100.0);
        hold(&row.case.to_string(), row.right_binding < 1.0 - MOST_TOO_HIGH, said);
        if row.case.kind == Kind::ClientLimited {
            hold(&row.case.to_string(), row.too_high > 0.0, "a rate is stated".to_owned());
        }
    }
    for law in [Law::Poisson, Law::Gamma] {
        let own: Vec<&&Row> = searched.iter().filter(|row| row.case.law == law).collect();
        let of = |share: fn(&Row) -> f64| mean(&own.iter().map(|row| share(row)).collect::<Vec<_>>());
        let all = Row {
            covered: of(|row| row.covered),
            too_high: of(|row| row.too_high),
            undecided: of(|row| row.undecided),
            wrong: Vec::new(),
            ..**own[0]
        };
        let count = all.searches * own.len() as f64;
        shares(&format!("all of {law:?}, {count:.0} searches"), &all, count, &mut hold);
    }
    faults
}

/// `row` stands for `count` searches, of which the shares of few are held to their limits less three standard errors.
fn shares(name: &str, row: &Row, count: f64, hold: &mut impl FnMut(&str, bool, String)) {
    let slack = |limit: f64| if count >= 100.0 { 0.0 } else { 3.0 * (limit * (1.0 - limit) / count).sqrt() };
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    let undecided = MOST_UNDECIDED[usize::from(row.case.law == Law::Gamma)];
    hold(
        name,
        row.covered < LEAST_COVERAGE - slack(LEAST_COVERAGE),
        format!("the interval holds the truth in {}", percent(row.covered)),
    );
    hold(
        name,
        row.too_high > MOST_TOO_HIGH + slack(MOST_TOO_HIGH),
        format!("{} certified too high", percent(row.too_high)),
    );
    hold(name, row.undecided > undecided + slack(undecided), format!("{} undecided", percent(row.undecided)));
}
