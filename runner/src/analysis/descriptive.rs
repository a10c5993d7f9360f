//! Curves that are often drawn through such measurements: Kneedle and the Universal Scalability Law. Nothing is concluded
//! from them: the knee of Kneedle moves with the range of the rates (on M/M/1 it is `1 − √(1 − ρ_max)`), and the law has a
//! smooth peak where servers with slots have an edge.

use benchmark_schemas::report::{Descriptive, Usl};

use super::evidence::StageEvidence;

/// Points that a curve needs.
const FEWEST: usize = 4;

/// Both curves.
pub fn curves(stages: &[StageEvidence]) -> Descriptive {
    let mut latencies: Vec<(f64, f64)> = stages
        .iter()
        .filter(|stage| stage.facts.concurrency.is_none())
        .filter_map(|stage| {
            let latency = stage.ttft.as_ref().or(stage.ntpot.as_ref())?;
            Some((stage.offered_rate, latency.p95))
        })
        .collect();
    latencies.sort_by(|a, b| a.0.total_cmp(&b.0));
    let loops: Vec<(f64, f64)> = stages
        .iter()
        .filter_map(|stage| Some((stage.facts.concurrency? as f64, stage.completed_rate)))
        .filter(|(_, throughput)| *throughput > 0.0)
        .collect();
    Descriptive { kneedle_rate: kneedle(&latencies), usl: usl(&loops) }
}

/// Kneedle (Satopää et al. 2011) of a rising convex curve: where it lies deepest under the chord, both axes scaled to one.
fn kneedle(points: &[(f64, f64)]) -> Option<f64> {
    let (first, last) = (points.first()?, points.last()?);
    let heights = || points.iter().map(|point| point.1);
    let (lowest, highest) = (heights().reduce(f64::min)?, heights().reduce(f64::max)?);
    if points.len() < FEWEST || last.0 <= first.0 || highest <= lowest {
        return None;
    }
    let depth = |point: &(f64, f64)| {
        (point.0 - first.0) / (last.0 - first.0) - (point.1 - lowest) / (highest - lowest)
    };
    points.iter().max_by(|a, b| depth(a).total_cmp(&depth(b))).map(|point| point.0)
}

/// Least squares of relative errors of N/X = (1 + σ·(N − 1) + κ·N·(N − 1)) / λ, which is linear in 1/λ, σ/λ, κ/λ.
fn usl(points: &[(f64, f64)]) -> Option<Usl> {
    let mut levels: Vec<f64> = points.iter().map(|point| point.0).collect();
    levels.sort_by(f64::total_cmp);
    levels.dedup();
    if levels.len() < FEWEST {
        return None;
    }
    let (mut normal, mut right) = ([[0.0; 3]; 3], [0.0; 3]);
    for (n, throughput) in points {
        let time = n / throughput;
        let basis = [1.0, n - 1.0, n * (n - 1.0)].map(|value| value / time);
        for (i, row) in normal.iter_mut().enumerate() {
            for (j, cell) in row.iter_mut().enumerate() {
                *cell += basis[i] * basis[j];
            }
            right[i] += basis[i];
        }
    }
    let all = determinant(&normal);
    let solved = |column: usize| {
        let mut replaced = normal;
        for (row, value) in replaced.iter_mut().zip(right) {
            row[column] = value;
        }
        determinant(&replaced) / all
    };
    let [inverse, contention, coherency] = [0, 1, 2].map(solved);
    if !(inverse > 0.0 && contention.is_finite() && coherency.is_finite()) {
        return None;
    }
    let (sigma, kappa) = (contention / inverse, coherency / inverse);
    let peak_concurrency = (kappa > 0.0 && sigma < 1.0).then(|| ((1.0 - sigma) / kappa).sqrt());
    Some(Usl { lambda: 1.0 / inverse, sigma, kappa, peak_concurrency })
}

fn determinant(m: &[[f64; 3]; 3]) -> f64 {
    let minor = |a: usize, b: usize| m[1][a] * m[2][b] - m[1][b] * m[2][a];
    m[0][0] * minor(1, 2) - m[0][1] * minor(0, 2) + m[0][2] * minor(0, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Response time 1/(1 − ρ), swept to `ρ_max`: the knee is `1 − √(1 − ρ_max)`, whatever the queue.
    #[test]
    fn kneedle_reports_the_range() {
        for most in [0.8, 0.9, 0.95, 0.99] {
            let points: Vec<(f64, f64)> = (0..2_000)
                .map(|i| f64::from(i) / 1_999.0 * most)
                .map(|load| (load, 1.0 / (1.0 - load)))
                .collect();
            let found = kneedle(&points).expect("a knee");
            assert!((found - (1.0 - f64::sqrt(1.0 - most))).abs() < 0.002, "{most}: {found}");
        }
        assert_eq!(kneedle(&[(1.0, 1.0), (2.0, 1.0), (3.0, 1.0), (4.0, 1.0)]), None);
    }

    #[test]
    fn the_law_is_found_in_its_own_points() {
        let law = |n: f64| 20.0 * n / (1.0 + 0.05 * (n - 1.0) + 0.001 * n * (n - 1.0));
        let points: Vec<(f64, f64)> = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0].map(|n| (n, law(n))).to_vec();
        let found = usl(&points).expect("a law");
        assert!((found.lambda - 20.0).abs() < 1e-6 && (found.sigma - 0.05).abs() < 1e-6, "{found:?}");
        let peak = found.peak_concurrency.expect("a peak");
        assert!((peak - f64::sqrt(0.95 / 0.001)).abs() < 1e-3, "{peak}");
        assert_eq!(usl(&points[..3]), None);
    }
}
