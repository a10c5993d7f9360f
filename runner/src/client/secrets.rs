//! What nobody may see of what servers and gateways echo: keys and the values of configured headers.

use std::sync::Arc;

use benchmark_schemas::secret::{MASK, Secret};
use memchr::memmem;

/// Shorter words of header values are not looked for: `Bearer`, `true`, `gzip`.
const SHORTEST_SECRET_BYTES: usize = 8;

/// Words that are masked wherever they stand.
#[derive(Debug, Clone, Default)]
pub struct Secrets(Arc<[Secret]>);

impl Secrets {
    /// The words of `values`: a bearer token is one by itself. Short ones are no secrets, and masking them would make
    /// texts unreadable.
    #[must_use]
    pub fn of<'a>(values: impl IntoIterator<Item = &'a Secret>) -> Self {
        let words = values.into_iter().flat_map(|value| value.expose().split_whitespace());
        let words = words.filter(|word| word.len() >= SHORTEST_SECRET_BYTES);
        let mut words: Vec<String> = words.flat_map(|word| [word.to_owned(), quoted(word)]).collect();
        // A secret that is a part of another must not break it up.
        words.sort_unstable_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        words.dedup();
        Self(words.into_iter().map(Secret::new).collect())
    }

    /// `text` with a mask in place of every secret.
    #[must_use]
    pub fn masked(&self, mut text: String) -> String {
        for secret in self.0.iter().map(Secret::expose) {
            if memmem::find(text.as_bytes(), secret.as_bytes()).is_some() {
                text = text.replace(secret, MASK);
            }
        }
        text
    }
}

/// `word` as JSON writes it within a string.
fn quoted(word: &str) -> String {
    let text = serde_json::Value::from(word).to_string();
    text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(word).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_masked_wherever_they_stand() {
        let values = [
            Secret::new("Bearer abcdefgh"),
            Secret::new("abcdefghij"),
            Secret::new("gzip"),
            Secret::new("quo\"ted-\\one"),
        ];
        let secrets = Secrets::of(&values);
        assert_eq!(
            secrets.masked("Bearer abcdefgh, <abcdefghij>, gzip".to_owned()),
            format!("Bearer {MASK}, <{MASK}>, gzip")
        );
        assert_eq!(
            secrets.masked(r#"{"echo": "quo\"ted-\\one", "raw": quo"ted-\one}"#.to_owned()),
            format!(r#"{{"echo": "{MASK}", "raw": {MASK}}}"#)
        );
        assert_eq!(Secrets::default().masked("abcdefgh".to_owned()), "abcdefgh");
        assert!(!format!("{secrets:?}").contains("abcdefgh"));
    }
}
