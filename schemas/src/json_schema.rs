//! How JSON Schemas are generated from types: draft-07, because Helm 3 ignores what later drafts add.

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde_json::Value;

/// The root schema of what is read as a `T`.
pub(crate) fn of_input<T: JsonSchema>() -> Value {
    generate::<T>(SchemaSettings::draft07())
}

fn generate<T: JsonSchema>(settings: SchemaSettings) -> Value {
    let settings = settings
        .with_transform(RecursiveTransform(unwrap_description))
        .with_transform(RecursiveTransform(describe_tags));
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

/// Doc comments are wrapped for the source; a description is one line a paragraph.
fn unwrap_description(schema: &mut Schema) {
    let Some(Value::String(text)) = schema.get_mut("description") else { return };
    let paragraphs: Vec<String> = text.split("\n\n").map(|paragraph| paragraph.replace('\n', " ")).collect();
    *text = paragraphs.join("\n\n");
}

/// Which of several forms an object has is told by a key with one value, which no type has a comment for.
fn describe_tags(schema: &mut Schema) {
    let Some(Value::Object(properties)) = schema.get_mut("properties") else { return };
    for property in properties.values_mut().filter_map(Value::as_object_mut) {
        if property.contains_key("const") {
            property.entry("description").or_insert_with(|| "Which of the forms this is.".into());
        }
    }
}
