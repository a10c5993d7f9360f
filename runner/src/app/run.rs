//! A benchmark run from its configuration to stored results.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use benchmark_schemas::config::Config;
use benchmark_schemas::record::{RunFacts, SpoolEntry};
use benchmark_schemas::secret::Secret;
use benchmark_schemas::yaml;
use jiff::ZonedDateTime;

use super::start::{self, Start};
use super::{Exit, model, results};
use crate::client::http::{HttpSettings, HttpSource};
use crate::client::tls::TlsFiles;
use crate::clock::MonotonicSource;
use crate::driver::{Engine, Hosting, Settings};
use crate::plan::{Plan, Surroundings};
use crate::progress::{Counts, Progress};
use crate::recorder::RecordOptions;
use crate::seed::{Purpose, Seed};
use crate::shutdown::Signals;
use crate::spool::SpoolWriter;
use crate::store::Stores;
use crate::workload::{Lengths, Synthetic, Tokenizer};

/// Path of the completion API.
const COMPLETIONS: &str = "/v1/completions";
/// Variable that gives `server.api_key` where the configuration has none.
const API_KEY_VARIABLE: &str = "INFERENCE_PERF_API_KEY";

/// Runs the benchmark of `config_file`.
///
/// # Errors
///
/// Whatever keeps it from starting, and faults of the machine during it.
pub(super) fn run(config_file: &Path, progress: &Progress) -> Result<Exit> {
    let Start { mut config, tokenizer } = start::read(config_file)?;
    tracing::info!("Using configuration from: {}", config_file.display());
    let started = ZonedDateTime::now();
    config.resolve_timestamp(&started.strftime("%Y%m%d-%H%M%S").to_string());
    if config.server.api_key.is_none() {
        config.server.api_key = std::env::var(API_KEY_VARIABLE).ok().map(Secret::new);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let signals = Signals::listen().context("signals cannot be listened for")?;
        Box::pin(benchmark(config, tokenizer, &started, &signals, progress)).await
    })
}

async fn benchmark(
    mut config: Config,
    tokenizer: Arc<Tokenizer>,
    started: &ZonedDateTime,
    signals: &Signals,
    progress: &Progress,
) -> Result<Exit> {
    let model = model::name(&config).await?;
    let plan = plan(&mut config, model, started);
    let effective = serde_json::to_value(&config)?;
    tracing::info!("Benchmarking with the following config:\n\n{}", yaml::emit(&effective));
    let run_id = run_id(started);

    let scratch = std::env::temp_dir().join(format!("inference-perf-{run_id}"));
    let environment = std::env::vars().filter(|(name, _)| name.starts_with("AWS_")).collect();
    let mut stores = Stores::open(config.storage.as_ref(), environment, &scratch)?;
    let workload = Arc::new(workload(&plan, &tokenizer)?);
    let transports = HttpSource::new(&http_settings(&config, &plan))?;
    stores.prove(yaml::emit(&effective).as_bytes()).await?;
    for place in stores.places() {
        tracing::info!("Report files will be stored at: {place}");
    }

    let clock = MonotonicSource::start();
    let mut spool = SpoolWriter::create(stores.folder())?;
    spool.append(&SpoolEntry::Run(Box::new(RunFacts {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_epoch_ns: epoch_ns(&ZonedDateTime::now()),
        run_id: run_id.clone(),
        config_json: effective.to_string(),
        tokenizer: Some(tokenizer.path().display().to_string()),
    })))?;
    let options =
        RecordOptions { tokenizer: Some(tokenizer), streamed: config.api.streaming, keep: plan.keep };
    let engine = Engine::start(
        clock,
        Settings::of(&plan),
        transports,
        workload.clone(),
        options,
        spool,
        Hosting::Threads,
    )
    .await?;
    drive(engine, &plan, clock, signals, progress).await?;
    let inexact = workload.facts().inexact;
    if inexact > 0 {
        tracing::warn!(
            "{inexact} prompts do not have exactly the drawn length: the tokenizer has no text for it"
        );
    }
    results::store(stores, signals.exit_code()).await
}

/// Runs the stages one after another; stops early if a signal asks for it.
async fn drive(
    mut engine: Engine<MonotonicSource>,
    plan: &Plan,
    clock: MonotonicSource,
    signals: &Signals,
    progress: &Progress,
) -> Result<()> {
    let counters = engine.progress();
    let counts = || {
        use crate::clock::ClockSource as _;
        let now = counters.snapshot(clock.now());
        now.map_or_else(Counts::default, |now| Counts {
            due: now.due,
            sent: now.sent,
            finished: now.finished,
            failed: now.failed,
        })
    };
    for (number, stage) in plan.stages.iter().enumerate() {
        if signals.stop().is_requested() {
            break;
        }
        tracing::info!(
            "Stage {} - run started: {} requests at {}/s within {} s",
            stage.id,
            stage.requests,
            stage.rate,
            stage.duration_seconds
        );
        let outcome = tokio::select! {
            outcome = engine.run_stage(stage, signals.stop()) => outcome?,
            () = progress.show(number, plan.stages.len(), stage.requests, counts) => continue,
        };
        let ending = if signals.stop().is_requested() { "failed: interrupted" } else { "completed" };
        tracing::info!("Stage {} - run {ending}", stage.id);
        if outcome.late_bodies > 0 {
            tracing::warn!(
                "Stage {}: {} requests were late because their prompts were not ready in time",
                stage.id,
                outcome.late_bodies
            );
        }
        if outcome.recorder_waits > 0 {
            tracing::warn!(
                "Stage {}: {} requests were held up because records could not be written fast enough",
                stage.id,
                outcome.recorder_waits
            );
        }
        if number + 1 < plan.stages.len() {
            engine.pause(plan.interval_ns, signals.stop()).await;
        }
    }
    engine.finish(signals.stop().is_requested()).await?;
    Ok(())
}

/// The plan; what only the machine knows is written back into the configuration, so that its report tells it.
fn plan(config: &mut Config, model: String, started: &ZonedDateTime) -> Plan {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let milliseconds = started.timestamp().as_millisecond();
    let default_seed = u64::try_from(milliseconds).unwrap_or_default();
    let surroundings = Surroundings { cores, model: model.clone(), default_seed };
    config.load.base_seed.get_or_insert(default_seed);
    config.load.num_workers.get_or_insert(i64::try_from(cores).unwrap_or(1));
    if let Some(tokenizer) = &mut config.tokenizer {
        tokenizer.pretrained_model_name_or_path.get_or_insert(model);
    }
    Plan::new(config, &surroundings)
}

fn workload(plan: &Plan, tokenizer: &Arc<Tokenizer>) -> Result<Synthetic> {
    let input = Lengths::new(plan.input.clone(), plan.seed, Purpose::InputLength);
    let output = Lengths::new(plan.output.clone(), plan.seed, Purpose::OutputLength);
    let corpus = plan.corpus.as_deref();
    Ok(Synthetic::new(plan.seed, Arc::clone(tokenizer), corpus, (input, output), plan.body.clone())?)
}

fn http_settings(config: &Config, plan: &Plan) -> HttpSettings {
    let headers = config.api.headers.iter().flatten();
    HttpSettings {
        base_url: config.server.base_url.clone(),
        route: COMPLETIONS,
        api_key: config.server.api_key.clone(),
        headers: headers.map(|(name, value)| (name.clone(), value.clone())).collect(),
        tls: TlsFiles {
            authorities: None,
            certificate: config.server.cert_path.as_ref().map(PathBuf::from),
            key: config.server.key_path.as_ref().map(PathBuf::from),
        },
        connect_timeout: plan.connect_timeout_ns,
        streaming: config.api.streaming,
        keep: plan.keep,
    }
}

/// Eight hexadecimal digits that name the run.
fn run_id(started: &ZonedDateTime) -> String {
    use rand::Rng as _;
    let nanoseconds = started.timestamp().as_nanosecond().unsigned_abs();
    // The instant and the process tell runs apart, also those that start in the same nanosecond on two machines.
    #[expect(clippy::cast_possible_truncation, reason = "the low 64 bits are those that differ")]
    let seed = Seed(nanoseconds as u64 ^ (u64::from(std::process::id()) << 32));
    format!("{:08x}", seed.rng(Purpose::RunId, 0, 0).next_u32())
}

fn epoch_ns(now: &ZonedDateTime) -> i64 {
    i64::try_from(now.timestamp().as_nanosecond()).unwrap_or(i64::MAX)
}
