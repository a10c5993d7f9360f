//! The simulator's capacity over real HTTP, and its ways to run.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1::{SendRequest, handshake};

use super::*;
use crate::{ModelParameters, capacity_for_lengths};

async fn client(addr: SocketAddr) -> SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(addr).await.unwrap();
    let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

async fn complete(sender: &mut SendRequest<Full<Bytes>>, input: u32, output: u32) -> Bytes {
    let prompt = "x ".repeat(input as usize);
    let body = serde_json::json!({"prompt": prompt, "max_tokens": output, "stream": true});
    let request = Request::post("/v1/completions").header("host", "x");
    sender.ready().await.unwrap();
    let response = sender.send_request(request.body(Full::from(body.to_string())).unwrap()).await.unwrap();
    response.into_body().collect().await.unwrap().to_bytes()
}

/// A closed loop of twice the slots: the server is never without work.
async fn closed_loop(addr: SocketAddr, clients: u32, duration: Duration) {
    let end = tokio::time::Instant::now() + duration;
    let mut tasks = Vec::new();
    for client_number in 0..clients {
        tasks.push(tokio::spawn(async move {
            let mut sender = client(addr).await;
            let mut n = client_number * 1_000;
            while tokio::time::Instant::now() < end {
                complete(&mut sender, 1 + n * 37 % 60, 1 + n * 53 % 12).await;
                n += 1;
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
}

/// Service takes about 90 ms, so the queue outlasts a client that is held up for as long.
#[test]
fn a_closed_loop_over_http_completes_at_capacity() {
    let model = ModelParameters {
        prefill_base_ms: 40.0,
        prefill_per_token_us: 200.0,
        decode_base_ms: 5.0,
        decode_per_running_sequence_us: 100.0,
        ..ModelParameters::null(32)
    };
    let server =
        spawn(SimulatorConfig { port: 0, threads: 2, model: model.clone(), ..SimulatorConfig::default() })
            .unwrap();
    runtime().unwrap().block_on(closed_loop(server.addr(), 64, Duration::from_secs(3)));
    let stats = server.stats();
    // From the first completion on all slots are taken; they are until the clients stop, half a second before this end.
    let ends: Vec<u64> = stats.requests.iter().map(|request| request.arrival_ns + request.end_ns).collect();
    let from = *ends.iter().min().unwrap();
    let to = from + 2_500_000_000;
    assert!(to < *ends.iter().max().unwrap());
    let lengths: Vec<(u32, u32)> = stats
        .completed_between(from, to)
        .map(|request| (request.prompt_tokens, request.max_tokens))
        .collect();
    let capacity = capacity_for_lengths(&model, &lengths).unwrap();
    let measured = stats.completion_rate(from, to);
    assert!((measured / capacity - 1.0).abs() < 0.02, "{measured}/s measured, {capacity}/s by the formula");
}

#[tokio::test]
async fn the_callers_runtime_can_do_it_all() {
    let config = SimulatorConfig { port: 0, model: ModelParameters::null(1), ..SimulatorConfig::default() };
    let simulator = Simulator::new(config).unwrap();
    let listener = bind(simulator.config()).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let served = tokio::spawn(serve_on_current_runtime(listener, Arc::clone(&simulator), async {
        let _: Result<(), _> = stopped.await;
    }));
    let mut sender = client(addr).await;
    for _ in 0..2 {
        let answer = complete(&mut sender, 3, 2).await;
        assert!(answer.ends_with(b"data: [DONE]\n\n"));
    }
    drop(stop);
    served.await.unwrap().unwrap();
    assert_eq!(simulator.stats(0).totals.completed, 2);
}

#[test]
fn run_serves_until_it_is_told_to_stop() {
    let config = SimulatorConfig { port: 0, ..SimulatorConfig::default() };
    let (ready, address) = std::sync::mpsc::channel();
    run(config, |addr| ready.send(addr).unwrap(), std::future::ready(())).unwrap();
    assert_ne!(address.recv().unwrap().port(), 0);
}

#[test]
fn a_taken_port_is_named() {
    let taken = spawn(SimulatorConfig { port: 0, ..SimulatorConfig::default() }).unwrap();
    let config = SimulatorConfig { port: taken.addr().port(), ..SimulatorConfig::default() };
    let message = spawn(config).unwrap_err().to_string();
    assert!(message.contains(&taken.addr().to_string()), "{message}");
}
