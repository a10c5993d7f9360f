//! Types of the report files that are this project's own: `capacity.json` and `manifest.json`.
//!
//! They know names, units and meaning of every key; how the numbers come about is not their business. The trees
//! of upstream's report files are built by the exporters and have no types here.

mod capacity;
mod client;
mod estimate;
mod manifest;
mod search;
mod sweep;

pub use capacity::{
    Bracket, Capacity, Knee, LatencyQuantiles, Limits, Pacing, Quantiles, Saturation, StageCapacity, Verdict,
};
pub use client::{ClientConduct, WaitQuantiles};
pub use estimate::{Attainment, Binding, Descriptive, Estimate, ProductionNeed, Resolution, Usl};
pub use manifest::{Manifest, ManifestFile};
pub use search::{Purpose, Search, SearchStep};
pub use sweep::{Sweep, SweepMethod};

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;

/// Draft-07 schema of `capacity.json`.
pub fn capacity_json_schema() -> serde_json::Value {
    draft07::<Capacity>()
}

/// Draft-07 schema of `manifest.json`.
pub fn manifest_json_schema() -> serde_json::Value {
    draft07::<Manifest>()
}

fn draft07<T: JsonSchema>() -> serde_json::Value {
    SchemaSettings::draft07().for_serialize().into_generator().into_root_schema_for::<T>().to_value()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn valid(schema: &serde_json::Value, instance: &serde_json::Value) -> bool {
        jsonschema::draft7::new(schema).expect("the schema is valid draft-07").is_valid(instance)
    }

    #[test]
    fn manifest_agrees_with_its_schema() {
        let manifest = Manifest {
            format: 1,
            run_id: "00c0ffee".to_owned(),
            complete: true,
            files: vec![ManifestFile { name: "config.yaml".to_owned(), bytes: 12, sha256: "ab".repeat(32) }],
        };
        let schema = manifest_json_schema();
        let mut value = serde_json::to_value(&manifest).expect("plain data");
        assert!(valid(&schema, &value));
        value["files"][0]["bytes"] = serde_json::json!("12");
        assert!(!valid(&schema, &value));
        assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    }

    #[test]
    fn capacity_schema_demands_the_contract_keys() {
        let schema = capacity_json_schema();
        let required = |pointer: &str| -> Vec<String> {
            schema
                .pointer(pointer)
                .and_then(serde_json::Value::as_array)
                .map(|keys| keys.iter().filter_map(|k| k.as_str().map(str::to_owned)).collect())
                .unwrap_or_default()
        };
        for key in ["stages", "saturation", "knee", "limits"] {
            assert!(required("/required").iter().any(|k| k == key), "{key}");
        }
        for key in ["stage", "offered_rate", "achieved_rate", "completed_rate", "verdict"] {
            assert!(required("/definitions/StageCapacity/required").iter().any(|k| k == key), "{key}");
        }
        assert!(required("/definitions/Knee/required").iter().any(|k| k == "recommended"));
    }

    #[test]
    fn verdicts_have_the_names_of_the_contract() {
        let names: Vec<String> = Verdict::ALL.iter().map(ToString::to_string).collect();
        assert_eq!(names, ["sustained", "degraded", "saturated", "undecided", "invalid (client)"]);
        for verdict in Verdict::ALL {
            let json = serde_json::to_value(verdict).expect("plain data");
            assert_eq!(json, verdict.to_string());
        }
    }
}
