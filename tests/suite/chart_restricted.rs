//! Every pod of every values file passes the *restricted* level of the Pod Security Standards, as Kubernetes publishes
//! it, baseline included.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::helm::{ci_cases, guide_cases};

/// What of `pod`, the spec of a pod, the restricted level forbids.
fn violations(pod: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for key in ["hostNetwork", "hostPID", "hostIPC"] {
        if pod[key] == true {
            found.push(format!("{key} is true"));
        }
    }
    for volume in items(&pod["volumes"]) {
        const ALLOWED: [&str; 8] = [
            "configMap",
            "csi",
            "downwardAPI",
            "emptyDir",
            "ephemeral",
            "persistentVolumeClaim",
            "projected",
            "secret",
        ];
        for kind in volume.as_object().into_iter().flatten().map(|(key, _)| key).filter(|key| *key != "name")
        {
            if !ALLOWED.contains(&kind.as_str()) {
                found.push(format!("a volume is of type {kind}"));
            }
        }
    }
    let context = &pod["securityContext"];
    let sysctls = [
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.ping_group_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
    ];
    let unsafe_sysctl =
        |sysctl: &&Value| !sysctl["name"].as_str().is_some_and(|name| sysctls.contains(&name));
    found.extend(
        items(&context["sysctls"]).iter().filter(unsafe_sysctl).map(|sysctl| format!("sysctl {sysctl}")),
    );
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        for container in items(&pod[list]) {
            let of = container["name"].as_str().unwrap_or_default();
            found.extend(of_container(container, context).into_iter().map(|fault| format!("{of}: {fault}")));
        }
    }
    found
}

/// What of a container in a pod with the security context `outer` is forbidden.
fn of_container(container: &Value, outer: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let own = &container["securityContext"];
    let either = |key: &str| if own[key].is_null() { &outer[key] } else { &own[key] };
    if own["privileged"] == true {
        found.push("privileged".to_owned());
    }
    if own["allowPrivilegeEscalation"] != false {
        found.push("allowPrivilegeEscalation is not false".to_owned());
    }
    if *either("runAsNonRoot") != true {
        found.push("runAsNonRoot is not true".to_owned());
    }
    if *either("runAsUser") == 0 {
        found.push("runAsUser is 0".to_owned());
    }
    if !["RuntimeDefault", "Localhost"].iter().any(|kind| either("seccompProfile")["type"] == *kind) {
        found.push("no seccomp profile".to_owned());
    }
    if !items(&own["capabilities"]["drop"]).contains(&json!("ALL")) {
        found.push("capabilities are not dropped".to_owned());
    }
    if items(&own["capabilities"]["add"]).iter().any(|added| added != "NET_BIND_SERVICE") {
        found.push("capabilities are added".to_owned());
    }
    if !own["procMount"].is_null() && own["procMount"] != "Default" {
        found.push("procMount".to_owned());
    }
    if items(&container["ports"]).iter().any(|port| port["hostPort"].as_i64().unwrap_or_default() != 0) {
        found.push("a port of the host".to_owned());
    }
    for options in [own, outer] {
        let kind = &options["seLinuxOptions"]["type"];
        let allowed = ["", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"];
        if !kind.is_null() && !allowed.iter().any(|allowed| kind == allowed) {
            found.push(format!("SELinux type {kind}"));
        }
        if options["appArmorProfile"]["type"] == "Unconfined" {
            found.push("AppArmor is unconfined".to_owned());
        }
    }
    found
}

fn items(list: &Value) -> &[Value] {
    list.as_array().map(Vec::as_slice).unwrap_or_default()
}

#[test]
fn a_pod_that_may_anything_is_told_apart() {
    let pod = json!({
        "hostNetwork": true,
        "volumes": [{"name": "root", "hostPath": {"path": "/"}}],
        "containers": [{"name": "c", "securityContext": {"privileged": true, "runAsUser": 0}, "ports": [{"hostPort": 1}]}],
    });
    assert_eq!(violations(&pod).len(), 9, "{:?}", violations(&pod));
}

#[test]
fn every_pod_passes_the_restricted_level() -> Result<()> {
    let mut pods = 0;
    for case in guide_cases().into_iter().chain(ci_cases()?) {
        for object in case.by_helm("helm")? {
            let pod = match object["kind"].as_str() {
                Some("Pod") => &object["spec"],
                Some("Job" | "Deployment") => &object["spec"]["template"]["spec"],
                _ => continue,
            };
            let found = violations(pod);
            ensure!(found.is_empty(), "{}: {} {found:?}", case.name, object["kind"]);
            pods += 1;
        }
    }
    ensure!(pods >= 26, "only {pods} pods");
    Ok(())
}
