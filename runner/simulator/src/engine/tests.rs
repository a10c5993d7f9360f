//! The engine under tokio's paused time: no HTTP, no waiting.

use std::future::poll_fn;
use std::sync::Arc;

use super::*;
use crate::law::capacity_for_lengths;
use crate::time::TokioTimer;

fn parameters(slots: u32) -> ModelParameters {
    ModelParameters {
        slots,
        prefill_base_ms: 12.3,
        prefill_per_token_us: 45.0,
        decode_base_ms: 3.7,
        decode_per_running_sequence_us: 61.0,
        ..ModelParameters::null(slots)
    }
}

impl<T: Timer> Ticket<T> {
    /// The next token once it is due; `None` after the last one.
    async fn next_token(&mut self) -> Option<Token> {
        poll_fn(|context| self.poll_token(context)).await
    }
}

/// Lengths of request `n`: a fixed irregular walk.
fn lengths(n: u32) -> (u32, u32) {
    (n * 37 % 400, 1 + n * 53 % 40)
}

/// One request from arrival to last token; returns the due instants of its tokens.
async fn request(engine: &Engine, timer: TokioTimer, input: u32, output: u32) -> Vec<Nanos> {
    let mut ticket = engine.arrive(timer).unwrap();
    ticket.begin(input, output);
    let mut due = Vec::new();
    while let Some(token) = ticket.next_token().await {
        assert_eq!(token.index as usize, due.len());
        due.push(token.due);
    }
    due
}

/// Completions and their lengths from `clients` that send one request after another.
async fn closed_loop(engine: &Engine, clients: u32, requests_each: u32) -> Vec<(Nanos, (u32, u32))> {
    let timer = TokioTimer::start();
    let mut tasks = Vec::new();
    for client in 0..clients {
        let engine = engine.clone();
        tasks.push(tokio::spawn(async move {
            let mut completions = Vec::new();
            for n in 0..requests_each {
                let (input, output) = lengths(client * requests_each + n);
                let due = request(&engine, timer, input, output).await;
                completions.push((*due.last().unwrap(), (input, output)));
            }
            completions
        }));
    }
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.unwrap());
    }
    all.sort_unstable();
    all
}

/// Completions/s while every client is at work, and the formula's figure for the very requests completed then.
fn measured_and_true(parameters: &ModelParameters, completions: &[(Nanos, (u32, u32))]) -> (f64, f64) {
    let window = &completions[completions.len() / 10..completions.len() * 9 / 10];
    let seconds = (window[window.len() - 1].0 - window[0].0) as f64 / 1e9;
    let lengths: Vec<_> = window[1..].iter().map(|&(_, lengths)| lengths).collect();
    (lengths.len() as f64 / seconds, capacity_for_lengths(parameters, &lengths).unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_lone_request_keeps_the_law_to_the_nanosecond() {
    let parameters = parameters(4);
    let engine = Engine::new(&parameters, None, 0);
    let timer = TokioTimer::start();
    tokio::time::sleep(std::time::Duration::from_millis(7)).await;
    let due = request(&engine, timer, 200, 5).await;
    // 7 ms until the arrival, 12.3 + 200·0.045 ms of prefill, steps of 3.7 + 0.061 ms: no wake-up of the 1 ms timer
    // falls on one of these instants.
    let first = 7_000_000 + 12_300_000 + 9_000_000;
    assert_eq!(due, (0..5).map(|i| first + i * 3_761_000).collect::<Vec<_>>());
    assert_eq!(engine.occupancy(), Occupancy { running: 0, waiting: 0 });
}

#[tokio::test(start_paused = true)]
async fn a_closed_loop_at_twice_the_slots_completes_at_capacity() {
    for slots in [1, 8, 64] {
        let parameters = parameters(slots);
        let engine = Engine::new(&parameters, None, 0);
        let completions = closed_loop(&engine, 2 * slots, 4_000 / slots).await;
        let (measured, capacity) = measured_and_true(&parameters, &completions);
        assert!((measured / capacity - 1.0).abs() < 0.02, "{slots} slots: {measured} for {capacity}");
    }
}

#[tokio::test(start_paused = true)]
async fn exponential_service_has_the_same_capacity() {
    let parameters = ModelParameters { service_times: ServiceLaw::Exponential, ..parameters(8) };
    let engine = Engine::new(&parameters, None, 3);
    let completions = closed_loop(&engine, 16, 1_500).await;
    let (measured, capacity) = measured_and_true(&parameters, &completions);
    // 19,200 factors of relative spread about 1 put the standard error near 1 %.
    assert!((measured / capacity - 1.0).abs() < 0.04, "{measured} for {capacity}");
}

#[tokio::test(start_paused = true)]
async fn equal_seeds_give_equal_instants() {
    let parameters = ModelParameters { service_times: ServiceLaw::Exponential, ..parameters(3) };
    let mut runs = Vec::new();
    for seed in [1, 1, 2] {
        runs.push(closed_loop(&Engine::new(&parameters, None, seed), 6, 20).await);
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
}

#[tokio::test(start_paused = true)]
async fn slots_are_granted_first_come_first_served() {
    let engine = Engine::new(&parameters(2), None, 0);
    let timer = TokioTimer::start();
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = Vec::new();
    for n in 0..20_u32 {
        let mut ticket = engine.arrive(timer).unwrap();
        let order = Arc::clone(&order);
        tasks.push(tokio::spawn(async move {
            ticket.begin(lengths(n).0, lengths(n).1);
            let first = ticket.next_token().await.unwrap();
            order.lock().unwrap().push((ticket.granted().unwrap(), n));
            assert!(first.due > ticket.granted().unwrap());
            while ticket.next_token().await.is_some() {}
        }));
    }
    assert_eq!(engine.occupancy(), Occupancy { running: 2, waiting: 18 });
    for task in tasks {
        task.await.unwrap();
    }
    let mut order = Arc::try_unwrap(order).unwrap().into_inner().unwrap();
    order.sort_unstable();
    assert_eq!(order.iter().map(|&(_, n)| n).collect::<Vec<_>>(), (0..20).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_refuses_and_a_leaver_makes_room() {
    let engine = Engine::new(&parameters(1), Some(1), 0);
    let timer = TokioTimer::start();
    let running = engine.arrive(timer).unwrap();
    let waiting = engine.arrive(timer).unwrap();
    assert_eq!(engine.arrive(timer).unwrap_err(), QueueFull);
    drop(waiting);
    assert_eq!(engine.occupancy(), Occupancy { running: 1, waiting: 0 });
    let mut waiting = engine.arrive(timer).unwrap();
    waiting.begin(1, 1);
    drop(running);
    assert_eq!(engine.occupancy(), Occupancy { running: 1, waiting: 0 });
    assert!(waiting.next_token().await.is_some());
    assert_eq!(engine.occupancy(), Occupancy { running: 0, waiting: 0 });
}

#[tokio::test(start_paused = true)]
async fn a_grant_that_nobody_picks_up_goes_to_the_next() {
    let engine = Engine::new(&parameters(1), None, 0);
    let timer = TokioTimer::start();
    let running = engine.arrive(timer).unwrap();
    let dropped_when_granted = engine.arrive(timer).unwrap();
    let mut last = engine.arrive(timer).unwrap();
    last.begin(10, 2);
    drop(running);
    drop(dropped_when_granted);
    assert_eq!(last.next_token().await.unwrap().index, 0);
    assert_eq!(engine.occupancy(), Occupancy { running: 1, waiting: 0 });
}
