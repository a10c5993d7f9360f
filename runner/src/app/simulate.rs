//! `inference-perf simulate`: serves a model server of known capacity until a signal comes.

use model_server_simulator::{Counting, ModelParameters, ServiceLaw, SimulatorConfig, SimulatorError};
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::SimulateArgs;

/// What the arguments ask for.
fn config(arguments: SimulateArgs) -> SimulatorConfig {
    let quirks = arguments.quirks;
    SimulatorConfig {
        host: arguments.host,
        port: arguments.port,
        model_name: arguments.model,
        tokenizer: arguments.tokenizer,
        counting: if arguments.prompts_by_words { Counting::Words } else { Counting::Tokens },
        model: ModelParameters {
            slots: arguments.slots,
            prefill_base_ms: arguments.prefill_ms,
            prefill_per_token_us: arguments.prefill_token_us,
            decode_base_ms: arguments.decode_ms,
            decode_per_running_sequence_us: arguments.decode_running_us,
            service_times: ServiceLaw::Deterministic,
            prefill_std_dev_ms: quirks.prefill_std_dev_ms,
            decode_std_dev_ms: quirks.decode_std_dev_ms,
        },
        queue_limit: arguments.queue_limit,
        separate_events: arguments.separate_events,
        usage: arguments.usage,
        recorded_requests: arguments.recorded_requests,
        error_rate: arguments.error_rate,
        faults: quirks.fault,
        framing: quirks.framing,
        reasoning_tokens: quirks.reasoning_tokens,
        tool_call: quirks.tool_call,
        response_headers: quirks.response_header,
        tokens_per_chunk: arguments.tokens_per_chunk,
        seed: arguments.seed,
        ..SimulatorConfig::default()
    }
}

/// Serves until SIGINT or SIGTERM.
///
/// # Errors
/// If the arguments are invalid, the tokenizer cannot be read, or the address cannot be listened on.
pub(super) fn run(arguments: SimulateArgs) -> Result<(), SimulatorError> {
    if let Some(folder) = &arguments.write_tokenizer {
        return model_server_simulator::write_small_tokenizer(folder);
    }
    serve(config(arguments))
}

/// Serves until SIGINT or SIGTERM.
///
/// # Errors
/// If the configuration is invalid, the tokenizer cannot be read, or the address cannot be listened on.
pub(super) fn serve(config: SimulatorConfig) -> Result<(), SimulatorError> {
    let ended = async {
        let interrupt = signal(SignalKind::interrupt());
        let terminate = signal(SignalKind::terminate());
        match (interrupt, terminate) {
            (Ok(mut interrupt), Ok(mut terminate)) => {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
            }
            // Without handlers the signals end the process by themselves.
            _ => std::future::pending().await,
        }
    };
    let ready = |address| super::say(&format!("listening on http://{address}"));
    model_server_simulator::run(config, ready, ended)
}
