//! Coercion, as pydantic 2.14 does it.

use serde_json::{Value, json};

use super::{conforming, run_schema};
use crate::validate::Coercion;

/// A value, and what pydantic makes of it as int, float and bool.
type Case = (Value, Option<i64>, Option<f64>, Option<bool>);

/// `value` as pydantic 2.14 converts it to int, float and bool (None: an error), seen by `TypeAdapter(…).validate_python`.
#[test]
fn scalars_are_coerced_as_pydantic_does() {
    let number = |text: &str| serde_json::from_str::<Value>(text).ok();
    let cases: &[Case] = &[
        (json!(true), Some(1), Some(1.0), Some(true)),
        (json!(false), Some(0), Some(0.0), Some(false)),
        (json!(0), Some(0), Some(0.0), Some(false)),
        (json!(1), Some(1), Some(1.0), Some(true)),
        (json!(2), Some(2), Some(2.0), None),
        (json!(0.0), Some(0), Some(0.0), Some(false)),
        (json!(1.0), Some(1), Some(1.0), Some(true)),
        (json!(0.5), None, Some(0.5), None),
        (json!(30.0), Some(30), Some(30.0), None),
        (json!("30"), Some(30), Some(30.0), None),
        (json!(" 30 "), Some(30), Some(30.0), None),
        (json!("\t5\n"), Some(5), Some(5.0), None),
        (json!("30.0"), Some(30), Some(30.0), None),
        (json!("30.00"), Some(30), Some(30.0), None),
        (json!("30."), None, Some(30.0), None),
        (json!("30.5"), None, Some(30.5), None),
        (json!("1_000"), Some(1000), Some(1000.0), None),
        (json!("1__000"), None, None, None),
        (json!("_1"), None, None, None),
        (json!("1_"), None, None, None),
        (json!("1_0.0"), Some(10), Some(10.0), None),
        (json!("1.0_0"), None, Some(1.0), None),
        (json!("1_000.5"), None, Some(1000.5), None),
        (json!("-_1"), None, Some(-1.0), None),
        (json!("+30"), Some(30), Some(30.0), None),
        (json!("-30"), Some(-30), Some(-30.0), None),
        (json!("- 30"), None, None, None),
        (json!("--5"), None, None, None),
        (json!("+-5"), None, None, None),
        (json!("030"), Some(30), Some(30.0), None),
        (json!("0_1"), Some(1), Some(1.0), None),
        (json!("3e1"), None, Some(30.0), None),
        (json!("1e3"), None, Some(1000.0), None),
        (json!("1e+3"), None, Some(1000.0), None),
        (json!("1_e3"), None, Some(1000.0), None),
        (json!(".5"), None, Some(0.5), None),
        (json!(".0"), None, Some(0.0), None),
        (json!("0x10"), None, None, None),
        (json!("5.0.0"), None, None, None),
        (json!("٣"), None, None, None),
        (json!(""), None, None, None),
        (json!("  "), None, None, None),
        (json!("1"), Some(1), Some(1.0), Some(true)),
        (json!("0"), Some(0), Some(0.0), Some(false)),
        (json!("2"), Some(2), Some(2.0), None),
        (json!("1.0"), Some(1), Some(1.0), None),
        (json!(" 1"), Some(1), Some(1.0), None),
        (json!("TRUE"), None, None, Some(true)),
        (json!("Yes"), None, None, Some(true)),
        (json!("y"), None, None, Some(true)),
        (json!("T"), None, None, Some(true)),
        (json!("oN"), None, None, Some(true)),
        (json!("OFF"), None, None, Some(false)),
        (json!("N"), None, None, Some(false)),
        (json!("f"), None, None, Some(false)),
        (json!("no"), None, None, Some(false)),
        (json!(" true"), None, None, None),
        // Python has infinity and NaN; JSON has not.
        (json!("inf"), None, None, None),
        (json!("nan"), None, None, None),
        (json!("1e400"), None, None, None),
        (json!([]), None, None, None),
        (json!(null), None, None, None),
    ];
    let coerced = |value: &Value, name: &str| {
        let (coerced, problems) = conforming(value, &json!({ "type": name }), Coercion::Pydantic);
        problems.is_empty().then_some(coerced)
    };
    for (value, integer, float, boolean) in cases {
        assert_eq!(coerced(value, "integer"), integer.map(Value::from), "integer {value}");
        assert_eq!(coerced(value, "number").and_then(|value| value.as_f64()), *float, "number {value}");
        assert_eq!(coerced(value, "boolean"), boolean.map(Value::from), "boolean {value}");
        assert_eq!(coerced(value, "string").is_some(), value.is_string(), "text {value}");
    }
    assert_eq!(coerced(&json!("18446744073709551615"), "integer"), number("18446744073709551615"));
    assert_eq!(coerced(&json!("18446744073709551616"), "integer"), None);
}

#[test]
fn unions_take_the_branch_that_fits_best() {
    let schema = run_schema();
    let with = |length: Value| json!({"rate": 1, "duration": 1, "length": length});
    let length = |given: Value| conforming(&with(given), &schema, Coercion::Pydantic).0["length"].clone();
    assert_eq!(length(json!("30")), json!(30));
    assert_eq!(length(json!(true)), json!(1));
    assert_eq!(length(json!({"min": "3"})), json!({"min": 3}));
    let either = json!({"anyOf": [{"type": "integer"}, {"type": "string"}]});
    assert_eq!(conforming(&json!("30"), &either, Coercion::Pydantic).0, json!("30"));
    let list = json!({"type": "array", "items": {"type": "integer"}});
    assert_eq!(conforming(&json!(3), &list, Coercion::Pydantic).1.len(), 1);
}
