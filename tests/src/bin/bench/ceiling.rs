//! Bench (a): a closed loop against a server without delays, beside generators that parse nothing.

use std::path::Path;

use anyhow::{Result, ensure};

use crate::figures::{Limit, Table, median};
use crate::others::Others;
use crate::ours::{self, Data, Job, Load};
use crate::process::Ended;
use crate::target::{MODEL, Model, Target, served};
use crate::{Scene, progress};

/// Requests in flight.
const CONCURRENCY: u64 = 64;
const INPUT_TOKENS: u32 = 512;
const OUTPUT_TOKENS: u32 = 128;
const REQUESTS: u64 = 100_000;
const WRK_SECONDS: u64 = 5;

/// What a client reached, by the server's record.
struct Reached {
    requests_per_second: f64,
    /// Of the whole process, seconds for 1,000 requests.
    cpu: f64,
    /// From the first request's arrival to the last answer's end.
    load_cpu: f64,
    server_cpu: f64,
    peak_mib: f64,
}

pub(crate) fn bench(scene: &Scene) -> Result<Vec<Table>> {
    let others = Others::find(&scene.folder)?;
    let shapes = [true, false];
    shapes.into_iter().map(|separate_events| against(scene, &others, separate_events)).collect()
}

/// One of the two shapes that a server can give its answers; the limits hold for that of model servers.
fn against(scene: &Scene, others: &Others, separate_events: bool) -> Result<Table> {
    let shape = if separate_events { "an HTTP chunk an event" } else { "events joined to 16 KiB" };
    let mut table = Table::new(format!(
        "(a) Closed loop: {CONCURRENCY} connections, {INPUT_TOKENS} tokens in, {OUTPUT_TOKENS} out, streamed, server without delays, {shape}"
    ));
    let small = &scene.tokenizers.small;
    let target = Target::start(&Model { separate_events, ..Model::without_delays(small) })?;
    let requests = scene.scaled(REQUESTS);
    let load = Load::Closed { requests, concurrency: CONCURRENCY };
    let data = Data::Synthetic { tokenizer: small, input: INPUT_TOKENS, output: OUTPUT_TOKENS };
    let job = Job { model: MODEL, load, data, server_counts: true };
    let folder = scene.folder.join("ceiling");
    let bytes = body_bytes(&target, job, &folder)?;
    others.set_body(bytes, OUTPUT_TOKENS)?;
    let limit = |limit| if separate_events { limit } else { Limit::None };
    for round in 1..=scene.runs {
        progress(&format!("(a) {shape}, round {round}: ours"));
        let mut own_rate = 0.0;
        let ours = reached(&target, || {
            let run = ours::run(&target, job, &folder)?;
            own_rate = run.requests_per_second()?;
            Ok(run.process)
        })?;
        let counting = Job { server_counts: false, ..job };
        let counting = reached(&target, || Ok(ours::run(&target, counting, &folder)?.process))?;
        progress(&format!("(a) {shape}, round {round}: oha"));
        let oha = reached(&target, || others.oha(&target, requests, CONCURRENCY))?;
        progress(&format!("(a) {shape}, round {round}: wrk"));
        let wrk = reached(&target, || others.wrk(&target, scene.scaled(WRK_SECONDS), CONCURRENCY))?;
        for (name, client) in
            [("ours", &ours), ("ours, counting tokens itself", &counting), ("oha", &oha), ("wrk", &wrk)]
        {
            client.add_to(&mut table, name);
        }
        let rate = ours.requests_per_second;
        let mut add = |name, value, kept| table.add(name, "×", value, limit(kept));
        add("requests/s: ours / oha", rate / oha.requests_per_second, Limit::AtLeast(1.0));
        add("CPU per request: ours / oha", ours.cpu / oha.cpu, Limit::AtMost(1.0));
        add("requests/s: ours / wrk", rate / wrk.requests_per_second, Limit::AtLeast(0.45));
        table.add("requests/s: our report / server's record", "×", own_rate / rate, Limit::None);
    }
    table.note(format!(
        "{requests} requests of {bytes} bytes by ours and oha, {WRK_SECONDS} s of wrk. Ours stamps, parses, records and \
         spools every chunk, the server counts tokens (`extensions.token_counts: usage`) unless said otherwise; oha and \
         wrk parse none. Rates are the server's own; CPU is that of the whole process, user and system."
    ));
    Ok(table)
}

impl Reached {
    fn add_to(&self, table: &mut Table, name: &str) {
        table.add(&format!("{name}: requests/s"), "", self.requests_per_second, Limit::None);
        table.add(&format!("{name}: CPU for 1,000 requests"), "s", self.cpu, Limit::None);
        table.add(&format!("{name}: the same, load phase"), "s", self.load_cpu, Limit::None);
        table.add(&format!("{name}: server's CPU for 1,000"), "s", self.server_cpu, Limit::None);
        table.add(&format!("{name}: peak memory"), "MiB", self.peak_mib, Limit::None);
    }
}

/// The usual size of our bodies, so that the others send as much.
fn body_bytes(target: &Target, job: Job<'_>, folder: &Path) -> Result<usize> {
    let job = Job { load: Load::Closed { requests: 200, concurrency: 8 }, ..job };
    let records = ours::run(target, job, folder)?.records()?;
    let sizes: Vec<f64> = records.iter().map(|record| f64::from(record.request_bytes)).collect();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a size of some kilobytes")]
    let bytes = median(&sizes) as usize;
    Ok(bytes)
}

fn reached(target: &Target, client: impl FnOnce() -> Result<Ended>) -> Result<Reached> {
    target.reset()?;
    let server_before = target.cpu_seconds();
    let ended = client()?;
    let server_cpu = target.cpu_seconds() - server_before;
    let stats = target.stats()?;
    let (seconds, completed) = served(&stats)?;
    ensure!(completed > 0, "the server completed nothing");
    let thousands = completed as f64 / 1_000.0;
    let (first, last) = (stats.first_arrival_ns.unwrap_or(0), stats.last_end_ns.unwrap_or(0));
    Ok(Reached {
        requests_per_second: completed as f64 / seconds,
        cpu: ended.cpu_seconds / thousands,
        load_cpu: ended.cpu_between(first, last) / thousands,
        server_cpu: server_cpu / thousands,
        peak_mib: ended.peak_mib(),
    })
}
