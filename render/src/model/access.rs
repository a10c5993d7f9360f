//! Secrets and certificates of the target and of the store, and the data set: volumes, where they are mounted, and the
//! variables that name them.

use benchmark_schemas::translate;
use benchmark_schemas::values::{Authorities, Benchmark, Target};
use benchmark_schemas::variables::{CA_FILE, CERT_FILE, HEADERS_FILE, KEY_FILE};
use serde_json::{Value, json};

use super::text;

/// Volume of the data set of one's own.
const CUSTOM_DATA: &str = "custom-data";

/// Volumes of Secrets, certificates and the data set.
pub(super) fn volumes(benchmark: &Benchmark) -> Vec<Value> {
    let mut volumes = of_target(&benchmark.target);
    let custom = benchmark.custom_data.as_ref().filter(|custom| custom.enabled == Some(true));
    let named = |name: Option<&String>| text::given(name).map(str::to_owned);
    if let Some(name) = custom.and_then(|custom| named(custom.existing_config_map.as_ref())) {
        volumes.push(json!({ "name": CUSTOM_DATA, "configMap": { "name": name } }));
    }
    if let Some(name) = custom.and_then(|custom| named(custom.existing_claim.as_ref())) {
        let claim = json!({ "claimName": name, "readOnly": true });
        volumes.push(json!({ "name": CUSTOM_DATA, "persistentVolumeClaim": claim }));
    }
    if let Some((name, key)) = translate::gcs_secret(benchmark) {
        let items = json!([{ "key": key, "path": "key.json" }]);
        volumes.push(json!({ "name": "gcs-key", "secret": { "secretName": name, "items": items } }));
    }
    volumes
}

fn of_target(target: &Target) -> Vec<Value> {
    let mut volumes = Vec::new();
    if let Some(headers) = &target.headers
        && let Some(name) = text::given(headers.existing_secret.as_ref())
    {
        let items =
            json!([{ "key": text::given(headers.key.as_ref()).unwrap_or("headers"), "path": "headers" }]);
        volumes.push(json!({ "name": "headers", "secret": { "secretName": name, "items": items } }));
    }
    if let Some(Authorities { existing_secret, existing_config_map, key }) = &target.ca {
        let items = json!([{ "key": text::given(key.as_ref()).unwrap_or("ca.crt"), "path": "ca.crt" }]);
        if let Some(name) = text::given(existing_secret.as_ref()) {
            volumes.push(json!({ "name": "ca", "secret": { "secretName": name, "items": items } }));
        }
        if let Some(name) = text::given(existing_config_map.as_ref()) {
            volumes.push(json!({ "name": "ca", "configMap": { "name": name, "items": items } }));
        }
    }
    let certificate = target.client_certificate.as_ref();
    if let Some(name) = text::given(certificate.and_then(|certificate| certificate.existing_secret.as_ref()))
    {
        volumes.push(json!({ "name": "client-certificate", "secret": { "secretName": name } }));
    }
    volumes
}

/// Where those volumes are mounted.
pub(super) fn mounts(volumes: &[Value]) -> Vec<Value> {
    let mount = |volume: &Value| {
        let name = volume["name"].as_str().unwrap_or_default();
        json!({ "name": name, "mountPath": path(name), "readOnly": true })
    };
    volumes.iter().map(mount).collect()
}

/// Variables with the files of those volumes, name and value.
pub(super) fn variables(volumes: &[Value]) -> Vec<(&'static str, String)> {
    let files = |volume: &Value| -> Vec<(&'static str, String)> {
        let name = volume["name"].as_str().unwrap_or_default();
        let files: &[(&str, &str)] = match name {
            "headers" => &[(HEADERS_FILE, "headers")],
            "ca" => &[(CA_FILE, "ca.crt")],
            CUSTOM_DATA => &[],
            "gcs-key" => &[("GOOGLE_APPLICATION_CREDENTIALS", "key.json")],
            _ => &[(CERT_FILE, "tls.crt"), (KEY_FILE, "tls.key")],
        };
        files.iter().map(|(variable, file)| (*variable, format!("{}/{file}", path(name)))).collect()
    };
    volumes.iter().flat_map(files).collect()
}

fn path(volume: &str) -> String {
    format!("/etc/inference-perf/{volume}")
}
