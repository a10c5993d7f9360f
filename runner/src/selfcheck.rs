//! What this machine can measure: the load generator against a server that takes no time, both on this machine.
//!
//! A closed loop gives the ceiling; stages at shares of it show up to which rate requests still go out on time. A run near
//! these figures measures its own client. The null server shares the cores, so a machine that has the client alone does
//! better. It knows the driver and the analysis, and prints nothing.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use benchmark_schemas::config::ApiType;
use benchmark_schemas::record::{Pacing, RunFacts, SpoolEntry, StageFacts};
use model_server_simulator::{ModelParameters, SimulatorConfig};

use crate::analysis::client;
use crate::analysis::limits::LIMITS;
use crate::analysis::series::{Arrival, Series};
use crate::capacity::StageReader;
use crate::client::http::{HttpSettings, HttpSource};
use crate::client::tls::TlsFiles;
use crate::client::{AnswerReading, Keep};
use crate::clock::{MonotonicSource, nanos_from_seconds};
use crate::driver::{Engine, Hosting, Patience, Settings, Stop};
use crate::metrics::MetricOptions;
use crate::plan::StagePlan;
use crate::recorder::RecordOptions;
use crate::schedule::Shard;
use crate::seed::Seed;
use crate::spool::SpoolWriter;
use crate::workload::{BodyOptions, Mock};

/// Requests in flight of the closed loop.
const IN_FLIGHT: u64 = 64;
/// Shares of the ceiling that stages offer.
const SHARES: [f64; 4] = [0.1, 0.2, 0.4, 0.6];
/// Name of the null server's model.
const MODEL: &str = "null";

/// What to check with.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Length of each part, seconds.
    pub seconds: f64,
    /// Tokens of an answer, each in an event of its own.
    pub tokens: u32,
}

/// What the machine can do.
#[derive(Debug, Clone, PartialEq)]
pub struct Ceiling {
    /// Worker threads of the client.
    pub workers: usize,
    /// Requests/s of the closed loop.
    pub requests_per_second: f64,
    /// Events/s of its answers.
    pub events_per_second: f64,
    /// Stages at shares of that.
    pub stages: Vec<Offered>,
}

/// A stage of the check.
#[derive(Debug, Clone, PartialEq)]
pub struct Offered {
    /// Requests/s.
    pub rate: f64,
    /// 99th percentile of the send error, seconds.
    pub send_error_p99: Option<f64>,
    /// Share of the time that the busiest runtime worked.
    pub busiest_runtime: f64,
    /// Why a stage like it would not count; empty if it would.
    pub faults: Vec<String>,
}

impl Ceiling {
    /// Highest rate whose stage would count, requests/s; `None` if none would.
    #[must_use]
    pub fn reliable_rate(&self) -> Option<f64> {
        self.stages.iter().filter(|stage| stage.faults.is_empty()).map(|stage| stage.rate).reduce(f64::max)
    }
}

/// Checks this machine; the spool of the check lies in `folder`.
///
/// # Errors
///
/// If server, client or spool cannot be started.
pub async fn check(options: Options, folder: &Path) -> Result<Ceiling> {
    let server = model_server_simulator::spawn(SimulatorConfig {
        port: 0,
        model_name: MODEL.to_owned(),
        model: ModelParameters::null(u32::MAX),
        separate_events: true,
        recorded_requests: 0,
        ..SimulatorConfig::default()
    })?;
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let transports = HttpSource::new(&HttpSettings {
        base_url: server.base_url(),
        reading: AnswerReading::default(),
        api_key: None,
        headers: Vec::new(),
        tls: TlsFiles { authorities: None, certificate: None, key: None },
        connect_timeout: None,
        streaming: true,
        keep: Keep::default(),
    })?;
    let body = BodyOptions {
        streaming: true,
        default_max_tokens: options.tokens,
        ..BodyOptions::new(ApiType::Completion, MODEL.to_owned())
    };
    let mut spool = SpoolWriter::create(folder)?;
    spool.append(&SpoolEntry::Run(Box::new(facts())))?;
    let engine = Engine::start(
        MonotonicSource::start(),
        settings(workers),
        transports,
        Arc::new(Mock::new(None, body)),
        RecordOptions::default(),
        spool,
        Hosting::Threads,
    );
    let mut engine = engine.await?;
    let mut reader = StageReader::new(MetricOptions::default());
    let stop = Stop::new();

    // More than any machine sends in the time, which ends the stage.
    let timeout = Some(nanos_from_seconds(options.seconds));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
    let requests = (options.seconds * 200_000.0) as u64;
    let closed = StagePlan { timeout_ns: timeout, ..StagePlan::concurrent(0, requests, IN_FLIGHT) };
    let closed = engine.run_stage(&closed, &stop).await?;
    let completed =
        Series::new(reader.requests_of(&engine.spool().writer().source(), 0)?, &closed).completed_rate();
    let mut stages = Vec::new();
    for (id, share) in (1..).zip(SHARES) {
        let plan = StagePlan::new(id, share * completed, options.seconds, Pacing::Even);
        let facts = engine.run_stage(&plan, &stop).await?;
        stages.push(offered(reader.requests_of(&engine.spool().writer().source(), id)?, &facts));
    }
    engine.finish(false).await?;
    server.shutdown()?;
    Ok(Ceiling {
        workers,
        requests_per_second: completed,
        events_per_second: completed * f64::from(options.tokens),
        stages,
    })
}

fn offered(arrivals: Vec<Arrival>, facts: &StageFacts) -> Offered {
    let scheduled = arrivals.len() as u64;
    let series = Series::new(arrivals, facts);
    let conduct = client::conduct(&series, facts);
    Offered {
        rate: facts.rate,
        send_error_p99: conduct.send_error_seconds.map(|error| error.p99),
        busiest_runtime: conduct.busiest_runtime,
        faults: client::faults(&conduct, scheduled, &LIMITS),
    }
}

fn settings(workers: usize) -> Settings {
    let patience =
        Patience { timeout_ns: nanos_from_seconds(60.0), retries: 0, backoff_ns: 0, seed: Seed(0) };
    Settings {
        seed: Seed(0),
        workers,
        in_flight_cap: 4096,
        connection_cap: None,
        patience,
        grace_ns: 0,
        shard: Shard::WHOLE,
    }
}

/// The spool begins as every spool does.
fn facts() -> RunFacts {
    RunFacts {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_epoch_ns: 0,
        run_id: "00000000".to_owned(),
        config_json: "{}".to_owned(),
        tokenizer: None,
    }
}
