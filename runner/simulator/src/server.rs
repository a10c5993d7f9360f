//! Sockets and threads: accepts connections and spreads them over runtimes, one thread each.
//!
//! All ways to run a simulator end in [`serve_on_current_runtime`]'s connections; signals are the caller's business.

#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::num::NonZero;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::AbortOnDropHandle;

use crate::time::FineTimer;
use crate::{Simulator, SimulatorConfig, SimulatorError, Stats, http};

/// Pause after a failed accept, most likely for want of descriptors: enough for some to become free.
const PAUSE_AFTER_FAILED_ACCEPT: Duration = Duration::from_millis(10);

/// Listens on the configured address. Port 0 becomes a free one: see the listener's `local_addr`.
pub async fn bind(config: &SimulatorConfig) -> Result<TcpListener, SimulatorError> {
    let address = SocketAddr::new(config.host, config.port);
    TcpListener::bind(address).await.map_err(|source| SimulatorError::Listen { address, source })
}

/// Serves until `shutdown` completes, on threads of its own (`config.threads`), each with a current-thread runtime;
/// the caller's runtime only accepts. Then open connections are cut and threads have ended.
pub async fn serve(
    listener: TcpListener,
    simulator: Arc<Simulator>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), SimulatorError> {
    let mut workers = Vec::new();
    for index in 0..threads(simulator.config().threads) {
        workers.push(Worker::start(index, &simulator).await.map_err(SimulatorError::Start)?);
    }
    let mut next = 0;
    let hand_over = |stream: TcpStream| {
        let worker: &Worker = &workers[next % workers.len()];
        next += 1;
        // From one runtime's poller to the other's. A worker that has gone away closes the connection.
        match stream.into_std() {
            Ok(stream) => drop(worker.connections.send(stream)),
            Err(error) => tracing::warn!(%error, "a connection is lost"),
        }
    };
    accept_until(shutdown, &listener, hand_over).await;
    drop(listener);
    // Workers end at once when their channels close; joining them blocks for a moment only.
    for Worker { connections, thread } in workers {
        drop(connections);
        if thread.join().is_err() {
            tracing::error!("a thread of the simulator has panicked");
        }
    }
    Ok(())
}

/// Serves until `shutdown` completes, wholly on the current runtime, which needs I/O enabled. Then open connections are
/// cut.
pub async fn serve_on_current_runtime(
    listener: TcpListener,
    simulator: Arc<Simulator>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), SimulatorError> {
    let timer = FineTimer::start().map_err(SimulatorError::Start)?;
    let mut connections = Connections::default();
    accept_until(shutdown, &listener, |stream| connections.start(&simulator, &timer, stream)).await;
    Ok(())
}

/// Builds a runtime, serves on `config`'s address until `shutdown` completes. `ready` is called with the address once
/// connections are accepted.
pub fn run(
    config: SimulatorConfig,
    ready: impl FnOnce(SocketAddr),
    shutdown: impl Future<Output = ()>,
) -> Result<(), SimulatorError> {
    listen_and_serve(Simulator::new(config)?, ready, shutdown)
}

fn listen_and_serve(
    simulator: Arc<Simulator>,
    ready: impl FnOnce(SocketAddr),
    shutdown: impl Future<Output = ()>,
) -> Result<(), SimulatorError> {
    runtime().map_err(SimulatorError::Start)?.block_on(async {
        let listener = bind(simulator.config()).await?;
        ready(listener.local_addr().map_err(SimulatorError::Start)?);
        serve(listener, simulator, shutdown).await
    })
}

/// A simulator that runs on threads of its own until it is shut down or dropped.
#[derive(Debug)]
pub struct SimulatorHandle {
    addr: SocketAddr,
    simulator: Arc<Simulator>,
    /// `None` once shut down.
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<Result<(), SimulatorError>>,
}

/// Starts a simulator in this process; it accepts connections when this returns. May be called from asynchronous code
/// too: the simulator shares nothing with the caller's runtime.
pub fn spawn(config: SimulatorConfig) -> Result<SimulatorHandle, SimulatorError> {
    let simulator = Simulator::new(config)?;
    let served = Arc::clone(&simulator);
    let (stop, stopped) = oneshot::channel::<()>();
    let (ready, address) = std::sync::mpsc::sync_channel(1);
    let thread = std::thread::Builder::new()
        .name("simulator".to_owned())
        .spawn(move || {
            let ready = |addr| {
                let _ = ready.send(addr);
            };
            // A dropped sender stops as well as a used one.
            listen_and_serve(served, ready, async { drop(stopped.await) })
        })
        .map_err(SimulatorError::Start)?;
    match address.recv() {
        Ok(addr) => Ok(SimulatorHandle { addr, simulator, running: Some(Running { stop, thread }) }),
        // The thread has ended before it was ready.
        Err(_) => Err(join(thread).err().unwrap_or_else(panicked)),
    }
}

fn join(thread: JoinHandle<Result<(), SimulatorError>>) -> Result<(), SimulatorError> {
    thread.join().unwrap_or_else(|_| Err(panicked()))
}

fn panicked() -> SimulatorError {
    SimulatorError::Start(io::Error::other("a thread has panicked"))
}

impl SimulatorHandle {
    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its base URL, without a slash at the end.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// What it was told.
    #[must_use]
    pub fn config(&self) -> &SimulatorConfig {
        self.simulator.config()
    }

    /// What has happened so far, with all recorded requests.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.simulator.stats(usize::MAX)
    }

    /// Cuts open connections and waits until all threads have ended.
    pub fn shutdown(mut self) -> Result<(), SimulatorError> {
        self.stop()
    }

    fn stop(&mut self) -> Result<(), SimulatorError> {
        let Some(Running { stop, thread }) = self.running.take() else { return Ok(()) };
        drop(stop);
        thread
            .join()
            .unwrap_or_else(|_| Err(SimulatorError::Start(io::Error::other("a thread has panicked"))))
    }
}

impl Drop for SimulatorHandle {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            tracing::error!(%error, "the simulator has failed");
        }
    }
}

/// A thread that serves the connections it is handed.
#[derive(Debug)]
struct Worker {
    connections: mpsc::UnboundedSender<std::net::TcpStream>,
    thread: JoinHandle<()>,
}

impl Worker {
    async fn start(index: usize, simulator: &Arc<Simulator>) -> io::Result<Self> {
        // Bounded by the process's descriptors: an element is an open connection.
        let (connections, handed) = mpsc::unbounded_channel();
        let (ready, started) = oneshot::channel();
        let simulator = Arc::clone(simulator);
        let thread = std::thread::Builder::new().name(format!("simulator-{index}")).spawn(move || {
            let started = runtime().and_then(|runtime| {
                let timer = runtime.block_on(async { FineTimer::start() })?;
                Ok((runtime, timer))
            });
            match started {
                Ok((runtime, timer)) => {
                    let _ = ready.send(Ok(()));
                    runtime.block_on(serve_handed(handed, &simulator, &timer));
                    // A prompt that is still being counted need not be waited for.
                    runtime.shutdown_background();
                }
                Err(error) => drop(ready.send(Err(error))),
            }
        })?;
        started.await.map_err(|_| io::Error::other("a thread has panicked"))??;
        Ok(Self { connections, thread })
    }
}

/// Serves the connections that come through `handed` until its sender is gone.
async fn serve_handed(
    mut handed: mpsc::UnboundedReceiver<std::net::TcpStream>,
    simulator: &Arc<Simulator>,
    timer: &FineTimer,
) {
    let mut connections = Connections::default();
    while let Some(stream) = handed.recv().await {
        match TcpStream::from_std(stream) {
            Ok(stream) => connections.start(simulator, timer, stream),
            Err(error) => tracing::warn!(%error, "a connection is lost"),
        }
    }
}

/// Connections of one runtime; dropping it cuts them.
#[derive(Debug, Default)]
struct Connections {
    tasks: Vec<AbortOnDropHandle<()>>,
    /// Number of tasks at which ended ones are forgotten next.
    sweep_at: usize,
}

impl Connections {
    fn start(&mut self, simulator: &Arc<Simulator>, timer: &FineTimer, stream: TcpStream) {
        if self.tasks.len() >= self.sweep_at {
            self.tasks.retain(|task| !task.is_finished());
            self.sweep_at = 2 * self.tasks.len() + 16;
        }
        let connection = serve_connection(Arc::clone(simulator), timer.clone(), stream);
        self.tasks.push(AbortOnDropHandle::new(tokio::spawn(connection)));
    }
}

async fn serve_connection(simulator: Arc<Simulator>, timer: FineTimer, stream: TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::warn!(%error, "TCP_NODELAY cannot be set; tokens may arrive late");
    }
    let service = service_fn(move |request| http::handle(Arc::clone(&simulator), timer.clone(), request));
    let connection = http1::Builder::new()
        // Idle connections stay open, as clients keep them; there is no timer to close them.
        .header_read_timeout(None)
        // One buffer a write: a vector of three small pieces an event costs the kernel more than copying them.
        .writev(false)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection has ended early");
    }
}

async fn accept_until(
    shutdown: impl Future<Output = ()>,
    listener: &TcpListener,
    mut accepted: impl FnMut(TcpStream),
) {
    tokio::pin!(shutdown);
    loop {
        let connection = tokio::select! {
            () = &mut shutdown => return,
            connection = listener.accept() => connection,
        };
        match connection {
            Ok((stream, _)) => accepted(stream),
            Err(error) => {
                tracing::warn!(%error, "a connection cannot be accepted");
                tokio::time::sleep(PAUSE_AFTER_FAILED_ACCEPT).await;
            }
        }
    }
}

/// Threads to start if the configuration says `configured`.
fn threads(configured: usize) -> usize {
    if configured > 0 { configured } else { std::thread::available_parallelism().map_or(1, NonZero::get) }
}

fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}
