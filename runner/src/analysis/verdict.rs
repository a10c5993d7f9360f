//! From evidence to the verdict of a stage, with its reasons.
//!
//! Two questions are answered apart: does the server keep up (backlog), and is the service as good as at low load
//! (latencies, errors)? Each has a yes, a no and a cannot tell, so that a stage whose backlog is unclear may still
//! mark the knee, and one whose latencies are unclear may still bound the saturation.

mod service;

use benchmark_schemas::record::StageStatus;
use benchmark_schemas::report::{Binding, LatencyQuantiles, Limits, Verdict};

use super::backlog::{Backlog, Growth};
use super::client;
use super::evidence::{Latency, StageEvidence};
use service::{Service, compare};

pub use service::binding_of;

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
    /// Are latencies and errors as they should be?
    pub good_service: Answer,
    /// The verdict.
    pub verdict: Verdict,
    /// Why.
    pub reasons: Vec<String>,
    /// Length with which the stage would probably be decided, seconds; `None` if it is, or if more of the same would not
    /// help.
    pub decides_after_seconds: Option<f64>,
    /// What is worst about a stage that is not good.
    pub binding: Option<Binding>,
    /// Time to first token, compared with the baseline.
    pub ttft: Option<LatencyQuantiles>,
    /// Request latency per output token, compared with the baseline.
    pub ntpot: Option<LatencyQuantiles>,
    /// Request latency.
    pub latency: Option<LatencyQuantiles>,
}

/// What is noted on the way to a verdict.
#[derive(Default)]
struct Findings {
    reasons: Vec<String>,
    /// Multiples of the present length that would make clear what is not.
    multiples: Vec<f64>,
    /// The worst signal, with how many times its limit it reaches.
    worst: Option<(Binding, f64)>,
}

impl Findings {
    /// Something is unclear whose bounds are `times` as wide as they may be; bounds shrink with the square root of the
    /// length.
    fn needs(&mut self, times: f64) {
        self.multiples.push((times * times).max(1.0));
    }

    /// `requests` are too few by the minimum of `wanted`.
    fn needs_requests(&mut self, requests: usize, wanted: u64) {
        self.multiples.push(wanted as f64 / (requests as f64).max(1.0));
    }

    /// `signal` is `excess` times its limit.
    fn bind(&mut self, signal: Binding, excess: f64) {
        if self.worst.is_none_or(|(_, worst)| excess > worst) {
            self.worst = Some((signal, excess));
        }
    }
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
    let mut findings = Findings {
        reasons: client::faults(&stage.client, stage.counts.scheduled, limits),
        ..Findings::default()
    };
    let valid = findings.reasons.is_empty();
    let is_baseline = baseline.is_some_and(|baseline| baseline.facts.stage == stage.facts.stage);
    let beside =
        |of: fn(&StageEvidence) -> Option<&Latency>| compare(of(stage), baseline.and_then(of), is_baseline);
    let ttft = beside(|stage| stage.ttft.as_ref());
    let ntpot = beside(|stage| stage.ntpot.as_ref());
    let latency = beside(|stage| stage.latency.as_ref());
    let (keeps_up, good_service) = if valid {
        let service = Service { stage, baseline, limits, ttft: ttft.as_ref(), ntpot: ntpot.as_ref() };
        answers(&service, &mut findings)
    } else {
        (Answer::Unclear, Answer::Unclear)
    };
    let verdict = match (valid, keeps_up, good_service) {
        (false, _, _) => Verdict::InvalidClient,
        (true, Answer::No, _) => Verdict::Saturated,
        (true, _, Answer::No) => Verdict::Degraded,
        (true, Answer::Yes, Answer::Yes) => Verdict::Sustained,
        (true, _, _) => Verdict::Undecided,
    };
    let decides_after_seconds = decides_after(stage, verdict, &mut findings);
    if verdict == Verdict::Sustained && stage.objectives.is_empty() {
        findings.reasons.push(if is_baseline {
            "errors are within their limit, and latencies what they are when little is going on".to_owned()
        } else {
            "latencies and errors are within their limits".to_owned()
        });
    }
    let binding = binding(verdict, &findings);
    let reasons = findings.reasons;
    Judgement {
        valid,
        keeps_up,
        good_service,
        verdict,
        reasons,
        decides_after_seconds,
        binding,
        ttft,
        ntpot,
        latency,
    }
}

/// Does the server keep up, and is the service good?
fn answers(service: &Service<'_>, findings: &mut Findings) -> (Answer, Answer) {
    let keeps_up = backlog_answer(service.stage, service.limits, findings);
    let good_service = service.answer(findings);
    let Some(ending) = broken_off(service.stage) else { return (keeps_up, good_service) };
    findings.reasons.push(ending.to_owned());
    // What was bad until then stays bad; what was good might have become bad.
    let until_then = |answer: Answer| if answer == Answer::Yes { Answer::Unclear } else { answer };
    (until_then(keeps_up), until_then(good_service))
}

/// What is worst about a stage.
fn binding(verdict: Verdict, findings: &Findings) -> Option<Binding> {
    let worst = findings.worst.map(|(signal, _)| signal);
    match verdict {
        Verdict::InvalidClient => Some(Binding::Client),
        // Latencies rise with any backlog, so they say nothing more of a saturated stage.
        Verdict::Saturated => worst.filter(|signal| *signal == Binding::Errors).or(Some(Binding::Backlog)),
        _ => worst,
    }
}

/// Length that would decide an undecided stage, which is then named among the reasons.
fn decides_after(stage: &StageEvidence, verdict: Verdict, findings: &mut Findings) -> Option<f64> {
    if verdict != Verdict::Undecided || stage.window_seconds <= 0.0 {
        return None;
    }
    let multiple = findings.multiples.iter().copied().reduce(f64::max)?;
    // Bounds that just meet would be met by half of such stages.
    let seconds = (stage.window_seconds * multiple * LENGTH_MARGIN).ceil();
    findings.reasons.push(format!("a stage of about {seconds:.0} s would decide"));
    Some(seconds)
}

/// A length that decides is named with so much to spare.
const LENGTH_MARGIN: f64 = 1.2;

/// A closed loop sends as fast as the server answers, so there is no rate that the server could fail to keep up with.
fn judge_closed_loop(stage: &StageEvidence, concurrency: u64, limits: &Limits) -> Judgement {
    let mut findings = Findings {
        reasons: client::faults(&stage.client, stage.counts.scheduled, limits),
        ..Findings::default()
    };
    let valid = findings.reasons.is_empty();
    if valid {
        findings.reasons.push(format!(
            "a closed loop, in which the server sets the pace, has no offered rate to judge: with {concurrency} requests \
             in flight it completed {:.2} requests/s",
            stage.completed_rate
        ));
        service::errors(stage, limits, &mut findings);
        findings.reasons.extend(broken_off(stage).map(str::to_owned));
    }
    Judgement {
        valid,
        keeps_up: Answer::Unclear,
        good_service: Answer::Unclear,
        verdict: if valid { Verdict::Undecided } else { Verdict::InvalidClient },
        reasons: findings.reasons,
        decides_after_seconds: None,
        binding: None,
        ttft: compare(stage.ttft.as_ref(), None, false),
        ntpot: compare(stage.ntpot.as_ref(), None, false),
        latency: compare(stage.latency.as_ref(), None, false),
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

fn backlog_answer(stage: &StageEvidence, limits: &Limits, findings: &mut Findings) -> Answer {
    match stage.backlog {
        Backlog::ClosedLoop => Answer::Unclear,
        Backlog::TooFew { requests } => {
            findings.reasons.push(format!(
                "only {requests} requests fell due after the initial fill, {} are needed",
                limits.min_requests
            ));
            findings.needs_requests(requests, limits.min_requests);
            Answer::Unclear
        }
        Backlog::TooShort { quick_latency_seconds, fill_seconds } => {
            findings.reasons.push(format!(
                "requests take {quick_latency_seconds:.1} s and more, too long for this stage: they must fit into \
                 {fill_seconds:.1} s, half of it"
            ));
            findings.multiples.push(quick_latency_seconds / fill_seconds.max(f64::MIN_POSITIVE) * 2.0);
            Answer::Unclear
        }
        Backlog::Measured(growth) => {
            let change = describe(growth);
            if growth.grows() {
                findings.reasons.push(format!(
                    "{change}; its lower bound is above {:.0} %",
                    limits.backlog_growth * 100.0
                ));
                if stage.client.waited_for_permit > 0 {
                    findings.reasons.push(format!(
                        "all {} in-flight permits were taken when {} requests fell due",
                        stage.facts.client.in_flight_cap, stage.client.waited_for_permit
                    ));
                }
                Answer::No
            } else if growth.unclear() {
                findings
                    .reasons
                    .push(format!("{change}: the bounds enclose {:.0} %", limits.backlog_growth * 100.0));
                // A growth on the very limit would never be told; half of it is near enough.
                let distance = (growth.share - limits.backlog_growth).abs().max(limits.backlog_growth / 2.0);
                let half = if growth.share > limits.backlog_growth {
                    growth.share - growth.lower
                } else {
                    growth.upper - growth.share
                };
                findings.needs(half / distance);
                Answer::Unclear
            } else {
                findings.reasons.push(change);
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
