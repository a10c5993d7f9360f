//! The table on how each stage met the objectives.

use benchmark_schemas::report::{Attainment, Capacity, StageCapacity};
use benchmark_schemas::slo::SloMetric;

use super::layout::Layout;

/// The table; `None` without objectives, and of a search, whose log tells each step and whose answer is that of all of them
/// together.
pub(super) fn table(capacity: &Capacity, layout: Layout) -> Option<String> {
    let header = ["Stage", "Load", "Objective", "Is", "Kept\n%", "Bounds\n%", "Must\n%", "Met"];
    let judged = capacity
        .stages
        .iter()
        .flat_map(|stage| stage.objectives.iter().map(move |attainment| (stage, attainment)));
    let rows: Vec<Vec<String>> = judged.map(|(stage, attainment)| row(stage, attainment)).collect();
    let note = "Is: what so many requests as must kept to, from the scheduled instant; of errors the share that failed. \
                Bounds: 95 %. \
                A request that failed, was cut off or never sent keeps to nothing.";
    let wanted = !rows.is_empty() && capacity.search.is_none();
    wanted.then(|| layout.table("Objectives", (&header, &[2, 1, 3, 1]), &rows, &[note.to_owned()]))
}

fn row(stage: &StageCapacity, attainment: &Attainment) -> Vec<String> {
    let percent = |share: f64| format!("{:.1}", share * 100.0);
    let [lower, upper] = attainment.bounds.map(percent);
    vec![
        stage.stage.to_string(),
        match (stage.offered_rate, stage.concurrency) {
            (Some(rate), _) => format!("{rate:.2}/s"),
            (None, Some(concurrency)) => format!("{concurrency} in flight"),
            (None, None) => "-".to_owned(),
        },
        attainment.slo.to_string(),
        value(attainment),
        percent(attainment.share),
        format!("{lower} to {upper}"),
        percent(attainment.slo.target()),
        match attainment.met {
            Some(true) => "yes",
            Some(false) => "no",
            None => "unsure",
        }
        .to_owned(),
    ]
}

/// What the objective limits, with its unit.
fn value(attainment: &Attainment) -> String {
    match (attainment.slo.metric, attainment.value) {
        (_, None) => "too few".to_owned(),
        (SloMetric::Errors, Some(share)) => format!("{:.2} %", share * 100.0),
        (_, Some(seconds)) if seconds < 1.0 => format!("{:.1} ms", seconds * 1e3),
        (_, Some(seconds)) => format!("{seconds:.2} s"),
    }
}
