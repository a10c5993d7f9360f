//! From a rate that can be relied on to replicas for production.

use benchmark_schemas::config::Production;
use benchmark_schemas::report::{Capacity, ProductionNeed, Verdict};

/// A stage tells the requests in flight at another rate if the two differ by no more than this factor.
const NEAR: f64 = 2.0;

/// What `production` needs, by the recommended rate of `capacity`; `None` where there is none.
pub fn need(capacity: &Capacity, production: &Production) -> Option<ProductionNeed> {
    let [_, recommended] = capacity.knee.recommended?;
    let tested_replicas = production.replicas.unwrap_or(1).max(1);
    let rate_per_replica = recommended / tested_replicas as f64;
    // A hair below, so that 3 × 10 requests/s need three replicas of 10 and not four.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
    let replicas = ((production.peak_rate / rate_per_replica - 1e-9).ceil() as u64).max(1);
    Some(ProductionNeed {
        peak_rate: production.peak_rate,
        tested_replicas,
        rate_per_replica,
        replicas,
        replicas_with_spare: replicas + 1,
        in_flight_per_replica: in_flight(capacity, recommended).map(|all| all / tested_replicas as f64),
    })
}

/// Requests in flight at `rate`: the mean time in the system of the valid stage that is nearest to it, times the rate.
fn in_flight(capacity: &Capacity, rate: f64) -> Option<f64> {
    let stages = capacity.stages.iter().filter(|stage| {
        !matches!(stage.verdict, Verdict::InvalidClient | Verdict::Saturated) && stage.mean_in_system > 0.0
    });
    let distance = |offered: f64| (offered / rate).ln().abs();
    let (offered, in_system) = stages
        .filter_map(|stage| Some((stage.offered_rate?, stage.mean_in_system)))
        .min_by(|a, b| distance(a.0).total_cmp(&distance(b.0)))?;
    (distance(offered) <= NEAR.ln()).then(|| in_system / offered * rate)
}
