//! The last lines of a run's log: the answer, at most ten lines, because that is what `kubectl logs -l` shows.

use benchmark_schemas::report::{Bracket, Capacity, ProductionNeed, Search, Sweep, Verdict};

use super::RunReport;
use super::decimals::decimals_for;

/// Lines of the answer at most.
pub const MAX_LINES: usize = 10;

/// The answer: brackets, recommended range, how far they can be trusted, and where the results lie.
///
/// `places` are folders and bucket paths, one a line; those beyond the last line are counted.
pub fn lines(run: &RunReport, places: &[String]) -> Vec<String> {
    of_capacity(&run.capacity, places)
}

/// The parts of the answer with their names.
pub(super) fn findings(capacity: &Capacity) -> [(&'static str, String); 4] {
    [
        ("Saturation", saturation(capacity)),
        ("Knee", knee(capacity)),
        ("Recommended production range", recommended(capacity)),
        ("Validity", validity(capacity)),
    ]
}

fn of_capacity(capacity: &Capacity, places: &[String]) -> Vec<String> {
    let mut lines = vec![format!("Run {}: {}", capacity.run_id, stages(capacity))];
    lines.extend(findings(capacity).map(|(name, text)| format!("{name}: {text}")));
    if let Some(sweep) = &capacity.sweep {
        lines.insert(1, sweep_line(sweep));
    }
    if let Some(search) = &capacity.search {
        lines.insert(1, search_line(search));
    }
    lines.extend(capacity.production.as_ref().map(production_line));
    if capacity.interrupted {
        lines.push("The run was interrupted: the reports cover what had ended by then.".to_owned());
    }
    let room = MAX_LINES - lines.len();
    let shown = if places.len() > room { room - 1 } else { places.len() };
    lines.extend(places[..shown].iter().map(|place| format!("Results: {place}")));
    if shown < places.len() {
        lines.push(format!("Results: and {} more places", places.len() - shown));
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

/// True if no stage had an offered rate, in which the brackets are.
fn is_closed_loop(capacity: &Capacity) -> bool {
    !capacity.stages.is_empty() && capacity.stages.iter().all(|stage| stage.offered_rate.is_none())
}

fn rate(value: f64) -> String {
    format!("{value:.2}")
}

/// What a search found, in a line.
pub fn search_line(search: &Search) -> String {
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
    format!("Search: {}", parts.join(", "))
}

/// What production needs, in a line.
fn production_line(need: &ProductionNeed) -> String {
    let threshold = need.in_flight_per_replica.map_or_else(String::new, |in_flight| {
        format!("; scale out at {} requests in flight each", three_digits(in_flight))
    });
    format!(
        "Production: {} replicas for {} requests/s at {} each, {} with one to spare{threshold}",
        need.replicas,
        three_digits(need.peak_rate),
        three_digits(need.rate_per_replica),
        need.replicas_with_spare
    )
}

/// What a sweep's probe found, in a line.
pub fn sweep_line(sweep: &Sweep) -> String {
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
    format!("Sweep: the server completes {estimate} requests/s with up to {up_to} in flight ({support})")
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
    described(
        capacity.saturation.bracket,
        "the server kept up at the lower rate and not at the upper one",
        "no stage saturated the server",
        "the server did not keep up with the lowest rate that could be judged",
    )
}

fn knee(capacity: &Capacity) -> String {
    if is_closed_loop(capacity) {
        return format!("{NOT_LOOKED_FOR} has no offered rate)");
    }
    described(
        capacity.knee.bracket,
        "latencies and errors were good at the lower rate and not at the upper one",
        "no stage was worse than at low load",
        "the service was bad at the lowest rate that could be judged",
    )
}

fn described(bracket: Bracket, between: &str, only_good: &str, only_bad: &str) -> String {
    match bracket {
        [Some(lower), Some(upper)] => {
            format!("between {} and {} requests/s ({between})", rate(lower), rate(upper))
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
    if !undecided.is_empty() {
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
