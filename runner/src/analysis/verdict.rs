//! From evidence to the verdict of a stage, with its reasons.
//!
//! Two questions are answered apart: does the server keep up (backlog), and is the service as good as at low load
//! (latencies, errors)? Each has a yes, a no and a cannot tell, so that a stage whose backlog is unclear may still
//! mark the knee, and one whose latencies are unclear may still bound the saturation.

use benchmark_schemas::record::StageStatus;
use benchmark_schemas::report::{LatencyQuantiles, Limits, Verdict};

use super::backlog::{Backlog, Growth};
use super::client;
use super::evidence::{Latency, StageEvidence};
use super::stats::ratio_lower_bound;

/// An answer that may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Yes.
    Yes,
    /// No.
    No,
    /// The stage does not show enough.
    Unclear,
}

/// What is concluded from a stage.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// False if the load generator was the bottleneck: nothing else counts then.
    pub valid: bool,
    /// Does the server keep up?
    pub keeps_up: Answer,
    /// Are latencies and errors as they are at low load?
    pub good_service: Answer,
    /// The verdict.
    pub verdict: Verdict,
    /// Why.
    pub reasons: Vec<String>,
    /// Time to first token, compared with the baseline.
    pub ttft: Option<LatencyQuantiles>,
    /// Request latency per output token, compared with the baseline.
    pub ntpot: Option<LatencyQuantiles>,
}

/// True if `stage` may serve as the baseline: it follows a schedule, is valid, not saturated, and with enough latencies.
pub fn can_be_baseline(stage: &StageEvidence, limits: &Limits) -> bool {
    let enough = |latency: &Option<Latency>| {
        latency.as_ref().is_some_and(|latency| latency.count as u64 >= limits.min_requests)
    };
    let saturated = matches!(stage.backlog, Backlog::Measured(growth) if growth.grows());
    let valid = client::faults(&stage.client, stage.counts.scheduled, limits).is_empty();
    stage.facts.concurrency.is_none() && valid && !saturated && (enough(&stage.ttft) || enough(&stage.ntpot))
}

/// Judges `stage` against `baseline`, the lowest stage that can be one.
pub fn judge(stage: &StageEvidence, baseline: Option<&StageEvidence>, limits: &Limits) -> Judgement {
    if let Some(concurrency) = stage.facts.concurrency {
        return judge_closed_loop(stage, concurrency, limits);
    }
    let mut reasons = client::faults(&stage.client, stage.counts.scheduled, limits);
    let valid = reasons.is_empty();
    let ttft = compare(stage.ttft.as_ref(), baseline.and_then(|baseline| baseline.ttft.as_ref()));
    let ntpot = compare(stage.ntpot.as_ref(), baseline.and_then(|baseline| baseline.ntpot.as_ref()));
    let (mut keeps_up, mut good_service) = (Answer::Unclear, Answer::Unclear);
    if valid {
        keeps_up = backlog_answer(stage, limits, &mut reasons);
        let is_baseline = baseline.is_some_and(|baseline| baseline.facts.stage == stage.facts.stage);
        let mut answers = vec![errors_answer(stage, limits, &mut reasons)];
        if !is_baseline {
            let against = baseline.map(|baseline| baseline.facts.stage);
            answers.push(latency_answer(
                "TTFT",
                ttft.as_ref(),
                stage.ttft.as_ref(),
                against,
                limits,
                &mut reasons,
            ));
            answers.push(latency_answer(
                "NTPOT",
                ntpot.as_ref(),
                stage.ntpot.as_ref(),
                against,
                limits,
                &mut reasons,
            ));
        }
        good_service = worst(&answers);
        if let Some(ending) = broken_off(stage) {
            reasons.push(ending.to_owned());
            // What was bad until then stays bad; what was good might have become bad.
            keeps_up = if keeps_up == Answer::Yes { Answer::Unclear } else { keeps_up };
            good_service = if good_service == Answer::Yes { Answer::Unclear } else { good_service };
        }
    }
    let verdict = match (valid, keeps_up, good_service) {
        (false, _, _) => Verdict::InvalidClient,
        (true, Answer::No, _) => Verdict::Saturated,
        (true, _, Answer::No) => Verdict::Degraded,
        (true, Answer::Yes, Answer::Yes) => Verdict::Sustained,
        (true, _, _) => Verdict::Undecided,
    };
    if verdict == Verdict::Sustained {
        let is_baseline = baseline.is_some_and(|baseline| baseline.facts.stage == stage.facts.stage);
        reasons.push(
            if is_baseline {
                "errors are within their limit; it is the baseline, whose latencies are compared with nothing"
            } else {
                "latencies and errors are within their limits"
            }
            .to_owned(),
        );
    }
    Judgement { valid, keeps_up, good_service, verdict, reasons, ttft, ntpot }
}

/// A closed loop sends as fast as the server answers, so there is no rate that the server could fail to keep up with.
fn judge_closed_loop(stage: &StageEvidence, concurrency: u64, limits: &Limits) -> Judgement {
    let mut reasons = client::faults(&stage.client, stage.counts.scheduled, limits);
    let valid = reasons.is_empty();
    if valid {
        reasons.push(format!(
            "a closed loop, in which the server sets the pace, has no offered rate to judge: with {concurrency} requests \
             in flight it completed {:.2} requests/s",
            stage.completed_rate
        ));
        errors_answer(stage, limits, &mut reasons);
        reasons.extend(broken_off(stage).map(str::to_owned));
    }
    Judgement {
        valid,
        keeps_up: Answer::Unclear,
        good_service: Answer::Unclear,
        verdict: if valid { Verdict::Undecided } else { Verdict::InvalidClient },
        reasons,
        ttft: compare(stage.ttft.as_ref(), None),
        ntpot: compare(stage.ntpot.as_ref(), None),
    }
}

/// How the stage ended if not by itself.
fn broken_off(stage: &StageEvidence) -> Option<&'static str> {
    match stage.facts.status {
        StageStatus::Completed => None,
        StageStatus::Stopped => Some("the stage was stopped before its end"),
        StageStatus::TimedOut => Some("the stage reached its time limit before its end"),
    }
}

fn worst(answers: &[Answer]) -> Answer {
    let has = |wanted: Answer| answers.contains(&wanted);
    if has(Answer::No) {
        Answer::No
    } else if has(Answer::Unclear) {
        Answer::Unclear
    } else {
        Answer::Yes
    }
}

fn backlog_answer(stage: &StageEvidence, limits: &Limits, reasons: &mut Vec<String>) -> Answer {
    match stage.backlog {
        Backlog::ClosedLoop => Answer::Unclear,
        Backlog::TooFew { requests } => {
            reasons.push(format!(
                "only {requests} requests fell due after the initial fill, {} are needed",
                limits.min_requests
            ));
            Answer::Unclear
        }
        Backlog::TooShort { quick_latency_seconds, fill_seconds } => {
            reasons.push(format!(
                "requests take {quick_latency_seconds:.1} s and more, too long for this stage: they must fit into \
                 {fill_seconds:.1} s, half of it"
            ));
            Answer::Unclear
        }
        Backlog::Measured(growth) => {
            let change = describe(growth);
            if growth.grows() {
                reasons.push(format!(
                    "{change}; its lower bound is above {:.0} %",
                    limits.backlog_growth * 100.0
                ));
                if stage.client.waited_for_permit > 0 {
                    reasons.push(format!(
                        "all {} in-flight permits were taken when {} requests fell due",
                        stage.facts.client.in_flight_cap, stage.client.waited_for_permit
                    ));
                }
                Answer::No
            } else if growth.unclear() {
                reasons.push(format!(
                    "{change}: the bounds enclose {:.0} %, a longer stage can tell",
                    limits.backlog_growth * 100.0
                ));
                Answer::Unclear
            } else {
                reasons.push(change);
                Answer::Yes
            }
        }
    }
}

fn describe(growth: Growth) -> String {
    let percent = |share: f64| {
        let rounded = (share * 1000.0).round() / 10.0;
        // "-0.0" reads like a finding.
        if rounded == 0.0 { 0.0 } else { rounded }
    };
    format!(
        "the backlog grew by {:.1} % of the offered rate (95 % bounds {:.1} and {:.1} %)",
        percent(growth.share),
        percent(growth.lower),
        percent(growth.upper)
    )
}

fn errors_answer(stage: &StageEvidence, limits: &Limits, reasons: &mut Vec<String>) -> Answer {
    let Some(errors) = stage.errors else { return Answer::Unclear };
    if errors.share <= limits.error_rate {
        return Answer::Yes;
    }
    let certain = errors.lower > limits.error_rate;
    reasons.push(format!(
        "{:.1} % of the requests failed (95 % lower bound {:.1} %, limit {:.0} %{})",
        errors.share * 100.0,
        errors.lower * 100.0,
        limits.error_rate * 100.0,
        if certain { "" } else { ": too few to be sure" }
    ));
    if certain { Answer::No } else { Answer::Unclear }
}

fn compare(stage: Option<&Latency>, baseline: Option<&Latency>) -> Option<LatencyQuantiles> {
    let stage = stage?;
    let baseline = baseline.filter(|baseline| baseline.p95 > 0.0);
    Some(LatencyQuantiles {
        p50: stage.p50,
        p95: stage.p95,
        p99: stage.p99,
        p95_ratio: baseline.map(|baseline| stage.p95 / baseline.p95),
        p95_ratio_lower: baseline
            .and_then(|baseline| ratio_lower_bound(&stage.resampled_p95, &baseline.resampled_p95)),
    })
}

/// Is `name` as it is in the baseline? A latency that neither stage has raises no objection.
fn latency_answer(
    name: &str,
    quantiles: Option<&LatencyQuantiles>,
    latency: Option<&Latency>,
    against: Option<u32>,
    limits: &Limits,
    reasons: &mut Vec<String>,
) -> Answer {
    let (Some(quantiles), Some(latency)) = (quantiles, latency) else { return Answer::Yes };
    let ratios = quantiles.p95_ratio.zip(quantiles.p95_ratio_lower).zip(against);
    let Some(((ratio, lower), against)) = ratios else {
        reasons.push(format!("{name} cannot be compared: no stage can serve as the baseline"));
        return Answer::Unclear;
    };
    if (latency.count as u64) < limits.min_requests {
        reasons.push(format!(
            "{name} is known of {} requests, {} are needed",
            latency.count, limits.min_requests
        ));
        return Answer::Unclear;
    }
    if ratio <= limits.p95_ratio {
        return Answer::Yes;
    }
    let certain = lower > limits.p95_ratio_lower;
    reasons.push(format!(
        "p95 of {name} from the scheduled instant is {ratio:.1} times that of stage {against} (95 % lower bound \
         {lower:.1}; limits {} and {}{})",
        limits.p95_ratio,
        limits.p95_ratio_lower,
        if certain { "" } else { ": too uncertain" }
    ));
    if certain { Answer::No } else { Answer::Unclear }
}
