//! Is the service as good as it should be? Errors, objectives, and latencies beside those at low load.

use benchmark_schemas::report::{Attainment, Binding, LatencyQuantiles, Limits};
use benchmark_schemas::slo::SloMetric;

use super::{Answer, Findings, worst};
use crate::analysis::evidence::{Latency, StageEvidence};
use crate::analysis::limits::QUIET_REQUESTS;
use crate::analysis::stats::ratio_lower_bound;

/// What the service of a stage is held to.
pub(super) struct Service<'a> {
    pub(super) stage: &'a StageEvidence,
    /// The lowest stage that can be one.
    pub(super) baseline: Option<&'a StageEvidence>,
    pub(super) limits: &'a Limits,
    pub(super) ttft: Option<&'a LatencyQuantiles>,
    pub(super) ntpot: Option<&'a LatencyQuantiles>,
}

impl Service<'_> {
    /// Is it good? Notes why, and what is worst about it.
    pub(super) fn answer(&self, findings: &mut Findings) -> Answer {
        let mut answers = Vec::new();
        let limited = |attainment: &Attainment| attainment.slo.metric == SloMetric::Errors;
        if !self.stage.objectives.iter().any(limited) {
            answers.push(errors(self.stage, self.limits, findings));
        }
        if self.stage.objectives.is_empty() {
            answers.push(self.latency((Binding::Ttft, self.ttft, self.stage.ttft.as_ref()), findings));
            answers.push(self.latency((Binding::Ntpot, self.ntpot, self.stage.ntpot.as_ref()), findings));
        }
        answers.extend(self.stage.objectives.iter().map(|attainment| objective(attainment, findings)));
        worst(&answers)
    }

    /// Is a latency as it is in the baseline, or in the baseline itself as it is when little is going on? One that neither
    /// has raises no objection.
    fn latency(
        &self,
        (what, quantiles, latency): (Binding, Option<&LatencyQuantiles>, Option<&Latency>),
        findings: &mut Findings,
    ) -> Answer {
        let (Some(quantiles), Some(latency)) = (quantiles, latency) else { return Answer::Yes };
        let limits = self.limits;
        let Some(baseline) = self.baseline else {
            findings.reasons.push(format!("{what} cannot be compared: no stage can serve as the baseline"));
            return Answer::Unclear;
        };
        if (latency.count as u64) < limits.min_requests {
            findings.reasons.push(format!(
                "{what} is known of {} requests, {} are needed",
                latency.count, limits.min_requests
            ));
            findings.needs_requests(latency.count, limits.min_requests);
            return Answer::Unclear;
        }
        let is_baseline = baseline.facts.stage == self.stage.facts.stage;
        let quiet = latency.quiet.as_ref().map_or(0, |quiet| quiet.count);
        if is_baseline && quiet < QUIET_REQUESTS {
            findings.reasons.push(format!(
                "{what} is known of {quiet} requests that came when little was going on, {QUIET_REQUESTS} are needed"
            ));
            findings.needs_requests(quiet, QUIET_REQUESTS as u64);
            return Answer::Unclear;
        }
        let Some((ratio, lower)) = quantiles.p95_ratio.zip(quantiles.p95_ratio_lower) else {
            findings.reasons.push(format!("{what} cannot be compared: the baseline has none"));
            return Answer::Unclear;
        };
        if ratio <= limits.p95_ratio {
            return Answer::Yes;
        }
        let certain = lower > limits.p95_ratio_lower;
        let against = if is_baseline {
            "that of the quarter of its requests that came when least was going on".to_owned()
        } else {
            format!("that of stage {}", baseline.facts.stage)
        };
        findings.reasons.push(format!(
            "p95 of {what} from the scheduled instant is {ratio:.1} times {against} (95 % lower bound {lower:.1}; limits \
             {} and {}{})",
            limits.p95_ratio,
            limits.p95_ratio_lower,
            if certain { "" } else { ": too uncertain" }
        ));
        if certain {
            findings.bind(what, ratio / limits.p95_ratio);
            return Answer::No;
        }
        // Bounds of a ratio are multiples: their logarithms shrink with the square root of the length.
        findings.needs((ratio / lower.max(1e-9)).ln() / (ratio / limits.p95_ratio_lower).ln());
        Answer::Unclear
    }
}

/// Is an objective met? Notes why.
fn objective(attainment: &Attainment, findings: &mut Findings) -> Answer {
    let Attainment { slo, share, bounds: [lower, upper], met, .. } = attainment;
    let said = format!(
        "{slo}: {:.2} % of the requests kept to it (95 % bounds {:.2} and {:.2} %, target {:.2} %)",
        share * 100.0,
        lower * 100.0,
        upper * 100.0,
        slo.target() * 100.0
    );
    findings.reasons.push(said);
    match met {
        Some(true) => Answer::Yes,
        Some(false) => {
            let allowed = slo.allowed().max(f64::MIN_POSITIVE);
            findings.bind(binding_of(slo.metric), (1.0 - share) / allowed);
            Answer::No
        }
        None => {
            // The nearer bound has to come over to this side of the target.
            let (distance, half) = if share >= &slo.target() {
                (share - slo.target(), share - lower)
            } else {
                (slo.target() - share, upper - share)
            };
            // An attainment on the very target would never be told; a quarter of what is allowed is near enough.
            findings.needs(half / distance.max(slo.allowed() / 4.0));
            Answer::Unclear
        }
    }
}

/// The signal that an objective is about.
pub fn binding_of(metric: SloMetric) -> Binding {
    match metric {
        SloMetric::Ttft => Binding::Ttft,
        SloMetric::Tpot => Binding::Tpot,
        SloMetric::Ntpot => Binding::Ntpot,
        SloMetric::Latency => Binding::Latency,
        SloMetric::Errors => Binding::Errors,
    }
}

/// Are there few enough failures?
pub(super) fn errors(stage: &StageEvidence, limits: &Limits, findings: &mut Findings) -> Answer {
    let Some(errors) = stage.errors else { return Answer::Unclear };
    if errors.share <= limits.error_rate {
        return Answer::Yes;
    }
    let certain = errors.lower > limits.error_rate;
    findings.reasons.push(format!(
        "{:.1} % of the requests failed (95 % lower bound {:.1} %, limit {:.0} %{})",
        errors.share * 100.0,
        errors.lower * 100.0,
        limits.error_rate * 100.0,
        if certain { "" } else { ": too few to be sure" }
    ));
    if certain {
        findings.bind(Binding::Errors, errors.share / limits.error_rate);
        return Answer::No;
    }
    findings.needs(
        (errors.share - errors.lower) / (errors.share - limits.error_rate).max(limits.error_rate / 4.0),
    );
    Answer::Unclear
}

/// The quantiles of a latency as they are reported, beside those of the baseline; `stage` and `baseline` are two or one.
pub(super) fn compare(
    stage: Option<&Latency>,
    baseline: Option<&Latency>,
    is_baseline: bool,
) -> Option<LatencyQuantiles> {
    let stage = stage?;
    let reference = if is_baseline {
        stage.quiet.as_ref().map(|quiet| (quiet.p95, &quiet.resampled_p95))
    } else {
        baseline.map(|baseline| (baseline.p95, &baseline.resampled_p95))
    };
    let reference = reference.filter(|(p95, _)| *p95 > 0.0);
    Some(LatencyQuantiles {
        p50: stage.p50,
        p95: stage.p95,
        p99: stage.p99,
        from_sending: stage.from_sending,
        p95_ratio: reference.map(|(p95, _)| stage.p95 / p95),
        p95_ratio_lower: reference
            .and_then(|(_, resampled)| ratio_lower_bound(&stage.resampled_p95, resampled)),
    })
}
