//! Bench (a): a closed loop against a server without delays, beside generators that parse nothing.

use anyhow::{Result, ensure};

use crate::figures::{Limit, Table, median};
use crate::others::Others;
use crate::ours::{self, Data, Load};
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

pub(crate) fn bench(scene: &Scene) -> Result<Table> {
    let mut table = Table::new(format!(
        "(a) Closed loop: {CONCURRENCY} connections, {INPUT_TOKENS} tokens in, {OUTPUT_TOKENS} out, streamed, server without delays"
    ));
    let others = Others::find(&scene.folder)?;
    let small = &scene.tokenizers.small;
    let target = Target::start(&Model::without_delays(small))?;
    let requests = scene.scaled(REQUESTS);
    let load = Load::Closed { requests, concurrency: CONCURRENCY };
    let data = Data::Synthetic { tokenizer: small, input: INPUT_TOKENS, output: OUTPUT_TOKENS };
    let folder = scene.folder.join("ceiling");
    let bytes = body_bytes(&target, data, &folder)?;
    others.set_body(bytes, OUTPUT_TOKENS)?;
    for round in 1..=scene.runs {
        progress(&format!("(a) round {round}: ours"));
        let mut own_rate = 0.0;
        let ours = reached(&target, || {
            let run = ours::run(&target, MODEL, load, data, &folder)?;
            own_rate = run.requests_per_second()?;
            Ok(run.process)
        })?;
        progress(&format!("(a) round {round}: oha"));
        let oha = reached(&target, || others.oha(&target, requests, CONCURRENCY))?;
        progress(&format!("(a) round {round}: wrk"));
        let wrk = reached(&target, || others.wrk(&target, scene.scaled(WRK_SECONDS), CONCURRENCY))?;
        for (name, client) in [("ours", &ours), ("oha", &oha), ("wrk", &wrk)] {
            table.add(&format!("{name}: requests/s"), "", client.requests_per_second, Limit::None);
            table.add(&format!("{name}: CPU for 1,000 requests"), "s", client.cpu, Limit::None);
            table.add(&format!("{name}: the same, load phase"), "s", client.load_cpu, Limit::None);
            table.add(&format!("{name}: server's CPU for 1,000"), "s", client.server_cpu, Limit::None);
            table.add(&format!("{name}: peak memory"), "MiB", client.peak_mib, Limit::None);
        }
        let rate = ours.requests_per_second;
        table.add("requests/s: ours / oha", "×", rate / oha.requests_per_second, Limit::AtLeast(1.0));
        table.add("CPU per request: ours / oha", "×", ours.cpu / oha.cpu, Limit::AtMost(1.0));
        table.add("requests/s: ours / wrk", "×", rate / wrk.requests_per_second, Limit::AtLeast(0.45));
        table.add("requests/s: our report / server's record", "×", own_rate / rate, Limit::None);
    }
    table.note(format!(
        "{requests} requests of {bytes} bytes by ours and oha, {WRK_SECONDS} s of wrk. Ours stamps, parses, records and \
         spools every chunk; oha and wrk parse none. Rates are the server's own; CPU is that of the whole process, user \
         and system."
    ));
    Ok(table)
}

/// The usual size of our bodies, so that the others send as much.
fn body_bytes(target: &Target, data: Data<'_>, folder: &std::path::Path) -> Result<usize> {
    let load = Load::Closed { requests: 200, concurrency: 8 };
    let records = ours::run(target, MODEL, load, data, folder)?.records()?;
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
