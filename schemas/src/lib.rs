//! The contract of benchmark-charts: what values, configuration, records and reports may say.
//!
//! One definition of each serves parser, defaults, checks, JSON Schema and documentation. The crate is pure:
//! it reads no file, no clock and no environment, and knows neither Helm's templates nor HTTP.

pub mod config;
mod json_schema;
pub mod plan;
pub mod problem;
pub mod record;
pub mod report;
pub mod secret;
pub mod slo;
pub mod translate;
pub mod tree;
pub mod validate;
pub mod values;
pub mod variables;
pub mod yaml;
