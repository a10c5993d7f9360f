//! The rate that each case's search has to find.
//!
//! By formula where there is one: the wait of GI/M/c (Takács 1962; of M/M/c it is Erlang C) and the loss of M/M/c/K. Else by runs of the same server
//! without client, driver and search, of millions of requests at rates around the root, whose shares give it by a line
//! through their logits; its error follows from batches.

use benchmark_schemas::record::Nanos;
use benchmark_schemas::slo::SloMetric;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use rand_distr::{Distribution as _, Gamma};

use crate::cases::{BURSTINESS, Case, Kind, Law};
use crate::servers::{Event, SECOND};

/// Batches of a long run.
const BATCHES: usize = 50;
/// Share of it that is left out at its beginning.
const FILL: usize = 50;

/// A truth with its relative standard error.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Truth {
    pub(crate) rate: f64,
    pub(crate) relative_error: f64,
}

/// The truth of a case by its formula; `None` where there is none.
pub(crate) fn formula(case: Case) -> Option<f64> {
    let slo = case.bound_by();
    let allowed = slo.allowed();
    let shape = shape(case);
    match (case.kind, case.law) {
        (Kind::Queue, _) => Some(bisect(8.0, |rate| wait_beyond(8, 1.0, (rate, shape), slo.limit) - allowed)),
        (Kind::Slow, _) => Some(bisect(0.4, |rate| wait_beyond(8, 20.0, (rate, shape), slo.limit) - allowed)),
        (Kind::ErrorAtCap, Law::Poisson) => Some(bisect(8.0, |rate| loss(8, 12, rate) - allowed)),
        _ => None,
    }
}

/// Shape of the gamma-distributed gaps.
fn shape(case: Case) -> f64 {
    if case.law == Law::Poisson { 1.0 } else { BURSTINESS }
}

/// The root of a function that rises, between 0 and `upper`.
fn bisect(upper: f64, of: impl Fn(f64) -> f64) -> f64 {
    // Far below, transforms of gaps and services are too near one another to be told apart.
    let (mut low, mut high) = (0.2 * upper, upper);
    for _ in 0..100 {
        let middle = f64::midpoint(low, high);
        if of(middle) < 0.0 { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

/// The chance that a request of GI/M/c with gamma-distributed gaps waits for longer than `limit` (Takács 1962; Gross and
/// Harris, Fundamentals of Queueing Theory, §5.2).
fn wait_beyond(servers: u32, mean: f64, (rate, shape): (f64, f64), limit: f64) -> f64 {
    let (c, service) = (f64::from(servers), 1.0 / mean);
    // Laplace transform of the gaps.
    let gaps = |s: f64| (shape * rate / (shape * rate + s)).powf(shape);
    let mut omega = 0.5;
    for _ in 0..20_000 {
        omega = gaps(c * service * (1.0 - omega));
    }
    let (mut ways, mut product, mut sum) = (1.0, 1.0, 1.0 / (1.0 - omega));
    for j in 1..=servers {
        let j = f64::from(j);
        ways *= (c - j + 1.0) / j;
        let transform = gaps(j * service);
        product *= transform / (1.0 - transform);
        let last = (c * (1.0 - transform) - j) / (c * (1.0 - omega) - j);
        sum += ways / (product * (1.0 - transform)) * last;
    }
    (-c * service * (1.0 - omega) * limit).exp() / (sum * (1.0 - omega))
}

/// Erlang C: of Poisson arrivals both are one.
#[test]
fn takacs_agrees_with_erlang() {
    for rate in [1.3, 4.1, 5.2, 7.9] {
        // Terms load^k / k! from 0 to 8.
        let mut terms = vec![1.0_f64];
        for k in 1..=8 {
            terms.push(terms[k - 1] * rate / k as f64);
        }
        let last = terms[8] * 8.0 / (8.0 - rate);
        let waits = last / (terms[..8].iter().sum::<f64>() + last) * (-(8.0 - rate) * 0.5).exp();
        let found = wait_beyond(8, 1.0, (rate, 1.0), 0.5);
        assert!((found / waits - 1.0).abs() < 1e-6, "{rate}: {found}, {waits}");
    }
}

/// The chance that a request finds an M/M/c/K of services of a second full.
fn loss(servers: u32, room: u32, rate: f64) -> f64 {
    let mut terms = vec![1.0];
    for k in 1..=room {
        terms.push(terms[k as usize - 1] * rate / f64::from(k.min(servers)));
    }
    terms[room as usize] / terms.iter().sum::<f64>()
}

/// Share that misses the binding objective at `rate`, over `requests`, and its standard error.
fn share(case: Case, rate: f64, requests: usize, seed: u64) -> (f64, f64) {
    let slo = case.bound_by();
    let mut server = case.server(seed);
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x5eed_0000);
    let shape = shape(case);
    let gaps = Gamma::new(shape, SECOND / (rate * shape)).expect("a finite law");
    let mut due: Vec<Nanos> = Vec::with_capacity(requests);
    let mut firsts: Vec<Nanos> = vec![0; requests];
    let mut missed = vec![false; requests];
    let mut happened = Vec::new();
    let mut at = 0.0_f64;
    let mut open = requests;
    while open > 0 {
        if due.len() < requests {
            at += gaps.sample(&mut rng);
            #[expect(clippy::cast_possible_truncation, reason = "days")]
            let now = at as Nanos;
            server.advance(now, &mut happened);
            server.arrive(now, due.len() as u64);
            due.push(now);
        } else if let Some(next) = server.next() {
            server.advance(next, &mut happened);
        }
        for (when, id, event) in happened.drain(..) {
            let id = usize::try_from(id).expect("few");
            match event {
                Event::First => firsts[id] = when,
                Event::Refused => {
                    missed[id] = true;
                    open -= 1;
                }
                Event::Done(tokens) => {
                    open -= 1;
                    let value = match slo.metric {
                        SloMetric::Ttft => (firsts[id] - due[id]) as f64 / SECOND,
                        SloMetric::Tpot if tokens > 1 => {
                            (when - firsts[id]) as f64 / SECOND / f64::from(tokens - 1)
                        }
                        _ => 0.0,
                    };
                    missed[id] = slo.metric != SloMetric::Errors && value > slo.limit;
                }
            }
        }
    }
    let settled = &missed[requests / FILL..];
    let batch = settled.len() / BATCHES;
    let means: Vec<f64> = settled
        .chunks_exact(batch)
        .map(|batch| batch.iter().filter(|missed| **missed).count() as f64 / batch.len() as f64)
        .collect();
    let mean = means.iter().sum::<f64>() / means.len() as f64;
    let variance = means.iter().map(|one| (one - mean).powi(2)).sum::<f64>() / (means.len() - 1) as f64;
    (mean, (variance / means.len() as f64).sqrt())
}

/// The truth of a case by runs of `requests` at each of two rates, on either side of `guess`.
pub(crate) fn simulated(case: Case, guess: f64, requests: usize) -> Truth {
    let allowed = case.bound_by().allowed();
    let logit = |share: f64| (share / (1.0 - share)).ln();
    let (low, high) = (guess * 0.98, guess * 1.02);
    let (at_low, low_error) = share(case, low, requests, 1_001);
    let (at_high, high_error) = share(case, high, requests, 2_002);
    let slope = (logit(at_high) - logit(at_low)) / (high / low).ln();
    let distance = (logit(allowed) - logit(at_low)) / slope;
    let weight = distance / (high / low).ln();
    let logit_error = |share: f64, error: f64| error / (share * (1.0 - share));
    let (a, b) = (logit_error(at_low, low_error), logit_error(at_high, high_error));
    let error = ((1.0 - weight).powi(2) * a * a + weight * weight * b * b).sqrt() / slope;
    Truth { rate: low * distance.exp(), relative_error: error }
}
