//! Rules of `load`.

use super::Faults;
use crate::config::read::Sections;
use crate::config::{AdapterShare, Extensions, Load, LoadType, Stage, Sweep};

/// How far the shares of the adapters may sum from 1: decimal fractions do not add up exactly.
const SPLIT_TOLERANCE: f64 = 1e-6;
/// Requests of one stage at most: what no client sends in a year, and far from where counts overflow.
const MAX_REQUESTS: f64 = 1e12;
/// Requests of a sweep's burst at most: ten times that would say no more about any server.
const MAX_BURST: u64 = 1_000_000;
/// Stages of a sweep at most.
const MAX_SWEEP_STAGES: u64 = 1_000;

pub(super) fn check(sections: &Sections, faults: &mut Faults<'_>) {
    let Some(load) = &sections.load else { return };
    let searches = matches!(&sections.extensions, Some(Some(extensions)) if extensions.capacity.is_some());
    let finds_stages = searches || load.sweep.is_some() || !faults.is_sound("load.sweep");
    if load.stages.is_empty() && !finds_stages && faults.is_sound("extensions.capacity") {
        faults.add(
            "load.stages",
            "there is nothing to run",
            "give at least one stage, for example {rate: 5, duration: 180}, or load.sweep",
        );
    }
    check_type(load, faults);
    if let Some(Some(extensions)) = &sections.extensions {
        check_extensions(load, extensions, faults);
        check_trace_format(sections, load, extensions, faults);
    }
    for (index, stage) in load.stages.iter().enumerate() {
        check_stage(index, stage, faults);
    }
    if let Some(sweep) = &load.sweep {
        check_sweep(sweep, load.kind, faults);
    }
    if let Some(split) = &load.lora_traffic_split {
        check_split(split, faults);
    }
    check_limits(load, faults);
    if let Some(breakers) = &sections.circuit_breakers {
        let known: Vec<&str> = breakers.iter().flatten().map(|breaker| breaker.name.as_str()).collect();
        check_breakers(load, &known, faults);
    }
}

fn check_type(load: &Load, faults: &mut Faults<'_>) {
    if load.kind == LoadType::TraceReplay && load.trace.is_none() {
        faults.add(
            "load.trace",
            "load type trace_replay needs a file of time stamps",
            "give load.trace.file",
        );
    }
}

/// Each of the own settings of `load` shapes one load type or a sweep, and would be ignored without it.
fn check_extensions(load: &Load, extensions: &Extensions, faults: &mut Faults<'_>) {
    let Some(own) = &extensions.load else { return };
    if own.pacing.is_some() && load.kind != LoadType::Constant {
        faults.add(
            "extensions.load.pacing",
            "is only for load type constant",
            "remove it, or set load.type: constant",
        );
    }
    if own.burstiness.is_some() && load.kind != LoadType::Poisson {
        faults.add(
            "extensions.load.burstiness",
            "is only for load type poisson",
            "remove it, or set load.type: poisson",
        );
    }
    if own.sweep_estimator.is_some() && load.sweep.is_none() && faults.is_sound("load.sweep") {
        faults.add(
            "extensions.load.sweep_estimator",
            "there is no sweep to estimate for",
            "give load.sweep, or remove it",
        );
    }
}

fn check_trace_format(sections: &Sections, load: &Load, extensions: &Extensions, faults: &mut Faults<'_>) {
    let has_trace = load.trace.is_some() || sections.data.as_ref().is_none_or(|data| data.trace.is_some());
    // A trace of the wrong shape is one all the same: what is wrong with it is told already.
    let are_sound = faults.is_sound("load.trace") && faults.is_sound("data.trace");
    if extensions.trace_format.is_some() && !has_trace && are_sound {
        faults.add(
            "extensions.trace_format",
            "there is no trace to read",
            "give load.trace or data.trace, or remove it",
        );
    }
}

fn check_stage(index: usize, stage: &Stage, faults: &mut Faults<'_>) {
    let key = |name: &str| format!("load.stages[{index}].{name}");
    let mut times = Vec::new();
    match stage {
        Stage::Standard(stage) => {
            for (name, value) in
                [("num_requests", stage.num_requests), ("concurrency_level", stage.concurrency_level)]
            {
                if value.is_some() {
                    faults.add(
                        key(name),
                        "is only for load type concurrent",
                        "remove it, or set load.type: concurrent",
                    );
                }
            }
            let duration = stage.duration as f64;
            if stage.rate * duration > MAX_REQUESTS {
                faults.add(
                    key("rate"),
                    format!("rate times duration is more than {MAX_REQUESTS:e} requests"),
                    "lower the rate or the duration",
                );
            }
            times.push((key("duration"), duration));
        }
        Stage::Concurrent(stage) => {
            if stage.num_requests as f64 > MAX_REQUESTS {
                faults.add(
                    key("num_requests"),
                    format!("is more than {MAX_REQUESTS:e} requests"),
                    "lower it",
                );
            }
        }
        Stage::Session(stage) => {
            let sessions = stage.concurrent_sessions;
            if let Some(rate) = stage.session_rate
                && sessions > 0
                && rate > sessions as f64
            {
                faults.add(
                    key("session_rate"),
                    format!("{rate} is above concurrent_sessions, {sessions}"),
                    "lower the rate, or raise concurrent_sessions",
                );
            }
            times.extend(stage.timeout.map(|seconds| (key("timeout"), seconds)));
        }
    }
    faults.add_long_times(&times);
}

fn check_sweep(sweep: &Sweep, kind: LoadType, faults: &mut Faults<'_>) {
    if matches!(kind, LoadType::Concurrent | LoadType::TraceReplay | LoadType::TraceSessionReplay) {
        faults.add(
            "load.sweep",
            "a sweep varies the rate, which this load type does not have",
            "remove it, or set load.type: constant",
        );
    }
    let counts =
        [("num_requests", sweep.num_requests, MAX_BURST), ("num_stages", sweep.num_stages, MAX_SWEEP_STAGES)];
    for (name, count, most) in counts {
        if count > most {
            faults.add(
                format!("load.sweep.{name}"),
                format!("{count} is more than {most}"),
                "give a smaller number",
            );
        }
    }
    faults.add_long_times(&[
        ("load.sweep.timeout".to_owned(), sweep.timeout),
        ("load.sweep.stage_duration".to_owned(), sweep.stage_duration as f64),
    ]);
}

fn check_split(split: &[AdapterShare], faults: &mut Faults<'_>) {
    let sum: f64 = split.iter().map(|share| share.split).sum();
    if (sum - 1.0).abs() > SPLIT_TOLERANCE {
        faults.add(
            "load.lora_traffic_split",
            format!("the splits sum to {sum}, not to 1"),
            "make them sum to 1, or leave the list out",
        );
    }
    for (index, share) in split.iter().enumerate() {
        if share.split < 0.0 {
            faults.add(
                format!("load.lora_traffic_split[{index}].split"),
                format!("{} is below 0", share.split),
                "give a share from 0 to 1",
            );
        }
    }
}

fn check_limits(load: &Load, faults: &mut Faults<'_>) {
    // Printed as 0 for concurrent stages, which have limits of their own.
    if load.worker_max_concurrency == 0 && load.kind != LoadType::Concurrent {
        faults.add("load.worker_max_concurrency", "0 lets no request through", "give 1 or more");
    }
    let times = [
        ("interval", Some(load.interval)),
        ("request_timeout", load.request_timeout),
        ("request_retry_backoff_sec", Some(load.request_retry_backoff_sec)),
        ("stage_teardown_grace_seconds", Some(load.stage_teardown_grace_seconds)),
    ];
    let times: Vec<(String, f64)> = times
        .into_iter()
        .filter_map(|(name, seconds)| seconds.map(|seconds| (format!("load.{name}"), seconds)))
        .collect();
    faults.add_long_times(&times);
}

fn check_breakers(load: &Load, known: &[&str], faults: &mut Faults<'_>) {
    for (index, name) in load.circuit_breakers.iter().enumerate() {
        if !known.contains(&name.as_str()) {
            let remedy = if known.is_empty() {
                "define it under circuit_breakers".to_owned()
            } else {
                format!("defined are {}", known.join(", "))
            };
            faults.add(
                format!("load.circuit_breakers[{index}]"),
                format!("there is no circuit breaker named {name:?}"),
                remedy,
            );
        }
    }
}
