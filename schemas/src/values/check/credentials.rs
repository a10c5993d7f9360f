//! No credential among the values: they stand in a ConfigMap or in the Job for all to read.

use serde_json::Value;

use super::super::secrets::has_user_info;
use super::super::{Benchmark, is_secret_name, is_secret_value};
use super::Found;
use crate::tree::Content;

impl Found<'_> {
    pub(super) fn credentials(&mut self, benchmark: &Benchmark) {
        const VISIBLE: &str = "a credential in the values would stand in a ConfigMap for all to read";
        const KEY: &str = "keep it in a Secret and name that in benchmark.target.apiKey.existingSecret";
        const HEADER: &str = "keep it in a Secret and name that in benchmark.target.headers.existingSecret";
        let config = benchmark.config.as_ref();
        let part = |name: &str| config.and_then(|config| config.get(name));
        let given = |part: Option<&Value>, name: &str| {
            part.and_then(|part| part.get(name)).and_then(Value::as_str).is_some_and(|text| !text.is_empty())
        };
        if given(part("server"), "api_key") {
            self.push(&["benchmark", "config", "server", "api_key"], VISIBLE, KEY);
        }
        if given(part("tokenizer"), "token") {
            let remedy = "keep it in a Secret and name that in benchmark.hfToken.existingSecret";
            self.push(&["benchmark", "config", "tokenizer", "token"], VISIBLE, remedy);
        }
        let headers = part("api").and_then(|api| api.get("headers")).and_then(Value::as_object);
        for (name, value) in headers.into_iter().flatten() {
            if is_secret_name(name) || value.as_str().is_some_and(is_secret_value) {
                self.push(&["benchmark", "config", "api", "headers", name], VISIBLE, HEADER);
            }
        }
        for (i, variable) in benchmark.extra_env.as_deref().unwrap_or_default().iter().enumerate() {
            let value = variable.0.get("value").and_then(Value::as_str).unwrap_or_default();
            if !value.is_empty() && (is_secret_name(variable.name()) || is_secret_value(value)) {
                let fault = "a credential in the values would stand in the Job for all to read";
                let remedy = "keep it in a Secret and write valueFrom.secretKeyRef instead of value";
                self.push_hidden(&["benchmark", "extraEnv", &i.to_string(), "value"], fault, remedy);
            }
        }
        self.urls();
    }

    fn urls(&mut self) {
        let urls: [&[&str]; 5] = [
            &["benchmark", "target", "baseUrl"],
            &["benchmark", "storage", "s3", "endpointUrl"],
            &["benchmark", "config", "server", "base_url"],
            &["benchmark", "config", "storage", "simple_storage_service", "endpoint_url"],
            &["benchmark", "config", "metrics", "prometheus", "url"],
        ];
        let text = |path: &[&str]| match &self.node.at(path.iter().copied())?.content {
            Content::String(text) => Some(text.clone()),
            _ => None,
        };
        let urls = urls.map(|path| (path, text(path).unwrap_or_default()));
        for (path, _) in urls.iter().filter(|(_, url)| has_user_info(url)) {
            let fault = "a user or password in a URL would stand in a ConfigMap for all to read";
            self.push(path, fault, "take it out of the URL");
        }
    }
}
