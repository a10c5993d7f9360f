//! What a spool holds beside records and stages: readings of the server's own metrics, and breakers that opened.

use benchmark_schemas::config::ServerType;
use benchmark_schemas::record::{BreakerOpened, PromQl, SpoolEntry};

use crate::serving::Observations;

/// What a spool holds beside records and stages.
#[derive(Debug, Clone, Default)]
pub struct Asides {
    /// What the server's metrics page showed.
    pub observed: Observations,
    /// What Prometheus answered, a window each.
    pub promql: Vec<PromQl>,
    /// Circuit breakers that opened, in order.
    pub breakers: Vec<BreakerOpened>,
}

impl Asides {
    /// Takes `entry` if it is an aside; `server` is the kind of the server.
    pub fn push(&mut self, entry: SpoolEntry, server: ServerType) {
        match entry {
            SpoolEntry::Scrape(scrape) => self.observed.push(&scrape, server),
            SpoolEntry::PromQl(answers) => self.promql.push(*answers),
            SpoolEntry::BreakerOpened(opened) => self.breakers.push(*opened),
            SpoolEntry::Run(_)
            | SpoolEntry::Request(_)
            | SpoolEntry::Stage(_)
            | SpoolEntry::Sweep(_)
            | SpoolEntry::Finished(_) => {}
        }
    }
}
