//! A search of the shipped kind, by the shipped driver, against a server in memory, in virtual time.

use std::cell::RefCell;
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use anyhow::Result;
use benchmark_schemas::config::ApiType;
use benchmark_schemas::record::{ChunkKind, Failure, Nanos, RunFacts, SpoolEntry};
use benchmark_schemas::report::Search as Report;
use inference_perf::capacity::{self, Search, StageReader};
use inference_perf::client::{Exchange, Fault, Mark, Transport, TransportSource};
use inference_perf::clock::Clock;
use inference_perf::clock::virtual_time::{VirtualClock, virtual_time};
use inference_perf::driver::{Engine, Hosting, Patience, Settings, Stop};
use inference_perf::metrics::MetricOptions;
use inference_perf::recorder::RecordOptions;
use inference_perf::schedule::Shard;
use inference_perf::seed::Seed;
use inference_perf::spool::SpoolWriter;
use inference_perf::workload::{BodyOptions, Mock, Prepared};
use tokio::sync::{Notify, oneshot};

use crate::cases::Case;
use crate::servers::{Event, Server};

/// The server, handed to the one worker there is.
#[derive(Clone)]
struct Source {
    server: Arc<Mutex<Option<Box<dyn Server>>>>,
    client_work: Nanos,
}

/// What became of a request.
enum Answer {
    Done { first: Nanos, end: Nanos, tokens: u32 },
    Refused,
}

struct Inside {
    server: Box<dyn Server>,
    next_id: u64,
    open: std::collections::HashMap<u64, (Option<Nanos>, oneshot::Sender<Answer>)>,
}

struct Connection {
    clock: VirtualClock,
    inside: Rc<RefCell<Inside>>,
    arrived: Rc<Notify>,
    client_work: Nanos,
}

impl TransportSource<VirtualClock> for Source {
    type Transport = Connection;

    fn for_worker(&self, clock: VirtualClock, _connections: Option<usize>) -> io::Result<Connection> {
        let server = self.server.lock().expect("no panic").take().expect("one worker");
        let inside =
            Rc::new(RefCell::new(Inside { server, next_id: 0, open: std::collections::HashMap::default() }));
        let arrived = Rc::new(Notify::new());
        tokio::task::spawn_local(serve(clock.clone(), Rc::clone(&inside), Rc::clone(&arrived)));
        Ok(Connection { clock, inside, arrived, client_work: self.client_work })
    }
}

/// Lets the server do what it does, when it does it.
async fn serve(clock: VirtualClock, inside: Rc<RefCell<Inside>>, arrived: Rc<Notify>) {
    let mut happened = Vec::new();
    loop {
        let next = inside.borrow().server.next();
        match next {
            None => arrived.notified().await,
            Some(at) => tokio::select! {
                biased;
                () = clock.sleep_until(at) => {}
                () = arrived.notified() => {}
            },
        }
        let mut inside = inside.borrow_mut();
        inside.server.advance(Clock::now(&clock), &mut happened);
        for (at, id, event) in happened.drain(..) {
            match event {
                Event::First => {
                    if let Some((first, _)) = inside.open.get_mut(&id) {
                        *first = Some(at);
                    }
                }
                Event::Done(tokens) => {
                    if let Some((first, asked)) = inside.open.remove(&id) {
                        let _ = asked.send(Answer::Done { first: first.unwrap_or(at), end: at, tokens });
                    }
                }
                Event::Refused => {
                    if let Some((_, asked)) = inside.open.remove(&id) {
                        let _ = asked.send(Answer::Refused);
                    }
                }
            }
        }
    }
}

impl Transport for Connection {
    async fn prepare(&self, _connections: usize) {}

    async fn exchange(&self, _request: &Prepared, facts: &mut Exchange) -> Result<(), Fault> {
        if self.client_work > 0 {
            self.clock.work(self.client_work);
        }
        let now = Clock::now(&self.clock);
        facts.sent = Some(now);
        let (asked, answer) = oneshot::channel();
        {
            let mut inside = self.inside.borrow_mut();
            let id = inside.next_id;
            inside.next_id += 1;
            inside.open.insert(id, (None, asked));
            inside.server.arrive(now, id);
        }
        self.arrived.notify_one();
        match answer.await.expect("every request is answered") {
            Answer::Refused => {
                let failure = Failure { error_type: "HTTP Error 503".to_owned(), message: "busy".to_owned() };
                Err(failure.into())
            }
            Answer::Done { first, end, tokens } => {
                facts.head = Some(first);
                facts.marks.push(Mark { at: first, text_end: 0, kind: ChunkKind::Content });
                facts.marks.push(Mark { at: end, text_end: 0, kind: ChunkKind::Content });
                facts.known_tokens = Some((1, tokens));
                facts.last_byte = Some(end);
                Ok(())
            }
        }
    }
}

fn settings(seed: u64, in_flight_cap: u64) -> Settings {
    Settings {
        seed: Seed(seed),
        workers: 1,
        in_flight_cap,
        connection_cap: None,
        patience: Patience { timeout_ns: i64::MAX / 4, retries: 0, backoff_ns: 0, seed: Seed(seed) },
        grace_ns: 0,
        shard: Shard::WHOLE,
    }
}

/// Searches the server of `case`; all chance comes from `seed`. The spool lies in `folder`.
pub(crate) fn search(case: Case, seed: u64, folder: &Path) -> Result<Report> {
    Ok(go_on(case, seed, folder, None, Search::new(case.settings()))?.report())
}

/// Goes on with `search` to its end, in a new spool that begins with `facts`.
pub(crate) fn go_on(
    case: Case,
    seed: u64,
    folder: &Path,
    facts: Option<RunFacts>,
    mut search: Search,
) -> Result<Search> {
    let source =
        Source { server: Arc::new(Mutex::new(Some(case.server(seed)))), client_work: case.client_work() };
    let (pacing, in_flight_cap) = (case.pacing(), case.settings().most_in_flight);
    virtual_time(|clock: VirtualClock| async move {
        let mut spool = SpoolWriter::create(folder)?;
        if let Some(facts) = facts {
            spool.append(&SpoolEntry::Run(Box::new(facts)))?;
        }
        let workload = Arc::new(Mock::new(None, BodyOptions::new(ApiType::Completion, "m".to_owned())));
        let settings = settings(seed, in_flight_cap);
        let options = RecordOptions::default();
        let mut engine =
            Engine::start(clock, settings, source, workload, options, spool, Hosting::Local).await?;
        let mut reader = StageReader::new(MetricOptions::default());
        let stop = Stop::new();
        while let Some(next) = search.next() {
            let id = u32::try_from(search.steps().len())?;
            let facts = engine.run_stage(&capacity::stage(next, id, pacing), &stop).await?;
            let arrivals = reader.requests_of(&engine.spool().writer().source(), id)?;
            assert!(search.wants(&facts), "{facts:?}");
            search.take(arrivals, &facts);
        }
        engine.finish(false).await?;
        Ok(search)
    })
}
