//! From a document to a [`Config`]: shape first, by the JSON Schema, then meaning, section by section, so that one
//! reading reports everything that is wrong.

use std::collections::BTreeSet;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::data::ALIASES;
use super::{
    Api, CircuitBreaker, Config, Data, Extensions, Load, Metrics, Report, Server, Storage, Tokenizer, checks,
    support,
};
use crate::problem::{Origin, Problem, Problems};
use crate::tree::{Content, Entry, Node};
use crate::validate::{self, Coercion, Lenient};
use crate::yaml::{self, Dialect};

impl Config {
    /// Reads `text`; `file` names it in problems. Errors are everything that is wrong with the text.
    pub fn from_yaml(text: &str, file: &str) -> Result<Self, Problems> {
        Self::from_node(yaml::parse(text, file, Dialect::Config)?)
    }

    /// Reads a document, for example one that command-line flags have been merged into. Errors are everything that
    /// is wrong with it; what no code executes yet is no error here, see [`Config::executable`].
    pub fn from_node(document: Node) -> Result<Self, Problems> {
        read(document, UnknownKeys::Refused, false).map(|reading| reading.config)
    }

    /// Like [`Config::from_node`], and what no code executes yet is an error too.
    pub fn executable(document: Node, unknown: UnknownKeys) -> Result<Reading, Problems> {
        read(document, unknown, true)
    }
}

/// What becomes of keys that nobody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownKeys {
    /// They are errors, as for upstream 0.7.0.
    Refused,
    /// They are ignored with a warning, for files that upstream's versions before 0.7.0 took silently.
    Ignored,
}

/// A configuration that can run, and what its author should know.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The configuration.
    pub config: Config,
    /// What has no effect, in order of its place.
    pub warnings: Vec<Problem>,
}

/// The sections of a document; `None` is one whose shape is wrong.
#[derive(Serialize)]
#[expect(clippy::option_option, reason = "a section can be turned off by null, which is not being wrong")]
pub(super) struct Sections {
    pub(super) api: Option<Api>,
    pub(super) data: Option<Data>,
    pub(super) load: Option<Load>,
    pub(super) metrics: Option<Option<Metrics>>,
    pub(super) report: Option<Report>,
    pub(super) storage: Option<Option<Storage>>,
    pub(super) server: Option<Server>,
    pub(super) tokenizer: Option<Option<Tokenizer>>,
    pub(super) circuit_breakers: Option<Option<Vec<CircuitBreaker>>>,
    pub(super) extensions: Option<Option<Extensions>>,
}

pub(super) fn read(mut document: Node, unknown: UnknownKeys, must_run: bool) -> Result<Reading, Problems> {
    normalise(&mut document);
    let mut problems = drop_second_spelling(&mut document);
    let schema = schema_for(&document);
    let Lenient { problems: misshapen, dropped } = match unknown {
        UnknownKeys::Ignored => validate::conform_leniently(&mut document, &schema, Coercion::Pydantic),
        UnknownKeys::Refused => Lenient {
            problems: validate::conform(&mut document, &schema, Coercion::Pydantic),
            dropped: Vec::new(),
        },
    };
    let broken = Broken::new(&misshapen);
    problems.extend(misshapen);
    let mut sections = sections(&document, &broken, &mut problems);
    let found = checks::run(&sections, &document, &broken);
    problems.extend(found.problems);
    if must_run {
        let tree = serde_json::to_value(&sections).unwrap_or_default();
        let unbuilt = support::unsupported(&tree, &document);
        problems.extend(unbuilt.into_iter().filter(|problem| !broken.contains(&problem.key)));
    }
    Problems::check(problems)?;
    sections.use_working_folder();
    let config = sections.assemble().ok_or_else(|| {
        Problem::new(document.origin, "", "the configuration could not be read", "please report this")
    })?;
    let ignored =
        dropped.into_iter().map(|problem| Problem { fault: "unknown key, ignored".into(), ..problem });
    let mut warnings: Vec<Problem> = ignored.chain(found.warnings).collect();
    warnings.sort();
    Ok(Reading { config, warnings })
}

/// An empty document is a mapping without keys, as upstream has it; so is a missing `server`, for then the keys
/// that it needs can be named.
fn normalise(document: &mut Node) {
    if is_empty_document(document) {
        document.content = Node::empty_map(document.origin.clone()).content;
    }
    let origin = document.origin.clone();
    if let Content::Map(entries) = &mut document.content {
        let server = entries
            .entry("server".to_owned())
            .or_insert_with(|| Entry { key_origin: origin.clone(), node: Node::empty_map(origin.clone()) });
        if server.node.is_null() {
            server.node = Node::empty_map(server.node.origin.clone());
        }
    }
}

/// True for what upstream takes for a document without keys.
pub(super) fn is_empty_document(document: &Node) -> bool {
    match &document.content {
        Content::Null | Content::Bool(false) => true,
        Content::Number(number) => number.as_f64() == Some(0.0),
        Content::String(text) => text.is_empty(),
        Content::List(items) => items.is_empty(),
        Content::Bool(true) | Content::Map(_) => false,
    }
}

/// Finds keys that are given under both of their names, and drops one.
fn drop_second_spelling(document: &mut Node) -> Vec<Problem> {
    let Some(Content::Map(entries)) = map_at(document, &["data", "shared_prefix"]) else { return Vec::new() };
    let mut problems = Vec::new();
    for (name, alias) in ALIASES {
        if entries.contains_key(name)
            && let Some(second) = entries.shift_remove(alias)
        {
            problems.push(Problem::new(
                second.key_origin,
                format!("data.shared_prefix.{alias}"),
                format!("is another name of {name}, which is given too"),
                "keep one of the two",
            ));
        }
    }
    problems
}

fn map_at<'a>(node: &'a mut Node, path: &[&str]) -> Option<&'a mut Content> {
    path.iter()
        .try_fold(node, |node, key| match &mut node.content {
            Content::Map(entries) => entries.get_mut(*key).map(|entry| &mut entry.node),
            _ => None,
        })
        .map(|node| &mut node.content)
}

/// The schema with the kind of stages that the document's `load.type` asks for; any other type than the two named
/// here has standard stages.
fn schema_for(document: &Node) -> Value {
    let mut schema = super::json_schema();
    let kind = match document.at(["load", "type"]).map(|node| &node.content) {
        Some(Content::String(kind)) if kind == "concurrent" => "ConcurrentStage",
        Some(Content::String(kind)) if kind == "trace_session_replay" => "SessionStage",
        _ => "StandardStage",
    };
    if let Some(items) = schema.pointer_mut("/definitions/Load/properties/stages/items") {
        *items = serde_json::json!({ "$ref": format!("#/definitions/{kind}") });
    }
    schema
}

/// What has the wrong shape, as keys of two steps (`load.stages`): the rest of a section is still looked into, as if
/// those keys were not given.
pub(super) struct Broken(BTreeSet<String>);

impl Broken {
    fn new(problems: &[Problem]) -> Self {
        Self(problems.iter().map(|problem| unit_of(&problem.key)).collect())
    }

    /// True if the value at `key`, or what it stands in, has the wrong shape, so that nothing follows from it.
    pub(super) fn contains(&self, key: &str) -> bool {
        let unit = unit_of(key);
        let section = unit.split('.').next().unwrap_or_default();
        ["", section, &unit].iter().any(|broken| self.0.contains(*broken))
    }

    /// The broken keys of a section.
    fn keys_of<'a>(&'a self, section: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter_map(move |unit| unit.strip_prefix(section)?.strip_prefix('.'))
    }
}

/// The first two steps of a key path, or the section alone where it is a list, or where what is wrong is the `type`
/// that gives all other keys their meaning.
fn unit_of(key: &str) -> String {
    let (section, rest) = key.split_at(key.find(['.', '[']).unwrap_or(key.len()));
    match rest.strip_prefix('.').map(|rest| rest.split(['.', '[']).next().unwrap_or_default()) {
        None | Some("type") => section.to_owned(),
        Some(second) => format!("{section}.{second}"),
    }
}

fn sections(document: &Node, broken: &Broken, problems: &mut Vec<Problem>) -> Sections {
    let mut reader = Reader { document, broken, problems };
    Sections {
        api: reader.section("api", Api::default),
        data: reader.section("data", Data::default),
        load: reader.section("load", Load::default),
        metrics: reader.section("metrics", || None),
        report: reader.section("report", Report::default),
        storage: reader.section("storage", super::default_storage),
        server: reader.required("server"),
        tokenizer: reader.section("tokenizer", || None),
        circuit_breakers: reader.section("circuit_breakers", || None),
        extensions: reader.section("extensions", || None),
    }
}

struct Reader<'a> {
    document: &'a Node,
    broken: &'a Broken,
    problems: &'a mut Vec<Problem>,
}

impl Reader<'_> {
    fn section<T: DeserializeOwned>(&mut self, key: &str, default: impl FnOnce() -> T) -> Option<T> {
        let absent = matches!(self.document.content, Content::Map(_)) && self.document.get(key).is_none();
        if absent { Some(default()) } else { self.required(key) }
    }

    fn required<T: DeserializeOwned>(&mut self, key: &str) -> Option<T> {
        if self.broken.contains(key) {
            return None;
        }
        let node = self.document.get(key)?;
        let mut tree = node.to_json();
        let mut cut = false;
        if let Some(entries) = tree.as_object_mut() {
            for broken in self.broken.keys_of(key) {
                entries.shift_remove(broken);
                cut = true;
            }
        }
        match serde_json::from_value(tree) {
            Ok(section) => Some(section),
            // A section that cannot do without what was cut; its problem is known.
            Err(_) if cut => None,
            Err(error) => {
                self.problems.push(Problem::new(node.origin.clone(), key, error.to_string(), ""));
                None
            }
        }
    }
}

impl Sections {
    /// An empty local path means the working folder; upstream would write to `/`.
    fn use_working_folder(&mut self) {
        if let Some(Some(storage)) = &mut self.storage
            && storage.local_storage.path.is_empty()
        {
            ".".clone_into(&mut storage.local_storage.path);
        }
    }

    fn assemble(self) -> Option<Config> {
        Some(Config {
            api: self.api?,
            data: self.data?,
            load: self.load?,
            metrics: self.metrics?,
            report: self.report?,
            storage: self.storage?,
            server: self.server?,
            tokenizer: self.tokenizer?,
            circuit_breakers: self.circuit_breakers?,
            extensions: self.extensions?,
        })
    }
}

/// The place of the value at dotted path `key`, or of the nearest thing around it that was written.
pub(super) fn origin_of(document: &Node, key: &str) -> Origin {
    let mut node = document;
    for step in key.split(['.', '[']).map(|step| step.trim_end_matches(']')) {
        match node.at([step]) {
            Some(child) => node = child,
            None => break,
        }
    }
    node.origin.clone()
}
