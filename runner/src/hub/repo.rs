//! What the hub keeps files of.

use std::fmt;

/// A model or a data set by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repo {
    /// Which of the two.
    pub kind: Kind,
    /// `name` or `owner/name`.
    pub name: String,
}

/// What a name is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A model.
    Model,
    /// A data set.
    DataSet,
}

impl Repo {
    /// The model of that name.
    #[must_use]
    pub fn model(name: &str) -> Self {
        Self { kind: Kind::Model, name: name.to_owned() }
    }

    /// The data set of that name.
    #[must_use]
    pub fn data_set(name: &str) -> Self {
        Self { kind: Kind::DataSet, name: name.to_owned() }
    }

    /// Where its pages are below the hub's address.
    pub(super) fn page(&self) -> String {
        match self.kind {
            Kind::Model => self.name.clone(),
            Kind::DataSet => format!("datasets/{}", self.name),
        }
    }

    /// Where the hub tells what files it has.
    pub(super) fn listing(&self) -> String {
        match self.kind {
            Kind::Model => format!("api/models/{}", self.name),
            Kind::DataSet => format!("api/datasets/{}", self.name),
        }
    }

    /// Its folder in a cache.
    pub(super) fn folder(&self) -> String {
        let kind = match self.kind {
            Kind::Model => "models",
            Kind::DataSet => "datasets",
        };
        format!("{kind}--{}", self.name.replace('/', "--"))
    }
}

impl fmt::Display for Repo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Model => "model",
            Self::DataSet => "data set",
        })
    }
}
