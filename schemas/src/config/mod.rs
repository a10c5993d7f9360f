//! The configuration of a run: `config.yml`.

mod api;
mod breakers;
mod capacity;
mod checks;
mod data;
mod distribution;
mod extensions;
mod flags;
mod gates;
mod load;
mod metrics;
mod objectives;
mod read;
mod report;
mod server;
mod storage;
mod support;
#[cfg(test)]
mod tests;
mod tokenizer;

pub use api::*;
pub use breakers::*;
pub use capacity::*;
pub use data::*;
pub use distribution::{Distribution, DistributionType, LengthOrDistribution, PointOrDistribution};
pub use extensions::*;
pub use flags::{Flag, FlagKind, apply, flags, nearest as nearest_flag};
pub use gates::Gates;
pub use load::*;
pub use metrics::*;
pub use objectives::BadObjective;
pub use read::{Reading, UnknownKeys};
pub use report::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
pub use server::*;
pub use storage::*;
pub use tokenizer::*;

use crate::json_schema;
use crate::record::Pacing;

/// The configuration of a run: upstream's keys of version 0.7.0, and `extensions`.
///
/// Serialised, it has every key, null where nothing is set, in upstream's order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Which API the requests speak and what is sent along with each of them.
    #[serde(default)]
    pub api: Api,
    /// What the requests ask.
    #[serde(default)]
    pub data: Data,
    /// When requests are sent, how many at once, and for how long.
    #[serde(default)]
    pub load: Load,
    /// Where the server's own metrics are read from; they are not if not given.
    #[serde(default)]
    pub metrics: Option<Metrics>,
    /// Which reports are written and what stands in them.
    #[serde(default)]
    pub report: Report,
    /// Where the reports go; null is nowhere.
    #[serde(default = "default_storage")]
    pub storage: Option<Storage>,
    /// The model server under test.
    pub server: Server,
    /// What prompts are cut to length with and answers are counted by; the model's own if not given.
    #[serde(default)]
    pub tokenizer: Option<Tokenizer>,
    /// Conditions on finished requests that stop a stage.
    #[serde(default)]
    pub circuit_breakers: Option<Vec<CircuitBreaker>>,
    /// What upstream's configuration cannot say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extensions: Option<Extensions>,
}

impl Config {
    /// The law by which the load type spreads the requests of a stage.
    ///
    /// Those of a `concurrent` stage all fall due within its first second, by upstream's law of `constant`.
    pub fn pacing(&self) -> Pacing {
        let load = self.extensions.as_ref().and_then(|extensions| extensions.load.as_ref());
        if self.load.kind == LoadType::TraceReplay {
            return Pacing::Trace;
        }
        if self.load.kind == LoadType::Poisson {
            let burstiness = load.and_then(|load| load.burstiness);
            return burstiness.map_or(Pacing::Poisson, |burstiness| Pacing::Gamma { burstiness });
        }
        load.and_then(|load| load.pacing).map_or(Pacing::ScaledExponential, Pacing::from)
    }

    /// How `load.sweep` estimates the server's limit.
    pub fn sweep_estimator(&self) -> SweepEstimator {
        let load = self.extensions.as_ref().and_then(|extensions| extensions.load.as_ref());
        load.and_then(|load| load.sweep_estimator).unwrap_or_default()
    }

    /// True if the client's tokenizer counts the tokens of answers.
    pub fn client_counts_answers(&self) -> bool {
        let asked = self.extensions.as_ref().and_then(|extensions| extensions.token_counts);
        asked != Some(TokenCounts::Usage)
    }

    /// Which parts of an answer are tokens.
    pub fn answer_tokens(&self) -> AnswerTokens {
        self.extensions.as_ref().and_then(|extensions| extensions.answer_tokens).unwrap_or_default()
    }

    /// Writes into `total_count` of drawn lengths what holds in the run, as upstream does: one more than the longest
    /// stage has requests, unless it is greater already.
    pub fn resolve_total_count(&mut self) {
        if self.data.draws_lengths() {
            let least = self.load.stages.iter().map(Stage::requests).max().unwrap_or(0).saturating_add(1);
            let lengths = [&mut self.data.input_distribution, &mut self.data.output_distribution];
            for distribution in lengths.into_iter().flatten() {
                distribution.total_count =
                    Some(distribution.total_count.map_or(least, |given| given.max(least)));
            }
        }
    }

    /// Puts `text`, the local start time of the run as `20260131-235959`, in place of every `{timestamp}` in the
    /// paths of `storage`.
    pub fn resolve_timestamp(&mut self, text: &str) {
        if let Some(storage) = &mut self.storage {
            storage.resolve_timestamp(text);
        }
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the type of the field that it is the default of")]
fn default_storage() -> Option<Storage> {
    Some(Storage::default())
}

/// The JSON Schema (draft-07) of `config.yml`.
#[must_use]
pub fn json_schema() -> Value {
    json_schema::of_input::<Config>()
}
