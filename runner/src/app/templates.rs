//! The chat template of a tokenizer: read from the files beside `tokenizer.json`, in a folder or on the hub.

use std::path::Path;

use benchmark_schemas::problem::{Origin, Problem};
use jiff::ZonedDateTime;

use crate::hub::{Hub, HubError, Repo};
use crate::workload::{ChatTemplate, ChatTemplateError, TemplateFiles, Tokenizer};

/// The files beside the tokenizer's own.
pub(super) fn beside(tokenizer: &Path) -> TemplateFiles {
    let read = |name| fs_err::read(tokenizer.with_file_name(name)).ok();
    let [config, jinja, special_tokens] = TemplateFiles::NAMES.map(read);
    TemplateFiles { config, jinja, special_tokens }
}

/// The files of `model` on the hub; it need not have any of them.
///
/// # Errors
///
/// If the hub does not say whether it has them.
pub(super) async fn fetched(hub: &Hub, model: &Repo) -> Result<TemplateFiles, HubError> {
    let [config, jinja, special_tokens] = TemplateFiles::NAMES;
    let fetched = async |file| match hub.file(model, file).await {
        Ok(file) => Ok(Some(file.bytes)),
        // What an earlier run did not find is not in the cache either.
        Err(HubError::NoFile { .. } | HubError::Offline { .. }) => Ok(None),
        Err(error) => Err(error),
    };
    let (config, jinja) = (fetched(config).await?, fetched(jinja).await?);
    Ok(TemplateFiles { config, jinja, special_tokens: fetched(special_tokens).await? })
}

/// `tokenizer` with the template that `files` hold, if it is wanted at all.
///
/// # Errors
///
/// If they hold none that can be used.
pub(super) fn added(
    tokenizer: Tokenizer,
    files: Option<TemplateFiles>,
) -> Result<Tokenizer, ChatTemplateError> {
    let Some(files) = files else { return Ok(tokenizer) };
    let template = ChatTemplate::new(&files, ZonedDateTime::now())?;
    template.frame()?;
    Ok(tokenizer.with_template(template))
}

/// The error as a problem of the key that names the tokenizer.
pub(super) fn problem(error: &ChatTemplateError, origin: Origin, key: String) -> Problem {
    let remedy =
        "remove data.use_chat_template, or name a model whose template writes a message down as it is";
    Problem::new(origin, key, error.to_string(), remedy)
}
