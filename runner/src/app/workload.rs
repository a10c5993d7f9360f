//! Which workload a configuration asks for.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use benchmark_schemas::config::{Config, DataType};

use super::traces::Traces;
use crate::plan::Plan;
use crate::seed::Purpose;
use crate::workload::{Dataset, Format, Lengths, Limits, Mock, SharedPrefix, Synthetic, Tokenizer, Workload};

/// What makes the requests.
///
/// # Errors
///
/// Why it cannot make any.
pub(super) fn of(
    config: &Config,
    (plan, traces): (&Plan, &Traces),
    tokenizer: Option<&Arc<Tokenizer>>,
) -> Result<Arc<dyn Workload>> {
    let (data, body) = (&config.data, plan.body.clone());
    if tokenizer.is_none() {
        tracing::info!(
            "No tokenizer: token counts are the server's; where it reports none, lengths are unknown and each chunk \
             counts as one token"
        );
    }
    let tokenizer = match (data.kind, tokenizer) {
        (DataType::Mock, tokenizer) => return Ok(Arc::new(Mock::new(tokenizer.cloned(), body))),
        (_, Some(tokenizer)) => Arc::clone(tokenizer),
        (_, None) => bail!("this data type needs a tokenizer"),
    };
    let lengths = || match &traces.lengths {
        Some(rows) => Lengths::recorded(rows),
        None => (
            Lengths::new(plan.input.clone(), plan.seed, Purpose::InputLength),
            Lengths::new(plan.output.clone(), plan.seed, Purpose::OutputLength),
        ),
    };
    Ok(match data.kind {
        DataType::Random => Arc::new(Synthetic::random(plan.seed, tokenizer, lengths(), body)?),
        DataType::SharedPrefix => {
            let settings = data.shared_prefix.clone().unwrap_or_default();
            Arc::new(SharedPrefix::new(plan.seed, tokenizer, &settings, body)?)
        }
        kind if kind.is_data_set() => {
            let path =
                data.path.as_deref().context("data.path is missing: it names the file of the data set")?;
            let limits =
                Limits { input: data.input_distribution.clone(), output: data.output_distribution.clone() };
            Arc::new(Dataset::new(Path::new(path), format(config), tokenizer, limits, body)?)
        }
        _ => Arc::new(Synthetic::new(plan.seed, tokenizer, plan.corpus.as_deref(), lengths(), body)?),
    })
}

/// What the rows of a data set look like.
fn format(config: &Config) -> Format {
    if config.extensions.as_ref().is_some_and(|extensions| extensions.data_format.is_some()) {
        return Format::Own;
    }
    match config.data.kind {
        DataType::CnnDailymail => Format::CnnDailymail,
        DataType::InfinityInstruct => Format::InfinityInstruct,
        _ => Format::ShareGpt,
    }
}
