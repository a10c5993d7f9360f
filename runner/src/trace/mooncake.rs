//! Lines of Mooncake's traces: `{"timestamp": milliseconds, "input_length": tokens, "output_length": tokens, …}`.

use serde_json::Value;

use super::{Line, Row};

/// What `text` is.
pub(super) fn line(text: &str) -> Line {
    row(text).map_or_else(Line::Bad, Line::Row)
}

#[expect(clippy::cast_possible_truncation, reason = "`as` saturates")]
fn row(text: &str) -> Result<Row, String> {
    let object: Value = serde_json::from_str(text).map_err(|_| "it is no JSON object".to_owned())?;
    let tokens = |key: &str| {
        let count = object.get(key).and_then(Value::as_u64).and_then(|count| u32::try_from(count).ok());
        count.ok_or_else(|| format!("{key} is no number of tokens"))
    };
    let milliseconds = object.get("timestamp").and_then(Value::as_f64);
    let milliseconds = milliseconds.ok_or_else(|| "timestamp is no number".to_owned())?;
    let at = (milliseconds * 1e6).round() as i128;
    Ok(Row { at, input: tokens("input_length")?, output: tokens("output_length")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_name_the_key() {
        let fault = |text| row(text).expect_err("no row");
        assert_eq!(fault("x"), "it is no JSON object");
        assert_eq!(fault("{}"), "timestamp is no number");
        assert_eq!(fault(r#"{"timestamp": 1, "input_length": -1}"#), "input_length is no number of tokens");
        assert_eq!(fault(r#"{"timestamp": 1, "input_length": 1}"#), "output_length is no number of tokens");
    }
}
