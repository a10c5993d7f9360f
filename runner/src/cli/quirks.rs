//! Parameters of the simulated model server that make it like a particular real one.

use clap::Args;
use model_server_simulator::{Fault, Framing};

/// What real servers do differently.
#[derive(Debug, Clone, Args)]
pub struct QuirkArgs {
    /// How events are written: `lf`, `crlf`, `cr`, `no_space` or `comments`
    #[arg(long, value_name = "FRAMING", default_value = "lf")]
    pub framing: Framing,
    /// Tokens at the start of each answer of a chat API that are reasoning
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub reasoning_tokens: u32,
    /// The rest of each answer of a chat API is a tool call
    #[arg(long)]
    pub tool_call: bool,
    /// What happens to the share that `--error-rate` sets: `rate_limit`, `context_window`, `error_event`, `cut`, `hang`, …;
    /// several come in turn
    #[arg(long, value_name = "FAULT")]
    pub fault: Vec<Fault>,
    /// Header of every answer
    #[arg(long, value_name = "NAME:VALUE", value_parser = header)]
    pub response_header: Vec<(String, String)>,
    /// Standard deviation of the prefill time, milliseconds
    #[arg(long, value_name = "MS", default_value_t = 0.0)]
    pub prefill_std_dev_ms: f64,
    /// Standard deviation of a decode step's time, milliseconds
    #[arg(long, value_name = "MS", default_value_t = 0.0)]
    pub decode_std_dev_ms: f64,
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("write it like x-name:value")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}
