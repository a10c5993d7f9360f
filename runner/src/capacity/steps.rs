//! Which probe a search wants next, once its ladder is climbed.

use benchmark_schemas::report::Purpose;

use super::observed::Probe;
use super::search::{Load, Search, Wanted};
use super::straddle::{Knee, Knees};

/// Scouts at most.
const MOST_SCOUTS: usize = 10;
/// Scouts at least.
const FEWEST_SCOUTS: usize = 3;
/// Scouting ends where the rates that met and missed the objectives are no further apart.
const SCOUTED: f64 = 1.2;
/// The first scout goes at this share of what the ladder completed.
const FIRST_SCOUT: f64 = 0.7;
/// A rate this near the ceiling that meets all objectives: only the ceiling is in the way.
const AT_CEILING: f64 = 0.93;
/// Below this share of the ceiling no rate is looked for.
const LOWEST: f64 = 0.02;
/// Stages that certify a rate together.
const CERTIFYING: usize = 3;
/// Rates that are tried to be certified at most.
const ATTEMPTS: usize = 4;
/// After one that failed the next is lower by so much at least.
const STEP_DOWN: f64 = 0.97;
/// One-sided 95 % quantile of the standard normal distribution.
const Z_95: f64 = 1.645;
/// Relaxation times of a queue that a probe lasts at least.
const RELAXATIONS: f64 = 12.0;

impl Search {
    /// What rates are looked for below, requests/s.
    fn upper(&self) -> f64 {
        let reachable = self.ladder.ceiling().map_or(1.5 * self.ladder.best(), |ceiling| ceiling.value);
        self.client_limit.map_or(reachable, |limit| reachable.min(limit))
    }

    pub(super) fn plan_probe(&mut self) -> Option<Wanted> {
        if self.at_ceiling {
            return self.plan_certifying();
        }
        let has = |purpose: Purpose| self.probes.iter().any(|(other, _)| *other == purpose);
        if has(Purpose::Certify) {
            return self.plan_certifying();
        }
        if has(Purpose::Straddle) {
            return self.plan_straddle();
        }
        self.plan_scout()
    }

    /// Rates that met all objectives, and rates that did not: the highest of those below the lowest of these.
    pub(super) fn bracket(&self) -> (Option<f64>, Option<f64>) {
        let rates = |good: bool| {
            self.probes
                .iter()
                .filter(move |(_, probe)| self.meets(probe) == good)
                .map(|(_, probe)| probe.rate)
        };
        let high = rates(false).min_by(f64::total_cmp);
        let low = rates(true).filter(|rate| high.is_none_or(|high| *rate < high)).max_by(f64::total_cmp);
        (low, high)
    }

    fn plan_scout(&mut self) -> Option<Wanted> {
        let upper = self.upper();
        let scouts = self.probes.len();
        let (low, high) = self.bracket();
        let knee = self.knees().lowest();
        let (rate, why) = match (low, high) {
            (None, None) => {
                if self.client_limit.is_some_and(|limit| limit < LOWEST * self.ladder.best()) {
                    return self.end(false, "the load generator is too slow for any rate");
                }
                (FIRST_SCOUT * upper, format!("{:.0} % of what was completed at most", FIRST_SCOUT * 100.0))
            }
            (Some(low), None) if low >= AT_CEILING * upper => {
                match (self.ladder.ceiling(), self.client_limit) {
                    (_, Some(limit)) if low >= AT_CEILING * limit => {
                        return self.end(false, format!(
                        "the server meets everything at {low:.2} requests/s, and the load generator keeps up no more than \
                         {limit:.2}"
                    ));
                    }
                    (Some(_), _) => {
                        self.at_ceiling = true;
                        return self.plan_certifying();
                    }
                    // The ladder has no top, so that what lies above it is not known.
                    (None, _) => {
                        (1.3 * low, format!("{low:.2} requests/s met everything, and the ladder has no top"))
                    }
                }
            }
            (Some(low), None) => {
                // Nearly the whole way at once, lest many steps lead up to a ceiling that is all that is in the way.
                let rate = low + 0.7 * (0.97 * upper - low).max(0.0);
                (rate.max(low * 1.02), format!("{low:.2} requests/s met everything"))
            }
            (None, Some(high)) if high * 0.7 < LOWEST * upper => {
                return self.end(false, "no rate meets the objectives, not even the lowest that was tried");
            }
            (None, Some(high)) => (high * 0.7, format!("{high:.2} requests/s missed an objective")),
            (Some(low), Some(high)) => {
                let near = knee
                    .filter(|knee| knee.root.relative_error <= 3.0 * self.settings.figures().relative_error);
                let narrow = high / low <= SCOUTED || near.is_some();
                if scouts >= MOST_SCOUTS || (narrow && scouts >= FEWEST_SCOUTS) {
                    if self.ladder.ceiling().is_some() && knee.is_none_or(|knee| knee.root.rate > upper) {
                        // The backlog grows before any objective fails: the ceiling is what is in the way.
                        self.at_ceiling = true;
                        return self.plan_certifying();
                    }
                    return self.plan_straddle();
                }
                let fitted =
                    knee.map(|knee| knee.root.rate).filter(|rate| (0.95 * low..1.05 * high).contains(rate));
                let rate = fitted.unwrap_or_else(|| (low * high).sqrt());
                (rate, format!("between {low:.2} and {high:.2} requests/s an objective begins to fail"))
            }
        };
        if scouts >= MOST_SCOUTS + FEWEST_SCOUTS {
            return self.end(false, "scouting does not come to an end: the shares contradict one another");
        }
        let requests = self.settings.figures().scout_requests * self.settings.burst_factor();
        Some(self.open(Purpose::Scout, rate, requests, why))
    }

    /// A stage at `rate` of so many requests, or longer if queues take longer to settle.
    fn open(&self, purpose: Purpose, rate: f64, requests: f64, why: String) -> Wanted {
        let ceiling = self.upper();
        // Relaxation time of a queue: 1 / (√μ − √λ)²; of one that is full, as near as probes go.
        let distance = (ceiling.sqrt() - rate.min(0.97 * ceiling).sqrt()).powi(2);
        let share = (requests / self.settings.figures().requests).min(1.0);
        let seconds = (requests / rate).max(share * RELAXATIONS / distance.max(1e-12));
        Wanted { purpose, load: Load::Open { rate, seconds: seconds.ceil() }, why }
    }

    /// The curves through all probes.
    pub(super) fn knees(&self) -> Knees<'_> {
        Knees { objectives: &self.objectives, probes: &self.probes }
    }

    fn plan_straddle(&mut self) -> Option<Wanted> {
        let Some(knee) = self.knees().lowest() else {
            return self.end(false, "the shares that missed the objectives do not rise with the rate");
        };
        let figures = self.settings.figures();
        let done = self.probes.iter().filter(|(purpose, _)| *purpose == Purpose::Straddle).count();
        if done == 0 {
            self.requests = self.requests_for(&knee);
        }
        let exact = knee.root.relative_error <= 1.5 * figures.relative_error;
        let most = figures.straddles + figures.straddles / 2;
        if done >= most || (done >= figures.straddles && exact) {
            return self.plan_certifying();
        }
        let below = done.is_multiple_of(2);
        let distance = knee.straddle();
        let factor = if below { -distance } else { distance }.exp();
        let top = self.ladder.ceiling().map_or(f64::INFINITY, |ceiling| 0.99 * ceiling.value);
        let side = if below { "below" } else { "above" };
        let why = format!(
            "{:.1} % {side} {:.2} requests/s, where {} begins to fail (standard error {:.1} %)",
            distance * 100.0,
            knee.root.rate,
            knee.slo,
            knee.root.relative_error * 100.0
        );
        Some(self.open(Purpose::Straddle, (knee.root.rate * factor).min(top), self.requests, why))
    }

    /// Requests of each stage of the straddle, so that all together are as exact as they should be: the variance of the
    /// root is D / (N · p(1 − p) · β²), D requests standing for one independent one.
    fn requests_for(&self, knee: &Knee) -> f64 {
        let figures = self.settings.figures();
        let allowed = knee.slo.allowed();
        let wanted = knee.design_effect
            / (allowed * (1.0 - allowed) * (knee.root.slope * figures.relative_error).powi(2));
        let fewest = figures.requests * self.settings.burst_factor();
        (wanted / figures.straddles as f64).clamp(fewest, 4.0 * fewest)
    }

    /// The rate in question and its relative standard error.
    pub(super) fn rate(&self) -> Option<(f64, f64)> {
        if self.at_ceiling {
            let ceiling = self.ladder.ceiling()?;
            let half = (ceiling.interval[1] - ceiling.interval[0]) / 2.0;
            return Some((ceiling.value, half / 1.96 / ceiling.value));
        }
        let knee = self.knees().lowest()?;
        Some((knee.root.rate, knee.root.relative_error))
    }

    fn plan_certifying(&mut self) -> Option<Wanted> {
        let Some((rate, error)) = self.rate() else {
            return self.end(false, "no rate can be told to certify");
        };
        let bound = rate * (-Z_95 * error).exp();
        let certifying: Vec<&Probe> = self.at_candidate();
        let done = certifying.len();
        if done >= CERTIFYING {
            if self.holds(&certifying) {
                self.certified = Some(self.candidate);
                return self.conclude(error);
            }
            if self.attempts >= ATTEMPTS {
                return self.end(
                    false,
                    format!("{ATTEMPTS} rates were tried, and none held in {CERTIFYING} stages together"),
                );
            }
        }
        if done == 0 || done >= CERTIFYING {
            if self.attempts >= 2 * ATTEMPTS {
                return self.end(false, "the load generator keeps no certifying stage up");
            }
            self.attempts += 1;
            let lower = if done == 0 { bound } else { bound.min(STEP_DOWN * self.candidate) };
            self.candidate = lower;
        }
        let number = if done >= CERTIFYING { 0 } else { done };
        let why = format!(
            "does {:.2} requests/s hold, the lower bound of {rate:.2}? Stage {} of {CERTIFYING}",
            self.candidate,
            number + 1
        );
        Some(self.open(Purpose::Certify, self.candidate, self.requests, why))
    }

    /// The stages that certify the present candidate.
    fn at_candidate(&self) -> Vec<&Probe> {
        let certifying = self.probes.iter().filter(|(purpose, _)| *purpose == Purpose::Certify);
        certifying
            .map(|(_, probe)| probe)
            .filter(|probe| (probe.rate / self.candidate - 1.0).abs() < 1e-9)
            .collect()
    }

    /// True if the stages meet every objective together, and the backlog grows in no more than one.
    fn holds(&self, stages: &[&Probe]) -> bool {
        let growing = stages.iter().filter(|probe| probe.grows()).count();
        let kept = self.objectives.iter().enumerate().all(|(index, slo)| {
            let all = stages.iter().map(|probe| probe.misses[index]);
            let (missed, requests) =
                all.fold((0.0, 0.0), |(missed, requests), m| (missed + m.missed, requests + m.requests));
            missed <= slo.allowed() * requests
        });
        kept && growing <= 1
    }

    fn conclude(&mut self, error: f64) -> Option<Wanted> {
        let widest = self.settings.figures().widest;
        let half = 1.96 * error;
        if half > widest {
            let [half, widest] = [half, widest].map(|share| share * 100.0);
            return self.end(false, format!("the rate is known to ±{half:.1} % only, not to ±{widest:.0} %"));
        }
        self.end(true, "the rate is known as exactly as asked for, and certified")
    }
}
