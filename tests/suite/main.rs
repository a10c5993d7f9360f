//! Tests that cross crates and send no load: the renderer against real Helm, manifests against the Kubernetes API
//! schemas, refusals as a user sees them, and the layering of the tree.

mod arguments;
mod chart_commands;
mod chart_defects;
mod chart_restricted;
mod chart_rows;
mod chart_upgrade;
mod compare;
mod generated;
mod helm;
mod hostile;
mod hub;
mod invalid;
mod manifests;
mod notes;
mod page;
mod parity;
mod power;
mod purity;
mod readme;
mod records;
mod refusals;
mod seed;
mod stub;
mod stub_install;
mod tidy;
mod tokens;
