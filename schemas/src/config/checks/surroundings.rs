//! Rules of `server`, `tokenizer`, `metrics`, `report` and `storage`.

use url::Url;

use super::Faults;
use crate::config::read::Sections;
use crate::config::{
    Api, ApiType, DataType, Extensions, Limited, Metrics, Report, ScrapeExtension, Server, ServerType,
    Storage, Tokenizer,
};
use crate::tree::key_path;
use crate::validate;

pub(super) fn check(sections: &Sections, faults: &mut Faults<'_>) {
    if let Some(server) = &sections.server {
        check_server(server, faults);
    }
    if let (Some(server), Some(api)) = (&sections.server, &sections.api) {
        check_server_speaks(server, api, faults);
    }
    if let (Some(server), Some(data), Some(tokenizer)) =
        (&sections.server, &sections.data, &sections.tokenizer)
    {
        check_tokenizer_known(server, data.kind, tokenizer.as_ref(), faults);
    }
    if let Some(Some(tokenizer)) = &sections.tokenizer
        && let Some(seconds) = tokenizer.load_timeout
    {
        faults.add_long_times(&[("tokenizer.load_timeout".to_owned(), seconds)]);
    }
    if let Some(Some(metrics)) = &sections.metrics {
        check_metrics(metrics, faults);
    }
    if let Some(Some(Extensions { scrape: Some(scrape), .. })) = &sections.extensions {
        check_scrape(scrape, faults);
    }
    if let Some(report) = &sections.report {
        check_report(report, faults);
    }
    if let Some(Some(storage)) = &sections.storage {
        check_storage(storage, faults);
    }
}

fn check_server(server: &Server, faults: &mut Faults<'_>) {
    check_url(
        "server.base_url",
        &server.base_url,
        "write for example http://qwen3-vllm.default:8000",
        faults,
    );
    match (&server.cert_path, &server.key_path) {
        (Some(_), None) if faults.is_sound("server.key_path") => {
            faults.add("server.cert_path", "a certificate needs its key", "give key_path too");
        }
        (None, Some(_)) if faults.is_sound("server.cert_path") => {
            faults.add("server.key_path", "a key needs its certificate", "give cert_path too");
        }
        _ => {}
    }
}

/// Notes an address that is not `http` or `https`, or that carries credentials: it is printed and stored as it is.
fn check_url(key: &str, text: &str, remedy: &str, faults: &mut Faults<'_>) {
    match Url::parse(text) {
        Ok(url) if !matches!(url.scheme(), "http" | "https") => {
            faults.add(key, "is not an http or https address", remedy);
        }
        Ok(url) if !url.username().is_empty() || url.password().is_some() => faults.add(
            key,
            "has a user name or password in it, which every report would show",
            "leave them out; credentials go into server.api_key or api.headers, which are masked",
        ),
        Ok(_) => {}
        Err(error) => faults.add(key, format!("is not an http or https address: {error}"), remedy),
    }
}

fn check_server_speaks(server: &Server, api: &Api, faults: &mut Faults<'_>) {
    if api.kind == ApiType::AnthropicMessages && matches!(server.kind, ServerType::Sglang | ServerType::Tgi) {
        faults.add(
            "api.type",
            "servers of type sglang and tgi have no anthropic_messages API",
            "use api.type completion or chat, or server.type vllm",
        );
    }
}

/// A real server's model name also names a tokenizer; a mock server has none.
fn check_tokenizer_known(
    server: &Server,
    data: DataType,
    tokenizer: Option<&Tokenizer>,
    faults: &mut Faults<'_>,
) {
    let named = tokenizer.is_some_and(|tokenizer| tokenizer.pretrained_model_name_or_path.is_some());
    if server.kind == ServerType::Mock && data.needs_tokenizer() && !named {
        faults.add(
            "tokenizer.pretrained_model_name_or_path",
            "this data type needs a tokenizer, and server type mock does not imply one",
            "give the name or the folder of a tokenizer",
        );
    }
}

fn check_metrics(metrics: &Metrics, faults: &mut Faults<'_>) {
    let Some(prometheus) = &metrics.prometheus else { return };
    match (&prometheus.url, prometheus.google_managed) {
        (Some(url), false) => {
            check_url("metrics.prometheus.url", url, "write for example http://prometheus:9090", faults);
        }
        (None, true) => {}
        (Some(_), true) => {
            faults.add("metrics.prometheus.url", "excludes google_managed: true", "keep one of the two");
        }
        (None, false) => faults.add(
            "metrics.prometheus",
            "does not say where Prometheus is",
            "give url, or google_managed: true",
        ),
    }
    faults.add_long_times(&[(
        "metrics.prometheus.scrape_interval".to_owned(),
        prometheus.scrape_interval as f64,
    )]);
}

fn check_scrape(scrape: &ScrapeExtension, faults: &mut Faults<'_>) {
    if let Some(url) = &scrape.url {
        check_url(
            "extensions.scrape.url",
            url,
            "write for example http://qwen3-vllm.default:8000/metrics",
            faults,
        );
    }
    faults.add_long_times(&[("extensions.scrape.interval".to_owned(), scrape.interval)]);
}

fn check_report(report: &Report, faults: &mut Faults<'_>) {
    let Some(goodput) = &report.goodput else { return };
    for name in goodput.constraints.keys() {
        if Limited::named(name).is_none() {
            let names = Limited::ALL.map(Limited::name);
            let known = names.join(", ");
            let remedy = match validate::nearest(name, names) {
                Some(near) => format!("did you mean {near}? Known are {known}"),
                None => format!("known are {known}"),
            };
            faults.warn(
                key_path("report.goodput.constraints", name),
                "is not a metric that can be limited, and is ignored",
                remedy,
            );
        }
    }
}

fn check_storage(storage: &Storage, faults: &mut Faults<'_>) {
    let buckets = [
        ("google_cloud_storage", storage.google_cloud_storage.as_ref().map(|gcs| &gcs.bucket_name)),
        ("simple_storage_service", storage.simple_storage_service.as_ref().map(|s3| &s3.bucket_name)),
    ];
    for (key, bucket) in buckets {
        if bucket.is_some_and(String::is_empty) {
            faults.add(
                format!("storage.{key}.bucket_name"),
                "is empty",
                format!("name the bucket, or leave out storage.{key}"),
            );
        }
    }
    if let Some(url) = storage.simple_storage_service.as_ref().and_then(|s3| s3.endpoint_url.as_ref()) {
        check_url(
            "storage.simple_storage_service.endpoint_url",
            url,
            "write for example http://minio:9000",
            faults,
        );
    }
}
