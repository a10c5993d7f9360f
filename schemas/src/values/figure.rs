//! Numbers as values may spell them.
//!
//! `helm --set` makes an integer of `5` but a string of `2.5`; a string that spells a decimal number is therefore as
//! good as the number. The schema says the range twice: by limits for numbers, by a pattern for strings.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;

use crate::tree::to_number;

/// Strings that spell a number: plain decimals.
pub(super) const DECIMAL: &str = r"^([0-9]+\.?[0-9]*|\.[0-9]+)$";

/// The same with a digit other than 0.
const POSITIVE: &str = r"^([0-9]*[1-9][0-9]*\.?[0-9]*|[0-9]*\.[0-9]*[1-9][0-9]*)$";

/// Ends a pattern of whole numbers: what has ten digits must not be above 2147483647.
macro_rules! up_to_i32 {
    () => {
        "|1[0-9]{9}|20[0-9]{8}|21[0-3][0-9]{7}|214[0-6][0-9]{6}|2147[0-3][0-9]{5}|21474[0-7][0-9]{4}\
         |214748[0-2][0-9]{3}|2147483[0-5][0-9]{2}|21474836[0-3][0-9]|214748364[0-7])(\\.0*)?$"
    };
}

/// Strings that spell a whole number.
const WHOLE: &str = concat!("^0*([0-9]{1,9}", up_to_i32!());

/// Strings that spell a whole number of at least 1.
const WHOLE_POSITIVE: &str = concat!("^0*([1-9][0-9]{0,8}", up_to_i32!());

/// Strings that spell a number above 0 and at most 100.
const UP_TO_100: &str = r"^0*(100(\.0*)?|[1-9][0-9]?(\.[0-9]*)?|0?\.[0-9]*[1-9][0-9]*)$";

/// Longest string that is taken for a number: enough for every digit of a double.
pub(super) const MAX_LENGTH: usize = 24;

/// The number that `value` is or spells.
pub(super) fn read(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) if is_decimal(text) => text.parse().ok(),
        _ => None,
    }
    .filter(|number: &f64| number.is_finite())
}

/// What [`DECIMAL`] matches.
pub fn is_decimal(text: &str) -> bool {
    let digits = text.replacen('.', "", 1);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

macro_rules! figure {
    ($(#[$doc:meta])* $name:ident, $json_type:literal, $range:tt, $pattern:ident, |$number:ident| $holds:expr, $needs:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq)]
        pub struct $name(f64);

        impl $name {
            /// What a value must be.
            pub const NEEDS: &'static str = $needs;

            /// The number, if it is in range.
            pub fn new($number: f64) -> Option<Self> {
                // Adding 0 takes the sign of -0.
                ($number.is_finite() && $holds).then_some(Self($number + 0.0))
            }

            /// The number.
            pub fn get(self) -> f64 {
                self.0
            }

            /// The number as JSON.
            pub fn json(self) -> Value {
                Value::Number(to_number(self.0))
            }
        }

        impl From<$name> for Value {
            fn from(figure: $name) -> Self {
                figure.json()
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                to_number(self.0).serialize(serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let value = Value::deserialize(deserializer)?;
                read(&value).and_then(Self::new).ok_or_else(|| de::Error::custom(Self::NEEDS))
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                let mut schema = json_schema!({
                    "type": [$json_type, "string"],
                    "pattern": $pattern,
                    "maxLength": MAX_LENGTH,
                });
                if let Value::Object(range) = serde_json::json!($range) {
                    schema.ensure_object().extend(range);
                }
                schema
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

figure!(
    /// A rate in requests per second, above 0.
    Rate,
    "number",
    { "exclusiveMinimum": 0, "maximum": 1_000_000_000_000_u64 },
    POSITIVE,
    |number| number > 0.0,
    "must be a number above 0"
);

figure!(
    /// A span of time in seconds, above 0.
    Seconds,
    "number",
    { "exclusiveMinimum": 0, "maximum": 1_000_000_000_000_u64 },
    POSITIVE,
    |number| number > 0.0,
    "must be a number above 0"
);

figure!(
    /// A number that is not negative.
    Amount,
    "number",
    { "minimum": 0, "maximum": 1_000_000_000_000_u64 },
    DECIMAL,
    |number| number >= 0.0,
    "must be a number that is not negative"
);

figure!(
    /// A whole number that is not negative.
    Whole,
    "integer",
    { "minimum": 0, "maximum": i32::MAX },
    WHOLE,
    |number| (0.0..=f64::from(i32::MAX)).contains(&number) && number.fract() == 0.0,
    "must be a whole number that is not negative, at most 2147483647"
);

figure!(
    /// A whole number of at least 1.
    Count,
    "integer",
    { "minimum": 1, "maximum": i32::MAX },
    WHOLE_POSITIVE,
    |number| (1.0..=f64::from(i32::MAX)).contains(&number) && number.fract() == 0.0,
    "must be a whole number of at least 1, at most 2147483647"
);

figure!(
    /// A percentile: above 0, at most 100.
    Percentile,
    "number",
    { "exclusiveMinimum": 0, "maximum": 100 },
    UP_TO_100,
    |number| number > 0.0 && number <= 100.0,
    "must be a number above 0 and at most 100"
);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn strings_that_spell_decimals_are_numbers() {
        let spelt = |text: &str| serde_json::from_value::<Rate>(json!(text)).ok().map(Rate::get);
        assert_eq!(spelt("2.5"), Some(2.5));
        assert_eq!(spelt(".5"), Some(0.5));
        assert_eq!(spelt("5."), Some(5.0));
        for text in ["", ".", "e5", "-1", "+1", "1 ", "0x10", "1_0", "nan", "inf", "1e3", "1.2.3", "0", ".."]
        {
            assert_eq!(spelt(text), None, "{text:?}");
        }
    }

    #[test]
    fn whole_figures_are_written_as_integers() {
        assert_eq!(Count::new(5.0).unwrap().json().to_string(), "5");
        assert_eq!(Rate::new(1e16).unwrap().json().to_string(), "10000000000000000");
        assert_eq!(Rate::new(1e21).unwrap().json().to_string(), "1e+21");
        assert_eq!(Rate::new(2.5).unwrap().json().to_string(), "2.5");
        assert_eq!(Count::new(2.5), None);
        assert_eq!(Count::new(0.0), None);
        assert_eq!(Percentile::new(100.5), None);
        assert_eq!(Amount::new(f64::NAN), None);
    }

    /// The verdicts of the schema and of the type.
    fn verdicts<T: JsonSchema + for<'de> Deserialize<'de>>(text: &str) -> (bool, bool) {
        let value = json!(text);
        let schema = T::json_schema(&mut SchemaGenerator::default()).to_value();
        (jsonschema::is_valid(&schema, &value), serde_json::from_value::<T>(value).is_ok())
    }

    /// The type takes everything that the schema takes, and for fractions nothing else.
    fn all_agree(text: &str) -> bool {
        let same = [
            verdicts::<Rate>(text),
            verdicts::<Seconds>(text),
            verdicts::<Amount>(text),
            verdicts::<Percentile>(text),
        ];
        let implied = [verdicts::<Whole>(text), verdicts::<Count>(text)];
        same.iter().all(|(schema, typed)| schema == typed)
            && implied.iter().all(|(schema, typed)| !schema || *typed)
    }

    #[test]
    fn schema_and_type_take_the_same_strings() {
        let texts = [
            "0",
            "0.0",
            "00.50",
            "100",
            "100.0",
            "100.5",
            "5.",
            ".5",
            ".0",
            "-1",
            "+1",
            "",
            "1e",
            "099.9",
            "2147483647",
            "2147483648.",
            "002147483647.00",
            "12345678901234567890",
        ];
        for text in texts {
            assert!(all_agree(text), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn schema_and_type_take_the_same_decimals(text in "[0-9]{0,4}\\.?[0-9]{0,4}") {
            prop_assert!(all_agree(&text));
        }

        #[test]
        fn whole_numbers_end_where_their_schema_ends(number in 2_147_000_000..2_148_000_000_u64, far in 0..20_000_000_000_u64) {
            for text in [number.to_string(), far.to_string(), format!("00{number}.0")] {
                for (schema, typed) in [verdicts::<Whole>(&text), verdicts::<Count>(&text)] {
                    prop_assert_eq!(schema, typed, "{}", text);
                }
            }
        }

        #[test]
        fn every_positive_number_is_the_rate_it_spells(number in 1e-9..1e15f64) {
            let spelt: Rate = serde_json::from_value(json!(number.to_string())).unwrap();
            prop_assert_eq!(Some(spelt), Rate::new(number));
        }
    }
}
