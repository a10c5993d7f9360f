//! The program under the name `llm-d-inference-sim`: the simulator with the flags of the tool of that name, so that tests
//! which start that one run against this one.
//!
//! Times are milliseconds or durations such as `1.5s`. Flags of that tool which change nothing here are refused, so that no
//! test believes in what does not happen.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use model_server_simulator::{ModelParameters, ServiceLaw, SimulatorConfig};

use super::{complain, simulate};

/// Name of the program that it then is.
const NAME: &str = "llm-d-inference-sim";

/// Serves an OpenAI-compatible model server with the times of a real one.
#[derive(Debug, Parser)]
#[command(name = NAME, version)]
struct Args {
    /// Port to listen on
    #[arg(long, default_value_t = 8000)]
    port: u16,
    /// Name of the model
    #[arg(long)]
    model: String,
    /// Name under which the model is served, if not its own
    #[arg(long)]
    served_model_name: Option<String>,
    /// Folder with `tokenizer.json`; words are tokens without
    #[arg(long)]
    tokenizer: Option<PathBuf>,
    /// Longest prompt plus answer, tokens
    #[arg(long, default_value_t = 131_072)]
    max_model_len: u32,
    /// Requests that are served at once
    #[arg(long, default_value_t = 5)]
    max_num_seqs: u32,
    /// Requests that may wait
    #[arg(long, default_value_t = 1000)]
    max_waiting_queue_length: u32,
    /// Time to the first token
    #[arg(long, value_parser = milliseconds, default_value = "0")]
    time_to_first_token: f64,
    /// Standard deviation of that
    #[arg(long, value_parser = milliseconds, default_value = "0")]
    time_to_first_token_std_dev: f64,
    /// Time from token to token
    #[arg(long, value_parser = milliseconds, default_value = "0")]
    inter_token_latency: f64,
    /// Standard deviation of that
    #[arg(long, value_parser = milliseconds, default_value = "0")]
    inter_token_latency_std_dev: f64,
    /// Seed of everything that is random
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// Milliseconds of a number, which is of milliseconds, or of a duration.
fn milliseconds(text: &str) -> Result<f64, String> {
    let (number, scale) = [("ms", 1.0), ("us", 1e-3), ("s", 1e3), ("", 1.0)]
        .into_iter()
        .find_map(|(unit, scale)| Some((text.strip_suffix(unit)?, scale)))
        .unwrap_or((text, 1.0));
    number
        .parse::<f64>()
        .map(|number| number * scale)
        .map_err(|_| "write it like 50, 50ms or 0.05s".to_owned())
}

impl From<Args> for SimulatorConfig {
    fn from(args: Args) -> Self {
        Self {
            host: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            port: args.port,
            model_name: args.served_model_name.unwrap_or(args.model),
            tokenizer: args.tokenizer,
            max_model_len: args.max_model_len,
            model: ModelParameters {
                slots: args.max_num_seqs,
                prefill_base_ms: args.time_to_first_token,
                prefill_per_token_us: 0.0,
                decode_base_ms: args.inter_token_latency,
                decode_per_running_sequence_us: 0.0,
                service_times: ServiceLaw::Deterministic,
                prefill_std_dev_ms: args.time_to_first_token_std_dev,
                decode_std_dev_ms: args.inter_token_latency_std_dev,
            },
            queue_limit: Some(args.max_waiting_queue_length),
            queue_full_status: 429,
            seed: args.seed,
            ..Self::default()
        }
    }
}

/// Runs the simulator if `arguments` begin with its name.
pub fn main(mut arguments: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    let program = arguments.next()?;
    if Path::new(&program).file_name()? != NAME {
        return None;
    }
    let args = Args::parse_from([program].into_iter().chain(arguments));
    Some(match simulate::serve(args.into()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error.to_string());
            ExitCode::FAILURE
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_that_tools() {
        let text = "llm-d-inference-sim --port 1 --model m --max-waiting-queue-length 7 --time-to-first-token 500 \
                    --time-to-first-token-std-dev 50ms --inter-token-latency 0.05s --max-num-seqs 9 --seed 3";
        let args = Args::try_parse_from(text.split_whitespace()).expect("good flags");
        let config = SimulatorConfig::from(args);
        config.validate().expect("a good configuration");
        assert_eq!((config.port, config.model_name.as_str(), config.queue_limit), (1, "m", Some(7)));
        let model = &config.model;
        let times =
            [model.prefill_base_ms, model.prefill_std_dev_ms, model.decode_base_ms, model.decode_std_dev_ms];
        assert_eq!(times.map(f64::to_bits), [500.0, 50.0, 50.0, 0.0].map(f64::to_bits));
        assert!(Args::try_parse_from([NAME, "--model", "m", "--time-to-first-token", "soon"]).is_err());
        assert!(Args::try_parse_from([NAME, "--model", "m", "--mode", "echo"]).is_err());
        assert!(main(["inference-perf".into(), "--help".into()].into_iter()).is_none());
    }
}
