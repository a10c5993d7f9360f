//! What of a configuration needs more than the configuration itself to be found wrong: the target's address, headers and
//! TLS files, traces, data sets, circuit breakers, what is asked about the server. Nothing is sent for it and nothing is
//! left behind.

use std::sync::Arc;

use anyhow::Result;
use benchmark_schemas::config::Config;

use super::run;
use super::serving::Inquiry;
use super::traces::{self, Traces};
use super::workload;
use crate::breakers::Breakers;
use crate::client::Transports;
use crate::workload::DatasetFiles;

/// What was made of it.
pub(super) struct Checked {
    pub(super) transports: Transports,
    pub(super) traces: Traces,
    /// Of the data set, if the data type is one.
    pub(super) files: Option<DatasetFiles>,
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
            files: workload::files(config)?,
            breakers: Breakers::of(config)?.map(Arc::new),
            inquiry: Inquiry::of(config)?,
        })
    }
}
