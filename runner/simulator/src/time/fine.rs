//! A timer with the kernel's resolution: one timerfd for each runtime, armed for the earliest sleeper.
//!
//! Tokio's timer wheel turns once a millisecond, which would put noise of that size on every token. Needs Linux and
//! a tokio runtime with I/O; it knows nothing of requests.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
    timerfd_create, timerfd_settime,
};
use tokio::io::unix::AsyncFd;
use tokio_util::task::AbortOnDropHandle;

use super::{Nanos, Timer};

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// How much later than the earliest sleeper the kernel's timer fires, nanoseconds; the kernel's own default for sleeps.
/// Sleepers that are due within it wake together: a server writes the tokens of one step together too, and one wake-up
/// a token would cost more than the token.
const SLACK: Nanos = 50_000;

/// A clock on `CLOCK_MONOTONIC`, whose instants are comparable between processes of one machine, and sleeps that end
/// about a tenth of a millisecond after their instant.
#[derive(Debug, Clone)]
pub struct FineTimer {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    timerfd: Arc<AsyncFd<OwnedFd>>,
    sleepers: Mutex<Sleepers>,
    /// Ends with the last handle and sleep.
    _driver: AbortOnDropHandle<()>,
}

#[derive(Debug, Default)]
struct Sleepers {
    /// Keyed by instant, then by number, so that equal instants wake in order of their registration.
    wakers: BTreeMap<(Nanos, u64), Waker>,
    /// Sleeper for which the timerfd is armed; `None` if it is not.
    armed: Option<Nanos>,
    registrations: u64,
}

impl FineTimer {
    /// Starts a timer on the current tokio runtime, whose tasks alone may sleep on it.
    pub fn start() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timerfd = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        #[expect(
            deprecated,
            reason = "its successor is unsafe for types that lie about their descriptor; OwnedFd does not"
        )]
        let timerfd = Arc::new(AsyncFd::new(timerfd)?);
        let shared = Arc::new_cyclic(|shared| {
            let driver =
                AbortOnDropHandle::new(tokio::spawn(drive(Arc::clone(&timerfd), Weak::clone(shared))));
            Shared { timerfd, sleepers: Mutex::default(), _driver: driver }
        });
        Ok(Self { shared })
    }
}

impl Timer for FineTimer {
    type Sleep = FineSleep;

    fn now(&self) -> Nanos {
        monotonic_now()
    }

    fn sleep_until(&self, due: Nanos) -> FineSleep {
        FineSleep { shared: Arc::clone(&self.shared), due, number: None }
    }
}

/// The present instant on the machine's monotonic clock, the one of [`FineTimer`].
#[must_use]
pub fn monotonic_now() -> Nanos {
    let time = clock_gettime(ClockId::Monotonic);
    // CLOCK_MONOTONIC counts up from the machine's start and is never negative.
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds * NANOS_PER_SECOND + nanos
}

/// A sleep on a [`FineTimer`].
#[derive(Debug)]
pub struct FineSleep {
    shared: Arc<Shared>,
    due: Nanos,
    /// Number under which the sleep is registered; `None` before the first poll.
    number: Option<u64>,
}

impl Future for FineSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if monotonic_now() >= self.due {
            return Poll::Ready(());
        }
        let shared = Arc::clone(&self.shared);
        let mut sleepers = shared.lock();
        let number = *self.number.get_or_insert_with(|| {
            sleepers.registrations += 1;
            sleepers.registrations
        });
        sleepers
            .wakers
            .entry((self.due, number))
            .and_modify(|waker| waker.clone_from(context.waker()))
            .or_insert_with(|| context.waker().clone());
        if sleepers.armed.is_none_or(|armed| self.due < armed) {
            shared.arm(&mut sleepers, Some(self.due));
        }
        Poll::Pending
    }
}

impl Drop for FineSleep {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.shared.lock().wakers.remove(&(self.due, number));
        }
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Sleepers> {
        // Every change of the map is one call, so a panic elsewhere leaves it whole.
        self.sleepers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn arm(&self, sleepers: &mut Sleepers, due: Option<Nanos>) {
        let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
        let value = due.map(|due| due.saturating_add(SLACK)).map_or(zero, |due| Timespec {
            tv_sec: i64::try_from(due / NANOS_PER_SECOND).unwrap_or(i64::MAX),
            // All zeros would disarm the timer; an instant of zero never comes, the clock is past it.
            tv_nsec: (due % NANOS_PER_SECOND).cast_signed(),
        });
        let spec = Itimerspec { it_interval: zero, it_value: value };
        match timerfd_settime(&*self.timerfd, TimerfdTimerFlags::ABSTIME, &spec) {
            Ok(_) => sleepers.armed = due,
            // Only invalid arguments can fail here: wake everybody, who then look at the clock again.
            Err(error) => {
                tracing::error!(%error, "the kernel refused to arm a timer");
                sleepers.armed = None;
                std::mem::take(&mut sleepers.wakers).into_values().for_each(Waker::wake);
            }
        }
    }

    fn wake_due(&self) {
        let due = {
            let mut sleepers = self.lock();
            let later = sleepers.wakers.split_off(&(monotonic_now() + 1, 0));
            let due = std::mem::replace(&mut sleepers.wakers, later);
            let next = sleepers.wakers.first_key_value().map(|(&(instant, _), _)| instant);
            if next.is_some() {
                self.arm(&mut sleepers, next);
            } else {
                sleepers.armed = None;
            }
            due
        };
        due.into_values().for_each(Waker::wake);
    }
}

/// Wakes sleepers as the timerfd fires.
async fn drive(timerfd: Arc<AsyncFd<OwnedFd>>, shared: Weak<Shared>) {
    loop {
        let mut expirations = [0_u8; 8];
        let Ok(mut guard) = timerfd.readable().await else { return };
        // Reading clears the readiness; whether it was this expiry or an older one does not matter.
        let _ = guard.try_io(|fd| Ok(rustix::io::read(fd, &mut expirations)?));
        drop(guard);
        match shared.upgrade() {
            Some(shared) => shared.wake_due(),
            None => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn sleeps_end_in_order_and_never_early() {
        let timer = FineTimer::start().unwrap();
        let start = timer.now();
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for offset_us in [900_u64, 300, 600, 300, 0] {
            let (timer, order) = (timer.clone(), Arc::clone(&order));
            tasks.push(tokio::spawn(async move {
                let due = start + offset_us * 1000;
                timer.sleep_until(due).await;
                assert!(timer.now() >= due);
                order.lock().unwrap().push(offset_us);
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), [0, 300, 300, 600, 900]);
    }

    #[tokio::test]
    async fn a_dropped_sleep_leaves_no_waker() {
        let timer = FineTimer::start().unwrap();
        let far = timer.now() + 3_600 * NANOS_PER_SECOND;
        let sleep = timer.sleep_until(far);
        let waiting = tokio::time::timeout(std::time::Duration::from_millis(1), sleep).await;
        assert!(waiting.is_err());
        assert!(timer.shared.lock().wakers.is_empty());
        // A nearer sleeper re-arms the timer that the dropped one had set.
        timer.sleep_until(timer.now() + 500_000).await;
    }
}
