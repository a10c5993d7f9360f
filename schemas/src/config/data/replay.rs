//! `data.otel_trace_replay`, `data.weka_trace_replay`, `data.synthetic_agentic`: whole sessions of requests.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::distribution::{Distribution, DistributionType};

/// Defines the settings of one source of sessions: those that all sources have, then its own. The names of the
/// functions give the defaults that differ between sources.
macro_rules! session_source {
    ($(#[$meta:meta])* $name:ident, override_tool_calls = $override_tool_calls:literal, { $($own:tt)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            /// Name one model in all requests: `static_model_name`.
            #[serde(default)]
            pub use_static_model: bool,
            /// That model.
            #[serde(default)]
            pub static_model_name: String,
            /// Model to name in place of each recorded one.
            #[serde(default)]
            pub model_mapping: Option<IndexMap<String, String>>,
            /// Longest answer where none was recorded, tokens.
            #[serde(default = "default_max_tokens")]
            #[schemars(range(min = 1))]
            pub default_max_tokens: u64,
            /// Leave the length of answers that call tools to the model.
            #[serde(default = $override_tool_calls)]
            pub override_tool_call_max_tokens: bool,
            /// How the model is made to call tools.
            #[serde(default)]
            pub tool_choice_mode: ToolChoiceMode,
            /// Put a random id into each session, so that no cache knows it.
            #[serde(default)]
            pub inject_random_session_id: bool,
            /// Repeat sessions until there are so many; none is repeated if not given.
            #[serde(default)]
            #[schemars(range(min = 1))]
            pub duplicate_sessions_target: Option<u64>,
            /// Longest pause before a request, milliseconds; longer ones are cut.
            #[serde(default = "max_wait_ms")]
            pub max_wait_ms: u64,
            /// Longest wait for the answers that a request needs, seconds; 0 is no limit.
            #[serde(default = "predecessor_wait_timeout_sec")]
            #[schemars(range(min = 0.0))]
            pub predecessor_wait_timeout_sec: f64,
            /// Replay requests that failed when they were recorded.
            #[serde(default = "yes")]
            pub include_errors: bool,
            /// Leave out files that cannot be read.
            #[serde(default)]
            pub skip_invalid_files: bool,
            /// What to do with a tool call that cannot be parsed.
            #[serde(default)]
            pub bad_tool_call_handling: BadToolCallHandling,
            $($own)*
        }

        impl $name {
            /// Faults of the model's name: pairs of key and what is wrong with it.
            pub(in crate::config) fn model_faults(&self) -> Vec<(&'static str, &'static str)> {
                let named = !self.static_model_name.is_empty();
                let mut faults = Vec::new();
                if self.use_static_model && !named {
                    faults.push(("static_model_name", "use_static_model needs the name of the model"));
                }
                if named && !self.use_static_model && self.model_mapping.is_none() {
                    faults.push(("static_model_name", "has no effect without use_static_model"));
                }
                faults
            }
        }
    };
}

session_source! {
    /// Settings of `otel_trace_replay`. Exactly one of `trace_directory`, `trace_files` and `hf_dataset_path`.
    OtelTraceReplay, override_tool_calls = "yes", {
        /// Folder of traces.
        #[serde(default)]
        pub trace_directory: Option<String>,
        /// Traces.
        #[serde(default)]
        pub trace_files: Option<Vec<String>>,
        /// Data set of traces on the hub.
        #[serde(default)]
        pub hf_dataset_path: Option<HubDataset>,
        /// Which traces to replay; all if not given.
        #[serde(default)]
        pub filter: Option<String>,
        /// Send recorded answers in later requests, not those that came.
        #[serde(default)]
        pub disable_output_substitution: bool,
        /// Request headers, and the span attribute that each gets its value from.
        #[serde(default)]
        pub attribute_to_header_map: Option<IndexMap<String, String>>,
        /// Labels in reports, and the span attribute that each gets its value from.
        #[serde(default)]
        pub attribute_to_label_map: Option<IndexMap<String, String>>,
    }
}

session_source! {
    /// Settings of `weka_trace_replay`. Exactly one of `trace_directory`, `trace_files` and `hf_dataset_path`.
    WekaTraceReplay, override_tool_calls = "yes", {
        /// Folder of traces.
        #[serde(default)]
        pub trace_directory: Option<String>,
        /// Traces.
        #[serde(default)]
        pub trace_files: Option<Vec<String>>,
        /// Data set of traces on the hub.
        #[serde(default)]
        pub hf_dataset_path: Option<HubDataset>,
        /// Which traces to replay; all if not given.
        #[serde(default)]
        pub filter: Option<String>,
        /// Longest pause between requests, seconds; longer ones are cut.
        #[serde(default = "trace_idle_gap_cap_seconds")]
        pub trace_idle_gap_cap_seconds: f64,
        /// Send each request as soon as it can be.
        #[serde(default)]
        pub ignore_trace_delays: bool,
        /// Pause only where the trace records a pause to think.
        #[serde(default)]
        pub use_think_time_only: bool,
        /// Tokens of one block where the trace does not say.
        #[serde(default = "default_block_size")]
        pub default_block_size: u64,
        /// Rows to read from the data set.
        #[serde(default = "num_dataset_entries")]
        pub num_dataset_entries: u64,
        /// Workers that prepare the prompts; as many as there are usable CPUs or traces if not given.
        #[serde(default)]
        #[schemars(range(min = 1))]
        pub datagen_workers: Option<u64>,
    }
}

session_source! {
    /// Settings of `synthetic_agentic`: made-up sessions of agents that call tools and other agents.
    SyntheticAgentic, override_tool_calls = "no", {
        /// Sessions to make up.
        #[schemars(range(min = 1))]
        pub num_sessions: u64,
        /// Length of the user's words in a turn, tokens.
        pub input_tokens_per_turn: Distribution,
        /// Length of an answer, tokens.
        pub output_tokens_per_turn: Distribution,
        /// Turns of a session.
        #[serde(default = "turns_per_session")]
        pub turns_per_session: Distribution,
        /// Probability that an agent calls others, 0 to 1.
        #[serde(default)]
        #[schemars(range(min = 0.0, max = 1.0))]
        pub fanout_probability: f64,
        /// Themes of the sessions and their weights.
        #[serde(default = "theme_mix")]
        pub theme_mix: IndexMap<String, ThemeWeight>,
        /// Seed of lengths, shapes and texts.
        #[serde(default = "agentic_seed")]
        pub seed: u64,
        /// Length of the system prompt that all sessions have in common, tokens.
        #[serde(default = "shared_system_prompt_len")]
        pub shared_system_prompt_len: u64,
        /// Tool calls in a turn; 2 if not given.
        #[serde(default)]
        pub tool_loop_depth: Option<Distribution>,
        /// Agents that an agent calls at once; 2 to 4 if not given.
        #[serde(default)]
        pub sub_agents_per_spawn: Option<Distribution>,
        /// How deep agents call agents.
        #[serde(default = "max_depth")]
        pub max_depth: u64,
        /// Requests of one session at most.
        #[serde(default = "max_events_per_session")]
        #[schemars(range(min = 1))]
        pub max_events_per_session: u64,
        /// Tools that an agent knows; 8 if not given.
        #[serde(default)]
        pub tool_catalog_size_per_agent: Option<Distribution>,
        /// Tool calls side by side in a step; 1 if not given.
        #[serde(default)]
        pub parallel_tool_calls_per_step: Option<Distribution>,
        /// Time that a tool takes, seconds; 1 if not given.
        #[serde(default)]
        pub tool_call_latency_sec: Option<Distribution>,
        /// Time that the user thinks between turns, seconds; 10 if not given.
        #[serde(default)]
        pub user_think_time_sec: Option<Distribution>,
        /// Tokens that the model takes at most; not checked if not given.
        #[serde(default)]
        pub max_model_len: Option<u64>,
        /// When a session's past is shortened; never if not given.
        #[serde(default)]
        pub context_compaction: Option<ContextCompaction>,
    }
}

/// A data set on the hub: its name, or a map that says more about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum HubDataset {
    /// Its name.
    Name(String),
    /// Its name and how to read it.
    Detailed(serde_json::Map<String, serde_json::Value>),
}

/// How the model is made to call tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ToolChoiceMode {
    /// Ask for the very tool that was called in the record.
    #[default]
    ForceRecorded,
    /// Ask as the recorded request did.
    AsRecorded,
}

/// What to do with a tool call that cannot be parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BadToolCallHandling {
    /// Send it on.
    #[default]
    None,
    /// Send the recorded one in its place.
    UseRecorded,
}

/// Weight of a theme.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ThemeWeight {
    /// The weight.
    Weight(f64),
    /// The weight in a map; other keys are ignored, as upstream does.
    Detailed {
        /// The weight.
        weight: f64,
    },
}

impl ThemeWeight {
    /// The weight.
    #[must_use]
    pub fn value(&self) -> f64 {
        match self {
            Self::Weight(weight) | Self::Detailed { weight } => *weight,
        }
    }
}

/// When a session's past is shortened. Unknown keys are ignored here, as upstream does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ContextCompaction {
    /// Length of the past that makes it be shortened, tokens.
    pub trigger_tokens: Distribution,
    /// Length that it is shortened to, tokens.
    pub target_tokens: Distribution,
}

fn yes() -> bool {
    true
}

fn no() -> bool {
    false
}

fn default_max_tokens() -> u64 {
    1000
}

fn max_wait_ms() -> u64 {
    15_000
}

fn predecessor_wait_timeout_sec() -> f64 {
    3600.0
}

fn trace_idle_gap_cap_seconds() -> f64 {
    60.0
}

fn default_block_size() -> u64 {
    64
}

fn num_dataset_entries() -> u64 {
    100
}

fn turns_per_session() -> Distribution {
    Distribution { kind: DistributionType::Fixed, mean: 1.0, ..Distribution::default() }
}

fn theme_mix() -> IndexMap<String, ThemeWeight> {
    ["generic", "db2_latency_incident", "research_rag", "code_change_task"]
        .map(|theme| (theme.to_owned(), ThemeWeight::Weight(0.25)))
        .into()
}

fn agentic_seed() -> u64 {
    42
}

fn shared_system_prompt_len() -> u64 {
    1000
}

fn max_depth() -> u64 {
    2
}

fn max_events_per_session() -> u64 {
    64
}
