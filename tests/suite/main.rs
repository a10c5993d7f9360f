//! Tests that cross crates and send no load: the renderer against real Helm, manifests against the Kubernetes API
//! schemas, refusals as a user sees them, and the layering of the tree.

mod helm;
mod hub;
mod manifests;
mod parity;
mod power;
mod readme;
mod refusals;
mod seed;
mod tidy;
