//! The curves through a search's probes: for each objective the rate at which it begins to fail.

use benchmark_schemas::report::Purpose;
use benchmark_schemas::slo::Slo;

use super::fit::{self, Point, Root};
use super::observed::Probe;

/// Probes further from the root than this, as a logarithm, are on another part of the curve.
const NEAR: f64 = 0.25;
/// Probes of which more miss are saturated, and say only that the root lies below.
const SATURATED: f64 = 0.5;
/// Distances of the straddle from the root.
const DISTANCES: [f64; 2] = [0.01, 0.06];
/// The straddle goes so far that the logit changes by this: shares of about half and twice what is allowed.
const LOGITS: f64 = 0.6;
/// An error above this says that there is no root to speak of.
const KNOWN: f64 = 0.5;

/// Where an objective begins to fail.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Knee {
    pub(super) slo: Slo,
    pub(super) root: Root,
    /// Requests that one independent one stands for.
    pub(super) design_effect: f64,
}

impl Knee {
    /// How far from the root straddling stages go, as a logarithm.
    pub(super) fn straddle(&self) -> f64 {
        (LOGITS / self.root.slope).clamp(DISTANCES[0], DISTANCES[1])
    }
}

/// The probes so far, and what they are held to.
pub(super) struct Knees<'a> {
    pub(super) objectives: &'a [Slo],
    pub(super) probes: &'a [(Purpose, Probe)],
}

impl Knees<'_> {
    /// The lowest rate at which an objective begins to fail.
    pub(super) fn lowest(&self) -> Option<Knee> {
        let knees: Vec<Knee> = (0..self.objectives.len()).filter_map(|index| self.knee(index)).collect();
        let known = knees.iter().filter(|knee| knee.root.relative_error <= KNOWN);
        known.min_by(|a, b| a.root.rate.total_cmp(&b.root.rate)).copied()
    }

    /// That of one objective: fitted to all probes first, then to those near the root.
    fn knee(&self, index: usize) -> Option<Knee> {
        let slo = self.objectives[index];
        let all = self.points(index, &slo, None);
        let (mut root, mut design_effect) = (fit::root(&all.0, slo.allowed())?, all.1);
        for _ in 0..3 {
            let (points, effect) = self.points(index, &slo, Some(root.rate));
            let Some(nearer) = fit::root(&points, slo.allowed()) else { break };
            let settled = (nearer.rate / root.rate - 1.0).abs() < 1e-6;
            (root, design_effect) = (nearer, effect);
            if settled {
                break;
            }
        }
        Some(Knee { slo, root, design_effect })
    }

    /// The points of an objective, near `root` if there is one, with their common design effect: that of one probe alone
    /// is known too badly to weigh it by.
    fn points(&self, index: usize, slo: &Slo, root: Option<f64>) -> (Vec<Point>, f64) {
        let near = |rate: f64| root.is_none_or(|root| (rate / root).ln().abs() <= NEAR);
        let used = || {
            let all = self.probes.iter().map(|(_, probe)| (probe.rate, probe.misses[index]));
            all.filter(move |(rate, misses)| near(*rate) && misses.requests > 0.0)
        };
        let mut points: Vec<(f64, f64, f64, f64)> = used()
            .filter(|(_, misses)| misses.share() <= SATURATED)
            .map(|(rate, misses)| (rate, misses.requests, misses.share(), misses.design_effect))
            .collect();
        if !points.iter().any(|(_, _, share, _)| *share > slo.allowed()) {
            // Only saturated ones are above: the lowest of them closes the curve.
            let saturated = used().filter(|(_, misses)| misses.share() > SATURATED);
            let lowest = saturated.min_by(|a, b| a.0.total_cmp(&b.0));
            points.extend(
                lowest.map(|(rate, misses)| (rate, misses.requests, SATURATED, misses.design_effect)),
            );
        }
        let requests: f64 = points.iter().map(|(_, requests, _, _)| requests).sum();
        let weighted: f64 = points.iter().map(|(_, requests, _, effect)| requests * effect).sum();
        let design_effect = if requests > 0.0 { weighted / requests } else { 1.0 };
        let points = points
            .into_iter()
            .map(|(rate, requests, share, _)| Point { rate, effective: requests / design_effect, share })
            .collect();
        (points, design_effect)
    }
}
