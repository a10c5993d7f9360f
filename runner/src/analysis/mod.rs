//! What the records say about the server's capacity: a verdict for each stage, and two brackets.
//!
//! Reads records once, one stage in memory at a time, and gives a [`Capacity`]. Knows the statistics and the limits
//! ([`limits::LIMITS`]); knows neither report formats nor how load was made.

pub mod backlog;
pub mod brackets;
pub mod client;
pub mod descriptive;
pub mod estimates;
pub mod evidence;
pub mod limits;
pub mod objectives;
pub mod production;
pub mod series;
pub mod shares;
pub mod stats;
pub mod verdict;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use benchmark_schemas::config::{Extensions, Production};
use benchmark_schemas::record::{SpoolEntry, is_measured};
use benchmark_schemas::report::{Capacity, Knee, Saturation, StageCapacity};
use benchmark_schemas::slo::Slo;
use serde_json::Value;

use crate::metrics::{MetricOptions, RecordSource};
use backlog::Backlog;
use brackets::Judged;
use evidence::StageEvidence;
use limits::LIMITS;
use series::Arrival;
use verdict::Judgement;

/// What is asked about a run besides its brackets.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Questions {
    /// What the service is held to; nothing means: to what it is at low load.
    pub objectives: Vec<Slo>,
    /// What production needs.
    pub production: Option<Production>,
}

impl Questions {
    /// Those of a configuration, as the spool keeps it; what is none of this version asks nothing.
    pub fn of_config(config_json: &str) -> Self {
        let config: Value = serde_json::from_str(config_json).unwrap_or_default();
        let extensions = config.get("extensions").cloned().unwrap_or_default();
        let extensions: Extensions = serde_json::from_value(extensions).unwrap_or_default();
        Self { objectives: extensions.slo.unwrap_or_default(), production: extensions.production }
    }
}

/// Works out verdicts and brackets from the records of `source`, by `questions` or else by what its configuration asks.
/// `sizes` are the requests of each stage, as far as they are known: a list that grows without them takes several times
/// its memory.
pub fn capacity<S: RecordSource + ?Sized>(
    source: &S,
    options: &MetricOptions,
    questions: Option<&Questions>,
    sizes: &BTreeMap<u32, usize>,
) -> Result<Capacity, S::Error> {
    let mut asked = questions.cloned().unwrap_or_default();
    let mut open: BTreeMap<u32, Vec<Arrival>> = BTreeMap::new();
    let mut stages: Vec<StageEvidence> = Vec::new();
    let (mut run_id, mut sweep, mut end) = (String::new(), None, None);
    for entry in source.entries()? {
        match entry? {
            SpoolEntry::Run(facts) => {
                if questions.is_none() {
                    asked = Questions::of_config(&facts.config_json);
                }
                run_id = facts.run_id;
            }
            SpoolEntry::Request(record) if is_measured(record.stage) => {
                let room = || Vec::with_capacity(sizes.get(&record.stage).copied().unwrap_or(0));
                open.entry(record.stage).or_insert_with(room).push(Arrival::of(&record, options));
            }
            SpoolEntry::Stage(facts) if is_measured(facts.stage) => {
                let arrivals = open.remove(&facts.stage).unwrap_or_default();
                stages.push(StageEvidence::of(arrivals, *facts, &asked.objectives));
            }
            SpoolEntry::Sweep(facts) => sweep = Some((*facts).into()),
            SpoolEntry::Finished(at) => end = Some(at),
            SpoolEntry::Request(_)
            | SpoolEntry::Stage(_)
            | SpoolEntry::Scrape(_)
            | SpoolEntry::PromQl(_)
            | SpoolEntry::BreakerOpened(_) => {}
        }
    }
    let cut_off =
        open.keys().map(|stage| format!("stage {stage} has no verdict: the run was cut off within it"));
    let mut capacity = concluded(&stages, cut_off.collect());
    capacity.run_id = run_id;
    capacity.interrupted = end.is_none_or(|end| end.interrupted);
    capacity.sweep = sweep;
    capacity.production = asked.production.and_then(|asked| production::need(&capacity, &asked));
    Ok(capacity)
}

/// What follows from all stages together; `notes` are what is known of others.
fn concluded(stages: &[StageEvidence], mut notes: Vec<String>) -> Capacity {
    let (judgements, baseline) = judge_all(stages);
    let all: Vec<Judged<'_>> = stages
        .iter()
        .zip(&judgements)
        .map(|(stage, judgement)| Judged {
            stage: stage.facts.stage,
            offered_rate: stage.offered_rate,
            judgement,
        })
        .collect();
    let saturation = brackets::saturation(&all, &mut notes);
    let knee = brackets::knee(&all, &mut notes);
    let judged: Vec<_> = stages.iter().zip(&judgements).collect();
    let ceiling = estimates::ceiling(&judged);
    let (estimate, binding) = estimates::knee(&judged, knee, baseline);
    Capacity {
        format: 1,
        run_id: String::new(),
        interrupted: false,
        limits: LIMITS,
        sweep: None,
        search: None,
        stages: judged.iter().map(|(stage, judged)| described(stage, judged)).collect(),
        saturation: Saturation {
            bracket: saturation,
            estimate: ceiling.map(|ceiling| estimates::within(ceiling, saturation)),
        },
        knee: Knee {
            bracket: knee,
            estimate,
            binding,
            recommended: brackets::recommended(knee, LIMITS.recommended_share),
            baseline_stage: baseline.map(|baseline| baseline.facts.stage),
        },
        throughput_ceiling: ceiling,
        resolution: estimates::resolution(&judged, saturation, knee),
        descriptive: descriptive::curves(stages),
        production: None,
        notes,
    }
}

/// Judges all stages against the one of the lowest rate that can be the baseline; gives that too.
fn judge_all(stages: &[StageEvidence]) -> (Vec<Judgement>, Option<&StageEvidence>) {
    let baseline = stages
        .iter()
        .filter(|stage| verdict::can_be_baseline(stage, &LIMITS))
        .min_by(|a, b| a.offered_rate.total_cmp(&b.offered_rate));
    let judgements = stages.iter().map(|stage| verdict::judge(stage, baseline, &LIMITS)).collect();
    (judgements, baseline)
}

/// The entry of a stage in `capacity.json`.
fn described(stage: &StageEvidence, judgement: &Judgement) -> StageCapacity {
    let growth = match stage.backlog {
        Backlog::Measured(growth) => Some(growth),
        Backlog::TooFew { .. } | Backlog::TooShort { .. } | Backlog::ClosedLoop => None,
    };
    StageCapacity {
        stage: stage.facts.stage,
        concurrency: stage.facts.concurrency,
        configured_rate: stage.facts.rate,
        offered_rate: stage.facts.concurrency.is_none().then_some(stage.offered_rate),
        achieved_rate: stage.achieved_rate,
        completed_rate: stage.completed_rate,
        window_seconds: stage.window_seconds,
        pacing: stage.facts.pacing.into(),
        verdict: judgement.verdict,
        reasons: judgement.reasons.clone(),
        scheduled: stage.counts.scheduled,
        succeeded: stage.counts.succeeded,
        failed: stage.counts.failed,
        cancelled: stage.counts.cancelled,
        not_dispatched: stage.counts.not_dispatched,
        backlog_growth: growth.map(|growth| growth.share),
        backlog_growth_interval: growth.map(|growth| [growth.lower, growth.upper]),
        backlog_growth_standard_error: growth.map(|growth| growth.standard_error),
        detectable_overload: estimates::resolution_of(stage).and_then(|planned| planned.detectable_overload),
        decides_after_seconds: judgement.decides_after_seconds,
        error_rate: stage.errors.map(|errors| errors.share),
        error_rate_lower: stage.errors.map(|errors| errors.lower),
        time_to_first_token: judgement.ttft,
        normalized_time_per_output_token: judgement.ntpot,
        request_latency: judgement.latency,
        time_per_output_token: stage.tpot,
        objectives: stage.objectives.clone(),
        mean_in_system: stage.mean_in_system,
        client: stage.client,
    }
}
