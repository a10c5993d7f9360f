//! From file and flags to a configuration that can run: everything that can be known to be wrong before the first side
//! effect is found here, all at once.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use benchmark_schemas::config::{self, Config, DataType, Reading, UnknownKeys};
use benchmark_schemas::problem::{Origin, Problem, Problems};
use benchmark_schemas::secret::Secret;
use benchmark_schemas::tree::Node;
use benchmark_schemas::yaml::{self, Dialect};

use crate::cli::ConfigArgs;
use crate::workload::Tokenizer;

/// A valid configuration with what it refers to.
pub(super) struct Start {
    pub(super) config: Config,
    /// `None` if the data type needs none and none is named.
    pub(super) tokenizer: Option<Arc<Tokenizer>>,
    /// What has no effect.
    pub(super) warnings: Vec<Problem>,
    /// Whether the configuration itself gives `load.sweep.saturation_percentile`, which has a default.
    pub(super) sets_saturation_percentile: bool,
}

/// Variable that gives `server.api_key` where the configuration has none.
const API_KEY_VARIABLE: &str = "INFERENCE_PERF_API_KEY";

/// What messages call the configuration: its file, or where else it comes from.
pub(super) fn name_of(config_file: Option<&Path>) -> String {
    config_file.map_or_else(|| "command line".to_owned(), |file| file.display().to_string())
}

/// Reads and checks the configuration, with the key that the environment gives, and loads its tokenizer.
///
/// # Errors
///
/// All problems of the configuration, or why it cannot be read.
pub(super) async fn read(arguments: ConfigArgs) -> Result<Start> {
    let document = document(arguments.config_file.as_deref(), arguments.settings)?;
    let loaded = load_tokenizer(&document);
    let sets_saturation_percentile = document.at(["load", "sweep", "saturation_percentile"]).is_some();
    let unknown = if arguments.lenient { UnknownKeys::Ignored } else { UnknownKeys::Refused };
    match (Config::executable(document, unknown), loaded) {
        (Ok(Reading { mut config, warnings }), Ok(tokenizer)) => {
            if config.server.api_key.is_none() {
                // Secrets in files tend to end with a line break.
                let key = std::env::var(API_KEY_VARIABLE).ok().map(|key| key.trim().to_owned());
                config.server.api_key = key.filter(|key| !key.is_empty()).map(Secret::new);
            }
            Ok(Start { config, tokenizer: tokenizer.map(Arc::new), warnings, sets_saturation_percentile })
        }
        (config, tokenizer) => {
            let mut problems = config.err().map(Problems::into_vec).unwrap_or_default();
            // A tokenizer that is missing because its key is wrong is the key's problem.
            let keyed = problems.iter().any(|problem| problem.key.starts_with("tokenizer"));
            problems.extend(tokenizer.err().filter(|_| !keyed));
            Problems::check(problems)?;
            unreachable!("one of the two is an error, and an error has a problem")
        }
    }
}

/// The document of the file, with `settings` over it; without a file it is made of them alone.
fn document(config_file: Option<&Path>, settings: Vec<(config::Flag, Node)>) -> Result<Node> {
    let mut document = match config_file {
        Some(path) => {
            tracing::info!("Using configuration from: {}", path.display());
            let bytes = fs_err::read(path).context("the configuration cannot be read")?;
            let file = path.display().to_string();
            yaml::parse(yaml::decode(&bytes, &file)?, &file, Dialect::Config)?
        }
        None if settings.is_empty() => bail!(
            "there is no configuration (give a file: -c FILE, or flags: --server.base_url URL --load.stages JSON, …; \
             see --help)"
        ),
        None => Node::empty_map(Origin::Argument(name_of(None).into())),
    };
    config::apply(&mut document, settings);
    Ok(document)
}

/// The tokenizer that the document names: `tokenizer.pretrained_model_name_or_path`, else the model's name, as
/// upstream has it; but a data type that needs no tokenizer has only the one that is named for it.
fn load_tokenizer(document: &Node) -> Result<Option<Tokenizer>, Problem> {
    let named = |path: [&str; 2]| {
        let node = document.at(path)?;
        Some((path.join("."), node.to_json().as_str()?.to_owned(), node.origin.clone()))
    };
    let own = named(["tokenizer", "pretrained_model_name_or_path"]);
    if own.is_none() && !data_type(document).is_some_and(DataType::needs_tokenizer) {
        return Ok(None);
    }
    let (key, name, origin) = own.or_else(|| named(["server", "model_name"])).unwrap_or_else(|| {
        ("tokenizer.pretrained_model_name_or_path".to_owned(), String::new(), Origin::Derived)
    });
    if name.is_empty() {
        return Err(Problem::new(
            origin,
            key,
            "no tokenizer is named, and this data type needs one",
            "write the local folder that holds the model's tokenizer.json",
        ));
    }
    Tokenizer::load(&PathBuf::from(name)).map(Some).map_err(|error| error.problem(origin, key))
}

/// The data type that the document names, or the default; `None` if it is no data type.
fn data_type(document: &Node) -> Option<DataType> {
    let Some(named) = document.at(["data", "type"]) else { return Some(DataType::default()) };
    serde_json::from_value(named.to_json()).ok()
}
