//! `make demo`: the saturation scenario from values to knee, against a simulated model server.
//!
//! Every step is the one a user would take: render the chart's values offline, take `config.yml` out of the
//! ConfigMap, run it. The simulator's capacity is known from its parameters, and is measured beside it, so that the
//! answer can be compared with the truth.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, ensure};
use benchmark_tests::closed_loop::measure_capacity;
use benchmark_tests::{config_text, documents, program, root, run_ok};
use model_server_simulator::{ModelParameters, SimulatorConfig, capacity, spawn, write_small_tokenizer};
use serde_json::{Value, json};

/// Served name, the one that the scenario's values have.
const MODEL: &str = "qwen3-8b";
/// Length of each stage; the scenario's own are of 180 s.
const STAGE_SECONDS: u32 = 20;
/// Stages of the saturation scenario.
const STAGES: usize = 4;
/// Mean lengths of the scenario, tokens.
const MEAN_LENGTHS: (u32, u32) = (512, 256);

/// A server that sustains about 28 requests/s of the scenario's lengths: between its stages of 20 and 40. Running
/// requests hardly slow one another, so that stages of a few seconds are enough to judge it.
fn model() -> ModelParameters {
    ModelParameters {
        slots: 56,
        prefill_base_ms: 20.0,
        prefill_per_token_us: 50.0,
        decode_base_ms: 7.0,
        decode_per_running_sequence_us: 10.0,
        ..ModelParameters::default()
    }
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "the demo talks to a person")]
fn main() -> ExitCode {
    match demo() {
        Ok(lines) => {
            println!("{lines}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("the demo failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "the demo talks to a person")]
fn demo() -> Result<String> {
    let folder = root().join(".demo");
    if folder.exists() {
        fs_err::remove_dir_all(&folder)?;
    }
    let tokenizer = folder.join("tokenizer");
    write_small_tokenizer(&tokenizer)?;

    let (input, output) = MEAN_LENGTHS;
    let truth = capacity(&model(), f64::from(input), f64::from(output));
    println!(
        "A simulated model server with {} slots. Its parameters say: {truth:.1} requests/s.",
        model().slots
    );
    println!("Measuring that with a closed loop of twice as many clients as slots …");
    let config = SimulatorConfig {
        port: 0,
        model_name: MODEL.to_owned(),
        tokenizer: Some(tokenizer.clone()),
        model: model(),
        ..SimulatorConfig::default()
    };
    let measured = measure_capacity(config.clone(), MEAN_LENGTHS)?;
    println!("Measured by the server's own completions: {measured:.1} requests/s.\n");

    let simulator = spawn(config)?;
    let config_file = render(&folder, &simulator.base_url(), &tokenizer)?;
    println!("Running {} with inference-perf …\n", config_file.display());
    run_benchmark(&folder, &config_file)?;
    simulator.shutdown()?;
    compare(&folder, measured)
}

/// Runs the program and shows what it prints, but for the JSON between its markers: that is for scripts, and lies in
/// the reports too.
#[expect(clippy::print_stdout, reason = "the demo talks to a person")]
fn run_benchmark(folder: &Path, config_file: &Path) -> Result<()> {
    let mut process = Command::new(program("inference-perf"))
        .arg("--config_file")
        .arg(config_file)
        .current_dir(folder)
        .stdout(Stdio::piped())
        .spawn()?;
    let output = process.stdout.take().context("the program's output is piped")?;
    let mut within_markers = false;
    for line in BufReader::new(output).lines() {
        let line = line?;
        within_markers |= line.starts_with("=== START_");
        if !within_markers {
            println!("{line}");
        }
        within_markers &= !line.starts_with("=== END_");
    }
    let status = process.wait()?;
    ensure!(status.success(), "inference-perf ended with {status}");
    Ok(())
}

/// Renders the chart and takes the file that the Job would mount out of the ConfigMap.
#[expect(clippy::print_stdout, reason = "the demo talks to a person")]
fn render(folder: &Path, base_url: &str, tokenizer: &Path) -> Result<std::path::PathBuf> {
    let mut arguments = vec!["template".to_owned(), "saturation-test".to_owned()];
    let mut set = |argument: String| arguments.extend(["--set".to_owned(), argument]);
    set("benchmark.scenario=saturation".to_owned());
    set(format!("benchmark.target.baseUrl={base_url}"));
    set(format!("benchmark.target.modelName={MODEL}"));
    set(format!("benchmark.target.tokenizerPath={}", tokenizer.display()));
    for stage in 0..STAGES {
        set(format!("benchmark.scenarios.saturation.load.stages[{stage}].duration={STAGE_SECONDS}"));
    }
    set("benchmark.config.storage.local_storage.path=reports".to_owned());
    println!("$ benchmark-render {}\n", arguments.join(" "));
    let manifests = run_ok(&program("benchmark-render"), &arguments)?;
    fs_err::write(folder.join("manifests.yaml"), &manifests)?;
    let config_file = folder.join("config.yml");
    fs_err::write(&config_file, config_text(&documents(&manifests)?))?;
    Ok(config_file)
}

/// What was found beside what is true.
fn compare(folder: &Path, measured: f64) -> Result<String> {
    let reports = folder.join("reports");
    let read = |name: &str| -> Result<Value> {
        Ok(serde_json::from_str(&fs_err::read_to_string(reports.join(name))?)?)
    };
    let summary = read("summary_lifecycle_metrics.json")?;
    let found = read("capacity.json")?;
    let mean = |key: &str| {
        summary["successes"][key]["mean"].as_f64().with_context(|| format!("no {key} in the summary"))
    };
    let truth = capacity(&model(), mean("prompt_tokens")?, mean("output_tokens")?);
    let (input, output) = MEAN_LENGTHS;
    let record = json!({
        "capacity_requests_per_second": truth,
        "nominal_requests_per_second": capacity(&model(), f64::from(input), f64::from(output)),
        "measured_requests_per_second": measured,
    });
    fs_err::write(folder.join("truth.json"), format!("{record:#}\n"))?;
    let end = |end: usize| found["saturation"]["bracket"][end].as_f64();
    let (lower, upper) =
        (end(0).context("no stage was sustained")?, end(1).context("no stage was saturated")?);
    ensure!(
        lower < truth && truth <= upper,
        "the bracket ({lower}, {upper}] does not hold the true {truth:.2}"
    );
    Ok(format!(
        "\nThe truth beside it: capacity {truth:.1} requests/s for the lengths that were sent ({measured:.1} measured); \
         found: saturation in ({lower:.1}, {upper:.1}].\nManifests and reports: {}",
        folder.display()
    ))
}
