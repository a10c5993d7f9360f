//! Numbers and sentences of a page.

use benchmark_schemas::report::{Capacity, Search};

use super::view::{Load, Stage};
use crate::report::answer;
use crate::report::decimals::decimals_for;
use crate::report::figures::scale::grouped;

/// What stands where there is no number.
pub(super) const NONE: &str = "–";

/// `value` with three significant digits, commas between thousands.
pub(super) fn number(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    grouped(value, decimals_for(value, 3).min(4))
}

/// A number that may be missing.
pub(super) fn maybe(value: Option<f64>) -> String {
    value.map_or_else(|| NONE.to_owned(), number)
}

/// Seconds as milliseconds, without the unit.
pub(super) fn milliseconds(seconds: Option<f64>) -> String {
    maybe(seconds.map(|seconds| seconds * 1e3))
}

/// A share as per cent, without the sign.
pub(super) fn percent(share: Option<f64>) -> String {
    // Minus zero reads like a finding.
    share.map_or_else(|| NONE.to_owned(), |share| format!("{:.1}", (share * 1000.0).round() / 10.0 + 0.0))
}

/// A count with commas between thousands.
pub(super) fn count(count: u64) -> String {
    grouped(count as f64, 0)
}

/// A rate as in the program's answer.
pub(super) fn rate(value: f64) -> String {
    format!("{value:.2}")
}

/// Seconds as people say them.
pub(super) fn duration(seconds: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a run's length")]
    let whole = seconds.max(0.0).round() as u64;
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, 0, _) => format!("{seconds:.1} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

/// The answer in one sentence.
pub(super) fn answer(capacity: &Capacity, stages: &[Stage]) -> String {
    let [lower, upper] = capacity.knee.bracket;
    let worse = capacity.knee.binding.map(answer::signal);
    if let (Some(search), Some(range)) = (&capacity.search, capacity.knee.recommended)
        && let Some(said) = searched(search, range, worse)
    {
        return said;
    }
    match (capacity.knee.recommended, lower, upper) {
        (Some([from, to]), Some(lower), Some(upper)) => format!(
            "Rely on {} to {} requests/s: the service was good at {} requests/s and no longer at {}{}.",
            rate(from),
            rate(to),
            rate(lower),
            rate(upper),
            worse.map_or_else(String::new, |worse| format!(", where {worse}"))
        ),
        (Some([from, to]), Some(lower), None) => format!(
            "Rely on {} to {} requests/s, or more: the service was good at {} requests/s, and no higher rate that could \
             be judged was tried.",
            rate(from),
            rate(to),
            rate(lower)
        ),
        (_, _, Some(upper)) => format!(
            "No rate can be recommended: the service was already bad at {} requests/s, the lowest rate that could be \
             judged.",
            rate(upper)
        ),
        _ => without_brackets(stages),
    }
}

/// The same of a search that recommends a range; `None` if it states no rate.
fn searched(search: &Search, [from, to]: [f64; 2], worse: Option<&str>) -> Option<String> {
    let found = search.slo_rate?;
    let certified = search.certified_rate.map_or_else(
        || "no rate was certified".to_owned(),
        |certified| format!("{} requests/s was certified to meet the objectives", rate(certified)),
    );
    let [lower, upper] = found.interval.map(rate);
    let worse = worse.unwrap_or("an objective was missed");
    Some(format!(
        "Rely on {} to {} requests/s: {certified}, and beyond {} (95 % interval {lower} to {upper}) {worse}.",
        rate(from),
        rate(to),
        rate(found.value)
    ))
}

/// What there is to say where no stage marks an end of the knee.
pub(super) fn without_brackets(stages: &[Stage]) -> String {
    let closed = |stage: &&Stage| matches!(stage.load, Load::InFlight(_));
    let best = stages.iter().filter(closed).max_by(|a, b| a.completed_rate.total_cmp(&b.completed_rate));
    match best {
        Some(best) if stages.iter().all(|stage| closed(&stage)) => format!(
            "With {} requests in flight the server completed {} requests/s; a closed loop has no offered rate to \
             recommend.",
            number(best.load.value()),
            number(best.completed_rate)
        ),
        _ => "No rate can be recommended: no stage could be judged.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits() {
        let shown = [0.0, 0.000_123, 0.012_34, 1.0, 12.345, 1234.5, 1_234_567.0].map(number);
        assert_eq!(shown, ["0", "0.0001", "0.0123", "1.00", "12.3", "1,234", "1,234,567"]);
        assert_eq!([maybe(None), milliseconds(Some(0.05)), percent(Some(-0.000_01))], ["–", "50.0", "0.0"]);
        assert_eq!([0.25, 61.0, 7_300.0].map(duration), ["0.2 s", "1 min 1 s", "2 h 1 min"]);
    }
}
