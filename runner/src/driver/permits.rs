//! In-flight permits of a stage: one pool for all workers, so that none waits while another has some to spare.
//!
//! Taking and giving back are a few atomic operations, without a lock. Each worker has a seat, at which at most one
//! arrival waits: the earliest due that the worker has not sent. A permit that is given back goes to the arrival that
//! was due first, but stays with its worker as long as that is no more than [`LOCAL_FIRST_NS`] behind: waking another
//! thread costs more than sending a request. It knows nothing of requests.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll};

use benchmark_schemas::record::Nanos;
use futures_util::task::AtomicWaker;

/// So much later may an arrival be due and still be served before one that waits at another worker.
const LOCAL_FIRST_NS: Nanos = 1_000_000;
/// Nobody waits at this seat.
const NOBODY: Nanos = Nanos::MAX;

/// The permits of a stage.
#[derive(Debug)]
pub(super) struct Permits {
    free: AtomicU64,
    /// Seats at which an arrival waits: none in most stages, and then seats need not be looked at.
    waiting: AtomicUsize,
    seats: Box<[Place]>,
}

/// On cache lines of its own.
#[derive(Debug)]
#[repr(align(128))]
struct Place {
    /// When the arrival that waits was due, or [`NOBODY`].
    due: AtomicI64,
    waker: AtomicWaker,
}

impl Permits {
    /// `count` permits for `workers` workers.
    pub(super) fn new(count: u64, workers: usize) -> Arc<Self> {
        let place = || Place { due: AtomicI64::new(NOBODY), waker: AtomicWaker::new() };
        Arc::new(Self {
            free: AtomicU64::new(count),
            waiting: AtomicUsize::new(0),
            seats: std::iter::repeat_with(place).take(workers).collect(),
        })
    }

    /// The seat of worker `k`; each is taken once.
    pub(super) fn seat(self: &Arc<Self>, k: usize) -> Seat {
        Seat { permits: Arc::clone(self), k }
    }

    /// Takes a permit for an arrival of worker `k`, unless one that was due well before it waits elsewhere.
    fn try_take(&self, k: usize, due: Nanos) -> bool {
        if self.waiting.load(SeqCst) > 0 {
            let earlier = due.saturating_sub(LOCAL_FIRST_NS);
            let mut others = self.seats.iter().enumerate().filter(|(other, _)| *other != k);
            if others.any(|(_, place)| place.due.load(SeqCst) < earlier) {
                return false;
            }
        }
        self.free.fetch_update(SeqCst, SeqCst, |free| free.checked_sub(1)).is_ok()
    }

    /// Wakes who shall have a permit that is free, if anybody waits: worker `k` itself or whoever was due first.
    fn pass_on(&self, k: usize) {
        if self.waiting.load(SeqCst) == 0 || self.free.load(SeqCst) == 0 {
            return;
        }
        let due = |place: &Place| place.due.load(SeqCst);
        let Some(first) = self.seats.iter().min_by_key(|place| due(place)) else { return };
        let own = due(&self.seats[k]);
        let chosen = if own != NOBODY && own.saturating_sub(LOCAL_FIRST_NS) <= due(first) {
            &self.seats[k]
        } else {
            first
        };
        chosen.waker.wake();
    }
}

/// Where one worker takes its permits.
#[derive(Debug)]
pub(super) struct Seat {
    permits: Arc<Permits>,
    k: usize,
}

impl Seat {
    /// Waits for a permit for the arrival that was due at `due`; later ones of this worker wait behind it.
    pub(super) fn take(&self, due: Nanos) -> impl Future<Output = Permit> {
        Take { seat: self, due, seated: false }
    }
}

/// Allows one request to be in flight; given back when dropped.
#[derive(Debug)]
pub(super) struct Permit {
    permits: Arc<Permits>,
    k: usize,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.permits.free.fetch_add(1, SeqCst);
        self.permits.pass_on(self.k);
    }
}

struct Take<'a> {
    seat: &'a Seat,
    due: Nanos,
    seated: bool,
}

impl Take<'_> {
    fn sit(&mut self, context: &Context<'_>) {
        let (permits, k) = (&self.seat.permits, self.seat.k);
        permits.seats[k].waker.register(context.waker());
        if !self.seated {
            self.seated = true;
            permits.seats[k].due.store(self.due, SeqCst);
            permits.waiting.fetch_add(1, SeqCst);
        }
    }

    /// Leaves the seat; a permit that was meant for it goes to the next who waits.
    fn leave(&mut self) {
        if std::mem::take(&mut self.seated) {
            let permits = &self.seat.permits;
            permits.seats[self.seat.k].due.store(NOBODY, SeqCst);
            permits.waiting.fetch_sub(1, SeqCst);
            permits.pass_on(self.seat.k);
        }
    }
}

impl Future for Take<'_> {
    type Output = Permit;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Permit> {
        let (seat, due) = (self.seat, self.due);
        let taken = seat.permits.try_take(seat.k, due) || {
            self.sit(context);
            // Again: one may have been given back before the seat was taken.
            seat.permits.try_take(seat.k, due)
        };
        if taken {
            self.leave();
            return Poll::Ready(Permit { permits: Arc::clone(&seat.permits), k: seat.k });
        }
        Poll::Pending
    }
}

impl Drop for Take<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;
    use std::time::Duration;

    use futures_util::FutureExt as _;

    use super::*;

    const MS: Nanos = 1_000_000;

    fn seats(count: u64, workers: usize) -> Vec<Seat> {
        let permits = Permits::new(count, workers);
        (0..workers).map(|k| permits.seat(k)).collect()
    }

    #[test]
    fn a_worker_may_have_them_all() {
        let seats = seats(2, 3);
        let first = seats[1].take(0).now_or_never().expect("free");
        let second = seats[1].take(0).now_or_never().expect("free");
        assert!(seats[0].take(0).now_or_never().is_none(), "none is left for anybody");
        drop(first);
        let third = seats[0].take(5).now_or_never().expect("given back");
        drop((second, third));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn who_was_due_first_is_served_first() {
        let seats = seats(1, 3);
        let held = seats[2].take(0).await;
        let mut late = Box::pin(seats[0].take(20 * MS));
        let mut early = Box::pin(seats[1].take(10 * MS));
        assert!(futures_util::poll!(&mut late).is_pending() && futures_util::poll!(&mut early).is_pending());
        drop(held);
        assert!(futures_util::poll!(&mut late).is_pending(), "it waits for the one before it");
        assert!(seats[2].take(15 * MS).now_or_never().is_none(), "nobody passes who was due well before");
        let taken = seats[2].take(10 * MS + LOCAL_FIRST_NS).now_or_never().expect("hardly later");
        drop(taken);
        let taken = early.await;
        assert!(futures_util::poll!(&mut late).is_pending());
        drop(taken);
        late.await;
    }

    #[tokio::test(flavor = "current_thread")]
    async fn who_gives_up_wakes_the_next() {
        let seats = seats(1, 3);
        let held = seats[0].take(0).await;
        let mut early = Box::pin(seats[1].take(10 * MS));
        assert!(futures_util::poll!(&mut early).is_pending());
        let next = seats[2].take(20 * MS);
        let waits = async {
            drop(held);
            // The permit is meant for `early`, which goes away without it.
            drop(early);
            std::future::pending::<()>().await;
        };
        tokio::select! {
            biased;
            _ = next => {}
            () = waits => unreachable!("it never ends"),
        }
    }

    /// Threads that take and give back at random: no more than `count` at once, and nobody is left waiting.
    #[test]
    fn threads_share_them_without_loss() {
        const ROUNDS: i64 = 5_000;
        let seats = seats(3, 4);
        let (held, most) = (AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for seat in &seats {
                let (held, most) = (&held, &most);
                scope.spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
                    runtime.expect("a runtime").block_on(async {
                        for round in 0..ROUNDS {
                            // A lost wake-up would hang the round; a minute is beyond any machine's noise.
                            let permit = tokio::time::timeout(Duration::from_mins(1), seat.take(round * MS));
                            let permit = permit.await.expect("nobody waits for ever");
                            most.fetch_max(held.fetch_add(1, SeqCst) + 1, SeqCst);
                            tokio::task::yield_now().await;
                            held.fetch_sub(1, SeqCst);
                            drop(permit);
                        }
                    });
                });
            }
        });
        assert!(most.load(SeqCst) <= 3);
        assert_eq!(seats[0].permits.free.load(SeqCst), 3, "all are given back");
        assert_eq!(seats[0].permits.waiting.load(SeqCst), 0);
    }
}
