//! The `inference-perf` program: reads arguments, calls the library, turns its answer into an exit code.

use std::process::ExitCode;

use inference_perf::app::llm_d;
use inference_perf::cli::Cli;

/// Bodies are made on one thread and freed on another, records the other way round: it is made for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // One TLS provider for everything that speaks TLS; installed before any client exists. It fails only if one
    // is installed already, which is then the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    if let Some(code) = llm_d::main(std::env::args_os()) {
        return code;
    }
    inference_perf::app::main(Cli::read())
}
