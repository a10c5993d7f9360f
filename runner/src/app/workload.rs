//! Which workload a configuration asks for.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use benchmark_schemas::config::{Config, DataType};

use super::traces::Traces;
use crate::plan::Plan;
use crate::seed::Purpose;
use crate::workload::{
    Dataset, DatasetFiles, LengthLimits, Lengths, Mock, RowFormat, SharedPrefix, Synthetic, Tokenizer,
    Workload,
};

/// What makes the requests, from the `files` of the data set if the data type is one.
///
/// # Errors
///
/// Why it cannot make any.
pub(super) fn of(
    config: &Config,
    (plan, traces, files): (&Plan, &Traces, Option<DatasetFiles>),
    tokenizer: Option<&Arc<Tokenizer>>,
) -> Result<Arc<dyn Workload>> {
    let (data, body) = (&config.data, plan.body.clone());
    if tokenizer.is_none() {
        tracing::info!(
            "No tokenizer: token counts are the server's; where it reports none, lengths are unknown and each chunk \
             counts as one token"
        );
    }
    let needed = || tokenizer.cloned().context("this data type needs a tokenizer");
    let lengths = || match &traces.lengths {
        Some(rows) => Lengths::recorded(rows),
        None => (
            Lengths::new(plan.input.clone(), plan.seed, Purpose::InputLength),
            Lengths::new(plan.output.clone(), plan.seed, Purpose::OutputLength),
        ),
    };
    Ok(match data.kind {
        DataType::Mock => Arc::new(Mock::new(tokenizer.cloned(), body)),
        DataType::Synthetic => {
            Arc::new(Synthetic::new(plan.seed, needed()?, plan.corpus.as_deref(), lengths(), body)?)
        }
        DataType::Random => Arc::new(Synthetic::random(plan.seed, needed()?, lengths(), body)?),
        DataType::SharedPrefix => {
            let settings = data.shared_prefix.clone().unwrap_or_default();
            Arc::new(SharedPrefix::new(plan.seed, needed()?, &settings, body)?)
        }
        DataType::ShareGpt
        | DataType::CnnDailymail
        | DataType::InfinityInstruct
        | DataType::BillsumConversations => {
            let files = files.context("the files of the data set were not opened")?;
            let limits = LengthLimits {
                input: data.input_distribution.clone(),
                output: data.output_distribution.clone(),
            };
            Arc::new(Dataset::new(files, needed()?, limits, body)?)
        }
        DataType::OtelTraceReplay
        | DataType::WekaTraceReplay
        | DataType::ConversationReplay
        | DataType::VisionArena
        | DataType::SyntheticAgentic => bail!("data.type: no code executes this type yet"),
    })
}

/// The files of the data set that `config` names, checked; `None` if its data type is none.
///
/// # Errors
///
/// What is wrong with them.
pub(super) fn files(config: &Config) -> Result<Option<DatasetFiles>> {
    let Some(format) = row_format(config) else { return Ok(None) };
    let path = config.data.path.as_deref();
    let path = path.context("data.path is missing: it names the file of the data set")?;
    Ok(Some(DatasetFiles::open(Path::new(path), format)?))
}

/// What the rows of a data set look like; `None` for other data types.
fn row_format(config: &Config) -> Option<RowFormat> {
    let format = match config.data.kind {
        DataType::ShareGpt | DataType::BillsumConversations => RowFormat::ShareGpt,
        DataType::CnnDailymail => RowFormat::CnnDailymail,
        DataType::InfinityInstruct => RowFormat::InfinityInstruct,
        DataType::Mock
        | DataType::Synthetic
        | DataType::Random
        | DataType::SharedPrefix
        | DataType::OtelTraceReplay
        | DataType::WekaTraceReplay
        | DataType::ConversationReplay
        | DataType::VisionArena
        | DataType::SyntheticAgentic => return None,
    };
    let is_own = config.extensions.as_ref().is_some_and(|extensions| extensions.data_format.is_some());
    Some(if is_own { RowFormat::Own } else { format })
}
