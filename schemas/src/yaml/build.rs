//! From parser events to [`Node`]s: anchors, merge keys, keys, and the budgets that keep a hostile text harmless.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput, Tag};

use super::merge::{Pair, collect};
use super::scalar::{Fault, Scalar, resolve_plain, resolve_tagged};
use super::{Dialect, MAX_DEPTH, config_scalar, syntax, values_scalar};
use crate::problem::{Origin, Problem, Problems};
use crate::tree::{Content, Entry, Node, index_path, key_path};

/// What all aliases of a file may add up to, in nodes and bytes of text: far above any honest file.
const ALIAS_BUDGET: usize = 500_000;

/// A document and where it starts.
pub(super) struct Document {
    pub(super) start: Origin,
    pub(super) node: Node,
}

/// All documents of `text`, or every problem found in it.
pub(super) fn documents(text: &str, file: &str, dialect: Dialect) -> Result<Vec<Document>, Problems> {
    let file: Arc<str> = file.into();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    syntax::check_characters(text, &file)?;
    let complete = text.is_empty() || text.ends_with(['\n', '\r']);
    // Helm ends the last line before it reads; to PyYAML a text that ends with the file has no newline.
    let text = match dialect {
        Dialect::Values if !complete => Cow::Owned(format!("{text}\n")),
        _ => Cow::Borrowed(text),
    };
    let mut builder = Builder {
        parser: Parser::new_from_str(&text),
        file,
        dialect,
        open_end: (!complete && dialect == Dialect::Config).then(|| text.chars().count()),
        cursor: syntax::Cursor::new(&text),
        anchors: BTreeMap::new(),
        alias_budget: ALIAS_BUDGET,
        problems: Vec::new(),
    };
    let mut documents = Vec::new();
    // `Err(Stop)` left its reason among the problems.
    let _ = builder.read(&mut documents);
    Problems::check(builder.problems)?;
    Ok(documents)
}

/// Reading cannot go on; the problem is already noted.
struct Stop;

struct Builder<'a> {
    parser: Parser<'a, StrInput<'a>>,
    file: Arc<str>,
    dialect: Dialect,
    /// Length of the text in characters if its last line has no newline that a block scalar could end with.
    open_end: Option<usize>,
    cursor: syntax::Cursor<'a>,
    /// Nodes of this document by anchor number, `None` until the node is complete.
    anchors: BTreeMap<usize, Option<Node>>,
    alias_budget: usize,
    problems: Vec<Problem>,
}

/// Where a node stands: its place in the tree, and the place of its key in the text.
#[derive(Clone, Copy)]
struct Position<'a> {
    path: &'a str,
    depth: usize,
    key: Option<&'a Origin>,
}

/// A mapping's key, read but not yet used.
enum Key {
    Text(String),
    Merge,
    /// Refused; the problem is noted and the value is read only for its own problems.
    Bad,
}

impl<'a> Builder<'a> {
    fn read(&mut self, documents: &mut Vec<Document>) -> Result<(), Stop> {
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(()),
                Event::DocumentStart(_) => {
                    // An anchor belongs to its document.
                    self.anchors.clear();
                    let start = self.place(span);
                    let root = Position { path: "", depth: 0, key: None };
                    let (event, span) = self.next()?;
                    let node = self.node(event, span, root)?;
                    documents.push(Document { start, node });
                }
                _ => {}
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), Stop> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => {
                self.problems.push(syntax::describe(&error, &self.file));
                Err(Stop)
            }
            None => Err(Stop),
        }
    }

    fn place(&self, span: Span) -> Origin {
        syntax::place(&self.file, &span.start)
    }

    fn refuse(&mut self, origin: &Origin, path: &str, fault: Fault) {
        self.problems.push(Problem::new(origin.clone(), path, fault.fault, fault.remedy));
    }

    fn node(&mut self, event: Event<'a>, span: Span, at: Position<'_>) -> Result<Node, Stop> {
        let origin = self.place(span);
        let (anchor, node) = match event {
            Event::Alias(anchor) => return self.alias(anchor, &origin, at),
            Event::Scalar(text, style, anchor, tag) => {
                let block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
                let cut = block && self.open_end == Some(span.end.index());
                let text = text.strip_suffix('\n').filter(|_| cut).unwrap_or(&text);
                // An empty value has no place of its own: the parser names the next thing in the text.
                let empty = text.is_empty() && style == ScalarStyle::Plain;
                let origin = at.key.filter(|_| empty).cloned().unwrap_or(origin);
                let content = self.scalar(text, style, tag.as_deref(), &origin, at.path);
                (anchor, Node { content, origin })
            }
            Event::SequenceStart(anchor, tag) => {
                self.open(anchor);
                self.enter(tag.as_deref(), "tag:yaml.org,2002:seq", &origin, at)?;
                let content = self.list(at)?;
                (anchor, Node { content, origin })
            }
            Event::MappingStart(anchor, tag) => {
                self.open(anchor);
                self.enter(tag.as_deref(), "tag:yaml.org,2002:map", &origin, at)?;
                let content = self.map(at)?;
                (anchor, Node { content, origin })
            }
            _ => {
                let fault = Fault::new("the document ends in the middle of a value", "complete it");
                self.refuse(&origin, at.path, fault);
                return Err(Stop);
            }
        };
        if anchor != 0 {
            self.anchors.insert(anchor, Some(node.clone()));
        }
        Ok(node)
    }

    /// Notes that the node of `anchor` (0 is none) begins: an alias inside it would have no end.
    fn open(&mut self, anchor: usize) {
        if anchor != 0 {
            self.anchors.insert(anchor, None);
        }
    }

    /// Checks depth and tag of a list or mapping.
    fn enter(&mut self, tag: Option<&Tag>, own: &str, origin: &Origin, at: Position<'_>) -> Result<(), Stop> {
        if at.depth >= MAX_DEPTH {
            self.refuse(origin, "", too_deep());
            return Err(Stop);
        }
        // go-yaml ignores tags on collections; PyYAML would construct something else.
        if let Some(tag) = tag.map(full_tag).filter(|tag| tag != own && tag != "!")
            && self.dialect == Dialect::Config
        {
            self.refuse(origin, at.path, config_scalar::unknown_tag(&tag));
        }
        Ok(())
    }

    fn alias(&mut self, anchor: usize, origin: &Origin, at: Position<'_>) -> Result<Node, Stop> {
        let node = match self.anchors.get(&anchor) {
            Some(Some(node)) => node,
            open => {
                let (fault, remedy) = match open {
                    Some(_) => ("this alias stands inside the value it repeats", "write the value out"),
                    None => ("this alias names an anchor of another document", "write the value out"),
                };
                self.refuse(origin, at.path, Fault::new(fault, remedy));
                return Err(Stop);
            }
        };
        let (size, height) = measure(node);
        if at.depth + height > MAX_DEPTH {
            self.refuse(origin, "", too_deep());
            return Err(Stop);
        }
        let Some(rest) = self.alias_budget.checked_sub(size) else {
            let fault = Fault::new("aliases repeat too much data", "use fewer `*` aliases of large values");
            self.refuse(origin, at.path, fault);
            return Err(Stop);
        };
        let node = node.clone();
        self.alias_budget = rest;
        Ok(node)
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&Tag>,
        origin: &Origin,
        path: &str,
    ) -> Content {
        let plain = style == ScalarStyle::Plain;
        let meaning = match tag {
            Some(tag) => resolve_tagged(text, &full_tag(tag), plain, self.dialect),
            None if plain => resolve_plain(text, self.dialect),
            None => Ok(Scalar::Text),
        };
        match meaning {
            Ok(Scalar::Null) => Content::Null,
            Ok(Scalar::Bool(value)) => Content::Bool(value),
            Ok(Scalar::Number(value)) => Content::Number(value),
            Ok(Scalar::Text) => Content::String(text.to_owned()),
            Err(fault) => {
                self.refuse(origin, path, fault);
                Content::Null
            }
        }
    }

    fn list(&mut self, at: Position<'_>) -> Result<Content, Stop> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::SequenceEnd {
                return Ok(Content::List(items));
            }
            let path = index_path(at.path, items.len());
            items.push(self.node(event, span, Position { path: &path, depth: at.depth + 1, key: None })?);
        }
    }

    fn map(&mut self, at: Position<'_>) -> Result<Content, Stop> {
        let mut pairs = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                return Ok(Content::Map(collect(pairs, self.dialect)));
            }
            let key_origin = self.place(span);
            let key = self.key(event, span, &key_origin, at)?;
            let path = match &key {
                Key::Text(key) => key_path(at.path, key),
                Key::Merge => key_path(at.path, "<<"),
                Key::Bad => at.path.to_owned(),
            };
            let (event, span) = self.next()?;
            let position = Position { path: &path, depth: at.depth + 1, key: Some(&key_origin) };
            let node = self.node(event, span, position)?;
            match key {
                Key::Text(key) => pairs.push(Pair::Plain(key, Entry { key_origin, node })),
                Key::Merge => pairs.push(Pair::Merge(self.merged(node, &path))),
                Key::Bad => {}
            }
        }
    }

    fn key(&mut self, event: Event<'a>, span: Span, origin: &Origin, at: Position<'_>) -> Result<Key, Stop> {
        let fault = match event {
            Event::Scalar(..) if self.cursor.is_overlong_key(&span) => Fault::new(
                "a key must stand on one line and have at most 1024 characters",
                "shorten it, or write `? ` before it",
            ),
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                let tag = tag.as_deref().map(full_tag);
                if anchor != 0 {
                    let content = Content::String(text.clone().into_owned());
                    self.anchors.insert(anchor, Some(Node { content, origin: origin.clone() }));
                }
                if text == "<<"
                    && (plain && tag.is_none() || tag.as_deref() == Some("tag:yaml.org,2002:merge"))
                {
                    return Ok(Key::Merge);
                }
                match key_text(&text, plain && tag.is_none(), self.dialect) {
                    Some(key) => return Ok(Key::Text(key)),
                    None => Fault::new("this cannot be a key", "write a name, in quotes if need be"),
                }
            }
            Event::Alias(_) => {
                let node = self.node(event, Span::default(), at)?;
                match node.content {
                    Content::String(key) => return Ok(Key::Text(key)),
                    Content::Bool(value) => return Ok(Key::Text(value.to_string())),
                    Content::Number(value) => return Ok(Key::Text(value.to_string())),
                    _ => Fault::new("this alias cannot be a key", "write the key out"),
                }
            }
            _ => {
                // Read it to its end, so that the problems after it are found too.
                self.node(event, Span::default(), Position { depth: at.depth + 1, ..at })?;
                Fault::new(
                    "a list or mapping cannot be a key",
                    "put text that starts with `[` or `{` into quotes",
                )
            }
        };
        self.refuse(origin, at.path, fault);
        Ok(Key::Bad)
    }

    /// The mappings that a `<<` key merges, weakest first.
    fn merged(&mut self, node: Node, path: &str) -> Vec<Node> {
        let origin = node.origin.clone();
        let mut nodes = match node.content {
            Content::List(items) => items,
            _ => vec![node],
        };
        if nodes.iter().any(|node| !matches!(node.content, Content::Map(_))) {
            let fault = Fault::new(
                "`<<` merges mappings only",
                "give it a `*` alias of a mapping, or a list of them",
            );
            self.refuse(&origin, path, fault);
            nodes.clear();
        }
        nodes.reverse();
        nodes
    }
}

/// The key that a scalar becomes. PyYAML keeps numbers, booleans and dates as keys; no mapping of the configuration
/// has such, so they stay the text that was written.
fn key_text(text: &str, plain: bool, dialect: Dialect) -> Option<String> {
    match dialect {
        Dialect::Values if plain => values_scalar::key(text),
        Dialect::Config if plain && text.is_empty() => None,
        _ => Some(text.to_owned()),
    }
}

fn full_tag(tag: &Tag) -> String {
    format!("{}{}", tag.handle, tag.suffix)
}

fn too_deep() -> Fault {
    Fault::new(format!("nested more than {MAX_DEPTH} levels deep"), "nest less")
}

/// Number of nodes and bytes of text in `node`, and the levels of lists and mappings.
fn measure(node: &Node) -> (usize, usize) {
    match &node.content {
        Content::Null | Content::Bool(_) | Content::Number(_) => (1, 0),
        Content::String(text) => (1 + text.len(), 0),
        Content::List(items) => {
            let (size, height) = items.iter().map(measure).fold((1, 0), add);
            (size, height + 1)
        }
        Content::Map(entries) => {
            let sizes = entries.iter().map(|(key, entry)| {
                let (size, height) = measure(&entry.node);
                (size + key.len(), height)
            });
            let (size, height) = sizes.fold((1, 0), add);
            (size, height + 1)
        }
    }
}

fn add(sum: (usize, usize), part: (usize, usize)) -> (usize, usize) {
    (sum.0 + part.0, sum.1.max(part.1))
}
