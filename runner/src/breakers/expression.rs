//! JMESPath expressions and what counts as true: as upstream's Python has it, empty texts, lists and objects, zero and
//! null are false; what cannot be evaluated is no match.

use jmespath::{Context, DEFAULT_RUNTIME, Variable, interpret};

use super::document::Document;

/// An expression that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {fault}")]
pub struct ExpressionError {
    /// Its place in the configuration.
    pub key: String,
    /// What is wrong with it.
    pub fault: String,
}

/// A compiled expression.
#[derive(Debug)]
pub(super) struct Expression(jmespath::Expression<'static>);

impl Expression {
    /// Compiles `text`, which stands at `key`.
    pub(super) fn new(text: &str, key: String) -> Result<Self, ExpressionError> {
        let compiled = jmespath::compile(text);
        // The first line says what is wrong, the others show where.
        let told = |error: jmespath::JmespathError| {
            let fault = error.to_string().lines().next().unwrap_or_default().trim().to_owned();
            ExpressionError { key, fault: format!("{text:?} is no JMESPath expression: {fault}") }
        };
        compiled.map(Self).map_err(told)
    }

    pub(super) fn text(&self) -> &str {
        self.0.as_str()
    }

    /// True if it is true of `document`.
    pub(super) fn holds(&self, document: &Document) -> bool {
        // Not by `search`, which would make the document anew for each expression.
        let mut context = Context::new(self.0.as_str(), &DEFAULT_RUNTIME);
        interpret(document, self.0.as_ast(), &mut context).is_ok_and(|found| is_true(&found))
    }
}

fn is_true(found: &Variable) -> bool {
    match found {
        Variable::Null => false,
        Variable::Bool(value) => *value,
        Variable::Number(number) => number.as_f64().is_none_or(|number| number != 0.0),
        Variable::String(text) => !text.is_empty(),
        Variable::Array(items) => !items.is_empty(),
        Variable::Object(members) => !members.is_empty(),
        Variable::Expref(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(text: &str) -> bool {
        let document = serde_json::json!({
            "zero": 0, "one": 1, "empty": "", "text": "a", "list": [], "items": [1], "object": {}, "no": false,
        });
        let document = Variable::from_serializable(document).expect("JSON").into();
        Expression::new(text, String::new()).expect("an expression").holds(&document)
    }

    #[test]
    fn truth_is_pythons() {
        for truth in ["one", "text", "items", "`true`", "one == `1`", "text || empty", "length(items) > `0`"]
        {
            assert!(holds(truth), "{truth}");
        }
        for falsehood in ["zero", "empty", "list", "object", "no", "missing", "one > `1`", "abs(text)"] {
            assert!(!holds(falsehood), "{falsehood}");
        }
    }

    #[test]
    fn faults_name_place_and_text() {
        let fault = Expression::new("error.", "circuit_breakers[0].metrics.rules[1]".to_owned());
        insta::assert_snapshot!(fault.expect_err("cut off"), @r#"circuit_breakers[0].metrics.rules[1]: "error." is no JMESPath expression: Parse error: Expected identifier, '*', '{', '[', '&', or '[?' -- found Eof (line 0, column 6)"#);
    }
}
