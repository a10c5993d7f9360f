//! A configuration's plan: stages, limits, what is kept.

use super::*;

fn config(text: &str) -> Config {
    Config::from_yaml(text, "config.yml").unwrap_or_else(|problems| panic!("{problems}"))
}

const BASE: &str = "
api: {type: completion, streaming: true}
data:
  type: synthetic
  input_distribution: {mean: 512, std_dev: 128, min: 128, max: 2048}
  output_distribution: {mean: 256, std_dev: 64, min: 32, max: 512}
server: {type: vllm, model_name: m, base_url: 'http://h:8000'}
tokenizer: {pretrained_model_name_or_path: /t}
";

fn plan(load: &str, cores: usize) -> Plan {
    let surroundings =
        Surroundings { cores, model: "m".to_owned(), default_seed: 99, recorded: Recorded::default() };
    Plan::new(&config(&format!("{BASE}load: {load}")), &surroundings)
}

const STAGES: &str =
    "stages: [{rate: 5, duration: 180}, {rate: 0.29, duration: 100}, {rate: 0.1, duration: 30}]";

#[test]
fn stages_have_as_many_requests_as_upstreams() {
    let plan = plan(&format!("{{{STAGES}}}"), 4);
    let stages: Vec<_> = plan.stages.iter().map(|s| (s.id, s.requests, s.duration_ns)).collect();
    assert_eq!(stages, [(0, 900, 180_000_000_000), (1, 28, 100_000_000_000), (2, 3, 30_000_000_000)]);
    assert_eq!(plan.stages[0].pacing, Pacing::ScaledExponential);
    assert_eq!(plan.seed, Seed(99));
    assert_eq!((plan.input.min, plan.output.max), (128, 512));
    assert_eq!(plan.keep, Keep::default());
}

#[test]
fn workers_are_bounded_by_cores_but_caps_keep_the_users_figure() {
    let plan = |load: &str| {
        let plan = plan(&format!("{{{load}, {STAGES}}}"), 2);
        (plan.workers, plan.in_flight_cap, plan.connection_cap)
    };
    assert_eq!(plan("num_workers: 8"), (2, 800, Some(20_000)));
    assert_eq!(plan("interval: 1"), (2, 200, Some(5_000)));
    assert_eq!(plan("num_workers: 0, worker_max_concurrency: 7"), (1, 7, Some(2_500)));
    assert_eq!(plan("num_workers: -3"), (1, 100, Some(2_500)));
    assert_eq!(
        plan("num_workers: 4, worker_max_concurrency: 1, worker_max_tcp_connections: 0"),
        (2, 4, None)
    );
}

#[test]
fn limits_are_told_as_they_hold() {
    let limits = |load: &str, asked| plan(&format!("{{{load}, {STAGES}}}"), 2).limits(asked);
    assert_eq!(
        limits("num_workers: 8", Some(8)),
        "Limits over all stages: 2 worker threads (num_workers: 8), 800 requests in flight, 20000 connections"
    );
    assert_eq!(
        limits("worker_max_tcp_connections: 0", None),
        "Limits over all stages: 2 worker threads, 200 requests in flight, any number of connections"
    );
}

#[test]
fn concurrent_stages_are_due_within_a_second_and_set_the_caps() {
    let load = "type: concurrent, worker_max_concurrency: 0, stages: [
        {num_requests: 40, concurrency_level: 4, rate: 7, duration: 9}, {num_requests: 5, concurrency_level: 16}]";
    let plan = |more: &str, cores| plan(&format!("{{{more}{load}}}"), cores);
    let wide = plan("", 2);
    let stages: Vec<_> =
        wide.stages.iter().map(|s| (s.id, s.rate, s.duration_ns, s.requests, s.concurrency)).collect();
    assert_eq!(
        stages,
        [(0, 40.0, 1_000_000_000, 40, Some(4)), (1, 5.0, 1_000_000_000, 5, Some(16))],
        "fewer requests than places are fine"
    );
    assert_eq!(wide.stages[0].pacing, Pacing::ScaledExponential);
    assert_eq!((wide.workers, wide.in_flight_cap, wide.connection_cap), (2, 16, Some(5_000)));
    assert_eq!(plan("", 64).workers, 16, "a worker without a place would idle");
    assert_eq!((plan("num_workers: -1, ", 8).workers, plan("num_workers: 0, ", 8).in_flight_cap), (1, 16));
}

#[test]
fn poisson_stages_have_their_law() {
    let plan = plan(&format!("{{type: poisson, {STAGES}}}"), 2);
    assert!(plan.stages.iter().all(|stage| stage.pacing == Pacing::Poisson && stage.concurrency.is_none()));
    assert_eq!(plan.stages[1].requests, 28);
}

#[test]
fn a_timeout_of_null_or_zero_is_the_default_with_a_limit_for_connecting() {
    for load in ["", "request_timeout: null, ", "request_timeout: 0, "] {
        let plan = plan(&format!("{{{load}{STAGES}}}"), 2);
        assert_eq!(plan.request_timeout_ns, 300_000_000_000);
        assert_eq!(plan.connect_timeout_ns, Some(30_000_000_000));
    }
    let plan = plan(&format!("{{request_timeout: 1.5, interval: -2, {STAGES}}}"), 2);
    assert_eq!((plan.request_timeout_ns, plan.connect_timeout_ns), (1_500_000_000, None));
    assert_eq!((plan.grace_ns, plan.interval_ns), (120_000_000_000, 0));
}
