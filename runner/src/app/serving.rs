//! The server's own metrics in a run: the scraper beside it, and what Prometheus is asked once it is over.

use std::time::Duration;

use anyhow::{Context as _, Result};
use benchmark_schemas::config::{Config, MetricsType, PrometheusSource, ServerType};
use benchmark_schemas::record::{PROBE_STAGE, PromQl, SpoolEntry, StageFacts};
use reqwest::header::HeaderMap;
use url::Url;

use super::model;
use super::run::tls_files;
use crate::client::base_url;
use crate::client::tls::TlsFiles;
use crate::clock::{ClockSource, nanos_from_seconds, seconds};
use crate::driver::{Engine, EngineError, Stop};
use crate::serving::{Prometheus, ScraperSettings, promql};

/// Scrape interval that 0 stands for, seconds.
const UNSET_SCRAPE_SECONDS: u64 = 30;
/// Time beyond a scrape interval after which the last samples are in Prometheus, seconds.
const SETTLING_SECONDS: u64 = 2;

/// What is asked about the server beside the load.
#[derive(Debug)]
pub(super) struct Inquiry {
    /// What is scraped while stages run.
    pub(super) scraping: Option<ScraperSettings>,
    /// What Prometheus is asked once they are over.
    pub(super) questions: Option<Questions>,
}

impl Inquiry {
    /// What the configuration asks for.
    ///
    /// # Errors
    ///
    /// If an address or a header is none, or a TLS file cannot be used.
    pub(super) fn of(config: &Config) -> Result<Self> {
        Ok(Self { scraping: scraping(config)?, questions: questions(config)? })
    }
}

/// What Prometheus is to be asked.
#[derive(Debug)]
pub(super) struct Questions {
    prometheus: Prometheus,
    scrape_seconds: u64,
    server: ServerType,
    /// The user's own label matchers.
    filters: Vec<String>,
    summary: bool,
    per_stage: bool,
}

/// What reports want to know from Prometheus; `None` if none of them does.
///
/// # Errors
///
/// If there can be no HTTP client.
fn questions(config: &Config) -> Result<Option<Questions>> {
    let Some((source, url)) = prometheus(config).and_then(|source| Some((source, source.url.as_ref()?)))
    else {
        return Ok(None);
    };
    let wanted = config.report.prometheus.as_ref();
    let summary = wanted.is_some_and(|wanted| wanted.summary == Some(true));
    let per_stage = wanted.is_some_and(|wanted| wanted.per_stage == Some(true));
    if !summary && !per_stage {
        return Ok(None);
    }
    Ok(Some(Questions {
        prometheus: Prometheus::new(url).context("Prometheus cannot be asked")?,
        scrape_seconds: scrape_seconds(source),
        server: config.server.kind,
        filters: source.filters.clone(),
        summary,
        per_stage,
    }))
}

fn prometheus(config: &Config) -> Option<&PrometheusSource> {
    let metrics = config.metrics.as_ref().filter(|metrics| metrics.kind == MetricsType::Prometheus)?;
    metrics.prometheus.as_ref()
}

fn scrape_seconds(source: &PrometheusSource) -> u64 {
    if source.scrape_interval == 0 { UNSET_SCRAPE_SECONDS } else { source.scrape_interval }
}

/// Raises `load.interval` so far that each stage has a scrape of its own, where Prometheus is asked about stages.
pub(super) fn widen_interval(config: &mut Config) {
    let per_stage = config.report.prometheus.as_ref().is_some_and(|wanted| wanted.per_stage == Some(true));
    if let Some(source) = prometheus(config).filter(|_| per_stage) {
        config.load.interval = config.load.interval.max(scrape_seconds(source) as f64);
    }
}

impl Questions {
    /// Waits until the last samples are in Prometheus, asks it about `model`, and stores its answers. Ends once `stop` is
    /// asked for, with the windows that were answered by then: who ends a pod does not wait for reports for long.
    ///
    /// Nothing that Prometheus does or does not is an error of the run.
    ///
    /// # Errors
    ///
    /// If answers cannot be stored.
    pub(super) async fn ask<S: ClockSource + Sync>(
        &self,
        engine: &Engine<S>,
        model: &str,
        (clock, started_epoch_ns): (S, i64),
        stages: &[StageFacts],
        stop: &Stop,
    ) -> Result<(), EngineError> {
        let settling = self.scrape_seconds + SETTLING_SECONDS;
        if !stop.is_requested() {
            tracing::info!("Waiting {settling} s until Prometheus has the last samples");
            engine.pause(nanos_from_seconds(settling as f64), stop).await;
        }
        let epoch = started_epoch_ns as f64 / 1e9;
        // The clock's zero is the run's start.
        let whole = seconds(clock.now());
        let mut windows = Vec::new();
        if self.summary {
            windows.push((None, epoch + whole, whole));
        }
        if self.per_stage {
            windows.extend(stages.iter().filter(|stage| stage.stage != PROBE_STAGE).map(|stage| {
                let end = seconds(stage.window_end) + settling as f64;
                (Some(stage.stage), epoch + end, end - seconds(stage.window_start))
            }));
        }
        let matchers = promql::matchers(self.server, model, &self.filters);
        for (stage, time, seconds) in windows {
            let queries = promql::queries(self.server, &matchers, seconds);
            let answers = tokio::select! {
                biased;
                () = stop.requested() => {
                    tracing::warn!("Prometheus is not asked any more: the program is told to end");
                    return Ok(());
                }
                answers = self.prometheus.ask(queries, time) => answers,
            };
            tell(&answers, stage);
            engine.note(&SpoolEntry::PromQl(Box::new(PromQl { stage, time, seconds, answers })))?;
        }
        Ok(())
    }
}

/// Tells once what went wrong, and for how many queries.
fn tell(answers: &[benchmark_schemas::record::PromQlAnswer], stage: Option<u32>) {
    let faults = answers.iter().filter_map(|answer| answer.outcome.as_ref().err());
    let Some(first) = faults.clone().next() else { return };
    let window = stage.map_or_else(|| "the run".to_owned(), |stage| format!("stage {stage}"));
    tracing::error!(
        "Prometheus has not answered {} of {} queries about {window}: {first}",
        faults.count(),
        answers.len()
    );
}

/// What is scraped, if anything: `extensions.scrape`.
///
/// The page gets the credentials of the measured requests only where it is the same server's; whoever shows it must have a
/// certificate that those would trust.
///
/// # Errors
///
/// If an address or a header is none, or a TLS file cannot be used.
fn scraping(config: &Config) -> Result<Option<ScraperSettings>> {
    let Some(scrape) = config.extensions.as_ref().and_then(|extensions| extensions.scrape.as_ref()) else {
        return Ok(None);
    };
    let base = base_url(&config.server.base_url);
    let url = scrape.url.clone().unwrap_or_else(|| format!("{base}/metrics"));
    let origin = |url: &str| Url::parse(url).map(|url| url.origin());
    let same_server = origin(&url)? == origin(base)?;
    let headers = if same_server { model::headers(config)? } else { HeaderMap::new() };
    let mut files = tls_files(config);
    if !same_server {
        files = TlsFiles { certificate: None, key: None, ..files };
    }
    let tls = model::tls_to(&url, &files).context("extensions.scrape")?;
    let interval = Duration::try_from_secs_f64(scrape.interval).context("extensions.scrape.interval")?;
    Ok(Some(ScraperSettings { url, headers, tls, interval, server: config.server.kind }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        let text = format!(
            "load: {{stages: [{{rate: 1, duration: 1}}], interval: 2}}\n\
             server: {{base_url: 'http://a:8000/', api_key: k, model_name: m}}\n{text}"
        );
        Config::from_yaml(&text, "config.yml").unwrap_or_else(|problems| panic!("{problems}"))
    }

    #[test]
    fn prometheus_is_asked_only_what_reports_want() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let asked = |report: &str| {
            let text =
                format!("metrics: {{type: prometheus, prometheus: {{url: 'http://p:9090'}}}}\n{report}");
            let questions = questions(&config(&text)).expect("a client");
            questions.map(|questions| (questions.summary, questions.per_stage))
        };
        assert_eq!(asked(""), Some((true, false)));
        assert_eq!(asked("report: {prometheus: {per_stage: true, summary: false}}"), Some((false, true)));
        assert_eq!(asked("report: {prometheus: {summary: false}}"), None);
        assert_eq!(asked("report: {prometheus: null}"), None);
        assert!(questions(&config("metrics: {type: prometheus}")).expect("no client").is_none());
    }

    #[test]
    fn stages_get_a_scrape_of_their_own_where_it_is_needed() {
        let interval = |scrape: u64, per_stage: bool| {
            let mut config = config(&format!(
                "metrics: {{type: prometheus, prometheus: {{url: 'http://p', scrape_interval: {scrape}}}}}\n\
                 report: {{prometheus: {{per_stage: {per_stage}}}}}"
            ));
            widen_interval(&mut config);
            config.load.interval
        };
        assert_eq!(
            (interval(15, true), interval(0, true), interval(1, true), interval(15, false)),
            (15.0, 30.0, 2.0, 2.0)
        );
    }

    #[test]
    fn the_page_is_the_servers_own_unless_another_is_named() {
        let settings = |text: &str| scraping(&config(text)).expect("valid");
        assert!(settings("").is_none());
        let own = settings("extensions: {scrape: {}}").expect("asked for");
        assert_eq!((own.url.as_str(), own.interval), ("http://a:8000/metrics", Duration::from_secs(5)));
        assert!(own.headers.contains_key("authorization") && own.tls.is_none());
        let other =
            settings("extensions: {scrape: {url: 'http://b:9000/m', interval: 0.5}}").expect("asked for");
        assert_eq!((other.url.as_str(), other.headers.len()), ("http://b:9000/m", 0), "no key for strangers");
    }

    #[test]
    fn a_page_over_tls_sees_the_clients_certificate_only_if_it_is_the_servers_own() {
        let scraping = |scrape: &str| {
            let text = format!(
                "load: {{stages: [{{rate: 1, duration: 1}}]}}\nextensions: {{scrape: {scrape}}}\n\
                 server: {{base_url: 'https://a', model_name: m, cert_path: /none/cert.pem, key_path: /none/key.pem}}"
            );
            scraping(&Config::from_yaml(&text, "config.yml").unwrap_or_else(|problems| panic!("{problems}")))
        };
        let fault = format!("{:#}", scraping("{}").expect_err("no such certificate"));
        assert!(fault.contains("/none/key.pem"), "{fault}");
        let other = scraping("{url: 'https://b/metrics'}").expect("strangers see no certificate");
        assert!(other.is_some_and(|settings| settings.tls.is_some()));
    }
}
