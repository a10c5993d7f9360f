//! The ladder: closed loops of more and more requests in flight, until throughput rises no more.
//!
//! Low rungs are measured coarsely. One that seems to bring nothing is measured again exactly before it is believed; two
//! such rungs are the top, and their throughput is the ceiling.

use benchmark_schemas::report::Estimate;

use super::observed::Rung;
use super::settings::{ERRORS_ALLOWED, SearchSettings};

/// A rung that brings less than this factor is flat.
const GAIN: f64 = 1.05;
/// Flat rungs that are the top.
const FLAT: usize = 2;
/// Below this share of the best throughput the server is past its best.
const DECLINE: f64 = 0.9;
/// Requests of a rung: at least so many for each in flight.
const REQUESTS_EACH: u64 = 20;
/// Requests of a low rung at least, which only has to show that the next one brings more.
const FEWEST_REQUESTS: u64 = 40;
/// Requests of an exact rung at most: those of completions at random for a half width of 2.5 %.
const MOST_REQUESTS: u64 = 6_000;

/// What ended the climb.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Top {
    /// It has not ended.
    Climbing,
    /// Throughput rises no more.
    Flat,
    /// Throughput falls.
    Declined,
    /// Requests fail.
    Errors,
    /// No more may be in flight.
    Cap,
    /// The load generator itself was too slow: what it says.
    Client(String),
    /// Nothing was completed.
    Nothing,
}

/// The rungs so far.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ladder {
    rungs: Vec<Rung>,
    /// Exactly measured ones that brought nothing.
    flat: Vec<Rung>,
    /// The next rung: requests in flight, requests, exactly?
    next: (u64, u64, bool),
    pub(super) top: Top,
}

impl Ladder {
    /// At its foot.
    pub(super) fn new(settings: &SearchSettings) -> Self {
        // Without objectives the first rung is what latencies are compared with.
        let first = settings.figures().rung_requests;
        let requests = if settings.limits_a_latency() { FEWEST_REQUESTS } else { first };
        Self { rungs: Vec::new(), flat: Vec::new(), next: (1, requests, false), top: Top::Climbing }
    }

    /// The next rung, and why; `None` at the top.
    pub(super) fn next(&self) -> Option<(u64, u64, String)> {
        let (concurrency, requests, exactly) = self.next;
        let why = match (self.rungs.last(), exactly) {
            (None, _) => "what one request at a time takes".to_owned(),
            (Some(_), true) => format!(
                "does the throughput rise any more with {concurrency} in flight? Exactly, for the best so far is {:.2}/s",
                self.best()
            ),
            (Some(last), false) => format!(
                "{} in flight completed {:.2}/s, do {concurrency} complete more?",
                last.concurrency, last.throughput
            ),
        };
        (self.top == Top::Climbing).then_some((concurrency, requests, why))
    }

    /// Goes on with what the rung showed; gives that in words.
    pub(super) fn take(&mut self, rung: Rung, settings: &SearchSettings) -> String {
        let (_, requests, exactly) = self.next;
        let found = format!(
            "{:.2} requests/s (95 % within {:.1} %), {:.3} s each",
            rung.throughput,
            rung.half_width / rung.throughput.max(f64::MIN_POSITIVE) * 100.0,
            rung.mean_seconds
        );
        if let Some(fault) = rung.faults.first() {
            self.top = Top::Client(fault.clone());
            return format!("{found}; it does not count: {fault}");
        }
        if rung.failed > ERRORS_ALLOWED {
            self.top = if self.rungs.is_empty() { Top::Nothing } else { Top::Errors };
            return format!("{found}; {:.1} % failed, so no more are sent at once", rung.failed * 100.0);
        }
        if rung.throughput <= 0.0 {
            self.top = Top::Nothing;
            return "too little was completed to tell".to_owned();
        }
        let best = self.best();
        let rises = rung.throughput >= GAIN * best;
        if rises {
            self.flat.clear();
            self.climb(rung, settings);
            return found;
        }
        if !exactly {
            let relative = rung.half_width / rung.throughput / settings.figures().ceiling_half_width;
            self.next = (rung.concurrency, requests_for(requests, relative), true);
            return format!("{found}: no more than {best:.2}, or chance");
        }
        if self.is_past_its_best(&rung) {
            self.top = Top::Declined;
            return format!("{found}: less than {best:.2}, the server is past its best");
        }
        self.flat.push(rung.clone());
        self.climb(rung, settings);
        if self.flat.len() >= FLAT {
            self.top = Top::Flat;
        }
        format!("{found}: no more than before")
    }

    /// True if `rung` completes so much less than the best one that both intervals say so: the best of many coarse rungs is
    /// one that chance was kind to.
    fn is_past_its_best(&self, rung: &Rung) -> bool {
        let best = self.rungs.iter().max_by(|a, b| a.throughput.total_cmp(&b.throughput));
        best.is_some_and(|best| {
            let apart = rung.throughput + rung.half_width < best.throughput - best.half_width;
            apart && rung.throughput < DECLINE * best.throughput
        })
    }

    /// On to twice as many.
    fn climb(&mut self, rung: Rung, settings: &SearchSettings) {
        let concurrency = rung.concurrency.saturating_mul(2);
        let exactly = !self.flat.is_empty();
        let requests = if exactly {
            self.next.1
        } else {
            let fewest =
                FEWEST_REQUESTS.max(settings.figures().rung_requests.min(REQUESTS_EACH * concurrency));
            fewest.max(4 * concurrency)
        };
        self.rungs.push(rung);
        self.next = (concurrency, requests.max(4 * concurrency), exactly);
        if concurrency > settings.most_in_flight {
            self.top = Top::Cap;
        }
    }

    /// Greatest throughput so far, requests/s.
    pub(super) fn best(&self) -> f64 {
        self.rungs.iter().map(|rung| rung.throughput).fold(0.0, f64::max)
    }

    /// What the server completes at most; `None` if the top was not reached.
    pub(super) fn ceiling(&self) -> Option<Estimate> {
        let rungs: Vec<&Rung> = match self.top {
            Top::Flat => self.flat.iter().collect(),
            Top::Declined => {
                let best = self.rungs.iter().max_by(|a, b| a.throughput.total_cmp(&b.throughput));
                best.into_iter().collect()
            }
            _ => return None,
        };
        let weights: Vec<f64> = rungs.iter().map(|rung| rung.half_width.max(1e-9).powi(-2)).collect();
        let weight: f64 = weights.iter().sum();
        let value =
            rungs.iter().zip(&weights).map(|(rung, weight)| rung.throughput * weight).sum::<f64>() / weight;
        let half = weight.powf(-0.5);
        Some(Estimate { value, interval: [value - half, value + half] })
    }

    /// Throughput where throughput / latency is greatest, requests/s.
    pub(super) fn efficient_rate(&self) -> Option<f64> {
        let most = self.rungs.iter().max_by(|a, b| a.power().total_cmp(&b.power()))?;
        Some(most.throughput)
    }
}

/// Requests for a half width that is `1/relative` of that of `requests`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few thousand")]
fn requests_for(requests: u64, relative: f64) -> u64 {
    let wanted = requests as f64 * relative * relative;
    (wanted.ceil() as u64).clamp(2 * requests, MOST_REQUESTS.max(2 * requests))
}
