//! `anyOf` and `oneOf`: which branch was meant, and its problems only.

use serde_json::Value;

use super::Coercion;
use super::facets;
use super::walk::{Walker, is_null_schema, list};
use super::words::{allowed, alternatives, kind, shown};
use crate::problem::Problem;
use crate::tree::{Content, Node, key_path};

/// A branch tried on a copy of the node.
struct Trial {
    node: Node,
    problems: Vec<Problem>,
    dropped: Vec<Problem>,
}

impl<'s> Walker<'s> {
    /// Checks the unions of `schema`, except those that only list values.
    pub(super) fn check_unions(&mut self, node: &mut Node, schema: &'s Value, path: &str) {
        if self.values(schema).is_some() && schema.get("const").is_none() && schema.get("enum").is_none() {
            return;
        }
        for keyword in ["anyOf", "oneOf"] {
            let branches = list(schema, keyword);
            if !branches.is_empty() {
                self.check_union(node, branches, keyword == "oneOf", path);
            }
        }
    }

    fn check_union(&mut self, node: &mut Node, branches: &'s [Value], exactly_one: bool, path: &str) {
        // As pydantic's "smart" mode: a branch that fits as it is goes before one that needs coercion.
        let exact = self.trials(node, branches, Coercion::None, path);
        let fitting = exact.iter().filter(|trial| trial.problems.is_empty()).count();
        if fitting > 1 && exactly_one {
            self.problem(
                &node.origin,
                path,
                "fits more than one alternative",
                "write it so that only one fits",
            );
            return;
        }
        let trials = match (fitting, self.coercion) {
            (0, Coercion::Pydantic) => self.trials(node, branches, Coercion::Pydantic, path),
            _ => exact,
        };
        let mut failed = Vec::with_capacity(trials.len());
        for (trial, branch) in trials.into_iter().zip(branches) {
            if trial.problems.is_empty() {
                *node = trial.node;
                self.dropped.iter_mut().for_each(|dropped| dropped.extend(trial.dropped.iter().cloned()));
                return;
            }
            failed.push((branch, trial.problems));
        }
        let problems = self.meant(node, failed, path);
        self.problems.extend(problems);
    }

    fn trials(&self, node: &Node, branches: &'s [Value], coercion: Coercion, path: &str) -> Vec<Trial> {
        let try_branch = |branch: &'s Value| {
            let mut node = node.clone();
            let mut walker = Walker::new(self.root, coercion);
            walker.dropped = self.dropped.as_ref().map(|_| Vec::new());
            walker.check(&mut node, branch, path);
            Trial { node, problems: walker.problems, dropped: walker.dropped.unwrap_or_default() }
        };
        branches.iter().map(try_branch).collect()
    }

    /// The problems of the branch that was most likely meant.
    fn meant(&self, node: &Node, failed: Vec<(&'s Value, Vec<Problem>)>, path: &str) -> Vec<Problem> {
        let candidates: Vec<_> = failed.into_iter().filter(|(branch, _)| !is_null_schema(branch)).collect();
        if let [(_, problems)] = candidates.as_slice() {
            return problems.clone();
        }
        let expected = alternatives(candidates.iter().map(|(branch, _)| self.expected(branch)));
        // As with `mismatch`: text is shown only where a number or boolean may stand.
        let shows = |(branch, _): &(&'s Value, _)| {
            self.takes_kind(branch, &Content::Bool(true))
                || self.takes_kind(branch, &Content::Number(0.into()))
        };
        let is = match &node.content {
            Content::Null => "has no value".to_owned(),
            content if candidates.iter().any(shows) => format!("is {}", shown(content)),
            content => format!("is {}", kind(content)),
        };
        let same_kind: Vec<_> =
            candidates.into_iter().filter(|(branch, _)| self.takes_kind(branch, &node.content)).collect();
        if same_kind.is_empty() {
            let fault = format!("must be {expected}, {is}");
            return vec![Problem::new(node.origin.clone(), path, fault, "")];
        }
        if let Some(problem) = self.unknown_tag(node, &same_kind, path) {
            return vec![problem];
        }
        let tagged = |(branch, _): &&(&Value, _)| self.tag_matches(branch, node) == Some(true);
        let best = same_kind.iter().find(tagged);
        let best = best.or_else(|| same_kind.iter().min_by_key(|(_, problems)| problems.len()));
        best.map(|(_, problems)| problems.clone()).unwrap_or_default()
    }

    /// True if `schema` may take something of the kind of `content`.
    fn takes_kind(&self, schema: &'s Value, content: &Content) -> bool {
        let schema = self.resolve(schema);
        let name = match content {
            Content::Null => "null",
            Content::Bool(_) => "boolean",
            Content::Number(_) => "number",
            Content::String(_) => "string",
            Content::List(_) => "array",
            Content::Map(_) => "object",
        };
        let types = facets::types(schema);
        let fits =
            types.is_empty() || types.contains(&name) || name == "number" && types.contains(&"integer");
        let all = list(schema, "allOf").iter().all(|part| self.takes_kind(part, content));
        let branches = [list(schema, "anyOf"), list(schema, "oneOf")];
        let any = branches.iter().all(|branches| {
            branches.is_empty() || branches.iter().any(|branch| self.takes_kind(branch, content))
        });
        fits && all && any
    }

    /// Whether the key by which the branches of a tagged enum differ has the value of this branch; `None` without
    /// such a key.
    fn tag_matches(&self, branch: &'s Value, node: &Node) -> Option<bool> {
        let (key, value) = self.tag(branch)?;
        let given = node.get(key)?.to_json();
        Some(facets::equal(&given, value))
    }

    /// The first required property that can have one value only.
    fn tag(&self, branch: &'s Value) -> Option<(&'s str, &'s Value)> {
        let branch = self.resolve(branch);
        let properties = branch.get("properties")?;
        list(branch, "required").iter().filter_map(Value::as_str).find_map(|key| {
            match self.values(properties.get(key)?)?.as_slice() {
                [value] => Some((key, *value)),
                _ => None,
            }
        })
    }

    /// The problem of a tag that fits no branch, if all of them have the same tag.
    fn unknown_tag(
        &self,
        node: &Node,
        branches: &[(&'s Value, Vec<Problem>)],
        path: &str,
    ) -> Option<Problem> {
        let tags: Vec<_> = branches.iter().map(|(branch, _)| self.tag(branch)).collect::<Option<_>>()?;
        let (key, _) = tags.first()?;
        if branches.len() < 2 || tags.iter().any(|(other, _)| other != key) {
            return None;
        }
        let values: Vec<Value> = tags.iter().map(|(_, value)| (*value).clone()).collect();
        let Some(given) = node.get(key) else {
            let names = values.iter().map(allowed).collect::<Vec<_>>().join(", ");
            let remedy = format!("add `{key}: …`, one of {names}");
            return Some(Problem::new(node.origin.clone(), key_path(path, key), "is missing", remedy));
        };
        let schema = serde_json::json!({ "enum": values });
        let mut walker = Walker::new(&schema, Coercion::None);
        walker.check(&mut given.clone(), &schema, &key_path(path, key));
        walker.problems.pop()
    }
}
