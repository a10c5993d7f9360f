//! `make bench`, `make soak`, `make bench-peers`: what the benchmark client itself costs and how far its instants can be
//! trusted, beside other clients in the same run on the same machine; and what the renderer costs beside Helm.
//!
//! Every client is a process of its own, and so is the simulated server. Each bench ends with a table: medians of
//! several runs, their limits, and whether they are kept; one miss makes the exit code 1.

mod ceiling;
mod chunks;
mod edges;
mod figures;
mod machine;
mod others;
mod ours;
mod paced;
mod peers;
mod process;
mod prompts;
mod render;
mod soak;
mod target;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::{Args, Parser, ValueEnum};

use figures::Table;
use target::Tokenizers;

/// Benches of the benchmark client.
#[derive(Debug, Parser)]
struct Cli {
    /// What to run; the ceiling, the paced, the edges, the render and the prompts bench if absent
    #[arg(value_enum)]
    benches: Vec<Bench>,
    #[command(flatten)]
    options: Options,
}

#[derive(Debug, Args)]
struct Options {
    /// Rounds of each bench; figures are the medians
    #[arg(long, env = "BENCH_RUNS", default_value_t = 5)]
    runs: u32,
    /// Share of the requests and the seconds that are run: for trying things out
    #[arg(long, env = "BENCH_SCALE", default_value_t = 1.0)]
    scale: f64,
    /// Folder of a model's tokenizer; one of its size is made up if absent
    #[arg(long, env = "BENCH_TOKENIZER")]
    tokenizer: Option<PathBuf>,
    /// Requests of the soak
    #[arg(long, env = "SOAK_REQUESTS", default_value_t = soak::SHORT)]
    soak_requests: u64,
    /// Tokens of each of its answers
    #[arg(long, env = "SOAK_TOKENS", default_value_t = soak::TOKENS)]
    soak_tokens: u32,
    #[command(flatten)]
    peers: peers::Programs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Bench {
    /// (a) Closed loop beside oha and wrk
    Ceiling,
    /// (b) Open loop at 1,000/s and 2,000/s
    Paced,
    /// (c) Start-up and report phase
    Edges,
    /// (e) Rendering beside Helm
    Render,
    /// (f) Prompts and data sets
    Prompts,
    /// Memory over a long run
    Soak,
    /// (d) Beside other LLM benchmark clients
    Peers,
}

/// What all benches share.
struct Scene {
    folder: PathBuf,
    tokenizers: Tokenizers,
    runs: u32,
    scale: f64,
}

impl Scene {
    /// `amount` at the scale of this run, at least 1.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
    fn scaled(&self, amount: u64) -> u64 {
        ((amount as f64 * self.scale) as u64).max(1)
    }
}

/// Says how far it has come.
#[expect(clippy::print_stderr, reason = "a bench talks to a person")]
fn progress(text: &str) {
    eprintln!("bench: {text}");
}

#[expect(clippy::print_stderr, reason = "a bench talks to a person")]
fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("the bench failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the benches and prints their tables; true if every figure keeps to its limit.
#[expect(clippy::print_stdout, reason = "the tables are what the bench is for")]
fn run(cli: Cli) -> Result<bool> {
    let Cli { mut benches, options } = cli;
    if benches.is_empty() {
        benches = vec![Bench::Ceiling, Bench::Paced, Bench::Edges, Bench::Render, Bench::Prompts];
    }
    ensure!(options.runs > 0, "--runs: at least one");
    ensure!(options.scale > 0.0 && options.scale.is_finite(), "--scale: above 0");
    if cfg!(debug_assertions) {
        progress("this is no release build: the figures say nothing");
    }
    let folder = benchmark_tests::root().join("target/bench");
    fs_err::create_dir_all(&folder)?;
    let tokenizers = Tokenizers::new(&folder, options.tokenizer.as_deref())?;
    let scene = Scene { folder, tokenizers, runs: options.runs, scale: options.scale };
    let mut tables = Vec::new();
    for bench in benches {
        match bench {
            Bench::Ceiling => tables.extend(ceiling::bench(&scene)?),
            Bench::Paced => tables.extend([paced::bench(&scene)?, chunks::bench(&scene)?]),
            Bench::Edges => tables.push(edges::bench(&scene)?),
            Bench::Render => tables.push(render::bench(&scene)?),
            Bench::Prompts => tables.push(prompts::bench(&scene)?),
            Bench::Soak => {
                let requests = scene.scaled(options.soak_requests);
                tables.push(soak::bench(&scene, requests, options.soak_tokens)?);
            }
            Bench::Peers => tables.extend(peers::bench(&scene, &options.peers)?),
        }
    }
    let text = document(&tables, &scene, &machine::description());
    write_report(&scene.folder, &text)?;
    println!("{text}");
    Ok(tables.iter().all(Table::passes))
}

/// All tables with what they were measured on.
fn document(tables: &[Table], scene: &Scene, machine: &str) -> String {
    let scale = if (scene.scale - 1.0).abs() < f64::EPSILON {
        String::new()
    } else {
        format!(" at {} of their length: **no measurement**, only a trial", scene.scale)
    };
    let head =
        format!("{machine} Client and server on the same cores; medians of {} runs{scale}.\n", scene.runs);
    let tables: Vec<String> = tables.iter().map(Table::markdown).collect();
    format!("{head}\n{}", tables.join("\n"))
}

/// Keeps the tables beside what was measured.
fn write_report(folder: &Path, text: &str) -> Result<()> {
    Ok(fs_err::write(folder.join("report.md"), text)?)
}
