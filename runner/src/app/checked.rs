//! What of a configuration needs more than the configuration itself to be found wrong: the target's address, headers and
//! TLS files, traces, circuit breakers, what is asked about the server. Nothing is sent for it and nothing is left behind.

use std::sync::Arc;

use anyhow::Result;
use benchmark_schemas::config::Config;

use super::run;
use super::serving::Inquiry;
use super::traces::{self, Traces};
use crate::breakers::Breakers;
use crate::client::Transports;

/// What was made of it.
pub(super) struct Checked {
    pub(super) transports: Transports,
    pub(super) traces: Traces,
    pub(super) breakers: Option<Arc<Breakers>>,
    pub(super) inquiry: Inquiry,
}

impl Checked {
    /// Checks `config`.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with it.
    pub(super) fn of(config: &Config) -> Result<Self> {
        Ok(Self {
            transports: run::transports(config)?,
            traces: traces::read(config)?,
            breakers: Breakers::of(config)?.map(Arc::new),
            inquiry: Inquiry::of(config)?,
        })
    }
}
