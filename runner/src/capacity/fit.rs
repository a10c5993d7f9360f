//! Where the share of requests that miss an objective reaches what is allowed: a logistic curve over ln rate.
//!
//! logit p(λ) = α + β·ln λ, fitted by maximum likelihood to counts that are cut down to independent requests. A weak prior
//! on the slope keeps fits of few probes sane. The spread is that of the fit, and more where the probes differ from their
//! curve by more than chance explains. Knows numbers only.

/// Share that misses, at one rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    /// Rate, requests/s.
    pub(super) rate: f64,
    /// Independent requests.
    pub(super) effective: f64,
    /// Share that misses.
    pub(super) share: f64,
}

/// A fitted curve's root.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Root {
    /// Rate at which exactly what is allowed misses, requests/s.
    pub(super) rate: f64,
    /// Standard error of its logarithm.
    pub(super) relative_error: f64,
    /// β: change of the logit for a change of the rate by its own size.
    pub(super) slope: f64,
}

/// Slopes that servers are taken to have before anything is known of them: d logit p / d ln λ of a queue near its knee.
const SLOPE_MEAN: f64 = 12.0;
const SLOPE_DEVIATION: f64 = 12.0;
/// Less is no slope, more is a step.
const SLOPES: [f64; 2] = [2.0, 100.0];
const ITERATIONS: usize = 100;

/// The root of the curve through `points` at `allowed`; `None` for fewer than two rates, or if nothing rises.
pub(super) fn root(points: &[Point], allowed: f64) -> Option<Root> {
    let weight: f64 = points.iter().map(|point| point.effective).sum();
    let distinct = points.windows(2).any(|pair| pair[0].rate.total_cmp(&pair[1].rate).is_ne());
    if !distinct || weight <= 0.0 {
        return None;
    }
    let centre = points.iter().map(|point| point.effective * point.rate.ln()).sum::<f64>() / weight;
    let target = (allowed / (1.0 - allowed)).ln();
    let (mut alpha, mut beta) = (target, SLOPE_MEAN);
    let mut information = [[0.0; 2]; 2];
    for _ in 0..ITERATIONS {
        let mut gradient = [0.0, (SLOPE_MEAN - beta) / SLOPE_DEVIATION.powi(2)];
        information = [[1e-9, 0.0], [0.0, SLOPE_DEVIATION.powi(-2)]];
        for point in points {
            let x = point.rate.ln() - centre;
            let expected = 1.0 / (1.0 + (-(alpha + beta * x).clamp(-30.0, 30.0)).exp());
            let spread = point.effective * expected * (1.0 - expected);
            let off = point.effective * (point.share - expected);
            gradient[0] += off;
            gradient[1] += off * x;
            information[0][0] += spread;
            information[0][1] += spread * x;
            information[1][1] += spread * x * x;
        }
        information[1][0] = information[0][1];
        let [[a, b], [c, d]] = information;
        let determinant = a * d - b * c;
        if determinant.abs() < 1e-300 {
            return None;
        }
        let step = [
            (d * gradient[0] - b * gradient[1]) / determinant,
            (a * gradient[1] - c * gradient[0]) / determinant,
        ];
        alpha += step[0].clamp(-1.0, 1.0);
        beta = (beta + step[1].clamp(-5.0, 5.0)).clamp(SLOPES[0], SLOPES[1]);
        if step.iter().all(|step| step.abs() < 1e-9) {
            break;
        }
    }
    let distance = (target - alpha) / beta;
    let [[a, b], [_, d]] = information;
    let determinant = a * d - b * b;
    // Delta method: the root is (target − α)/β from the centre.
    let (by_alpha, by_beta) = (-1.0 / beta, -distance / beta);
    let variance =
        (by_alpha * by_alpha * d - 2.0 * by_alpha * by_beta * b + by_beta * by_beta * a) / determinant;
    let scatter = scatter(points, |rate| alpha + beta * (rate.ln() - centre));
    let root = Root {
        rate: (centre + distance).exp(),
        relative_error: (variance * scatter).max(0.0).sqrt(),
        slope: beta,
    };
    (root.rate.is_finite() && root.relative_error.is_finite()).then_some(root)
}

/// Pearson's χ² per degree of freedom of the points around their curve, at least 1.
fn scatter(points: &[Point], logit: impl Fn(f64) -> f64) -> f64 {
    let squares = points.iter().map(|point| {
        let expected = 1.0 / (1.0 + (-logit(point.rate)).exp());
        let variance = (point.effective * expected * (1.0 - expected)).max(0.5);
        (point.effective * (point.share - expected)).powi(2) / variance
    });
    let freedom = points.len().saturating_sub(2);
    if freedom == 0 { 1.0 } else { (squares.sum::<f64>() / freedom as f64).max(1.0) }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng as _};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Binomial counts from a known curve: the root is found, and its interval holds it as often as it says.
    #[test]
    fn the_root_of_a_known_curve_is_found() {
        let (truth, slope, allowed) = (5.0_f64, 9.0, 0.05_f64);
        let logit = |rate: f64| (allowed / (1.0 - allowed)).ln() + slope * (rate / truth).ln();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let (mut held, mut sum) = (0, 0.0);
        for _ in 0..400 {
            let points: Vec<Point> = [0.94, 1.06, 0.94, 1.06, 0.94, 1.06]
                .map(|factor| {
                    let rate = truth * factor;
                    let chance = 1.0 / (1.0 + (-logit(rate)).exp());
                    let hits = (0..300).filter(|_| rng.random_range(0.0..1.0) < chance).count();
                    Point { rate, effective: 300.0, share: hits as f64 / 300.0 }
                })
                .to_vec();
            let found = root(&points, allowed).expect("a root");
            let off = (found.rate / truth).ln();
            sum += off;
            held += usize::from(off.abs() <= 1.96 * found.relative_error);
        }
        assert!((sum / 400.0).abs() < 0.004, "bias {}", sum / 400.0);
        assert!(held >= 372, "held {held} of 400");
    }

    #[test]
    fn a_step_has_its_root_between_its_ends() {
        let point = |rate, share| Point { rate, effective: 500.0, share };
        let found = root(&[point(9.0, 0.0), point(9.9, 0.0), point(10.1, 0.6)], 0.05).expect("a root");
        assert!((9.85..10.1).contains(&found.rate), "{found:?}");
        assert!(found.slope > 40.0, "{found:?}");
        assert_eq!(root(&[point(9.0, 0.1), point(9.0, 0.2)], 0.05), None);
    }
}
