//! A small stand-in for the Kubernetes API: what `helm install --dry-run=server` and `lookup` ask of it, over HTTP on the
//! loopback. It knows which objects there are, and takes none.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use anyhow::Result;
use serde_json::{Value, json};

/// The server; it stops when dropped.
pub(crate) struct ApiServer {
    address: std::net::SocketAddr,
    stopping: Arc<AtomicBool>,
    asked: Arc<Mutex<Vec<String>>>,
    thread: Option<JoinHandle<()>>,
    folder: tempfile::TempDir,
}

impl ApiServer {
    /// Starts a server that has `objects`, by the path that each is asked at.
    pub(crate) fn start(objects: Vec<(String, Value)>) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let stopping = Arc::new(AtomicBool::new(false));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (stop, paths, objects) = (Arc::clone(&stopping), Arc::clone(&asked), Arc::new(objects));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let (paths, objects) = (Arc::clone(&paths), Arc::clone(&objects));
                // A connection lives as long as its client wants; Helm ends it when it ends.
                std::thread::spawn(move || serve(stream, &objects, &paths));
            }
        });
        let server = Self { address, stopping, asked, thread: Some(thread), folder: tempfile::tempdir()? };
        let cluster = json!({"name": "stub", "cluster": {"server": format!("http://{address}")}});
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [cluster],
            "contexts": [{"name": "stub", "context": {"cluster": "stub", "user": "stub"}}],
            "users": [{"name": "stub", "user": {}}],
            "current-context": "stub",
        });
        fs_err::write(server.kubeconfig(), config.to_string())?;
        Ok(server)
    }

    /// The file for `--kubeconfig`.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    /// Paths that were asked for, with their methods.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().map(|asked| asked.clone()).unwrap_or_default()
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Answers the requests of a connection, one after the other.
fn serve(stream: TcpStream, objects: &[(String, Value)], asked: &Mutex<Vec<String>>) {
    let Ok(mut writer) = stream.try_clone() else { return };
    let mut lines = BufReader::new(stream).lines();
    while let Some(Ok(request)) = lines.next() {
        // No request that a dry run makes has a body.
        while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
        let mut words = request.split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let path = target.split('?').next().unwrap_or_default();
        if let Ok(mut asked) = asked.lock() {
            asked.push(format!("{method} {path}"));
        }
        let (status, body) = match answer(path, objects) {
            Some(body) if method == "GET" => ("200 OK", body),
            _ => ("404 Not Found", not_found(path)),
        };
        let body = body.to_string();
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        if writer.write_all(format!("{head}{body}").as_bytes()).is_err() {
            return;
        }
    }
}

fn not_found(path: &str) -> Value {
    let message = format!("{path} not found");
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404, "message": message})
}

fn answer(path: &str, objects: &[(String, Value)]) -> Option<Value> {
    if let Some((_, object)) = objects.iter().find(|(at, _)| at == path) {
        return Some(object.clone());
    }
    let version = |group: &str, version: &str| json!({"groupVersion": format!("{group}/{version}"), "version": version});
    let group = |name: &str| json!({"name": name, "versions": [version(name, "v1")], "preferredVersion": version(name, "v1")});
    let groups = ["apps", "batch", "networking.k8s.io"].map(group);
    Some(match path {
        "/version" => json!({"major": "1", "minor": "33", "gitVersion": "v1.33.0"}),
        "/api" => json!({"kind": "APIVersions", "versions": ["v1"]}),
        "/apis" => {
            json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
        }
        "/api/v1" => resources(
            "v1",
            &[
                ("serviceaccounts", "ServiceAccount"),
                ("configmaps", "ConfigMap"),
                ("services", "Service"),
                ("secrets", "Secret"),
                ("pods", "Pod"),
            ],
        ),
        "/apis/apps/v1" => resources("apps/v1", &[("deployments", "Deployment")]),
        "/apis/batch/v1" => resources("batch/v1", &[("jobs", "Job")]),
        "/apis/networking.k8s.io/v1" => {
            resources("networking.k8s.io/v1", &[("networkpolicies", "NetworkPolicy")])
        }
        "/openapi/v3" => json!({"paths": {
            "api/v1": {"serverRelativeURL": "/openapi/v3/api/v1"},
            "apis/apps/v1": {"serverRelativeURL": "/openapi/v3/apis/apps/v1"},
            "apis/batch/v1": {"serverRelativeURL": "/openapi/v3/apis/batch/v1"},
        }}),
        // The server validates what it is sent, so that the client need not.
        _ if path.starts_with("/openapi/v3/") => {
            schemas(&answer(path.strip_prefix("/openapi/v3")?, objects)?)
        }
        _ if path.ends_with("/secrets") => {
            json!({"kind": "SecretList", "apiVersion": "v1", "metadata": {}, "items": []})
        }
        _ => return None,
    })
}

/// What the schemas of a group have to say: objects can be sent with `fieldValidation`.
fn schemas(resources: &Value) -> Value {
    let group_version = resources["groupVersion"].as_str().unwrap_or_default();
    let (group, version) = group_version.split_once('/').unwrap_or(("", group_version));
    let path = |resource: &Value| {
        let kind = json!({"group": group, "version": version, "kind": resource["kind"]});
        let patch = json!({
            "parameters": [{"name": "fieldValidation", "in": "query"}],
            "responses": {},
            "x-kubernetes-action": "patch",
            "x-kubernetes-group-version-kind": kind,
        });
        (format!("/{}/{{name}}", resource["name"].as_str().unwrap_or_default()), json!({"patch": patch}))
    };
    let paths: serde_json::Map<String, Value> =
        resources["resources"].as_array().into_iter().flatten().map(path).collect();
    json!({"openapi": "3.0.0", "info": {"title": "stub", "version": "1"}, "paths": paths})
}

fn resources(version: &str, kinds: &[(&str, &str)]) -> Value {
    let resource = |(name, kind): &(&str, &str)| json!({"name": name, "singularName": "", "namespaced": true, "kind": kind, "verbs": ["get", "list", "create", "patch"]});
    json!({
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": version,
        "resources": kinds.iter().map(resource).collect::<Vec<_>>(),
    })
}
