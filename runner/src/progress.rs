//! What a person sees while a stage runs: a bar on a terminal, a line now and then in a pod log.
//!
//! It reads counters and draws; it never touches the load.

use std::convert::Infallible;
use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::recorder::LiveLatency;

/// Time between two lines about a running stage where there is no terminal.
const HEARTBEAT: Duration = Duration::from_secs(30);
/// Time between two looks at the counters on a terminal.
const REDRAW: Duration = Duration::from_millis(200);

/// Counts of a running stage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests whose due instant has passed.
    pub due: u64,
    /// Requests handed to the client.
    pub sent: u64,
    /// Requests that have come to their end.
    pub finished: u64,
    /// Of those, the ones that failed.
    pub failed: u64,
    /// Latencies so far.
    pub latency: Option<LiveLatency>,
}

impl Counts {
    fn line(self, total: u64) -> String {
        let in_flight = self.sent.saturating_sub(self.finished);
        let waiting = self.due.saturating_sub(self.sent);
        let waiting = if waiting > 0 { format!(", {waiting} waiting to be sent") } else { String::new() };
        let failed = if self.failed > 0 { format!(", {} failed", self.failed) } else { String::new() };
        let latency = self.latency.map(|latency| {
            let name = if latency.to_first_token { "TTFT" } else { "latency" };
            format!(", {name} p50 {} p95 {}", short(latency.p50), short(latency.p95))
        });
        let latency = latency.unwrap_or_default();
        format!("{}/{total} done, {in_flight} in flight{waiting}{failed}{latency}", self.finished)
    }
}

/// A time in three digits or so.
fn short(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1e3;
    match ms {
        ..9.95 => format!("{ms:.1} ms"),
        ..999.5 => format!("{ms:.0} ms"),
        _ => format!("{:.1} s", ms / 1e3),
    }
}

/// The display of a run.
#[derive(Debug, Clone)]
pub struct Progress {
    bars: MultiProgress,
    terminal: bool,
}

impl Progress {
    /// A display on standard error if that is a terminal, else one of log lines.
    pub fn new() -> Self {
        Self { bars: MultiProgress::new(), terminal: std::io::stderr().is_terminal() }
    }

    /// The bars, for whoever else writes to the terminal.
    pub fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    /// Shows the stage called `name`, of `total` requests, until the future is dropped.
    pub async fn show(&self, name: &str, total: u64, counts: impl Fn() -> Counts) -> Infallible {
        if self.terminal {
            self.draw(name, total, counts).await
        } else {
            loop {
                tokio::time::sleep(HEARTBEAT).await;
                tracing::info!("{name}: {}", counts().line(total));
            }
        }
    }

    async fn draw(&self, name: &str, total: u64, counts: impl Fn() -> Counts) -> Infallible {
        let bar = self.bars.add(ProgressBar::new(total));
        let _clears = ClearOnDrop(bar.clone());
        let template = "{prefix} {wide_bar} {percent:>3}% {msg} [{elapsed_precise} left {eta}]";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_prefix(name.to_owned());
        loop {
            let now = counts();
            bar.set_position(now.finished);
            bar.set_message(now.line(total));
            tokio::time::sleep(REDRAW).await;
        }
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

/// Takes the bar off the screen when the stage ends, however it ends.
struct ClearOnDrop(ProgressBar);

impl Drop for ClearOnDrop {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_only_what_there_is() {
        let counts = Counts { due: 12, sent: 12, finished: 9, ..Counts::default() };
        assert_eq!(counts.line(50), "9/50 done, 3 in flight");
        let counts = Counts { due: 20, sent: 12, finished: 9, failed: 2, latency: None };
        assert_eq!(counts.line(50), "9/50 done, 3 in flight, 8 waiting to be sent, 2 failed");
        let [p50, p95] = [52, 1_240].map(Duration::from_millis);
        let latency = |to_first_token| Some(LiveLatency { to_first_token, p50, p95 });
        let counts = Counts { finished: 9, sent: 9, latency: latency(true), ..Counts::default() };
        assert_eq!(counts.line(50), "9/50 done, 0 in flight, TTFT p50 52 ms p95 1.2 s");
        let counts = Counts { latency: latency(false), ..counts };
        assert_eq!(counts.line(50), "9/50 done, 0 in flight, latency p50 52 ms p95 1.2 s");
        assert_eq!(short(Duration::from_micros(2_340)), "2.3 ms");
    }
}
