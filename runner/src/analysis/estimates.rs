//! Where within the brackets: estimates from the stages at their ends, and what the stages could not see.
//!
//! The saturation is what the first saturated stage completed: beyond capacity a server completes what it can. The knee is
//! interpolated between the last good stage and the first degraded one, on logarithmic scales, which is exact for neither
//! law but monotone, and never leaves the bracket.

use benchmark_schemas::plan::{POWER, Resolution as Planned, arrival_cv2};
use benchmark_schemas::report::{Binding, Bracket, Estimate, Resolution, Verdict};

use super::backlog::Backlog;
use super::evidence::{Latency, StageEvidence};
use super::limits::LIMITS;
use super::verdict::Judgement;
use crate::metrics::percentile::quantile_of;

/// 97.5 % quantile of Student's t for the six degrees of freedom of a slope over eight batches.
const T_975: f64 = 2.447;
/// Squared coefficient of variation of completions that is taken for granted: theirs is known of no server.
const SERVICE_CV2: f64 = 1.0;

/// A stage and what was concluded from it.
pub type Judged<'a> = (&'a StageEvidence, &'a Judgement);

/// What the server completes at most, by the stage of the lowest rate that saturated it.
pub fn ceiling(stages: &[Judged<'_>]) -> Option<Estimate> {
    let saturated = stages.iter().filter(|(_, judged)| judged.verdict == Verdict::Saturated);
    let (stage, _) = saturated.min_by(|(a, _), (b, _)| a.offered_rate.total_cmp(&b.offered_rate))?;
    let Backlog::Measured(growth) = stage.backlog else { return None };
    let completed = |growth: f64| (stage.offered_rate * (1.0 - growth)).max(0.0);
    let half = T_975 * growth.standard_error;
    Some(Estimate {
        value: completed(growth.share),
        interval: [completed(growth.share + half), completed(growth.share - half)],
    })
}

/// `estimate` cut to the bracket that it lies in.
pub fn within(estimate: Estimate, [lower, upper]: Bracket) -> Estimate {
    let cut = |value: f64| {
        let value = lower.map_or(value, |lower| value.max(lower));
        upper.map_or(value, |upper| value.min(upper))
    };
    Estimate { value: cut(estimate.value), interval: estimate.interval.map(cut) }
}

/// Where the knee lies between the stages at the ends of `bracket`, and what marks it.
pub fn knee(
    stages: &[Judged<'_>],
    bracket: Bracket,
    baseline: Option<&StageEvidence>,
) -> (Option<Estimate>, Option<Binding>) {
    let at = |rate: Option<f64>, good: bool| {
        let rate = rate?;
        stages.iter().find(|(stage, judged)| {
            let is_good = judged.verdict == Verdict::Sustained;
            stage.offered_rate.total_cmp(&rate).is_eq() && is_good == good
        })
    };
    let Some((high, judged)) = at(bracket[1], false) else { return (None, None) };
    let binding = judged.binding;
    let Some((low, _)) = at(bracket[0], true) else { return (None, binding) };
    if judged.verdict != Verdict::Degraded {
        return (None, binding);
    }
    let estimate = match binding {
        Some(signal) if high.objectives.is_empty() => {
            baseline.and_then(|base| by_latency(signal, low, high, base))
        }
        Some(signal) => by_objective(signal, low, high),
        None => None,
    };
    (estimate.map(|estimate| within(estimate, bracket)), binding)
}

/// Where ln p95 reaches the limit if it rises evenly over ln rate, with the spread of resamples.
fn by_latency(
    signal: Binding,
    low: &StageEvidence,
    high: &StageEvidence,
    base: &StageEvidence,
) -> Option<Estimate> {
    let of = |stage: &StageEvidence| -> Option<Latency> {
        match signal {
            Binding::Ttft => stage.ttft.clone(),
            Binding::Ntpot => stage.ntpot.clone(),
            _ => None,
        }
    };
    let (at_low, at_high, at_base) = (of(low)?, of(high)?, of(base)?);
    let between = |low_p95: f64, high_p95: f64, base_p95: f64| {
        let limit = (LIMITS.p95_ratio * base_p95).ln();
        let share = (limit - low_p95.ln()) / (high_p95.ln() - low_p95.ln());
        let rate = low.offered_rate * (high.offered_rate / low.offered_rate).powf(share.clamp(0.0, 1.0));
        share.is_finite().then_some(rate)
    };
    let value = between(at_low.p95, at_high.p95, at_base.p95)?;
    let resamples = at_low.resampled_p95.iter().zip(&at_high.resampled_p95).zip(&at_base.resampled_p95);
    let mut rates: Vec<f64> =
        resamples.filter_map(|((low, high), base)| between(*low, *high, *base)).collect();
    let interval = [quantile_of(&mut rates, 2.5)?, quantile_of(&mut rates, 97.5)?];
    Some(Estimate { value, interval })
}

/// Where the logit of the share that misses reaches what is allowed if it rises evenly over ln rate; the interval takes
/// the bounds of both shares at their worst.
fn by_objective(signal: Binding, low: &StageEvidence, high: &StageEvidence) -> Option<Estimate> {
    let named = |stage: &StageEvidence| {
        stage.objectives.iter().find(|met| super::verdict::binding_of(met.slo.metric) == signal).copied()
    };
    let (at_low, at_high) = (named(low)?, named(high)?);
    let logit = |share: f64, requests: u64| {
        let least = 0.5 / (requests as f64).max(1.0);
        let share = share.clamp(least, 1.0 - least);
        (share / (1.0 - share)).ln()
    };
    let target = logit(at_low.slo.allowed(), u64::MAX);
    let between = |low_missed: f64, high_missed: f64| {
        let (from, to) = (logit(low_missed, at_low.requests), logit(high_missed, at_high.requests));
        let share = (target - from) / (to - from);
        share
            .is_finite()
            .then(|| low.offered_rate * (high.offered_rate / low.offered_rate).powf(share.clamp(0.0, 1.0)))
    };
    let missed = |kept: f64| 1.0 - kept;
    Some(Estimate {
        value: between(missed(at_low.share), missed(at_high.share))?,
        interval: [
            between(missed(at_low.bounds[0]), missed(at_high.bounds[0]))?,
            between(missed(at_low.bounds[1]), missed(at_high.bounds[1]))?,
        ],
    })
}

/// What a stage can tell by its rate and length; `None` in a closed loop.
pub fn resolution_of(stage: &StageEvidence) -> Option<Planned> {
    let follows_a_schedule = stage.facts.concurrency.is_none() && stage.offered_rate > 0.0;
    follows_a_schedule.then(|| {
        let cv2 = [arrival_cv2(stage.facts.pacing), SERVICE_CV2];
        Planned::new(stage.offered_rate, stage.window_seconds, cv2)
    })
}

/// What the run could not see. `bracket` is that of the saturation.
pub fn resolution(stages: &[Judged<'_>], saturation: Bracket, knee: Bracket) -> Resolution {
    let last_good = stages
        .iter()
        .filter(|(stage, judged)| {
            judged.valid && saturation[0].is_some_and(|rate| stage.offered_rate.total_cmp(&rate).is_eq())
        })
        .find_map(|(stage, _)| Some((*stage, resolution_of(stage)?)));
    let mut parts = Vec::new();
    let detectable = last_good.and_then(|(_, planned)| planned.detectable_overload);
    match last_good {
        Some((stage, planned)) => parts.push(match planned.detectable_overload {
            Some(overload) => format!(
                "the stage at {:.2} requests/s sees an overload of {:.1} % with {:.0} % chance, and a smaller one less \
                 often ({:.0} s would see 5 %)",
                stage.offered_rate,
                overload * 100.0,
                POWER * 100.0,
                planned.seconds_for_five_percent
            ),
            None => format!("the stage at {:.2} requests/s is too short to see any overload", stage.offered_rate),
        }),
        None => parts.push("no stage shows that the server keeps up".to_owned()),
    }
    parts.extend(widths(saturation, knee));
    Resolution { detectable_overload: detectable, statement: parts.join("; ") }
}

/// How narrow the brackets are, in words; `None` if neither has two ends.
fn widths(saturation: Bracket, knee: Bracket) -> Option<String> {
    let known = |[lower, upper]: Bracket| {
        let width = (upper? / lower? - 1.0) * 100.0;
        Some(format!("to within {width:.0} %"))
    };
    let said = match (known(saturation), known(knee)) {
        (Some(saturation), Some(knee)) if saturation == knee => {
            format!("saturation and knee are known {knee}")
        }
        (Some(saturation), Some(knee)) => format!("the saturation is known {saturation}, the knee {knee}"),
        (Some(saturation), None) => format!("the saturation is known {saturation}"),
        (None, Some(knee)) => format!("the knee is known {knee}"),
        (None, None) => return None,
    };
    Some(format!("{said}, and stages in between would narrow that"))
}
