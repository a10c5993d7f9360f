//! A page and its template.

use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, Error, UndefinedBehavior};
use serde::Serialize;

use super::plot::Plot;
use super::table::Table;

/// What a page says, in its order.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Page {
    pub(super) title: String,
    pub(super) subtitle: String,
    /// The run did not come to its planned end.
    pub(super) interrupted: bool,
    /// What the configuration wants to hold and does not.
    pub(super) gates: Vec<String>,
    /// One sentence.
    pub(super) answer: String,
    /// One figure.
    pub(super) main: Option<Figure>,
    /// The parts of the answer.
    pub(super) findings: Vec<Fact>,
    /// What follows; empty parts are left out.
    pub(super) parts: Vec<Part>,
    pub(super) footer: String,
}

/// A part of a page under its own heading.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Part {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) texts: Vec<String>,
    pub(super) list: Vec<String>,
    pub(super) facts: Vec<Fact>,
    pub(super) figures: Vec<Figure>,
    pub(super) tables: Vec<Table>,
    /// Texts of fixed width.
    pub(super) code: Vec<Fact>,
}

/// A text under a name.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Fact {
    pub(super) name: &'static str,
    pub(super) text: String,
}

/// A plot with its caption.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Figure {
    id: String,
    caption: String,
    svg: String,
}

const TEMPLATE: &str = "page.html";

impl Page {
    /// The page as HTML.
    pub(super) fn render(mut self) -> String {
        self.parts.retain(|part| !part.is_empty());
        // The template is this program's own and its tests render it; should it fail, the reader learns why.
        self.rendered().unwrap_or_else(|error| {
            format!("<!DOCTYPE html>\n<title>Failed</title>\n<p>{:?}</p>\n", error.kind())
        })
    }

    fn rendered(self) -> Result<String, Error> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        environment.add_global("style", include_str!("style.css"));
        environment.add_template(TEMPLATE, include_str!("page.html"))?;
        let mut html = environment.get_template(TEMPLATE)?.render(Value::from(Serde(self)))?;
        html.push('\n');
        Ok(html)
    }
}

impl Part {
    pub(super) fn new(id: &'static str, title: &'static str) -> Self {
        Self { id, title, ..Self::default() }
    }

    fn is_empty(&self) -> bool {
        let lists = [self.texts.len(), self.list.len(), self.facts.len(), self.code.len()];
        lists.iter().sum::<usize>() + self.figures.len() + self.tables.len() == 0
    }
}

impl Figure {
    pub(super) fn of(plot: &Plot, caption: String) -> Self {
        Self { id: plot.id.clone(), caption, svg: plot.to_svg() }
    }
}
