//! What an installation finds in its cluster: a ServiceAccount of another release is left alone, an own one is rendered.

use anyhow::{Result, ensure};
use benchmark_tests::{chart, run, tool};
use serde_json::{Value, json};

use crate::helm::HELMS;
use crate::stub::ApiServer;

const PATH: &str = "/api/v1/namespaces/benchmarking/serviceaccounts/inference-perf-sa";

/// What `helm install --dry-run=server` prints in a cluster that has `account`.
fn install(helm: &str, account: Option<Value>, arguments: &[&str]) -> Result<String> {
    let server = ApiServer::start(account.map(|account| (PATH.to_owned(), account)).into_iter().collect())?;
    let kubeconfig = server.kubeconfig().to_string_lossy().into_owned();
    let chart = chart().to_string_lossy().into_owned();
    let mut words = vec![
        "install",
        "mine",
        &chart,
        "--dry-run=server",
        "--namespace=benchmarking",
        "--kubeconfig",
        &kubeconfig,
    ];
    words.extend(arguments);
    let output = run(&tool(helm), words)?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{helm}: {said}\n{:#?}", server.asked());
    ensure!(server.asked().contains(&format!("GET {PATH}")), "{helm} did not look: {:#?}", server.asked());
    Ok(String::from_utf8(output.stdout)?)
}

/// The account as `release` made it; nobody's without a release.
fn account(release: Option<&str>) -> Value {
    let annotations = release.map(|release| {
        json!({"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": "benchmarking"})
    });
    json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {
            "name": "inference-perf-sa",
            "namespace": "benchmarking",
            "labels": {"app.kubernetes.io/managed-by": "Helm"},
            "annotations": annotations,
        },
    })
}

const RENDERED: &str = "\nkind: ServiceAccount\n";
const ANNOTATED: &str =
    "--set=benchmark.serviceAccount.annotations.eks\\.amazonaws\\.com/role-arn=arn:aws:iam::1:role/r";

#[test]
fn an_account_is_rendered_where_there_is_none_and_where_it_is_ours() -> Result<()> {
    for helm in HELMS {
        for found in [None, Some(account(Some("mine")))] {
            let text = install(helm, found, &[ANNOTATED])?;
            ensure!(text.contains(RENDERED), "{helm}: {text}");
            ensure!(text.contains("eks.amazonaws.com/role-arn: arn:aws:iam::1:role/r"), "{helm}: {text}");
            ensure!(!text.contains("is left as it is"), "{helm}: {text}");
        }
    }
    Ok(())
}

#[test]
fn an_account_of_another_release_or_of_nobody_is_left_alone() -> Result<()> {
    for helm in HELMS {
        for (owner, named) in [(Some("other"), "release other"), (None, "no release")] {
            let text = install(helm, Some(account(owner)), &[ANNOTATED])?;
            ensure!(!text.contains(RENDERED), "{helm}: {text}");
            // What the user gave for it does not vanish silently.
            let warning =
                format!("The ServiceAccount inference-perf-sa belongs to {named} and is left as it is");
            ensure!(text.contains(&warning), "{helm}: {text}");
            let text = install(helm, Some(account(owner)), &[])?;
            ensure!(!text.contains("is left as it is"), "{helm}: {text}");
        }
    }
    Ok(())
}
