//! Rates of a sweep's stages: upstream's formulas and rounding, and what stands in for them where they give none.
//!
//! Upstream goes from 1 to `S`, the server's limit, in `n` stages, rounded to two decimals:
//!
//! ```text
//! linear      1 + i·(S − 1)/(n − 1)
//! geometric   1 + S − S^(1 − i/(n − 1))     i = 0 … n − 1; dense towards S; a single stage has rate 1
//! ```
//!
//! For a limit near or below 1 these fall, or are alike. Then the same formulas start at `S/n` instead of 1, rounded to
//! three significant digits, or as many as keep them apart; they do not depend on the unit of time:
//!
//! ```text
//! linear      S·(i + 1)/n
//! geometric   S/n + S − S·n^(−i/(n − 1))
//! ```

use benchmark_schemas::config::SweepType;

/// Significant digits of rates that upstream's rounding does not fit.
const FEWEST_DIGITS: usize = 3;
/// So many digits tell any two doubles apart.
const MOST_DIGITS: usize = 17;

/// `count` rates up to `limit` requests/s: strictly rising, the last one `limit` itself, rounded.
pub(super) fn rates(kind: SweepType, limit: f64, count: usize) -> Vec<f64> {
    let upstreams: Vec<f64> = spread(kind, 1.0, limit, count).into_iter().map(two_decimals).collect();
    if rises(&upstreams) && upstreams.last().is_some_and(|&last| count > 1 || last <= limit) {
        return upstreams;
    }
    let exact = spread(kind, limit / count as f64, limit, count);
    (FEWEST_DIGITS..MOST_DIGITS)
        .map(|digits| exact.iter().map(|&rate| significant(rate, digits)).collect())
        .find(|rates: &Vec<f64>| rises(rates))
        .unwrap_or(exact)
}

/// `count` values from `first` to `last`, both exact; `first` alone if it is one.
fn spread(kind: SweepType, first: f64, last: f64, count: usize) -> Vec<f64> {
    let steps = count.saturating_sub(1).max(1);
    let step = (last - first) / steps as f64;
    let ratio = first / last;
    (0..count)
        .map(|i| match kind {
            _ if i == 0 => first,
            _ if i == steps => last,
            SweepType::Linear => i as f64 * step + first,
            SweepType::Geometric => first + last - last * ratio.powf(i as f64 / steps as f64),
        })
        .collect()
}

/// NumPy's rounding to two decimals: half to even, on the hundredfold.
fn two_decimals(value: f64) -> f64 {
    (value * 100.0).round_ties_even() / 100.0
}

/// `value` rounded to so many significant digits, at least 1.
fn significant(value: f64, digits: usize) -> f64 {
    let text = format!("{value:.*e}", digits - 1);
    // What was just written as a number reads as one.
    text.parse().unwrap_or(value)
}

fn rises(rates: &[f64]) -> bool {
    rates.first().is_some_and(|&first| first > 0.0) && rates.windows(2).all(|pair| pair[0] < pair[1])
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "the rounded values are known")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// By hand; those of two decimals agree with NumPy's `linspace`, `geomspace` and `round`.
    #[test]
    fn known_rates() {
        use SweepType::{Geometric, Linear};
        let cases: [(SweepType, f64, usize, &[f64]); 10] = [
            (Linear, 18.0, 5, &[1.0, 5.25, 9.5, 13.75, 18.0]),
            (Geometric, 18.0, 5, &[1.0, 10.26, 14.76, 16.94, 18.0]),
            (Linear, 31.97, 5, &[1.0, 8.74, 16.48, 24.23, 31.97]),
            (Geometric, 31.97, 5, &[1.0, 19.53, 27.32, 30.59, 31.97]),
            (Geometric, 3000.0, 5, &[1.0, 2595.64, 2946.23, 2993.6, 3000.0]),
            (Geometric, 9.0, 3, &[1.0, 7.0, 9.0]),
            (Linear, 1.1, 5, &[1.0, 1.02, 1.05, 1.08, 1.1]),
            (Geometric, 1.1, 5, &[1.0, 1.03, 1.05, 1.08, 1.1]),
            (Linear, 10.456, 1, &[1.0]),
            (Geometric, 10.456, 2, &[1.0, 10.46]),
        ];
        for (kind, limit, count, expected) in cases {
            assert_eq!(rates(kind, limit, count), expected, "{kind:?} {limit} {count}");
        }
    }

    /// Upstream's would be 1, 0.82, … for 0.3, and 1, 1, … for 1.01.
    #[test]
    fn known_rates_of_slow_servers() {
        use SweepType::{Geometric, Linear};
        assert_eq!(rates(Linear, 0.3, 5), [0.06, 0.12, 0.18, 0.24, 0.3]);
        // 0.2 + 0.8 − 0.8 · 4^(−i/3): the last term is 0.8, 0.504, 0.317, 0.2.
        assert_eq!(rates(Geometric, 0.8, 4), [0.2, 0.496, 0.683, 0.8]);
        assert_eq!(rates(Linear, 1.01, 5), [0.202, 0.404, 0.606, 0.808, 1.01]);
        assert_eq!(rates(Linear, 0.3, 1), [0.3], "a rate of 1 would be more than three times what it can do");
        assert_eq!(rates(Linear, 0.123_456, 2), [0.0617, 0.123]);
        assert_eq!(rates(Geometric, 0.0004, 2), [0.0002, 0.0004]);
    }

    proptest! {
        #[test]
        fn rates_rise_to_the_limit(
            exponent in -3.0..4.5f64, count in 1usize..200, geometric: bool,
        ) {
            let limit = 10f64.powf(exponent);
            let kind = if geometric { SweepType::Geometric } else { SweepType::Linear };
            let found = rates(kind, limit, count);
            prop_assert_eq!(found.len(), count);
            prop_assert!(rises(&found), "{:?}", found);
            if count > 1 {
                let last = found[count - 1];
                prop_assert!((last / limit - 1.0).abs() <= 0.0051, "{} of {}", last, limit);
            }
            // A hundred steps of 0.01 at the denser end are enough to tell all apart.
            let step = if geometric { limit.ln() / count as f64 } else { limit / count as f64 };
            if limit > 3.0 && step > 0.02 {
                let formula = spread(kind, 1.0, limit, count);
                for (rate, exact) in found.iter().zip(formula) {
                    prop_assert!((rate - exact).abs() <= 0.005 + 1e-9 * limit, "{} for {}", rate, exact);
                    prop_assert_eq!(*rate, two_decimals(*rate));
                }
            }
        }

        #[test]
        fn the_fallback_knows_no_unit_of_time(limit in 0.1..0.9f64, count in 2usize..20, geometric: bool) {
            let kind = if geometric { SweepType::Geometric } else { SweepType::Linear };
            let (one, tenth) = (rates(kind, limit, count), rates(kind, limit / 10.0, count));
            for (one, tenth) in one.iter().zip(&tenth) {
                prop_assert!((one / 10.0 / tenth - 1.0).abs() < 0.0101, "{} {}", one, tenth);
            }
        }
    }
}
