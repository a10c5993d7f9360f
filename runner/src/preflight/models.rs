//! The server's list of models: where it is, and what it says.

use reqwest::Response;
use reqwest::header::LOCATION;
use serde_json::Value;

use crate::client::base_url;

/// Bytes of a list at most; gateways to many models list some hundred KiB.
pub const MOST_LIST_BYTES: usize = 16 << 20;

/// Address of the list of the server that `server.base_url` names.
pub fn models_url(configured: &str) -> String {
    format!("{}/v1/models", base_url(configured))
}

/// Names of the models in a list.
pub fn model_names(list: &Value) -> Vec<String> {
    let models = list["data"].as_array().into_iter().flatten();
    models.filter_map(|model| model["id"].as_str().map(str::to_owned)).collect()
}

/// What to say of an answer that is a redirect, after its address; `None` if it is none. None is followed: headers and
/// key are for the configured server alone, and measured requests do not follow any either.
pub fn redirect(answer: &Response) -> Option<String> {
    answer.status().is_redirection().then(|| {
        let to = answer.headers().get(LOCATION).and_then(|to| to.to_str().ok()).unwrap_or("somewhere else");
        format!("redirects to {to}, which is not followed (set server.base_url to where the server is)")
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_name_models_by_their_ids() {
        assert_eq!(models_url("http://h:8000/"), "http://h:8000/v1/models");
        assert_eq!(models_url("http://h/team"), "http://h/team/v1/models");
        assert_eq!(model_names(&json!({"data": [{"id": "a"}, {"name": "b"}, {"id": "c"}]})), ["a", "c"]);
        assert_eq!(model_names(&json!({"models": []})), Vec::<String>::new());
    }
}
