//! Text of a `--set` argument to assignments. Knows nothing of the tree they will change.

use benchmark_schemas::problem::{Origin, Problem};
use benchmark_schemas::secret::MASK;
use benchmark_schemas::tree::Node;
use benchmark_schemas::tree::to_number;
use benchmark_schemas::values::{is_secret_name, is_secret_value};
use serde_json::Value;

use super::{Assignment, Given, Kind, MAX_DEPTH, MAX_INDEX, Step};

/// All assignments of `argument`, in order.
pub(super) fn assignments(argument: &str, kind: Kind) -> Result<Vec<Assignment>, Problem> {
    let mut parser = Parser { chars: argument.chars().collect(), at: 0, kind };
    let mut assignments = Vec::new();
    while parser.at < parser.chars.len() {
        assignments.push(parser.assignment()?);
    }
    Ok(assignments)
}

/// A `--set-json` argument that is one JSON object, as a tree.
pub(super) fn json_object(argument: &str) -> Result<Node, Problem> {
    let origin = Origin::Argument(format!("{} {{…}}", Kind::Json.flag()).into());
    let value: Value = serde_json::from_str(argument).map_err(|error| {
        Problem::new(
            origin.clone(),
            "",
            format!("not a JSON object: {error}"),
            "quote keys and strings with \"",
        )
    })?;
    Ok(Node::from_json(&as_go_decodes(value), &origin))
}

/// Go's decoder knows numbers only as doubles: `5.0` is 5, and integers above 2^53 lose digits.
fn as_go_decodes(value: Value) -> Value {
    match value {
        Value::Number(number) => Value::Number(number.as_f64().map_or(number, to_number)),
        Value::Array(items) => Value::Array(items.into_iter().map(as_go_decodes).collect()),
        Value::Object(entries) => {
            Value::Object(entries.into_iter().map(|(key, value)| (key, as_go_decodes(value))).collect())
        }
        other => other,
    }
}

struct Parser {
    chars: Vec<char>,
    at: usize,
    kind: Kind,
}

impl Parser {
    fn assignment(&mut self) -> Result<Assignment, Problem> {
        let start = self.at;
        let path = self.path(start)?;
        let key_end = self.at - 1;
        let empty_at_end =
            self.at == self.chars.len() && matches!(self.kind, Kind::Typed | Kind::Text | Kind::File);
        let given = self.given(start, key_end)?;
        Ok(Assignment { origin: self.origin(start, key_end, &path), path, given, empty_at_end })
    }

    /// The key up to and including its `=`.
    fn path(&mut self, start: usize) -> Result<Vec<Step>, Problem> {
        let mut path = Vec::new();
        let mut depth = 0;
        let stops: &[char] =
            if self.kind == Kind::Literal { &['=', '[', '.'] } else { &['=', '[', ',', '.'] };
        loop {
            let (name, stop) = self.until(stops);
            match stop {
                None | Some(',') => {
                    return Err(self.wrong(
                        start,
                        "has no value",
                        "write KEY=VALUE; a comma in a value is `\\,`",
                    ));
                }
                Some(_) if name.is_empty() => {
                    return Err(self.wrong(
                        start,
                        "a name in the key is empty",
                        "write KEY=VALUE with a dotted key",
                    ));
                }
                Some(_) => path.push(Step::Key(name)),
            }
            if stop == Some('=') || (stop == Some('[') && self.indices(start, &mut path)? == '=') {
                return Ok(path);
            }
            depth += 1;
            if depth > MAX_DEPTH {
                return Err(self.wrong(start, format!("nests deeper than {MAX_DEPTH} names"), ""));
            }
        }
    }

    /// The indices after a name, the opening bracket being read; gives the `.` or `=` that ends them.
    fn indices(&mut self, start: usize, path: &mut Vec<Step>) -> Result<char, Problem> {
        loop {
            let (text, closed) = self.until(&[']']);
            if closed.is_none() {
                return Err(self.wrong(start, "a list index has no `]`", "write KEY[0]=VALUE"));
            }
            let index = match text.parse::<i64>().map(usize::try_from) {
                Ok(Ok(index)) if index <= MAX_INDEX => index,
                _ => {
                    let fault = format!("`{text}` is not a list index");
                    return Err(self.wrong(start, fault, format!("write a number from 0 to {MAX_INDEX}")));
                }
            };
            path.push(Step::Index(index));
            let (between, stop) = self.until(&['[', '.', '=']);
            match stop {
                Some(stop) if between.is_empty() => {
                    if stop != '[' {
                        return Ok(stop);
                    }
                }
                Some(_) => {
                    let fault = format!("`{between}` stands behind a list index");
                    return Err(self.wrong(start, fault, "after `]` write `.`, `[` or `=`"));
                }
                None => return Err(self.wrong(start, "has no value", "write KEY=VALUE")),
            }
        }
    }

    /// The value, the `=` being read.
    fn given(&mut self, start: usize, key_end: usize) -> Result<Given, Problem> {
        match self.kind {
            Kind::Json => self.json(start, key_end).map(Given::Value),
            Kind::Literal => {
                let text = self.chars[self.at..].iter().collect();
                self.at = self.chars.len();
                Ok(Given::Value(Value::String(text)))
            }
            Kind::Typed | Kind::Text | Kind::File => match self.chars.get(self.at) {
                None => Ok(Given::Value(Value::String(String::new()))),
                Some('{') => self.list(start),
                Some(_) => {
                    let (text, _) = self.until(&[',']);
                    Ok(match self.kind {
                        Kind::File => Given::File(text),
                        kind => Given::Value(scalar(text, kind)),
                    })
                }
            },
        }
    }

    /// `{a,b}`, and one comma behind it.
    fn list(&mut self, start: usize) -> Result<Given, Problem> {
        self.at += 1;
        let mut texts = Vec::new();
        loop {
            let (text, stop) = self.until(&[',', '}']);
            if stop.is_none() {
                return Err(self.wrong(start, "a list has no `}`", "write KEY={A,B}"));
            }
            texts.push(text);
            if stop == Some('}') {
                break;
            }
        }
        if self.chars.get(self.at) == Some(&',') {
            self.at += 1;
        }
        Ok(match self.kind {
            Kind::File => Given::Files(texts),
            kind => Given::Value(texts.into_iter().map(|text| scalar(text, kind)).collect()),
        })
    }

    /// The JSON value that starts here; blanks and one comma behind it are passed over. Nothing means null.
    fn json(&mut self, start: usize, key_end: usize) -> Result<Value, Problem> {
        if self.blanks_then_end() {
            return Ok(Value::Null);
        }
        let rest: String = self.chars[self.at..].iter().collect();
        let mut values = serde_json::Deserializer::from_str(&rest).into_iter::<Value>();
        match values.next() {
            Some(Ok(value)) => {
                self.at += rest[..values.byte_offset()].chars().count();
                self.blanks_then_end();
                Ok(as_go_decodes(value))
            }
            Some(Err(error)) => {
                let path = [];
                let origin = self.origin(start, key_end, &path);
                Err(Problem::new(
                    origin,
                    "",
                    format!("the value is not JSON: {error}"),
                    "quote keys and strings with \"",
                ))
            }
            None => Ok(Value::Null),
        }
    }

    /// Passes over blanks and a comma; true if there was a comma or the end.
    fn blanks_then_end(&mut self) -> bool {
        while let Some(&c) = self.chars.get(self.at) {
            if c == ',' {
                self.at += 1;
                return true;
            }
            if !c.is_whitespace() {
                return false;
            }
            self.at += 1;
        }
        true
    }

    /// Characters up to one of `stops`, which is read too; `\` makes the next character plain.
    fn until(&mut self, stops: &[char]) -> (String, Option<char>) {
        let mut text = String::new();
        while let Some(&c) = self.chars.get(self.at) {
            self.at += 1;
            if stops.contains(&c) {
                return (text, Some(c));
            }
            if c == '\\' && self.kind != Kind::Literal {
                if let Some(&next) = self.chars.get(self.at) {
                    self.at += 1;
                    text.push(next);
                }
            } else {
                text.push(c);
            }
        }
        (text, None)
    }

    /// The assignment as typed, so that a problem names it; JSON is left out for its length, secrets for good.
    fn origin(&self, start: usize, key_end: usize, path: &[Step]) -> Origin {
        let key: String = self.chars[start..key_end].iter().collect();
        let end = if self.chars[..self.at].ends_with(&[',']) { self.at - 1 } else { self.at };
        let value: String = self.chars[(key_end + 1).min(end)..end].iter().collect();
        let names_secret = path.iter().any(|step| matches!(step, Step::Key(name) if is_secret_name(name)));
        let has_user = value.contains("://") && value.contains('@');
        let is_secret = names_secret || has_user || is_secret_value(&value);
        let value = match self.kind {
            _ if is_secret => MASK,
            Kind::Json => "…",
            _ => &value,
        };
        Origin::Argument(format!("{} {key}={value}", self.kind.flag()).into())
    }

    fn wrong(&self, start: usize, fault: impl Into<String>, remedy: impl Into<String>) -> Problem {
        let key: String = self.chars[start..self.at].iter().take_while(|c| **c != '=').collect();
        Problem::new(Origin::Argument(format!("{} {key}", self.kind.flag()).into()), "", fault, remedy)
    }
}

/// The value that Helm sees in `text`.
fn scalar(text: String, kind: Kind) -> Value {
    if kind == Kind::Typed {
        if text.eq_ignore_ascii_case("true") {
            return Value::Bool(true);
        }
        if text.eq_ignore_ascii_case("false") {
            return Value::Bool(false);
        }
        if text.eq_ignore_ascii_case("null") {
            return Value::Null;
        }
        // What starts with 0 may be an account number or a version, and stays as typed.
        let is_plain = text == "0" || !text.starts_with('0');
        if let (true, Ok(integer)) = (is_plain, text.parse::<i64>()) {
            return Value::from(integer);
        }
    }
    Value::String(text)
}
