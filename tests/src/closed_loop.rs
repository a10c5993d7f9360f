//! Measures a simulated server's capacity without the program under test: a closed loop of twice as many clients as
//! the server has slots, and the server's own record of when it completed what.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use model_server_simulator::{RequestOutcome, SimulatorConfig, Stats, spawn};
use serde_json::json;

/// Requests that each client sends; the first and the last round of slots are not measured.
const ROUNDS: usize = 2;

/// Completions/s of a server of configuration `config` under requests of exactly `lengths` (prompt and answer tokens).
///
/// # Errors
/// If the server cannot be started, or does not answer every request.
pub fn measure_capacity(config: SimulatorConfig, lengths: (u32, u32)) -> Result<f64> {
    let slots = usize::try_from(config.model.slots)?;
    let model = config.model_name.clone();
    // Words are tokens where there is no tokenizer, so that the prompt has its length by construction.
    let simulator = spawn(SimulatorConfig { tokenizer: None, ..config })?;
    let prompt = vec!["word"; usize::try_from(lengths.0)?].join(" ");
    let body =
        json!({"model": model, "prompt": prompt, "max_tokens": lengths.1, "stream": false}).to_string();
    let clients: Vec<_> = (0..2 * slots)
        .map(|_| {
            let (address, body) = (simulator.addr(), body.clone());
            std::thread::spawn(move || (0..ROUNDS).try_for_each(|_| post(address, &body)))
        })
        .collect();
    for client in clients {
        client.join().map_err(|_| anyhow::anyhow!("a client panicked"))??;
    }
    let rate = steady_rate(&simulator.stats(), slots)?;
    simulator.shutdown()?;
    Ok(rate)
}

/// Completions/s over whole rounds of slots, from the end of the first to the end of the last but one: within these
/// every slot is always taken, whatever pattern the completions have in time.
fn steady_rate(stats: &Stats, slots: usize) -> Result<f64> {
    let mut ends: Vec<u64> = stats
        .requests
        .iter()
        .filter(|request| request.outcome == RequestOutcome::Completed)
        .map(|request| request.arrival_ns + request.end_ns)
        .collect();
    ensure!(
        ends.len() == 2 * slots * ROUNDS,
        "{} of {} requests were completed",
        ends.len(),
        2 * slots * ROUNDS
    );
    ends.sort_unstable();
    let (first, last) = (slots - 1, ends.len() - 1 - slots);
    let seconds = (ends[last] - ends[first]) as f64 / 1e9;
    Ok((last - first) as f64 / seconds)
}

/// One request on a connection of its own, answered with status 200.
fn post(address: SocketAddr, body: &str) -> Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_mins(1)))?;
    write!(
        stream,
        "POST /v1/completions HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.lines().next().context("no answer")?;
    ensure!(status.contains(" 200 "), "{status}");
    Ok(())
}
