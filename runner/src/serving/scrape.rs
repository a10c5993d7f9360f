//! Reads the server's metrics page while load is sent: right before each stage, at intervals during it, and once its
//! last request has ended.
//!
//! It has a thread of its own beside the measuring ones. A page that cannot be had is a fact like any other, and is told
//! once.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use benchmark_schemas::config::ServerType;
use benchmark_schemas::record::{Sample, Scrape, ScrapeMoment, SpoolEntry};
use reqwest::header::HeaderMap;
use rustls::ClientConfig;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::{Unread, bounded, exposition, names};
use crate::clock::ClockSource;
use crate::recorder::SharedSpool;

/// Time that a page may take: a stage's end waits for it.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of a page at most; servers with many models write some hundred KiB.
const MOST_PAGE_BYTES: usize = 16 << 20;

/// What is scraped, and how often.
#[derive(Debug, Clone)]
pub struct ScraperSettings {
    /// Address of the page.
    pub url: String,
    /// Headers that the server may want to see; they are not told.
    pub headers: HeaderMap,
    /// How it is spoken to over TLS; the system's certificates and none of the client's if not given.
    pub tls: Option<Arc<ClientConfig>>,
    /// Time between two scrapes of a running stage.
    pub interval: Duration,
    /// Whose names are known.
    pub server: ServerType,
}

/// Asks the thread for a scrape, and is told when it is in the spool.
type Order = (ScrapeMoment, oneshot::Sender<()>);

/// The thread that scrapes. Dropping it ends the thread.
#[derive(Debug)]
pub struct Scraper {
    orders: mpsc::Sender<Order>,
    thread: JoinHandle<()>,
}

impl Scraper {
    /// Starts the thread; it scrapes nothing before it is told of a stage.
    ///
    /// # Errors
    ///
    /// If the system gives no thread.
    pub fn start<S: ClockSource + Sync>(
        settings: ScraperSettings,
        clock: S,
        spool: SharedSpool,
    ) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .default_headers(settings.headers.clone())
            // As the measured requests: straight to the server.
            .no_proxy()
            // The headers are for this server alone.
            .redirect(reqwest::redirect::Policy::none());
        if let Some(tls) = &settings.tls {
            client = client.tls_backend_preconfigured((**tls).clone());
        }
        let client = client.build().map_err(io::Error::other)?;
        let (orders, inbox) = mpsc::channel(1);
        let task = Task { settings, client, clock, spool, told: None };
        let thread = std::thread::Builder::new().name("scraper".to_owned());
        let thread = thread.spawn(move || runtime.block_on(task.serve(inbox)))?;
        Ok(Self { orders, thread })
    }

    /// Scrapes right before the first request of `stage`, and from then on at intervals.
    pub async fn before(&self, stage: u32) {
        self.order(ScrapeMoment::Before(stage)).await;
    }

    /// Scrapes once the last request of `stage` has ended, and then no more.
    pub async fn after(&self, stage: u32) {
        self.order(ScrapeMoment::After(stage)).await;
    }

    async fn order(&self, moment: ScrapeMoment) {
        let (done, is_done) = oneshot::channel();
        // A thread that is gone has told why when it panicked; the run does without it.
        if self.orders.send((moment, done)).await.is_ok() {
            let _ = is_done.await;
        }
    }

    /// Ends the thread.
    pub fn finish(self) {
        drop(self.orders);
        let _ = self.thread.join();
    }
}

struct Task<S> {
    settings: ScraperSettings,
    client: reqwest::Client,
    clock: S,
    spool: SharedSpool,
    /// The fault that was told last.
    told: Option<String>,
}

impl<S: ClockSource> Task<S> {
    async fn serve(mut self, mut inbox: mpsc::Receiver<Order>) {
        let mut running = None;
        let period = self.settings.interval.max(Duration::from_millis(1));
        let mut ticks = interval_at(Instant::now() + period, period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                order = inbox.recv() => {
                    let Some((moment, done)) = order else { return };
                    self.scrape(moment).await;
                    running = match moment {
                        ScrapeMoment::Before(stage) => Some(stage),
                        ScrapeMoment::During(_) | ScrapeMoment::After(_) => None,
                    };
                    ticks.reset();
                    let _ = done.send(());
                }
                _ = ticks.tick() => if let Some(stage) = running {
                    self.scrape(ScrapeMoment::During(stage)).await;
                },
            }
        }
    }

    async fn scrape(&mut self, moment: ScrapeMoment) {
        let at = self.clock.now();
        let outcome = self.page().await.and_then(|page| known_samples(&page, self.settings.server));
        let end = self.clock.now();
        match &outcome {
            Ok(_) if self.told.take().is_some() => {
                tracing::info!("{} can be read again", self.settings.url);
            }
            Err(fault) if self.told.as_ref() != Some(fault) => {
                tracing::warn!(
                    "the server's metrics cannot be read from {}: {fault} (extensions.scrape.url names another page)",
                    self.settings.url
                );
                self.told = Some(fault.clone());
            }
            _ => {}
        }
        // A spool that refuses ends the run by itself.
        let _ =
            self.spool.writer().append(&SpoolEntry::Scrape(Box::new(Scrape { at, end, moment, outcome })));
    }

    async fn page(&self) -> Result<String, String> {
        let told = |error: reqwest::Error| super::prometheus::fault(error);
        let answer = self.client.get(&self.settings.url).send().await.map_err(told)?;
        let status = answer.status();
        if !status.is_success() {
            return Err(format!("HTTP {}", status.as_u16()));
        }
        let page = bounded(answer, MOST_PAGE_BYTES).await.map_err(|fault| match fault {
            Unread::Broken(error) => told(error),
            too_large @ Unread::TooLarge { .. } => format!("the page {too_large}"),
        })?;
        Ok(String::from_utf8_lossy(&page).into_owned())
    }
}

/// The samples of `page` that have a meaning for a server of this kind.
fn known_samples(page: &str, server: ServerType) -> Result<Vec<Sample>, String> {
    let mut known = Vec::new();
    for line in exposition::samples(page) {
        let line = line.map_err(|fault| fault.to_string())?;
        if names::is_known(server, line.name) {
            known.push(Sample {
                name: line.name.to_owned(),
                labels: line.labels.to_owned(),
                value: line.value,
            });
        }
    }
    if known.is_empty() {
        return Err(format!("the page has no metric of a server of type {}", server.as_str()));
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use model_server_simulator::{SimulatorConfig, spawn};
    use rustls::crypto::ring;
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::client::tls::{TlsFiles, client_config};
    use crate::clock::MonotonicSource;
    use crate::serving::{Observations, names::Meaning};
    use crate::spool::{SpoolReader, SpoolWriter};

    #[test]
    fn a_page_without_a_known_metric_is_a_fault() {
        let fault = known_samples("up 1\n", ServerType::Tgi).expect_err("nothing of TGI");
        insta::assert_snapshot!(fault, @"the page has no metric of a server of type tgi");
        assert!(known_samples("<html>", ServerType::Vllm).is_err());
    }

    fn settings(url: String) -> ScraperSettings {
        let interval = Duration::from_millis(20);
        ScraperSettings { url, headers: HeaderMap::new(), tls: None, interval, server: ServerType::Vllm }
    }

    fn scrapes(folder: &std::path::Path) -> Vec<Scrape> {
        let entries = SpoolReader::open(folder).expect("a spool");
        let scrape = |entry| match entry {
            Ok(SpoolEntry::Scrape(scrape)) => *scrape,
            other => panic!("{other:?}"),
        };
        entries.map(scrape).collect()
    }

    #[tokio::test]
    async fn a_stage_is_scraped_before_during_and_after() {
        let _ = ring::default_provider().install_default();
        let server = spawn(SimulatorConfig { port: 0, ..SimulatorConfig::default() }).expect("a server");
        let folder = tempfile::tempdir().expect("a folder");
        let spool = SharedSpool::new(SpoolWriter::create(folder.path()).expect("a spool"));
        let url = format!("http://{}/metrics", server.addr());
        let scraper =
            Scraper::start(settings(url), MonotonicSource::start(), spool.clone()).expect("a thread");
        scraper.before(3).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        scraper.after(3).await;
        scraper.finish();
        spool.writer().flush().expect("flushed");
        let all = scrapes(folder.path());
        assert_eq!(all.first().map(|scrape| scrape.moment), Some(ScrapeMoment::Before(3)));
        assert_eq!(all.last().map(|scrape| scrape.moment), Some(ScrapeMoment::After(3)));
        assert!(all.len() > 2, "{all:?}");
        let mut observed = Observations::default();
        for scrape in &all {
            observed.push(scrape, ServerType::Vllm);
        }
        let stage = observed.stage(3).expect("scraped");
        assert_eq!((stage.failed, stage.increase(Meaning::Succeeded)), (0, Some(0.0)));
        assert_eq!(stage.gauge(Meaning::Running).map(|gauge| gauge.max), Some(0.0));
    }

    const PEM: &[u8] = include_bytes!("../client/http/test-server.pem");

    /// Shows a page over TLS, with a certificate of its own.
    async fn secure_page() -> String {
        let key = PrivateKeyDer::from_pem_slice(PEM).expect("a key");
        let certificate = CertificateDer::from_pem_slice(PEM).expect("a certificate");
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .expect("a configuration");
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let _ = stream.read(&mut [0; 4096]).await;
                let page = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nvllm:num_requests_running 1\n";
                let _ = stream.write_all(page.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        });
        format!("https://{address}/metrics")
    }

    #[tokio::test]
    async fn a_page_over_tls_is_trusted_as_the_run_trusts() {
        let _ = ring::default_provider().install_default();
        let folder = tempfile::tempdir().expect("a folder");
        let authorities = folder.path().join("ca.pem");
        fs_err::write(&authorities, PEM).expect("a file");
        let tls = client_config(&TlsFiles { authorities: Some(authorities), ..TlsFiles::default() });
        let url = secure_page().await;
        for (tls, is_read) in [(None, false), (Some(tls.expect("a configuration")), true)] {
            let folder = tempfile::tempdir().expect("a folder");
            let spool = SharedSpool::new(SpoolWriter::create(folder.path()).expect("a spool"));
            let settings = ScraperSettings { tls, ..settings(url.clone()) };
            let scraper =
                Scraper::start(settings, MonotonicSource::start(), spool.clone()).expect("a thread");
            scraper.before(0).await;
            scraper.finish();
            spool.writer().flush().expect("flushed");
            let found = scrapes(folder.path());
            assert_eq!((found.len(), found[0].outcome.is_ok()), (1, is_read), "{found:?}");
        }
    }

    #[tokio::test]
    async fn a_server_without_the_page_costs_nothing_but_the_numbers() {
        let _ = ring::default_provider().install_default();
        let folder = tempfile::tempdir().expect("a folder");
        let spool = SharedSpool::new(SpoolWriter::create(folder.path()).expect("a spool"));
        // Nobody listens on a port that was given back.
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
        let url = format!("http://{free}/metrics");
        let scraper =
            Scraper::start(settings(url), MonotonicSource::start(), spool.clone()).expect("a thread");
        scraper.before(0).await;
        scraper.after(0).await;
        scraper.finish();
        spool.writer().flush().expect("flushed");
        let outcomes: Vec<_> = scrapes(folder.path()).into_iter().map(|scrape| scrape.outcome).collect();
        assert_eq!(outcomes.len(), 2);
        assert!(
            outcomes.iter().all(|outcome| outcome.as_ref().is_err_and(|fault| !fault.contains("127.0.0.1")))
        );
    }
}
