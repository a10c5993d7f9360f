//! The `inference-perf` program: reads arguments, calls the library, turns its answer into an exit code.

use std::process::ExitCode;

use clap::Parser as _;
use inference_perf::cli::Cli;

fn main() -> ExitCode {
    // One TLS provider for everything that speaks TLS; installed before any client exists. It fails only if one
    // is installed already, which is then the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    inference_perf::app::main(Cli::parse())
}
