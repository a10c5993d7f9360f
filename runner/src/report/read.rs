//! Reads a run back from its records: configuration, metrics and verdicts, all that reports are made from.

use benchmark_schemas::config::{ApiType, Limited, Report, ServerType};
use benchmark_schemas::record::{RunFacts, SpoolEntry};
use benchmark_schemas::report::Capacity;
use benchmark_schemas::slo::Slo;
use serde_json::Value;

use crate::analysis::{self, Questions};
use crate::capacity;
use crate::metrics::goodput::Limits;
use crate::metrics::{MetricOptions, RecordSource, RunMetrics, StageMetrics, summarise};

/// All that the reports of a run are made from.
#[derive(Debug, Clone)]
pub struct RunReport {
    /// What holds for the whole run.
    pub facts: RunFacts,
    /// The effective configuration, secrets masked.
    pub config: Value,
    /// Its `report` section.
    pub settings: Report,
    /// What that section changes about metrics.
    pub options: MetricOptions,
    /// Service-level objectives that stages are held to.
    pub objectives: Vec<Slo>,
    /// The numbers.
    pub metrics: RunMetrics,
    /// Verdicts and brackets.
    pub capacity: Capacity,
}

/// Why a run could not be read back.
#[derive(Debug, thiserror::Error)]
pub enum ReadError<E: std::error::Error + 'static> {
    /// The records could not be read.
    #[error(transparent)]
    Source(E),
    /// The spool does not begin as a spool does.
    #[error("the spool does not begin with the facts of its run: it was cut off before the run started")]
    NoFacts,
    /// The spool's configuration is not one.
    #[error("the configuration in the spool cannot be read (written by another version?): {0}")]
    Config(serde_json::Error),
}

impl RunReport {
    /// The API that was spoken.
    pub fn api(&self) -> ApiType {
        serde_json::from_value(self.config["api"]["type"].clone()).unwrap_or_default()
    }

    /// Reads `source` and works out metrics and verdicts.
    pub fn read<S: RecordSource + ?Sized>(source: &S) -> Result<Self, ReadError<S::Error>> {
        Self::read_for(source, None)
    }

    /// The same by `objectives` in place of those of the configuration.
    pub fn read_for<S: RecordSource + ?Sized>(
        source: &S,
        objectives: Option<Vec<Slo>>,
    ) -> Result<Self, ReadError<S::Error>> {
        let facts = first_entry(source)?;
        let config: Value = serde_json::from_str(&facts.config_json).map_err(ReadError::Config)?;
        let settings: Report = match config.get("report") {
            Some(section) => serde_json::from_value(section.clone()).map_err(ReadError::Config)?,
            None => Report::default(),
        };
        let options = options(&settings, &facts, &config);
        let metrics = summarise(source, &options).map_err(ReadError::Source)?;
        let configured = Questions::of_config(&facts.config_json);
        let sizes =
            |stage: &StageMetrics| (stage.stage, usize::try_from(stage.requests.scheduled).unwrap_or(0));
        let sizes = metrics.stages.iter().map(sizes).collect();
        let (objectives, capacity) = match objectives {
            // What a search has found answers the configuration's objectives alone.
            Some(objectives) => {
                let questions = Questions { objectives, ..configured };
                let capacity = analysis::capacity(source, &options, Some(&questions), &sizes);
                (questions.objectives, capacity)
            }
            None => (configured.objectives, capacity::answer(source, &options, &sizes)),
        };
        let capacity = capacity.map_err(ReadError::Source)?;
        Ok(Self { facts, config, settings, options, objectives, metrics, capacity })
    }

    /// Names of the circuit breakers that records of `stage` opened, in order.
    pub fn breakers_of(&self, stage: u32) -> Value {
        let opened = self.metrics.asides.breakers.iter().filter(|opened| opened.stage == stage);
        opened.map(|opened| opened.name.clone()).collect()
    }

    /// Rate of `stage` as configured, requests/s; zero if neither records nor configuration know it.
    pub fn configured_rate(&self, stage: u32) -> f64 {
        let recorded = self.metrics.stages.iter().find(|known| known.stage == stage);
        let recorded = recorded.and_then(|known| known.facts.as_ref()).map(|facts| facts.rate);
        let swept = self.capacity.sweep.as_ref().and_then(|sweep| sweep.rates.get(stage as usize).copied());
        recorded
            .or(swept)
            .or_else(|| self.config.pointer(&format!("/load/stages/{stage}/rate")).and_then(Value::as_f64))
            .unwrap_or(0.0)
    }
}

fn first_entry<S: RecordSource + ?Sized>(source: &S) -> Result<RunFacts, ReadError<S::Error>> {
    match source.entries().map_err(ReadError::Source)?.next() {
        Some(Ok(SpoolEntry::Run(facts))) => Ok(*facts),
        Some(Err(error)) => Err(ReadError::Source(error)),
        _ => Err(ReadError::NoFacts),
    }
}

/// Kind of the server; vLLM's, as upstream has it, if the configuration does not say.
fn server_type(config: &Value) -> ServerType {
    let named = config.pointer("/server/type").cloned();
    named.and_then(|named| serde_json::from_value(named).ok()).unwrap_or(ServerType::Vllm)
}

/// What the configuration of a run changes about metrics, for who looks at its records while it goes on.
pub fn metric_options(facts: &RunFacts) -> Option<MetricOptions> {
    let config: Value = serde_json::from_str(&facts.config_json).ok()?;
    let settings =
        serde_json::from_value(config.get("report").cloned().unwrap_or_default()).unwrap_or_default();
    Some(options(&settings, facts, &config))
}

fn options(settings: &Report, facts: &RunFacts, config: &Value) -> MetricOptions {
    let counted_by_usage = config.pointer("/extensions/token_counts").is_some_and(|counts| counts == "usage");
    let requests = &settings.request_lifecycle;
    let constraints = settings.goodput.iter().flat_map(|goodput| &goodput.constraints);
    let mut limits = Limits::default();
    for (name, limit) in constraints {
        if let Some(limited) = Limited::named(name) {
            limits[limited as usize] = Some(*limit);
        }
    }
    MetricOptions {
        use_server_output_tokens: requests.use_server_output_tokens,
        max_error_messages: usize::try_from(requests.max_error_messages).unwrap_or(usize::MAX),
        has_tokenizer: facts.tokenizer.is_some(),
        counts_answers: facts.tokenizer.is_some() && !counted_by_usage,
        server: server_type(config),
        limits,
        per_adapter: requests.per_adapter == Some(true),
        per_adapter_stage: requests.per_adapter_stage == Some(true),
        ..MetricOptions::with_percentiles(&requests.percentiles)
    }
}
