//! `extensions`: what upstream's configuration cannot say. Files without this key run on upstream's program too.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CapacitySearch, Gates, OwnDataFormat, OwnTraceFormat, Production, ScrapeExtension, WarmUp};
use crate::record::Pacing;
use crate::slo::Slo;

/// What upstream's configuration cannot say.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Extensions {
    /// Additions to `load`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load: Option<LoadExtensions>,
    /// Who counts the tokens of answers; `client` if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_counts: Option<TokenCounts>,
    /// Reading of the server's own metrics page while load is sent; it is not read if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scrape: Option<ScrapeExtension>,
    /// Format of `load.trace` and `data.trace` where it is none that upstream knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_format: Option<OwnTraceFormat>,
    /// Format of the rows of `data.path` where it is none that upstream knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_format: Option<OwnDataFormat>,
    /// Which parts of an answer are tokens; `all` if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer_tokens: Option<AnswerTokens>,
    /// File with the certificates (PEM) of authorities that are trusted besides the system's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_path: Option<String>,
    /// Load ahead of everything that is measured; none if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warmup: Option<WarmUp>,
    /// Service-level objectives, which stages are judged by and a search looks for the highest rate of. Without them a
    /// stage is compared with the one of the lowest rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slo: Option<Vec<Slo>>,
    /// Search for the highest rate that meets the objectives, in place of `load.stages`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity: Option<CapacitySearch>,
    /// What production needs, from which replicas are worked out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub production: Option<Production>,
    /// What must hold, lest the run ends with exit code 4; nothing but the objectives if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gates: Option<Gates>,
}

/// Which parts of an answer are tokens. It matters for chat APIs, whose models also reason and call tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AnswerTokens {
    /// All that the model generates: reasoning, answer and tool calls are stamped and counted.
    #[default]
    All,
    /// The answer proper alone: upstream's reading. Its first token comes after all reasoning.
    Content,
}

/// Who counts the tokens of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenCounts {
    /// The client's tokenizer, beside the server: upstream's way.
    Client,
    /// The server alone, by the `usage` that it reports; where it reports none, lengths are unknown.
    Usage,
}

/// Additions to `load`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LoadExtensions {
    /// How load type `constant` spreads the requests of a stage; `scaled_exponential` if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pacing: Option<PacingLaw>,
    /// How even the gaps of load type `poisson` are: 1, or not given, is a Poisson process, less comes in bursts, more
    /// comes more evenly (the shape of gamma-distributed gaps, as vLLM's benchmark has it).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub burstiness: Option<f64>,
    /// How `load.sweep` estimates the server's limit; `completions` if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sweep_estimator: Option<SweepEstimator>,
}

/// How load type `constant` spreads the requests of a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PacingLaw {
    /// Exponential gaps, scaled so that rate × duration requests fill the stage: upstream's law.
    ScaledExponential,
    /// Equal gaps.
    Even,
}

impl From<PacingLaw> for Pacing {
    fn from(law: PacingLaw) -> Self {
        match law {
            PacingLaw::ScaledExponential => Self::ScaledExponential,
            PacingLaw::Even => Self::Even,
        }
    }
}

/// How `load.sweep` estimates the server's limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SweepEstimator {
    /// Completions per second of a burst while the server is busy.
    #[default]
    Completions,
    /// Upstream's: percentile `saturation_percentile` of how fast the number in flight falls.
    Upstream,
}
