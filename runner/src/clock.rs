//! The run's clock: instants for facts, and waiting until an instant.
//!
//! Everything that measures or waits takes its time from here, so the same code runs in real time and, under
//! tokio's paused time, in virtual time. It knows nothing of requests.

pub mod virtual_time;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use benchmark_schemas::record::Nanos;
use rustix::fd::OwnedFd;
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
    timerfd_create, timerfd_settime,
};
use tokio::io::unix::AsyncFd;
use tokio::task::AbortHandle;

const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// Converts seconds of a configuration into nanoseconds; saturates at the ends of the range.
#[expect(clippy::cast_possible_truncation, reason = "`as` saturates, which is the wanted meaning of `.inf`")]
#[must_use]
pub fn nanos_from_seconds(seconds: f64) -> Nanos {
    (seconds * 1e9).round() as Nanos
}

/// Seconds of `nanos`.
pub fn seconds(nanos: Nanos) -> f64 {
    nanos as f64 / 1e9
}

/// A clock as one runtime sees it.
pub trait Clock: Clone + Unpin + 'static {
    /// The present instant.
    fn now(&self) -> Nanos;

    /// Ends at `at` or as soon after as the clock can; at once if `at` is not in the future.
    fn sleep_until(&self, at: Nanos) -> impl Future<Output = ()>;

    /// Time that the runtime has spent working since its start, where the clock knows it better than the runtime does.
    fn busy(&self) -> Option<Duration> {
        None
    }

    /// Runs `task` and wakes all sleepers of this clock from within it, so that its own sleeps end as soon as can be.
    fn drive<F: Future>(&self, task: F) -> impl Future<Output = F::Output> {
        task
    }
}

/// What all runtimes of a run share of a clock.
pub trait ClockSource: Clone + Send + 'static {
    /// The clock of one runtime.
    type Clock: Clock;

    /// The present instant, the same as the clocks give it.
    fn now(&self) -> Nanos;

    /// The clock of the runtime that calls this; tasks can be spawned locally there.
    fn for_this_runtime(&self) -> io::Result<Self::Clock>;
}

/// Real time since the start of the run.
#[derive(Debug, Clone, Copy)]
pub struct MonotonicSource {
    origin: i64,
}

impl MonotonicSource {
    /// Makes the present instant the run's instant zero.
    #[must_use]
    pub fn start() -> Self {
        Self::at(0)
    }

    /// Makes the present instant `now` of the run.
    #[must_use]
    pub fn at(now: Nanos) -> Self {
        Self { origin: monotonic() - now }
    }
}

impl ClockSource for MonotonicSource {
    type Clock = MonotonicClock;

    fn now(&self) -> Nanos {
        monotonic() - self.origin
    }

    fn for_this_runtime(&self) -> io::Result<MonotonicClock> {
        MonotonicClock::new(*self)
    }
}

/// Real time, with one kernel timer (timerfd) for all waiters of a runtime.
///
/// tokio's own timers have a granularity of a millisecond and are late by about as much; a timerfd is late by tens
/// of microseconds. Nothing here is shared with other threads.
#[derive(Clone)]
pub struct MonotonicClock {
    driver: Rc<Driver>,
}

/// Ends the task that watches the timer when the last clock handle goes.
struct Driver {
    timer: Rc<Timer>,
    task: AbortHandle,
}

struct Timer {
    source: MonotonicSource,
    fd: AsyncFd<OwnedFd>,
    state: RefCell<Waiters>,
}

#[derive(Default)]
struct Waiters {
    /// By instant; the number tells waiters of one instant apart. Ordered so that a waiter that gives up is
    /// removed at once: timeouts of requests rarely expire and must not pile up.
    by_instant: BTreeMap<(Nanos, u64), Rc<Waiter>>,
    next_number: u64,
    armed: Option<Nanos>,
}

/// Who waits. A request's timeout is looked at with every token that comes, so looking must cost next to nothing.
struct Waiter {
    due: Cell<bool>,
    waker: RefCell<Waker>,
}

impl MonotonicClock {
    fn new(source: MonotonicSource) -> io::Result<Self> {
        let fd = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        #[expect(deprecated, reason = "its successor is unsafe to call; an OwnedFd keeps what that asks for")]
        let fd = AsyncFd::new(fd)?;
        let timer = Rc::new(Timer { source, fd, state: RefCell::new(Waiters::default()) });
        let task = tokio::task::spawn_local(watch(Rc::clone(&timer))).abort_handle();
        Ok(Self { driver: Rc::new(Driver { timer, task }) })
    }
}

impl Clock for MonotonicClock {
    fn now(&self) -> Nanos {
        self.driver.timer.source.now()
    }

    fn drive<F: Future>(&self, task: F) -> impl Future<Output = F::Output> {
        self.driver.task.abort();
        let timer = Rc::clone(&self.driver.timer);
        async move {
            let mut task = std::pin::pin!(task);
            std::future::poll_fn(|context| {
                timer.poll_expired(context);
                task.as_mut().poll(context)
            })
            .await
        }
    }

    fn sleep_until(&self, at: Nanos) -> impl Future<Output = ()> {
        Sleep { timer: Rc::clone(&self.driver.timer), at, waits: None }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Timer {
    /// Sets the kernel timer to the earliest waiter, if it is not set so already.
    fn arm(&self, waiters: &mut Waiters) {
        let Some((&(earliest, _), _)) = waiters.by_instant.first_key_value() else { return };
        if waiters.armed.is_some_and(|armed| armed <= earliest) {
            return;
        }
        let absolute = (self.source.origin.saturating_add(earliest)).max(1);
        let value = Timespec { tv_sec: absolute / NANOS_PER_SECOND, tv_nsec: absolute % NANOS_PER_SECOND };
        let setting = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: value };
        // Fails only for a bad descriptor or an instant out of range, and both are fixed above.
        if timerfd_settime(self.fd.get_ref(), TimerfdTimerFlags::ABSTIME, &setting).is_ok() {
            waiters.armed = Some(earliest);
        }
    }

    /// Wakes sleepers if the kernel timer has fired; `context` is woken when it fires next.
    fn poll_expired(&self, context: &mut Context<'_>) {
        while let Poll::Ready(Ok(mut ready)) = self.fd.poll_read_ready(context) {
            self.expired();
            ready.clear_ready();
        }
    }

    /// The kernel timer has fired: wakes whose instant has come.
    fn expired(&self) {
        // The count of expirations does not matter; reading it makes the descriptor wait again.
        let _ = rustix::io::read(self.fd.get_ref(), &mut [0; 8]);
        for waiter in self.take_due().into_values() {
            waiter.due.set(true);
            waiter.waker.borrow().wake_by_ref();
        }
    }

    /// Takes all whose instant has come.
    fn take_due(&self) -> BTreeMap<(Nanos, u64), Rc<Waiter>> {
        let now = self.source.now();
        let mut waiters = self.state.borrow_mut();
        let later = waiters.by_instant.split_off(&(now.saturating_add(1), 0));
        let due = std::mem::replace(&mut waiters.by_instant, later);
        waiters.armed = None;
        self.arm(&mut waiters);
        due
    }
}

/// Wakes waiters whenever the kernel timer fires, where no other task does.
async fn watch(timer: Rc<Timer>) {
    std::future::poll_fn(|context| {
        timer.poll_expired(context);
        Poll::<()>::Pending
    })
    .await;
}

struct Sleep {
    timer: Rc<Timer>,
    at: Nanos,
    /// Place among the waiters, once it is one.
    waits: Option<((Nanos, u64), Rc<Waiter>)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if let Some((_, waiter)) = &self.waits {
            if waiter.due.get() {
                return Poll::Ready(());
            }
            waiter.waker.borrow_mut().clone_from(context.waker());
            return Poll::Pending;
        }
        if self.timer.source.now() >= self.at {
            return Poll::Ready(());
        }
        let timer = Rc::clone(&self.timer);
        let mut waiters = timer.state.borrow_mut();
        waiters.next_number += 1;
        let key = (self.at, waiters.next_number);
        let waiter = Rc::new(Waiter { due: Cell::new(false), waker: RefCell::new(context.waker().clone()) });
        waiters.by_instant.insert(key, Rc::clone(&waiter));
        self.waits = Some((key, waiter));
        timer.arm(&mut waiters);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some((key, _)) = self.waits.take() {
            self.timer.state.borrow_mut().by_instant.remove(&key);
        }
    }
}

fn monotonic() -> i64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec * NANOS_PER_SECOND + now.tv_nsec
}

/// tokio's clock, which tests pause: its granularity is a millisecond.
#[derive(Debug, Clone, Copy)]
pub struct TokioClock {
    origin: tokio::time::Instant,
}

impl TokioClock {
    /// Makes the present instant of the runtime the clock's instant zero.
    #[must_use]
    pub fn start() -> Self {
        Self { origin: tokio::time::Instant::now() }
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Nanos {
        Nanos::try_from(self.origin.elapsed().as_nanos()).unwrap_or(Nanos::MAX)
    }

    fn sleep_until(&self, at: Nanos) -> impl Future<Output = ()> {
        let offset = Duration::from_nanos(u64::try_from(at).unwrap_or(0));
        // `checked_add` fails centuries ahead: waiting for ever is the meaning then.
        let deadline = self.origin.checked_add(offset);
        async move {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        }
    }
}

impl ClockSource for TokioClock {
    type Clock = Self;

    fn now(&self) -> Nanos {
        Clock::now(self)
    }

    fn for_this_runtime(&self) -> io::Result<Self> {
        Ok(*self)
    }
}

#[cfg(test)]
mod tests;
