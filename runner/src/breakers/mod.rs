//! Circuit breakers: conditions on finished requests that stop stages.
//!
//! Recorders show them each record as it is made, beside the measuring threads. A breaker that has opened stays open: the
//! stage in hand is stopped, and those after it send nothing. They know records and JMESPath, but not how a stage is
//! stopped.

mod document;
mod expression;
mod trigger;

use std::sync::{Mutex, MutexGuard, PoisonError};

use benchmark_schemas::config::{CircuitBreaker, Config};
use benchmark_schemas::record::{BreakerOpened, Outcome, Record};
use tokio_util::sync::CancellationToken;

use crate::client::Keep;
use document::Parts;
use expression::Expression;
use trigger::TriggerState;

pub use expression::ExpressionError;

/// The breakers that stop stages. Shared by all recorders.
#[derive(Debug)]
pub struct Breakers {
    list: Vec<Breaker>,
    /// What their expressions look at, of what is costly to show.
    parts: Parts,
    opened: CancellationToken,
}

#[derive(Debug)]
struct Breaker {
    name: String,
    matches: Vec<Expression>,
    rules: Vec<Expression>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    triggers: Vec<TriggerState>,
    open: bool,
}

impl Breakers {
    /// The breakers that `load.circuit_breakers` names; `None` if it names none. Of two with one name the later counts.
    ///
    /// # Errors
    ///
    /// The first expression that is wrong, also of breakers that are not named there.
    pub fn of(config: &Config) -> Result<Option<Self>, ExpressionError> {
        let defined = config.circuit_breakers.as_deref().unwrap_or_default();
        if defined.is_empty() {
            return Ok(None);
        }
        let mut compiled = Vec::new();
        for (index, breaker) in defined.iter().enumerate() {
            compiled.push(Breaker::compile(breaker, &format!("circuit_breakers[{index}]"))?);
        }
        let wanted = &config.load.circuit_breakers;
        let mut breakers: Vec<Breaker> = Vec::new();
        for breaker in compiled.into_iter().rev() {
            let is_known = breakers.iter().any(|known| known.name == breaker.name);
            if wanted.contains(&breaker.name) && !is_known {
                breakers.push(breaker);
            }
        }
        // The first that is named is the first to be told of.
        breakers.sort_by_key(|breaker| wanted.iter().position(|name| *name == breaker.name));
        if breakers.is_empty() {
            return Ok(None);
        }
        let parts = Parts::in_expressions(config.api.kind, breakers.iter().flat_map(Breaker::expressions));
        Ok(Some(Self { list: breakers, parts, opened: CancellationToken::new() }))
    }

    /// Texts that records must keep for the expressions of `config`'s breakers.
    pub fn keeps(config: &Config) -> Keep {
        let defined = config.circuit_breakers.iter().flatten();
        let wanted = defined.filter(|breaker| config.load.circuit_breakers.contains(&breaker.name));
        let expressions =
            wanted.flat_map(|breaker| breaker.metrics.matches.iter().chain(&breaker.metrics.rules));
        Parts::in_expressions(config.api.kind, expressions.map(String::as_str)).keep()
    }

    /// Shows the breakers a record; gives those that it opens. Requests that were never sent, or that were cut off, have no
    /// outcome to look at.
    pub fn observe(&self, record: &Record) -> Vec<BreakerOpened> {
        if !matches!(record.outcome, Outcome::Success | Outcome::Failure(_)) {
            return Vec::new();
        }
        let document = document::of(record, self.parts);
        let opened = self.list.iter().filter(|breaker| breaker.opens(&document, record.end));
        let opened: Vec<_> = opened
            .map(|breaker| BreakerOpened { at: record.end, name: breaker.name.clone(), stage: record.stage })
            .collect();
        if !opened.is_empty() {
            self.opened.cancel();
        }
        opened
    }

    /// Ends when a breaker has opened.
    pub async fn opened(&self) {
        self.opened.cancelled().await;
    }

    /// Name of the first breaker that is open.
    pub fn open(&self) -> Option<&str> {
        let open = self.list.iter().find(|breaker| breaker.lock().open);
        open.map(|breaker| breaker.name.as_str())
    }
}

impl Breaker {
    fn compile(breaker: &CircuitBreaker, key: &str) -> Result<Self, ExpressionError> {
        let all = |texts: &[String], list: &str| {
            let texts = texts.iter().enumerate();
            texts
                .map(|(index, text)| Expression::new(text, format!("{key}.metrics.{list}[{index}]")))
                .collect::<Result<Vec<_>, _>>()
        };
        let triggers = breaker.triggers.iter().map(TriggerState::new).collect();
        Ok(Self {
            name: breaker.name.clone(),
            matches: all(&breaker.metrics.matches, "matches")?,
            rules: all(&breaker.metrics.rules, "rules")?,
            state: Mutex::new(State { triggers, open: false }),
        })
    }

    fn expressions(&self) -> impl Iterator<Item = &str> {
        self.matches.iter().chain(&self.rules).map(Expression::text)
    }

    /// True if this record opens it. All its triggers see each record that counts.
    fn opens(&self, document: &document::Document, at: i64) -> bool {
        let any =
            |expressions: &[Expression]| expressions.iter().any(|expression| expression.holds(document));
        if !any(&self.matches) {
            return false;
        }
        let hit = self.rules.is_empty() || any(&self.rules);
        let mut state = self.lock();
        let fired = state.triggers.iter_mut().map(|trigger| trigger.fires(hit, at)).fold(false, |a, b| a | b);
        let opens = fired && !state.open;
        state.open |= fired;
        opens
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that can panic happens between the state's changes.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
