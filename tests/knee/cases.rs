//! The servers and loads whose answers are known.

use std::fmt;

use benchmark_schemas::config::Profile;
use benchmark_schemas::record::{Nanos, Pacing};
use benchmark_schemas::report::Binding;
use benchmark_schemas::slo::{Slo, SloMetric};
use inference_perf::capacity::SearchSettings;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;

use crate::servers::{Batching, Figures, Queue, Server};

/// Shape of the gamma-distributed gaps: bursts whose counts vary 3.3 times as much as those of a Poisson process.
pub(crate) const BURSTINESS: f64 = 0.3;

/// A batching server with 32 slots: 13.0 requests/s.
const SLOTS: Figures =
    Figures { slots: 32, prefill: 0.0, step: 0.008, step_each: 0.000_35, tokens: 128.0, tokens_cv: 0.6 };
/// Prefills go before decoding, so that every arrival holds up every answer: time per token leaves its limit within a few
/// per cent of the rate.
const CLIFF: Figures =
    Figures { slots: 64, prefill: 0.04, step: 0.02, step_each: 0.0, tokens: 64.0, tokens_cv: 0.6 };
/// What a request costs a slow client.
const CLIENT_WORK: Nanos = 2_000_000;

/// A server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Queue,
    Slots,
    Cliff,
    ErrorAtCap,
    Slow,
    ClientLimited,
}

/// A law of arrivals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Law {
    Poisson,
    Gamma,
}

/// A server under a law of arrivals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Case {
    pub(crate) kind: Kind,
    pub(crate) law: Law,
}

impl Case {
    pub(crate) fn all() -> Vec<Self> {
        let kinds =
            [Kind::Queue, Kind::Slots, Kind::Cliff, Kind::ErrorAtCap, Kind::Slow, Kind::ClientLimited];
        kinds.into_iter().flat_map(|kind| [Law::Poisson, Law::Gamma].map(|law| Self { kind, law })).collect()
    }

    pub(crate) fn server(self, seed: u64) -> Box<dyn Server> {
        let rng = ChaCha8Rng::seed_from_u64(seed);
        match self.kind {
            Kind::Queue => Box::new(Queue::new(8, 1.0, usize::MAX, rng)),
            Kind::ErrorAtCap => Box::new(Queue::new(8, 1.0, 12, rng)),
            Kind::Slow => Box::new(Queue::new(8, 20.0, usize::MAX, rng)),
            Kind::ClientLimited => Box::new(Queue::new(64, 0.05, usize::MAX, rng)),
            Kind::Slots => Box::new(Batching::new(SLOTS, rng)),
            Kind::Cliff => Box::new(Batching::new(CLIFF, rng)),
        }
    }

    /// Requests/s that the server completes at most.
    pub(crate) fn capacity(self) -> f64 {
        match self.kind {
            Kind::Queue | Kind::ErrorAtCap => 8.0,
            Kind::Slow => 0.4,
            Kind::ClientLimited => 1_280.0,
            Kind::Slots => SLOTS.capacity(),
            Kind::Cliff => CLIFF.capacity(),
        }
    }

    /// What a request costs the client.
    pub(crate) fn client_work(self) -> Nanos {
        if self.kind == Kind::ClientLimited { CLIENT_WORK } else { 0 }
    }

    pub(crate) fn objectives(self) -> Vec<Slo> {
        let ttft = |limit| Slo::latency(SloMetric::Ttft, 0.95, limit);
        match self.kind {
            Kind::Queue | Kind::ClientLimited => vec![ttft(0.5)],
            Kind::Slots => vec![ttft(0.3)],
            Kind::Cliff => vec![ttft(1.0), Slo::latency(SloMetric::Tpot, 0.95, 0.05)],
            Kind::ErrorAtCap => vec![ttft(2.0)],
            Kind::Slow => vec![ttft(10.0)],
        }
    }

    pub(crate) fn settings(self) -> SearchSettings {
        let mut objectives = self.objectives();
        objectives.push(Slo::errors(0.01));
        SearchSettings {
            profile: Profile::Tight,
            objectives,
            pacing: self.pacing(),
            budget_seconds: f64::INFINITY,
            most_in_flight: 4096,
            streamed: true,
        }
    }

    pub(crate) fn pacing(self) -> Pacing {
        match self.law {
            Law::Poisson => Pacing::Poisson,
            Law::Gamma => Pacing::Gamma { burstiness: BURSTINESS },
        }
    }

    pub(crate) fn binding(self) -> Binding {
        match self.kind {
            Kind::Queue | Kind::Slots | Kind::Slow => Binding::Ttft,
            Kind::Cliff => Binding::Tpot,
            Kind::ErrorAtCap => Binding::Errors,
            Kind::ClientLimited => Binding::Client,
        }
    }

    /// The objective that binds.
    pub(crate) fn bound_by(self) -> Slo {
        match self.kind {
            Kind::Cliff => self.objectives()[1],
            Kind::ErrorAtCap => Slo::errors(0.01),
            _ => self.objectives()[0],
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Queue => "M/M/8",
            Kind::Slots => "32 slots",
            Kind::Cliff => "cliff",
            Kind::ErrorAtCap => "error at cap",
            Kind::Slow => "slow, 0.4/s",
            Kind::ClientLimited => "client-limited",
        };
        let law = match self.law {
            Law::Poisson => "Poisson",
            Law::Gamma => "gamma",
        };
        f.pad(&format!("{kind}, {law}"))
    }
}
