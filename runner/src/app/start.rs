//! From file and flags to a configuration that can run: everything that can be known to be wrong before the first side
//! effect is found here, all at once.

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use benchmark_schemas::config::{self, Config, DataType, LOAD_TIMEOUT_SECONDS, Reading, UnknownKeys};
use benchmark_schemas::problem::{Origin, Problem, Problems};
use benchmark_schemas::secret::Secret;
use benchmark_schemas::tree::Node;
use benchmark_schemas::yaml::{self, Dialect};
use serde_json::Value;

use super::{environment, templates};
use crate::cli::ConfigArgs;
use crate::hub::{self, Hub, HubError, HubSettings, Repo};
use crate::workload::{ChatTemplateError, Tokenizer, TokenizerError};

/// A valid configuration with what it refers to.
pub(super) struct Start {
    pub(super) config: Config,
    /// `None` if the data type needs none and none is named, or if only the server knows its name.
    pub(super) tokenizer: Option<Arc<Tokenizer>>,
    /// What has no effect.
    pub(super) warnings: Vec<Problem>,
    /// Whether the configuration itself gives `load.sweep.saturation_percentile`, which has a default.
    pub(super) sets_saturation_percentile: bool,
}

/// The file of a model that is its tokenizer.
const TOKENIZER_FILE: &str = "tokenizer.json";
/// OpenTelemetry's variable by which upstream sends traces.
const TRACES_ENABLED: &str = "OTEL_TRACES_ENABLED";
/// Longer limits are none (31 years).
const MOST_TIMEOUT_SECONDS: f64 = 1e9;

/// What messages call the configuration: its file, or where else it comes from.
pub(super) fn name_of(config_file: Option<&Path>) -> String {
    config_file.map_or_else(|| "command line".to_owned(), |file| file.display().to_string())
}

/// Reads and checks the configuration, with what the environment adds, and loads its tokenizer.
///
/// # Errors
///
/// All problems of the configuration, or why it cannot be read.
pub(super) async fn read(arguments: ConfigArgs) -> Result<Start> {
    let document = document(arguments.config_file.as_deref(), arguments.settings)?;
    let loaded = load_tokenizer(&document).await;
    let sets_saturation_percentile = document.at(["load", "sweep", "saturation_percentile"]).is_some();
    let unknown = if arguments.lenient { UnknownKeys::Ignored } else { UnknownKeys::Refused };
    let config = Config::executable(document.clone(), unknown).and_then(|mut reading| {
        complete(&mut reading.config, &document)?;
        Ok(reading)
    });
    match (config, loaded) {
        (Ok(Reading { config, mut warnings }), Ok(tokenizer)) => {
            warnings.extend(no_traces(std::env::var(TRACES_ENABLED).ok().as_deref()));
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

/// Fills in what `config`, which was read from `document`, leaves to the environment.
fn complete(config: &mut Config, document: &Node) -> Result<(), Problems> {
    let mut problems =
        environment::complete(config, document).map_or_else(Problems::into_vec, |()| Vec::new());
    let token = config.tokenizer.as_mut().map(|tokenizer| &mut tokenizer.token);
    let masked = token.and_then(|token| token.take_if(|token| token.is_masked()));
    if masked.is_some() && hub_settings(None).token.is_none() {
        problems.push(environment::unmask(document, &["tokenizer", "token"], "set HF_TOKEN"));
    }
    Problems::check(problems)
}

/// What to tell who asks for traces with `value`: there are none.
fn no_traces(value: Option<&str>) -> Option<Problem> {
    value.filter(|value| value.trim().eq_ignore_ascii_case("true"))?;
    let origin = Origin::Argument(TRACES_ENABLED.into());
    let remedy = "unset it; report.request_lifecycle.per_request keeps the times of every request";
    Some(Problem::new(origin, "", "no traces are sent: this program has no OpenTelemetry", remedy))
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
/// upstream has it; but for a data type that needs no tokenizer nothing is fetched that is not named for it. `None` also
/// where only the server knows the model's name, see [`tokenizer_of`].
async fn load_tokenizer(document: &Node) -> Result<Option<Tokenizer>, Problem> {
    let named = |path: [&str; 2]| {
        let node = document.at(path)?;
        let name = node.to_json().as_str().filter(|name| !name.is_empty())?.to_owned();
        Some((path.join("."), name, node.origin.clone()))
    };
    let own = named(["tokenizer", "pretrained_model_name_or_path"]);
    let model = named(["server", "model_name"]);
    if own.is_none() && !data_type(document).is_some_and(DataType::needs_tokenizer) {
        let serves_nobody = document.at(["server", "type"]).is_some_and(|kind| kind.to_json() == "mock");
        return Ok(match model.filter(|_| !serves_nobody) {
            Some((_, name, _)) => tokenizer_at_hand(&name).await,
            None => None,
        });
    }
    let Some((key, name, origin)) = own.or(model) else { return Ok(None) };
    let token = document.at(["tokenizer", "token"]).and_then(|node| match node.to_json() {
        Value::String(token) => Some(Secret::new(token)),
        _ => None,
    });
    let token = token.filter(|token| !token.is_masked());
    let with_template = document.at(["data", "use_chat_template"]).is_some_and(|node| node.to_json() == true);
    let limit = match document.at(["tokenizer", "load_timeout"]).map(Node::to_json) {
        Some(Value::Null) => None,
        // What is no time is refused elsewhere.
        given => Some(given.and_then(|given| given.as_f64()).unwrap_or(LOAD_TIMEOUT_SECONDS)),
    };
    let named = tokenizer_named(&name, token.as_ref(), limit, with_template).await;
    named.map(Some).map_err(|error| error.problem(origin, key))
}

/// The tokenizer of the model that the server names, for data types that need one where the configuration names none.
///
/// # Errors
///
/// If there is no such tokenizer.
pub(super) async fn tokenizer_of(config: &Config, model: &str) -> Result<Arc<Tokenizer>> {
    let given = config.tokenizer.clone().unwrap_or_default();
    let with_template = config.data.use_chat_template;
    let loaded = tokenizer_named(model, given.token.as_ref(), given.load_timeout, with_template).await;
    let problem = |error: NoTokenizer| {
        let origin = Origin::Argument("the server's list of models".into());
        Problems::from(error.problem(origin, "tokenizer.pretrained_model_name_or_path".to_owned()))
    };
    Ok(Arc::new(loaded.map_err(problem)?))
}

/// Why there is no tokenizer.
enum NoTokenizer {
    File(TokenizerError),
    Hub(HubError),
    Template(ChatTemplateError),
}

impl NoTokenizer {
    fn problem(&self, origin: Origin, key: String) -> Problem {
        match self {
            Self::File(error) => error.problem(origin, key),
            Self::Hub(error) => error.problem(origin, key),
            Self::Template(error) => templates::problem(error, origin, key),
        }
    }
}

/// The tokenizer in the local folder `name`, or of the model of that name on the hub, which may take `limit` seconds; with
/// the chat template that lies beside it, if one is wanted.
async fn tokenizer_named(
    name: &str,
    token: Option<&Secret>,
    limit: Option<f64>,
    with_template: bool,
) -> Result<Tokenizer, NoTokenizer> {
    tracing::info!("Loading tokenizer '{name}'");
    let path = Path::new(name);
    if path.exists() || !hub::is_model_name(name) {
        let tokenizer = Tokenizer::load(path).map_err(NoTokenizer::File)?;
        let files = with_template.then(|| templates::beside(tokenizer.path()));
        return templates::added(tokenizer, files).map_err(NoTokenizer::Template);
    }
    let (hub, repo) = (Hub::new(hub_settings(token)), Repo::model(name));
    let fetched = async {
        let file = hub.file(&repo, TOKENIZER_FILE).await?;
        let files = if with_template { Some(templates::fetched(&hub, &repo).await?) } else { None };
        Ok((file, files))
    };
    let fetched = match limit.filter(|seconds| (0.0..=MOST_TIMEOUT_SECONDS).contains(seconds)) {
        None => fetched.await,
        Some(seconds) => match tokio::time::timeout(Duration::from_secs_f64(seconds), fetched).await {
            Ok(fetched) => fetched,
            Err(_) => Err(HubError::Slow { repo: repo.clone(), file: TOKENIZER_FILE.to_owned(), seconds }),
        },
    };
    let (file, files) = fetched.map_err(NoTokenizer::Hub)?;
    tracing::info!("Tokenizer of {name}: {}", file.origin.display());
    let tokenizer = Tokenizer::from_bytes(file.bytes, file.origin).map_err(NoTokenizer::File)?;
    templates::added(tokenizer, files).map_err(NoTokenizer::Template)
}

/// The tokenizer in the local folder `name`, or of the model of that name in the hub's cache.
async fn tokenizer_at_hand(name: &str) -> Option<Tokenizer> {
    let path = Path::new(name);
    if path.exists() || !hub::is_model_name(name) {
        return Tokenizer::load(path).ok();
    }
    let settings = HubSettings { offline: true, ..hub_settings(None) };
    let file = Hub::new(settings).file(&Repo::model(name), TOKENIZER_FILE).await.ok()?;
    tracing::info!("Tokenizer of {name}: {}", file.origin.display());
    Tokenizer::from_bytes(file.bytes, file.origin).ok()
}

/// How the environment wants the hub to be asked.
pub(super) fn hub_settings(token: Option<&Secret>) -> HubSettings {
    let text =
        |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
    HubSettings::new(&std::env::vars_os().filter_map(text).collect(), token)
}

/// The data type that the document names, or the default; `None` if it is no data type.
fn data_type(document: &Node) -> Option<DataType> {
    let Some(named) = document.at(["data", "type"]) else { return Some(DataType::default()) };
    serde_json::from_value(named.to_json()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_for_traces_is_told_that_there_are_none() {
        let told = no_traces(Some("True")).expect("a warning").to_string();
        insta::assert_snapshot!(told, @"OTEL_TRACES_ENABLED: no traces are sent: this program has no OpenTelemetry (unset it; report.request_lifecycle.per_request keeps the times of every request)");
        assert!([None, Some("false"), Some("")].map(no_traces).iter().all(Option::is_none));
    }
}
