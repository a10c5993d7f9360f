//! The run's own metrics page while the run goes on.

use std::net::TcpListener;

use anyhow::{Context as _, Result, ensure};
use inference_perf::serving::exposition;

use crate::machine;
use crate::rig::{Rig, text};

/// The value of the sample called `name` with `labels`, if it is on the page.
fn sample(page: &str, name: &str, labels: &str) -> Result<Option<f64>> {
    for line in exposition::samples(page) {
        let line = line?;
        if (line.name, line.labels) == (name, labels) {
            return Ok(Some(line.value));
        }
    }
    Ok(None)
}

#[test]
fn a_run_shows_itself_to_prometheus_if_asked() -> Result<()> {
    let _machine = machine();
    let rig = Rig::start(&[])?;
    let config = format!(
        "{}api: {{type: completion, streaming: true}}\ndata: {{type: mock}}\n\
         load: {{num_workers: 2, interval: 2, stages: [{{rate: 20, duration: 1}}, {{rate: 20, duration: 1}}]}}\n\
         storage: {{local_storage: {{path: {}}}}}\n",
        rig.target(),
        rig.reports()
    );
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let mut child = rig.command(&config)?.env("INFERENCE_PERF_METRICS_PORT", port.to_string()).spawn()?;
    rig.await_served(25, &mut child)?;
    let answer = reqwest::blocking::get(format!("http://127.0.0.1:{port}/metrics"))?.error_for_status()?;
    let kind = answer.headers().get("content-type").context("a media type")?.to_str()?.to_owned();
    assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
    let page = answer.text()?;
    let elapsed = sample(&page, "inference_perf_run_elapsed_seconds", "")?.context("elapsed")?;
    assert!(elapsed > 2.0 && elapsed < 60.0, "{elapsed}");
    let first = sample(&page, "inference_perf_requests_total", "stage=\"0\",status=\"success\"")?;
    assert_eq!(first, Some(20.0), "{page}");
    assert_eq!(sample(&page, "inference_perf_stage", "")?, Some(1.0), "{page}");
    let sent = sample(&page, "inference_perf_requests_sent_total", "stage=\"1\"")?.context("sent")?;
    assert!((5.0..=20.0).contains(&sent), "{page}");
    ensure!(
        reqwest::blocking::get(format!("http://127.0.0.1:{port}/"))?.status() == 404,
        "there is one page"
    );
    let output = child.wait_with_output()?;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));

    let taken = TcpListener::bind("[::]:0").or_else(|_| TcpListener::bind("0.0.0.0:0"))?;
    let port = taken.local_addr()?.port().to_string();
    let output = rig.command(&config)?.env("INFERENCE_PERF_METRICS_PORT", &port).output()?;
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(
        text(&output).contains(&format!("INFERENCE_PERF_METRICS_PORT: port {port} cannot be listened on"))
    );
    Ok(())
}
