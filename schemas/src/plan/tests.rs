//! Figures of plans against formulas worked out by hand.

use super::*;
use crate::config::Distribution;

fn config(load: &str, more: &str) -> Config {
    let text = format!(
        "api: {{type: completion, streaming: true}}
data:
  type: synthetic
  input_distribution: {{type: fixed, mean: 512}}
  output_distribution: {{type: uniform, min: 100, max: 300}}
server: {{type: vllm, model_name: m, base_url: 'http://h:8000'}}
tokenizer: {{pretrained_model_name_or_path: /t}}
load: {load}
{more}"
    );
    Config::from_yaml(&text, "config.yml").unwrap_or_else(|problems| panic!("{problems}"))
}

const GIVEN: Assumptions = Assumptions { latency_seconds: 10.0, service_cv2: 1.0 };

const STAGES: &str =
    "{interval: 5, num_workers: 4, stages: [{rate: 5, duration: 180}, {rate: 50, duration: 60}]}";

fn close(found: f64, expected: f64, within: f64) {
    assert!((found - expected).abs() <= within, "{found}, not {expected}");
}

#[test]
fn stages_follow_one_another() {
    let outlook = Outlook::new(&config(STAGES, ""), GIVEN);
    let stages: Vec<_> = outlook
        .stages
        .iter()
        .map(|stage| (stage.rate, stage.starts_at_seconds, stage.requests, stage.in_flight))
        .collect();
    assert_eq!(stages, [(Some(5.0), Some(0.0), 900.0, 50.0), (Some(50.0), Some(185.0), 3000.0, 500.0)]);
    assert_eq!((outlook.seconds, outlook.requests), (Some(245.0), 3900.0));
    assert_eq!(outlook.stages[1].prompt_tokens, Some(3000.0 * 512.0));
    assert_eq!(outlook.stages[1].output_tokens, Some(3000.0 * 200.0));
    close(outlook.spool_bytes, 3900.0 * (160.0 + 5.0 * 200.0), 1e-6);
    assert_eq!(outlook.in_flight_cap, Some(400));
}

#[test]
fn kept_bodies_take_room() {
    let bytes = |more| Outlook::new(&config(STAGES, more), GIVEN).spool_bytes;
    assert!(bytes("report: {request_lifecycle: {per_request: true}}") > 20.0 * bytes(""));
}

#[test]
fn a_closed_loop_has_a_limit_of_its_own_and_no_known_length() {
    let load = "{type: concurrent, stages: [{num_requests: 100, concurrency_level: 8}, {num_requests: 4, concurrency_level: 8}]}";
    let outlook = Outlook::new(&config(load, ""), GIVEN);
    assert_eq!((outlook.seconds, outlook.in_flight_cap, outlook.requests), (None, None, 104.0));
    assert_eq!(outlook.stages.iter().map(|stage| stage.in_flight).collect::<Vec<_>>(), [8.0, 4.0]);
    assert!(outlook.stages.iter().all(|stage| stage.resolution.is_none() && stage.rate.is_none()));
    assert!(outlook.doubts().is_empty());
}

#[test]
fn a_sweep_is_known_by_its_burst() {
    let load =
        "{sweep: {type: geometric, num_requests: 500, timeout: 60, num_stages: 5, stage_duration: 180}}";
    let outlook = Outlook::new(&config(load, ""), GIVEN);
    assert_eq!((outlook.seconds, outlook.requests, outlook.stages.len()), (Some(960.0), 500.0, 0));
}

#[test]
fn doubts_are_told() {
    let doubts = |load| Outlook::new(&config(load, ""), GIVEN).doubts().join("\n");
    insta::assert_snapshot!(
        doubts("{num_workers: 1, stages: [{rate: 50, duration: 10}, {rate: 0.01, duration: 60}]}"), @r"
    stage 0: 50/s × 10 s is 500 requests in flight, above the limit of 100 (num_workers × worker_max_concurrency): later requests would wait in the client
    stage 1 sends nothing: rate × duration is below 1
    the rates do not rise from stage to stage: brackets need rising rates
    ");
    insta::assert_snapshot!(doubts("{stages: [{rate: 5, duration: 10}]}"), @"one stage gives no bracket: it says at most that its rate is sustained");
}

#[test]
fn the_detectable_overload_is_the_one_that_takes_the_stages_length() {
    for cv2 in [[0.0, 1.0], [1.0, 1.0], [1.0, 0.0], [4.0, 0.3]] {
        for (rate, seconds) in [(8.0, 60.0), (8.0, 600.0), (200.0, 20.0)] {
            let found = Resolution::new(rate, seconds, cv2).detectable_overload.expect("long enough");
            close(power(rate, rate / (1.0 + found), seconds, cv2), POWER, 1e-3);
        }
    }
    close(power(8.0, 8.0, 60.0, [1.0, 1.0]), FALSE_ALARMS, 1e-3);
}

#[test]
fn a_stage_too_short_tells_nothing() {
    assert_eq!(Resolution::new(0.1, 10.0, [1.0, 1.0]).detectable_overload, None);
}

/// T = 2.927² · (8.4 + 8) / 0.4² for a server of 8/s and 5 % more.
#[test]
fn five_percent_takes_as_long_as_the_formula_says() {
    let needed = Resolution::new(8.4, 60.0, [1.0, 1.0]).seconds_for_five_percent;
    close(needed, 2.927_f64.powi(2) * 16.4 / 0.16, 1e-6);
    let without_chance = Resolution::new(8.4, 60.0, [0.0, 0.0]);
    assert_eq!(
        (without_chance.seconds_for_five_percent, without_chance.detectable_overload),
        (0.0, Some(0.0))
    );
}

#[test]
fn expected_lengths_respect_the_limits() {
    let tokens = |text: &str| {
        let distribution: Distribution = serde_json::from_str(text).expect("a distribution");
        expected_tokens(&distribution)
    };
    close(tokens(r#"{"mean": 512, "std_dev": 100, "min": 1, "max": 10000}"#), 512.0, 1e-3);
    // Half of the values are cut to 512; the other half is below by sqrt(2/pi) deviations on average.
    close(tokens(r#"{"mean": 512, "std_dev": 100, "min": -10000, "max": 512}"#), 512.0 - 39.894, 1e-3);
    close(
        tokens(r#"{"type": "lognormal", "mean": 300, "std_dev": 200, "min": 0, "max": 1000000}"#),
        300.0,
        1e-3,
    );
    close(tokens(r#"{"type": "lognormal", "mean": 300, "std_dev": 0, "min": 0, "max": 200}"#), 200.0, 0.0);
    close(tokens(r#"{"type": "fixed", "mean": 99.7, "min": 1, "max": 5}"#), 99.0, 0.0);
    close(tokens(r#"{"type": "poisson", "mean": 50, "min": 1, "max": 40}"#), 40.0, 0.0);
    close(
        tokens(r#"{"type": "skew_normal", "mean": 100, "std_dev": 10, "skew": 0, "min": 1, "max": 400}"#),
        100.0,
        0.0,
    );
    close(tokens(r#"{"type": "uniform", "min": -9, "max": 3}"#), 1.0, 0.0);
}
