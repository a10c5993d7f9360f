//! How small an overload a stage can tell from chance, by its length.
//!
//! While a server is busy, what has fallen due less what it has completed grows by λ − μ on average and wanders like a
//! random walk of variance `λ·c_a² + μ·c_s²` a second (c²: squared coefficients of variation of the counts of arrivals and
//! completions). A one-sided test of level α finds a growth with probability 1 − β once
//!
//! `T = (z_α + z_β)² · (λ·c_a² + μ·c_s²) / (λ − μ)²`
//!
//! It is a lower bound: it takes the variances as known and the server as busy from the start.

use serde::Serialize;

use super::OVERLOAD_TO_SEE;
use super::lengths::normal_cdf;
use crate::record::Pacing;

/// Probability of calling a server overloaded that is exactly at its limit.
pub const FALSE_ALARMS: f64 = 0.05;
/// Probability of finding an overload of the stated size.
pub const POWER: f64 = 0.9;
/// Quantile of the standard normal distribution at 1 − [`FALSE_ALARMS`].
const Z_FALSE_ALARMS: f64 = 1.645;
/// Quantile at [`POWER`].
const Z_POWER: f64 = 1.282;

/// What a stage can tell.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Resolution {
    /// Smallest overload that is found, as a share of the server's capacity: 0.1 if capacity must be exceeded by a
    /// tenth; `None` if even a server that completes nothing cannot be told.
    pub detectable_overload: Option<f64>,
    /// Length that the stage would need for an overload of 5 %, seconds.
    pub seconds_for_five_percent: f64,
}

/// Squared coefficient of variation of the number of arrivals in a whole stage: 0 where that number is fixed.
#[must_use]
pub fn arrival_cv2(pacing: Pacing) -> f64 {
    match pacing {
        Pacing::ScaledExponential | Pacing::Even | Pacing::Trace => 0.0,
        Pacing::Poisson => 1.0,
        Pacing::Gamma { burstiness } => 1.0 / burstiness,
    }
}

impl Resolution {
    /// That of a stage of `rate` requests/s for `seconds`; `cv2` are the squared coefficients of variation of arrivals
    /// and of completions.
    #[must_use]
    pub fn new(rate: f64, seconds: f64, cv2: [f64; 2]) -> Self {
        let seconds_for = |overload: f64| {
            let capacity = rate / (1.0 + overload);
            let needed = Z_FALSE_ALARMS + Z_POWER;
            needed.powi(2) * variance(rate, capacity, cv2) / (rate - capacity).powi(2)
        };
        Self {
            detectable_overload: overload(rate, seconds, cv2),
            seconds_for_five_percent: seconds_for(OVERLOAD_TO_SEE),
        }
    }
}

/// Probability that a stage of `seconds` at `rate` finds that the server completes only `capacity` requests/s.
#[must_use]
pub fn power(rate: f64, capacity: f64, seconds: f64, cv2: [f64; 2]) -> f64 {
    let deviation = (variance(rate, capacity, cv2) * seconds).sqrt();
    normal_cdf((rate - capacity) * seconds / deviation - Z_FALSE_ALARMS)
}

/// Variance of what has fallen due less what was completed, a second.
fn variance(rate: f64, capacity: f64, [arrivals, completions]: [f64; 2]) -> f64 {
    rate * arrivals + capacity * completions
}

/// The overload that takes exactly `seconds`: with `x = λ − μ` and `k = z_α + z_β`, the root of
/// `T·x² + k²·c_s²·x − k²·λ·(c_a² + c_s²) = 0`.
fn overload(rate: f64, seconds: f64, [arrivals, completions]: [f64; 2]) -> Option<f64> {
    let k2 = (Z_FALSE_ALARMS + Z_POWER).powi(2);
    let half = k2 * completions / 2.0;
    let excess = ((half * half + seconds * k2 * rate * (arrivals + completions)).sqrt() - half) / seconds;
    (excess < rate).then(|| excess / (rate - excess))
}
