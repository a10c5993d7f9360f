//! The last lines of a run's log: the answer, at most ten lines, because that is what `kubectl logs -l` shows.

mod words;

use benchmark_schemas::report::{Bracket, Capacity, Estimate, ProductionNeed, Search, Sweep, Verdict};

use super::RunReport;
use super::decimals::decimals_for;

pub(super) use words::{objectives_of, reasons, signal};

/// Lines of the answer at most.
pub const MAX_LINES: usize = 10;

/// The answer: brackets, recommended range, how far they can be trusted, what could not be seen, and where the results lie.
///
/// `places` are folders and bucket paths, one a line; those beyond the last line are counted.
pub fn lines(run: &RunReport, places: &[String]) -> Vec<String> {
    of_capacity(&run.capacity, places)
}

/// The part on what could not be seen, without which the others are still an answer.
const RESOLUTION: &str = "Resolution";

/// The parts of the answer with their names.
pub(super) fn findings(capacity: &Capacity) -> Vec<(&'static str, String)> {
    let parts = [
        ("Search", capacity.search.as_ref().map(search)),
        ("Sweep", capacity.sweep.as_ref().map(sweep)),
        ("Saturation", Some(saturation(capacity))),
        ("Knee", Some(knee(capacity))),
        ("Objectives", words::objectives(capacity)),
        ("Recommended production range", Some(recommended(capacity))),
        ("Production", capacity.production.as_ref().map(production)),
        ("Validity", Some(validity(capacity))),
        (RESOLUTION, (!is_closed_loop(capacity)).then(|| capacity.resolution.statement.clone())),
    ];
    parts.into_iter().filter_map(|(name, text)| Some((name, text?))).collect()
}

fn of_capacity(capacity: &Capacity, places: &[String]) -> Vec<String> {
    let mut findings = findings(capacity);
    // There is no room for all.
    findings.retain(|(name, _)| !capacity.interrupted || *name != RESOLUTION);
    let mut lines = vec![format!("Run {}: {}", capacity.run_id, stages(capacity))];
    lines.extend(findings.into_iter().map(|(name, text)| format!("{name}: {text}")));
    if capacity.interrupted {
        lines.push("The run was interrupted: the reports cover what had ended by then.".to_owned());
    }
    let room = MAX_LINES.saturating_sub(lines.len());
    let (shown, more) = places.split_at(room.min(places.len()));
    lines.extend(shown.iter().map(|place| format!("Results: {place}")));
    if !more.is_empty()
        && let Some(last) = lines.pop()
    {
        lines.push(format!("{last} and {} more places", more.len()));
    }
    lines
}

fn stages(capacity: &Capacity) -> String {
    let counts: Vec<String> = Verdict::ALL
        .iter()
        .map(|verdict| (verdict, capacity.stages.iter().filter(|stage| stage.verdict == *verdict).count()))
        .filter(|(_, count)| *count > 0)
        .map(|(verdict, count)| format!("{count} {verdict}"))
        .collect();
    let total = capacity.stages.len();
    let noun = if total == 1 { "stage" } else { "stages" };
    if counts.is_empty() {
        "no stage was finished".to_owned()
    } else {
        format!("{total} {noun}: {}", counts.join(", "))
    }
}

/// What there is to say on brackets where no stage could have moved one.
const NOT_LOOKED_FOR: &str = "not looked for (a closed loop";

/// True if no stage had an offered rate, in which the brackets are, and none was looked for.
fn is_closed_loop(capacity: &Capacity) -> bool {
    capacity.search.is_none()
        && !capacity.stages.is_empty()
        && capacity.stages.iter().all(|stage| stage.offered_rate.is_none())
}

fn rate(value: f64) -> String {
    format!("{value:.2}")
}

/// What a search found.
fn search(search: &Search) -> String {
    let mut parts = Vec::new();
    if let Some(found) = &search.slo_rate {
        let [lower, upper] = found.interval.map(three_digits);
        parts.push(format!(
            "up to {} requests/s meet the objectives (95 % interval {lower} to {upper})",
            three_digits(found.value)
        ));
    }
    parts.extend(search.certified_rate.map(|rate| format!("{} certified", three_digits(rate))));
    parts.extend(
        search.throughput_ceiling.map(|most| format!("{} completed at most", three_digits(most.value))),
    );
    parts.extend(search.binding.map(|binding| format!("bound by {binding}")));
    if !search.decided {
        parts.push(format!("undecided: {}", search.ending));
    }
    parts.join(", ")
}

/// What production needs.
fn production(need: &ProductionNeed) -> String {
    let threshold = need.in_flight_per_replica.map_or_else(String::new, |in_flight| {
        format!("; scale out at {} requests in flight each", three_digits(in_flight))
    });
    format!(
        "{} replicas for {} requests/s at {} each, {} with one to spare{threshold}",
        need.replicas,
        three_digits(need.peak_rate),
        three_digits(need.rate_per_replica),
        need.replicas_with_spare
    )
}

/// What a sweep's probe found, in a line of the log.
pub fn sweep_line(found: &Sweep) -> String {
    format!("Sweep: {}", sweep(found))
}

/// What a sweep's probe found.
fn sweep(sweep: &Sweep) -> String {
    let [estimate, seconds] = [sweep.estimated_rate, sweep.busy_seconds].map(three_digits);
    let support = match sweep.interval {
        Some(bounds) => {
            let [lower, upper] = bounds.map(three_digits);
            format!(
                "95 % interval {lower} to {upper}, {} completions in {seconds} s of full work",
                sweep.completions
            )
        }
        None => "by upstream's estimator".to_owned(),
    };
    let up_to = sweep.peak_in_flight;
    format!("the server completes {estimate} requests/s with up to {up_to} in flight ({support})")
}

/// A number with two decimals, or more if it has not three digits by then.
fn three_digits(value: f64) -> String {
    let decimals = decimals_for(value, 3).max(2);
    format!("{value:.decimals$}")
}

fn saturation(capacity: &Capacity) -> String {
    if is_closed_loop(capacity) {
        return format!("{NOT_LOOKED_FOR} has no offered rate, the server sets the pace)");
    }
    let between = if capacity.search.is_some() {
        "by what closed loops completed at most"
    } else {
        "the server kept up at the lower rate and not at the upper one"
    };
    described(
        capacity.saturation.bracket,
        capacity.saturation.estimate,
        between,
        "no stage saturated the server",
        "the server did not keep up with the lowest rate that could be judged",
    )
}

fn knee(capacity: &Capacity) -> String {
    if is_closed_loop(capacity) {
        return format!("{NOT_LOOKED_FOR} has no offered rate)");
    }
    let (at, between) = match capacity.search {
        Some(_) => ("beyond it", "the search's interval"),
        None => {
            ("at the upper rate", "latencies and errors were good at the lower rate and not at the upper one")
        }
    };
    let worse = capacity.knee.binding.map(|signal| format!("{at} {}", words::signal(signal)));
    described(
        capacity.knee.bracket,
        capacity.knee.estimate,
        worse.as_deref().unwrap_or(between),
        "no stage was worse than at low load",
        &capacity.knee.binding.map_or_else(
            || "the service was bad at the lowest rate that could be judged".to_owned(),
            |signal| format!("already at the lowest rate that could be judged {}", words::signal(signal)),
        ),
    )
}

/// A bracket in words: where in it the estimate lies, and why its ends are what they are.
fn described(
    bracket: Bracket,
    estimate: Option<Estimate>,
    between: &str,
    only_good: &str,
    only_bad: &str,
) -> String {
    match bracket {
        [Some(lower), Some(upper)] => {
            let about = estimate.map_or_else(String::new, |estimate| {
                let [from, to] = estimate.interval.map(rate);
                format!(", about {} (95 % interval {from} to {to})", rate(estimate.value))
            });
            let (lower, upper) = (rate(lower), rate(upper));
            if about.is_empty() {
                format!("between {lower} and {upper} requests/s ({between})")
            } else {
                format!("between {lower} and {upper} requests/s{about}; {between}")
            }
        }
        [Some(lower), None] => format!("above {} requests/s ({only_good})", rate(lower)),
        [None, Some(upper)] => format!("below {} requests/s ({only_bad})", rate(upper)),
        [None, None] => "not found (no stage could be judged)".to_owned(),
    }
}

fn recommended(capacity: &Capacity) -> String {
    let [from, to] = capacity.limits.recommended_share.map(|share| share * 100.0);
    match (capacity.knee.recommended, capacity.knee.bracket) {
        (Some([low, high]), [Some(lower), upper]) => {
            let limit = if upper.is_none() { "; more may be possible, no stage showed the knee" } else { "" };
            let (low, high, lower) = (rate(low), rate(high), rate(lower));
            format!("{low} to {high} requests/s ({from:.0} to {to:.0} % of {lower}{limit})")
        }
        (_, [_, Some(_)]) => {
            "none, even the lowest rate that could be judged was too much: offer less".to_owned()
        }
        (_, [_, None]) => "none, for no stage could be judged".to_owned(),
    }
}

/// How far the verdicts can be trusted.
pub(super) fn validity(capacity: &Capacity) -> String {
    let with = |verdict: Verdict| {
        let stages = capacity.stages.iter().filter(|stage| stage.verdict == verdict);
        stages.map(|stage| stage.stage.to_string()).collect::<Vec<_>>()
    };
    let (invalid, undecided) = (with(Verdict::InvalidClient), with(Verdict::Undecided));
    let mut parts = Vec::new();
    if capacity.stages.is_empty() {
        parts.push("no stage to judge".to_owned());
    } else if invalid.is_empty() {
        parts.push("the load generator kept its schedule".to_owned());
    } else {
        parts.push(format!("stage {} not counted, the load generator was too slow", invalid.join(", ")));
    }
    // Most stages of a search are meant for it alone.
    if !undecided.is_empty() && capacity.search.is_none() {
        parts.push(format!("stage {} undecided", undecided.join(", ")));
    }
    if !capacity.notes.is_empty() {
        parts.push("see the notes in capacity.json".to_owned());
    }
    parts.join("; ")
}

#[cfg(test)]
#[path = "answer/tests.rs"]
mod tests;
