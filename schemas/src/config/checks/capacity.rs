//! Rules of `extensions.slo`, `capacity`, `warmup` and `production`.

use super::Faults;
use crate::config::capacity::has_a_rate;
use crate::config::read::Sections;
use crate::config::{Extensions, Load};
use crate::slo::{Slo, SloMetric};

/// Longest budget of a search, minutes: a year.
const MAX_MINUTES: f64 = 525_600.0;

pub(super) fn check(sections: &Sections, faults: &mut Faults<'_>) {
    let Some(Some(extensions)) = &sections.extensions else { return };
    check_objectives(extensions.slo.as_deref().unwrap_or_default(), faults);
    if let Some(api) = &sections.api
        && !api.streaming
    {
        needs_streams(extensions.slo.as_deref().unwrap_or_default(), faults);
    }
    if let Some(warm_up) = &extensions.warmup {
        faults.add_long_times(&[("extensions.warmup.duration".to_owned(), warm_up.duration)]);
    }
    if let Some(load) = &sections.load {
        check_search(extensions, load, faults);
    }
}

fn check_objectives(objectives: &[Slo], faults: &mut Faults<'_>) {
    for (index, slo) in objectives.iter().enumerate() {
        if let Some(fault) = slo.fault() {
            faults.add(
                format!("extensions.slo[{index}]"),
                fault,
                "see the example of this key in the README",
            );
        }
        let same_quantile =
            |other: &Slo| slo.metric == SloMetric::Errors || other.target().total_cmp(&slo.target()).is_eq();
        if objectives[..index].iter().any(|other| other.metric == slo.metric && same_quantile(other)) {
            faults.add(
                format!("extensions.slo[{index}]"),
                format!("there is another limit for the same quantile of {}", slo.metric),
                "remove one of them",
            );
        }
    }
}

fn needs_streams(objectives: &[Slo], faults: &mut Faults<'_>) {
    for (index, slo) in objectives.iter().enumerate() {
        if matches!(slo.metric, SloMetric::Ttft | SloMetric::Tpot) {
            faults.add(
                format!("extensions.slo[{index}].metric"),
                format!("{} is known of streamed answers only", slo.metric),
                "set api.streaming: true, or use latency or ntpot",
            );
        }
    }
}

fn check_search(extensions: &Extensions, load: &Load, faults: &mut Faults<'_>) {
    let Some(search) = &extensions.capacity else { return };
    if !has_a_rate(load.kind) {
        faults.add(
            "extensions.capacity",
            "a search varies the rate, which this load type does not have",
            "remove it, or set load.type: poisson or constant",
        );
    }
    if load.sweep.is_some() {
        faults.add(
            "extensions.capacity",
            "there is a sweep too, and only one can make the stages",
            "remove one",
        );
    }
    if search.budget_minutes.is_some_and(|minutes| minutes > MAX_MINUTES) {
        faults.add("extensions.capacity.budget_minutes", "is more than a year", "give a shorter time");
    }
}
