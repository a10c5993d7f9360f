//! Tests of the configuration: examples, refusals, defaults, laws.

mod defaults;
mod examples;
mod flags;
mod laws;
mod refusals;
mod support;
mod warnings;

use super::Config;
use crate::problem::Problems;

/// The least that a configuration must say.
const LEAST: &str = "server: {base_url: 'http://localhost:8000'}\nload: {stages: [{rate: 1, duration: 1}]}\n";

fn read(text: &str) -> Result<Config, Problems> {
    Config::from_yaml(text, "config.yml")
}

fn accept(text: &str) -> Config {
    match read(text) {
        Ok(config) => config,
        Err(problems) => panic!("refused:\n{problems}\n---\n{text}"),
    }
}

/// The problems of a text that must be refused, one a line.
fn refusal(text: &str) -> String {
    match read(text) {
        Ok(config) => panic!("accepted: {config:?}"),
        Err(problems) => problems.to_string(),
    }
}
