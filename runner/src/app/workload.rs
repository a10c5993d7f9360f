//! Which workload a configuration asks for.

use std::sync::Arc;

use anyhow::{Result, bail};
use benchmark_schemas::config::{Data, DataType};

use super::traces::Traces;
use crate::plan::Plan;
use crate::seed::Purpose;
use crate::workload::{BodyOptions, Lengths, Mock, SharedPrefix, Synthetic, Tokenizer, Workload};

/// What makes the requests.
///
/// # Errors
///
/// Why it cannot make any.
pub(super) fn of(
    data: &Data,
    (plan, traces): (&Plan, &Traces),
    tokenizer: Option<&Arc<Tokenizer>>,
    body: BodyOptions,
) -> Result<Arc<dyn Workload>> {
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
        _ => Arc::new(Synthetic::new(plan.seed, tokenizer, plan.corpus.as_deref(), lengths(), body)?),
    })
}
