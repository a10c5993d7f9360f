//! A server in memory, virtual time, and a run of the driver against them.

use super::*;

pub(super) const MS: Nanos = 1_000_000;
pub(super) const SECOND: Nanos = 1_000 * MS;

/// What the server in memory does with a request.
#[derive(Debug, Clone, Copy)]
pub(super) enum Answer {
    /// Answers after so long.
    After(Nanos),
    /// Answers `a` and the request's number after so long.
    Says(Nanos),
    /// Fails after so long.
    FailsAfter(Nanos),
    /// Closes the connection of so many attempts, 10 ms after each began, then answers.
    Disconnects { times: u32 },
    /// Sends the head of an answer, then nothing.
    Hangs,
    /// The client's own code panics.
    Panics,
}

pub(super) type Script = Arc<dyn Fn(u64) -> Answer + Send + Sync>;
pub(super) type Seen = Arc<Mutex<BTreeMap<u64, Bytes>>>;

#[derive(Clone)]
pub(super) struct Memory {
    pub(super) script: Script,
    pub(super) seen: Seen,
    pub(super) attempts: Arc<Mutex<BTreeMap<u64, u32>>>,
}

impl Memory {
    pub(super) fn new(script: impl Fn(u64) -> Answer + Send + Sync + 'static) -> Self {
        Self { script: Arc::new(script), seen: Seen::default(), attempts: Arc::default() }
    }
}

impl<C: Clock> TransportSource<C> for Memory {
    type Transport = MemoryTransport<C>;

    fn for_worker(&self, clock: C, _connections: Option<usize>) -> io::Result<MemoryTransport<C>> {
        Ok(MemoryTransport { memory: self.clone(), clock })
    }
}

pub(super) struct MemoryTransport<C> {
    pub(super) memory: Memory,
    pub(super) clock: C,
}

impl<C: Clock> Transport for MemoryTransport<C> {
    async fn prepare(&self, _connections: usize) {}

    async fn exchange(&self, request: &Prepared, facts: &mut Exchange) -> Result<(), Fault> {
        self.memory.seen.lock().expect("no panic").insert(request.index, request.body.clone());
        facts.sent = Some(self.clock.now());
        let wait = |ns: Nanos| self.clock.sleep_until(self.clock.now() + ns);
        match (self.memory.script)(request.index) {
            Answer::After(ns) => {
                wait(ns).await;
                facts.head = Some(self.clock.now());
                facts.last_byte = Some(self.clock.now());
                Ok(())
            }
            Answer::Says(ns) => {
                wait(ns).await;
                facts.last_byte = Some(self.clock.now());
                facts.text = format!("a{}", request.index);
                Ok(())
            }
            Answer::FailsAfter(ns) => {
                wait(ns).await;
                Err(Failure { error_type: "HTTP Error 503".to_owned(), message: "busy".to_owned() }.into())
            }
            Answer::Disconnects { times } => {
                let attempt = {
                    let mut attempts = self.memory.attempts.lock().expect("no panic");
                    let attempts: &mut u32 = attempts.entry(request.index).or_default();
                    std::mem::replace(attempts, *attempts + 1)
                };
                wait(10 * MS).await;
                if attempt >= times {
                    facts.last_byte = Some(self.clock.now());
                    return Ok(());
                }
                let failure = Failure {
                    error_type: "ServerDisconnectedError".to_owned(),
                    message: "Server disconnected".to_owned(),
                };
                Err(Fault::of_connection(failure))
            }
            Answer::Hangs => {
                facts.head = Some(self.clock.now());
                std::future::pending().await
            }
            Answer::Panics => panic!("as the test asked for"),
        }
    }
}

pub(super) struct Numbers;

impl Workload for Numbers {
    fn drawn(&self, _stage: u32, index: u64) -> Drawn {
        Drawn { prompt_tokens: u32::try_from(index).expect("few"), output_tokens: 7 }
    }

    fn prepare(&self, stage: u32, index: u64) -> Prepared {
        let drawn = self.drawn(stage, index);
        let body = Bytes::from(format!("{stage}/{index}"));
        Prepared::new(index, body, drawn.prompt_tokens, drawn)
    }
}

pub(super) fn settings(workers: usize, in_flight_cap: u64) -> Settings {
    Settings {
        seed: Seed(1),
        workers,
        in_flight_cap,
        connection_cap: None,
        patience: patience(300 * SECOND),
        grace_ns: 120 * SECOND,
        shard: Shard::WHOLE,
    }
}

pub(super) fn patience(timeout_ns: Nanos) -> Patience {
    Patience { timeout_ns, retries: 0, backoff_ns: 0, seed: Seed(1) }
}

pub(super) fn options() -> RecordOptions {
    RecordOptions::default()
}

pub(super) struct Run {
    pub(super) facts: StageFacts,
    pub(super) records: Vec<Record>,
    pub(super) seen: BTreeMap<u64, Bytes>,
}

/// When and how to stop, counted from the start of the run.
#[derive(Debug, Clone, Copy)]
pub(super) enum StopAt {
    Never,
    Gently(Nanos),
    AtOnce(Nanos),
}

pub(super) fn virtual_time<T>(future: impl Future<Output = T>) -> T {
    let mut builder = Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build_local(LocalOptions::default());
    runtime.expect("a runtime").block_on(future)
}

pub(super) fn run(
    stage: &StagePlan,
    settings: Settings,
    stop_at: StopAt,
    script: impl Fn(u64) -> Answer + Send + Sync + 'static,
) -> Run {
    run_of(Arc::new(Numbers), stage, settings, stop_at, script)
}

/// The same with another workload.
pub(super) fn run_of(
    workload: Arc<dyn Workload>,
    stage: &StagePlan,
    settings: Settings,
    stop_at: StopAt,
    script: impl Fn(u64) -> Answer + Send + Sync + 'static,
) -> Run {
    let folder = tempfile::tempdir().expect("a folder");
    let memory = Memory::new(script);
    let facts = virtual_time(async {
        let clock = TokioClock::start();
        let spool = SpoolWriter::create(folder.path()).expect("a spool");
        let memory = memory.clone();
        let mut engine = Engine::start(clock, settings, memory, workload, options(), spool, Hosting::Local)
            .await
            .expect("started");
        let stop = Stop::new();
        let asked = stop.clone();
        tokio::task::spawn_local(async move {
            match stop_at {
                StopAt::Never => {}
                StopAt::Gently(at) => {
                    clock.sleep_until(at).await;
                    asked.request();
                }
                StopAt::AtOnce(at) => {
                    clock.sleep_until(at).await;
                    asked.now();
                }
            }
        });
        let facts = engine.run_stage(stage, &stop).await.expect("a stage");
        engine.finish(stop.is_requested()).await.expect("finished");
        facts
    });
    let records = read(folder.path(), &facts);
    let seen = memory.seen.lock().expect("no panic").clone();
    Run { facts, records, seen }
}

/// The records by index, after making sure that the spool has them before their stage, and its end.
pub(super) fn read(folder: &std::path::Path, facts: &StageFacts) -> Vec<Record> {
    let mut reader = SpoolReader::open(folder).expect("a spool");
    let mut entries: Vec<_> = reader.by_ref().collect::<Result<_, _>>().expect("readable");
    assert_eq!(reader.torn(), None);
    assert!(matches!(entries.pop(), Some(SpoolEntry::Finished(_))));
    assert_eq!(entries.pop(), Some(SpoolEntry::Stage(Box::new(facts.clone()))));
    let mut records: Vec<Record> = entries
        .into_iter()
        .map(|entry| match entry {
            SpoolEntry::Request(record) => *record,
            other => panic!("{other:?} among the records"),
        })
        .collect();
    records.sort_by_key(|record| record.index);
    records
}

pub(super) fn even(rate: f64, seconds: f64) -> StagePlan {
    StagePlan::new(0, rate, seconds, Pacing::Even)
}

pub(super) fn assert_one_each(records: &[Record], requests: u64) {
    assert!(records.iter().map(|record| record.index).eq(0..requests), "one record for each arrival");
}
