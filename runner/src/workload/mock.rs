//! `data.type: mock`: the shortest requests there are, numbered within their stage. They need no tokenizer; with one,
//! their tokens are counted.

use std::sync::Arc;

use benchmark_schemas::config::ApiType;

use super::body::BodyOptions;
use super::tokenizer::{SpecialTokens, Tokenizer};
use super::{Drawn, Prepared, Workload};

/// Mock prompts.
pub struct Mock {
    tokenizer: Option<Arc<Tokenizer>>,
    options: BodyOptions,
}

impl Mock {
    /// Prompts in bodies as `options` say; without a tokenizer their tokens are not counted.
    #[must_use]
    pub fn new(tokenizer: Option<Arc<Tokenizer>>, options: BodyOptions) -> Self {
        Self { tokenizer, options }
    }

    /// The tokens of a prompt, 0 if they are not counted: nothing is drawn, so this is what was meant to be sent.
    fn lengths(&self, prompt: &str) -> Drawn {
        let count = |tokenizer: &Arc<Tokenizer>| tokenizer.count(prompt, SpecialTokens::Counted).ok();
        let prompt_tokens = self.tokenizer.as_ref().and_then(count).unwrap_or(0);
        Drawn { prompt_tokens, output_tokens: self.options.max_tokens(0) }
    }

    /// The prompt of an arrival; upstream counts from 1.
    fn prompt(&self, index: u64) -> String {
        let number = index + 1;
        match self.options.api {
            ApiType::Completion => format!("1 2 3 {number}"),
            ApiType::Chat | ApiType::AnthropicMessages => format!("mock prompt {number}"),
        }
    }
}

impl Workload for Mock {
    fn drawn(&self, _stage: u32, index: u64) -> Drawn {
        self.lengths(&self.prompt(index))
    }

    fn prepare(&self, stage: u32, index: u64) -> Prepared {
        let prompt = self.prompt(index);
        let drawn = self.lengths(&prompt);
        let body = self.options.of_prompt((stage, index), &prompt, drawn.output_tokens);
        Prepared::new(index, body, drawn.prompt_tokens, drawn)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures;
    use super::*;

    fn mock(tokenizer: Option<Tokenizer>) -> Mock {
        Mock::new(tokenizer.map(Arc::new), BodyOptions::new(ApiType::Completion, "m"))
    }

    #[test]
    fn messages_have_a_prompt_of_their_own() {
        for api in [ApiType::Chat, ApiType::AnthropicMessages] {
            let body = Mock::new(None, BodyOptions::new(api, "m")).prepare(0, 4).body;
            let body: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
            assert_eq!(body["messages"][0]["content"], "mock prompt 5");
            assert_eq!(body["max_tokens"], 30);
        }
    }

    #[test]
    fn requests_are_upstreams_and_each_stage_counts_from_one() {
        let mock = mock(None);
        for (stage, index, shown) in [(0, 0, 1), (0, 41, 42), (3, 0, 1)] {
            let prepared = mock.prepare(stage, index);
            let body: serde_json::Value = serde_json::from_slice(&prepared.body).expect("JSON");
            assert_eq!(body["prompt"], format!("1 2 3 {shown}"));
            assert_eq!(body["max_tokens"], 30);
            assert_eq!(prepared.index, index);
            assert_eq!((prepared.prompt_tokens, prepared.drawn), (0, mock.drawn(stage, index)));
        }
    }

    #[test]
    fn a_tokenizer_counts_the_prompt() {
        let tokenizer = fixtures::byte_level(&[]);
        let expected = tokenizer.count("1 2 3 7", SpecialTokens::Counted).expect("counted");
        assert!(expected > 0);
        let prepared = mock(Some(tokenizer)).prepare(0, 6);
        assert_eq!((prepared.prompt_tokens, prepared.drawn.prompt_tokens), (expected, expected));
    }
}
