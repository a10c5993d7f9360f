//! Where the parts of the engine run: on threads of their own, or all on the runtime of a test.

use std::future::Future;
use std::io;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use tokio::runtime::{Builder, LocalOptions};

/// Where the parts of the engine run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hosting {
    /// Each on a thread with a runtime of its own: real runs.
    Threads,
    /// All as local tasks of the present runtime: with paused time they make a run in virtual time.
    Local,
}

/// What a part of the engine is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Sends and stamps.
    Measuring,
    /// Makes bodies or records: it gives way to measuring threads where cores are few.
    Background,
}

/// Tasks that a measuring runtime runs before it looks at sockets and at the timer again: what is due must not wait for
/// all that can be read.
const TASKS_AT_ONCE: u32 = 16;

/// Steps by which background threads are nicer than measuring ones.
const BACKGROUND_NICENESS: i32 = 5;

impl Hosting {
    /// Starts `part`; the handle is that of its thread, if it has one.
    pub(super) fn start<F>(
        self,
        name: String,
        role: Role,
        part: impl FnOnce() -> F + Send + 'static,
    ) -> io::Result<Option<JoinHandle<()>>>
    where
        F: Future<Output = ()> + 'static,
    {
        match self {
            Self::Local => {
                tokio::task::spawn_local(part());
                Ok(None)
            }
            Self::Threads => {
                let (started, outcome) = mpsc::sync_channel(1);
                let body = move || {
                    if role == Role::Background {
                        // Refused only where even that is forbidden; then all are equal.
                        let _ = rustix::process::setpriority_process(None, BACKGROUND_NICENESS);
                    }
                    let mut builder = Builder::new_current_thread();
                    if role == Role::Measuring {
                        builder.event_interval(TASKS_AT_ONCE);
                    }
                    match builder.enable_all().build_local(LocalOptions::default()) {
                        Ok(runtime) => {
                            let _ = started.send(Ok(()));
                            runtime.block_on(part());
                        }
                        Err(error) => drop(started.send(Err(error))),
                    }
                };
                let thread = thread::Builder::new().name(name).spawn(body)?;
                // A runtime needs descriptors; whether there are any is told within microseconds.
                outcome.recv().map_err(io::Error::other)??;
                Ok(Some(thread))
            }
        }
    }
}
