//! What the records say about the server's capacity: a verdict for each stage, and two brackets.
//!
//! Reads records once, one stage in memory at a time, and gives a [`Capacity`]. Knows the statistics and the limits
//! ([`limits::LIMITS`]); knows neither report formats nor how load was made.

pub mod backlog;
pub mod brackets;
pub mod client;
pub mod evidence;
pub mod limits;
pub mod series;
pub mod stats;
pub mod verdict;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use benchmark_schemas::record::SpoolEntry;
use benchmark_schemas::report::{Capacity, Knee, Saturation, StageCapacity};

use crate::metrics::{MetricOptions, RecordSource};
use backlog::Backlog;
use brackets::Judged;
use evidence::StageEvidence;
use limits::LIMITS;
use series::Arrival;
use verdict::Judgement;

/// Works out verdicts and brackets from the records of `source`.
pub fn capacity<S: RecordSource + ?Sized>(source: &S, options: &MetricOptions) -> Result<Capacity, S::Error> {
    let mut open: BTreeMap<u32, Vec<Arrival>> = BTreeMap::new();
    let mut stages: Vec<StageEvidence> = Vec::new();
    let (mut run_id, mut sweep, mut end) = (String::new(), None, None);
    for entry in source.entries()? {
        match entry? {
            SpoolEntry::Run(facts) => run_id = facts.run_id,
            SpoolEntry::Request(record) => {
                open.entry(record.stage).or_default().push(Arrival::of(&record, options));
            }
            SpoolEntry::Stage(facts) => {
                let arrivals = open.remove(&facts.stage).unwrap_or_default();
                stages.push(StageEvidence::of(arrivals, *facts));
            }
            SpoolEntry::Sweep(facts) => sweep = Some((*facts).into()),
            SpoolEntry::Finished(at) => end = Some(at),
            SpoolEntry::Scrape(_) | SpoolEntry::PromQl(_) | SpoolEntry::BreakerOpened(_) => {}
        }
    }
    let mut notes: Vec<String> = open
        .keys()
        .map(|stage| format!("stage {stage} has no verdict: the run was cut off within it"))
        .collect();
    let (judgements, baseline_stage) = judge_all(&stages);
    let judged: Vec<Judged<'_>> = stages
        .iter()
        .zip(&judgements)
        .map(|(stage, judgement)| Judged {
            stage: stage.facts.stage,
            offered_rate: stage.offered_rate,
            judgement,
        })
        .collect();
    let saturation = Saturation { bracket: brackets::saturation(&judged, &mut notes) };
    let knee_bracket = brackets::knee(&judged, &mut notes);
    Ok(Capacity {
        format: 1,
        run_id,
        interrupted: end.is_none_or(|end| end.interrupted),
        limits: LIMITS,
        sweep,
        stages: stages
            .iter()
            .zip(judgements.iter())
            .map(|(stage, judged)| described(stage, judged))
            .collect(),
        saturation,
        knee: Knee {
            bracket: knee_bracket,
            recommended: brackets::recommended(knee_bracket, LIMITS.recommended_share),
            baseline_stage,
        },
        notes,
    })
}

/// Judges all stages against the one of the lowest rate that can be the baseline; gives its number too.
fn judge_all(stages: &[StageEvidence]) -> (Vec<Judgement>, Option<u32>) {
    let baseline = stages
        .iter()
        .filter(|stage| verdict::can_be_baseline(stage, &LIMITS))
        .min_by(|a, b| a.offered_rate.total_cmp(&b.offered_rate));
    let judgements = stages.iter().map(|stage| verdict::judge(stage, baseline, &LIMITS)).collect();
    (judgements, baseline.map(|baseline| baseline.facts.stage))
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
        error_rate: stage.errors.map(|errors| errors.share),
        error_rate_lower: stage.errors.map(|errors| errors.lower),
        time_to_first_token: judgement.ttft,
        normalized_time_per_output_token: judgement.ntpot,
        client: stage.client,
    }
}
