//! Which workload a configuration asks for.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use benchmark_schemas::config::{Config, DataType};

use super::datasets;
use super::traces::Traces;
use crate::plan::{Plan, StagePlan};
use crate::seed::Purpose;
use crate::workload::{
    Arena, Conversations, Dataset, DatasetFiles, LengthLimits, Lengths, Mock, RowFormat, SharedPrefix,
    Synthetic, Tokenizer, VisionArena, Workload,
};

/// What makes the requests, from what was `found` for its data type.
///
/// # Errors
///
/// Why it cannot make any.
pub(super) fn of(
    config: &Config,
    (plan, traces, found): (&Plan, &Traces, Found),
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
            let text = Synthetic::new(plan.seed, needed()?, plan.corpus.as_deref(), lengths(), body)?;
            Arc::new(text.with_media(data.multimodal.as_ref()))
        }
        DataType::Random if data.use_chat_template => {
            let tokenizer = needed()?;
            let template = tokenizer.template().context("the chat template was not loaded")?;
            let requests = plan.stages.iter().map(StagePlan::count).max().unwrap_or(0);
            let parts = (Arc::clone(&tokenizer), template);
            Arc::new(Synthetic::random_chat(plan.seed, parts, lengths(), requests, body)?)
        }
        DataType::Random => Arc::new(Synthetic::random(plan.seed, needed()?, lengths(), body)?),
        DataType::SharedPrefix => {
            let settings = data.shared_prefix.clone().unwrap_or_default();
            let text = SharedPrefix::new(plan.seed, needed()?, &settings, body)?;
            Arc::new(text.with_media(data.multimodal.as_ref()))
        }
        DataType::ShareGpt
        | DataType::CnnDailymail
        | DataType::InfinityInstruct
        | DataType::BillsumConversations => {
            let files = found.files.context("the files of the data set were not opened")?;
            let limits = LengthLimits {
                input: data.input_distribution.clone(),
                output: data.output_distribution.clone(),
            };
            Arc::new(Dataset::new(files, needed()?, limits, body)?)
        }
        DataType::ConversationReplay => {
            let settings = data.conversation_replay.clone().unwrap_or_default();
            Arc::new(Conversations::new(needed()?, &settings, body)?)
        }
        DataType::VisionArena => {
            let arena = found.arena.context("the pictures were not fetched")?;
            Arc::new(VisionArena::new(plan.seed, arena, body))
        }
        DataType::OtelTraceReplay | DataType::WekaTraceReplay | DataType::SyntheticAgentic => {
            bail!("data.type: no code executes this type yet")
        }
    })
}

/// What data types take their requests from.
#[derive(Default)]
pub(super) struct Found {
    /// The files of the data set.
    pub(super) files: Option<DatasetFiles>,
    /// Questions with pictures.
    pub(super) arena: Option<Arena>,
}

impl Found {
    /// `files`, which the configuration names, or else what the hub has for its data type.
    ///
    /// # Errors
    ///
    /// Why the hub gives none.
    pub(super) async fn with(files: Option<DatasetFiles>, config: &Config) -> Result<Self> {
        let files = match files {
            None => datasets::fetched(config).await?,
            files => files,
        };
        Ok(Self { files, arena: datasets::arena(config).await? })
    }
}

/// The files of the data set that `config` names, checked; `None` if it names none.
///
/// # Errors
///
/// What is wrong with them.
pub(super) fn files(config: &Config) -> Result<Option<DatasetFiles>> {
    let Some(format) = row_format(config) else { return Ok(None) };
    // What lies in a bucket or on the hub is fetched later.
    let path = config.data.path.as_deref().filter(|path| datasets::in_bucket(path).is_none());
    let Some(path) = path else { return Ok(None) };
    Ok(Some(DatasetFiles::open(Path::new(path), format)?))
}

/// What the rows of a data set look like; `None` for other data types.
pub(super) fn row_format(config: &Config) -> Option<RowFormat> {
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
