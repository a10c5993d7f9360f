//! LoRA adapters beside the model.

use serde_json::json;

use super::{call, config, post};
use crate::{SimulatorConfig, spawn};

#[test]
fn adapters_are_listed_and_answer_under_their_names() {
    let adapters = ["fast", "careful"].map(str::to_owned).to_vec();
    let server = spawn(SimulatorConfig { adapters, ..config() }).unwrap();
    let models = call(server.addr(), "GET", "/v1/models", "").json();
    let listed = models["data"].as_array().unwrap().iter().map(|model| (&model["id"], &model["parent"]));
    let expected = [(json!("m"), json!(null)), (json!("fast"), json!("m")), (json!("careful"), json!("m"))];
    assert!(listed.eq(expected.iter().map(|(id, parent)| (id, parent))), "{models}");
    let asked = |model: &str| {
        post(&server, "/v1/completions", &json!({"model": model, "prompt": "a b", "max_tokens": 2}))
    };
    for model in ["m", "careful"] {
        let answer = asked(model);
        assert_eq!((answer.status, &answer.json()["model"]), (200, &json!(model)));
    }
    assert_eq!(asked("quick").status, 404);
}
