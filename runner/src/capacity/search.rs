//! The search as a state machine: it asks for a stage, takes what the stage showed, and asks for the next.
//!
//! ```text
//! ladder    closed loops: how much does the server complete?                → ceiling
//! scout     short stages at rates of their own: where about do objectives fail?
//! straddle  long stages a little below and above that: where exactly?       → rate with its interval
//! certify   three stages with fresh arrivals at its lower end, together     → rate for capacity plans
//! ```
//!
//! It is pure: what it asks next is a function of what it was given so far, whatever clock the stages ran on. A search that
//! was interrupted goes on when it is given its stages again, out of the spool.

use benchmark_schemas::record::{Nanos, StageFacts, StageStatus};
use benchmark_schemas::report::{Binding, Purpose, SearchStep};
use benchmark_schemas::slo::Slo;

use super::ladder::{Ladder, Top};
use super::observed::{Probe, Rung, objectives_of};
use super::settings::{SearchSettings, UNLOADED_MULTIPLE};
use crate::analysis::series::Arrival;
use crate::analysis::verdict::binding_of;
use crate::clock::seconds;

/// Steps at most: a search that needs more goes in circles.
const MOST_STEPS: usize = 80;

/// A stage that the search asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// What it is for.
    pub purpose: Purpose,
    /// What is sent.
    pub load: Load,
    /// Why, in words.
    pub why: String,
}

/// What a stage of a search sends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Load {
    /// So many requests, so many of them in flight at once.
    Closed {
        /// Requests in flight.
        concurrency: u64,
        /// Requests in all.
        requests: u64,
    },
    /// A rate, by the configuration's law of arrivals.
    Open {
        /// Requests/s.
        rate: f64,
        /// Length, seconds.
        seconds: f64,
    },
}

/// How a search ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Ending {
    /// True if it answers what was asked.
    pub decided: bool,
    /// In words.
    pub said: String,
}

/// A search.
#[derive(Debug, Clone)]
pub struct Search {
    pub(super) settings: SearchSettings,
    /// Those of the settings, or its own once the first rung is known.
    pub(super) objectives: Vec<Slo>,
    pub(super) ladder: Ladder,
    pub(super) probes: Vec<(Purpose, Probe)>,
    pub(super) steps: Vec<SearchStep>,
    pub(super) load_seconds: f64,
    pub(super) certified: Option<f64>,
    pub(super) at_ceiling: bool,
    /// Lowest rate that the load generator could not keep up.
    pub(super) client_limit: Option<f64>,
    pub(super) attempts: usize,
    /// Rate that is being certified.
    pub(super) candidate: f64,
    /// Requests of a straddling or certifying stage.
    pub(super) requests: f64,
    wanted: Option<Wanted>,
    ending: Option<Ending>,
}

impl Search {
    /// At its beginning.
    #[must_use]
    pub fn new(settings: SearchSettings) -> Self {
        let ladder = Ladder::new(&settings);
        let requests = settings.figures().requests * settings.burst_factor();
        let mut search = Self {
            objectives: settings.objectives.clone(),
            settings,
            ladder,
            probes: Vec::new(),
            steps: Vec::new(),
            load_seconds: 0.0,
            certified: None,
            at_ceiling: false,
            client_limit: None,
            attempts: 0,
            candidate: 0.0,
            requests,
            wanted: None,
            ending: None,
        };
        search.plan();
        search
    }

    /// The stage that it wants next; `None` when it has ended.
    #[must_use]
    pub fn next(&self) -> Option<&Wanted> {
        self.wanted.as_ref()
    }

    /// True if `facts` are of the stage that it wants, run to its end: one that was stopped says nothing to a search.
    #[must_use]
    pub fn wants(&self, facts: &StageFacts) -> bool {
        let Some(wanted) = &self.wanted else { return false };
        let same = match wanted.load {
            Load::Closed { concurrency, .. } => facts.concurrency == Some(concurrency),
            Load::Open { rate, .. } => facts.concurrency.is_none() && (facts.rate / rate - 1.0).abs() < 1e-9,
        };
        same && facts.status == StageStatus::Completed
    }

    /// How it ended; `None` while it has not.
    #[must_use]
    pub fn ending(&self) -> Option<&Ending> {
        self.ending.as_ref()
    }

    /// The steps so far.
    #[must_use]
    pub fn steps(&self) -> &[SearchStep] {
        &self.steps
    }

    /// Takes what the wanted stage showed: all its requests, in any order.
    pub fn take(&mut self, arrivals: Vec<Arrival>, facts: &StageFacts) {
        let Some(Wanted { purpose, load, why }) = self.wanted.take() else { return };
        let last = arrivals.iter().map(|arrival| arrival.end).max().unwrap_or(facts.window_end);
        self.load_seconds += length(facts.window_start, last.max(facts.window_end));
        let finding = match load {
            Load::Closed { .. } => {
                let rung = Rung::of(arrivals, facts);
                if self.steps.is_empty() && !self.settings.limits_a_latency() {
                    self.objectives.splice(0..0, objectives_of(&rung, UNLOADED_MULTIPLE));
                }
                self.ladder.take(rung, &self.settings)
            }
            Load::Open { .. } => {
                let probe = Probe::of(arrivals, facts, &self.objectives);
                let finding = self.described(&probe);
                if probe.faults.is_empty() {
                    self.probes.push((purpose, probe));
                } else {
                    let limit = self.client_limit.map_or(probe.rate, |limit| limit.min(probe.rate));
                    self.client_limit = Some(limit);
                }
                finding
            }
        };
        self.steps.push(SearchStep { stage: facts.stage, purpose, why, finding });
        self.plan();
    }

    /// What a probe showed, in words.
    fn described(&self, probe: &Probe) -> String {
        if let Some(fault) = probe.faults.first() {
            return format!("it does not count: {fault}");
        }
        let mut said: Vec<String> = self
            .objectives
            .iter()
            .zip(&probe.misses)
            .map(|(slo, misses)| {
                let independent = misses.effective();
                format!(
                    "{:.2} % missed {slo} ({independent:.0} independent requests)",
                    misses.share() * 100.0
                )
            })
            .collect();
        if probe.grows() {
            said.push("the backlog grew".to_owned());
        }
        said.join(", ")
    }

    /// True if `probe` meets all objectives, as far as its shares say.
    pub(super) fn meets(&self, probe: &Probe) -> bool {
        let kept = self.objectives.iter().zip(&probe.misses).all(|(slo, m)| m.share() <= slo.allowed());
        kept && !probe.grows()
    }

    /// Decides what is next.
    fn plan(&mut self) {
        let wanted = match self.ladder.next() {
            Some((concurrency, requests, why)) => {
                Some(Wanted { purpose: Purpose::Ladder, load: Load::Closed { concurrency, requests }, why })
            }
            None if self.ladder.top == Top::Nothing => {
                self.end(false, "too little was completed to tell anything")
            }
            None if self.steps.len() >= MOST_STEPS => self.end(false, "it does not come to an end"),
            None => self.plan_probe(),
        };
        self.wanted = wanted.and_then(|wanted| self.within_budget(wanted));
    }

    pub(super) fn end(&mut self, decided: bool, said: impl Into<String>) -> Option<Wanted> {
        self.ending.get_or_insert(Ending { decided, said: said.into() });
        None
    }

    /// `wanted`, if it would end in time.
    fn within_budget(&mut self, wanted: Wanted) -> Option<Wanted> {
        let expected = match wanted.load {
            Load::Open { seconds, .. } => seconds,
            Load::Closed { requests, .. } if self.ladder.best() > 0.0 => requests as f64 / self.ladder.best(),
            Load::Closed { .. } => 0.0,
        };
        if self.load_seconds + expected <= self.settings.budget_seconds {
            return Some(wanted);
        }
        let spent = self.load_seconds / 60.0;
        self.end(
            false,
            format!(
                "the budget is spent: {spent:.1} min, and the next step takes {:.1} more",
                expected / 60.0
            ),
        )
    }

    /// What keeps the rate from being higher.
    pub(super) fn binding(&self) -> Option<Binding> {
        let by_client = self.client_limit.is_some() || matches!(self.ladder.top, Top::Client(_));
        if self.at_ceiling {
            return Some(Binding::Backlog);
        }
        match self.knees().lowest() {
            Some(knee) if self.bracket().1.is_some() => Some(binding_of(knee.slo.metric)),
            _ if by_client => Some(Binding::Client),
            _ => None,
        }
    }
}

fn length(from: Nanos, to: Nanos) -> f64 {
    seconds(to - from).max(0.0)
}
