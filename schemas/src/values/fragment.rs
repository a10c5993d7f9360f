//! Parts of Kubernetes objects that the chart passes through unread.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A mapping that goes into a Kubernetes object as it is.
pub type Fragment = Map<String, Value>;

/// A list that goes into a Kubernetes object as it is.
pub type Fragments = Vec<Fragment>;

/// A mapping whose values become strings: labels, annotations, selectors. An empty list counts as an empty mapping,
/// since AWS's chart has one as its default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Loose", into = "Map<String, Value>")]
pub struct Scalars(Map<String, Value>);

impl Scalars {
    /// The entries as given, null ones included.
    pub fn entries(&self) -> &Map<String, Value> {
        &self.0
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Loose {
    Map(Map<String, Value>),
    List([(); 0]),
}

impl From<Loose> for Scalars {
    fn from(loose: Loose) -> Self {
        match loose {
            Loose::Map(map) => Self(map),
            Loose::List([]) => Self::default(),
        }
    }
}

impl From<Scalars> for Map<String, Value> {
    fn from(scalars: Scalars) -> Self {
        scalars.0
    }
}

impl JsonSchema for Scalars {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Scalars".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["object", "array"],
            "additionalProperties": { "type": ["string", "number", "boolean", "null"] },
            "maxItems": 0,
        })
    }
}
