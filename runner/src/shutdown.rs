//! SIGINT, SIGTERM and the deadline ask the run to stop.
//!
//! First signal: nothing more is sent, what is in flight may end within the grace. Second: it is cut off. Third: the
//! program leaves without reports. The deadline asks like a first signal, in time to store the results before it. Where
//! it is known when the program will be killed, the drain and the upload end before that by themselves.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::driver::Stop;

/// Exit code of a run that SIGINT stopped.
const INTERRUPTED: u8 = 130;
/// Exit code of a run that SIGTERM stopped, or the deadline, which is there to come before it.
const TERMINATED: u8 = 143;

/// Time that reports and uploads have between the end of the load and the deadline.
const STORING_BEFORE_DEADLINE: Duration = Duration::from_mins(2);
/// The same between the end of the drain and the end of the grace.
const STORING_WITHIN_GRACE: Duration = Duration::from_secs(30);
/// Time that what is in flight has to end before the deadline, where no grace says otherwise.
const DRAIN_BEFORE_DEADLINE: Duration = Duration::from_mins(2);
/// Time that is left for the last words after an upload that has been broken off.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// What is known of when the program will be killed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// From the first signal on; `None` if nobody kills it.
    pub grace: Option<Duration>,
    /// From the start of the program on.
    pub deadline: Option<Duration>,
}

/// What happens when, from the first signal or from the start of the program on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Course {
    /// Nothing more is sent.
    stop: Duration,
    /// What is in flight is cut off.
    cut: Duration,
    /// Uploads are broken off.
    late: Duration,
}

impl Limits {
    /// After the first signal.
    fn after_signal(&self) -> Option<Course> {
        let grace = self.grace?;
        let cut = grace.saturating_sub(STORING_WITHIN_GRACE.min(grace / 2));
        Some(Course { stop: Duration::ZERO, cut, late: grace.saturating_sub(LAST_WORDS.min(grace / 8)) })
    }

    /// From the start on.
    fn before_deadline(&self) -> Option<Course> {
        let deadline = self.deadline?;
        let quarter = deadline / 4;
        let cut = deadline.saturating_sub(STORING_BEFORE_DEADLINE.min(quarter));
        let drain = self.after_signal().map_or(DRAIN_BEFORE_DEADLINE, |course| course.cut);
        let late = deadline.saturating_sub(LAST_WORDS.min(deadline / 8));
        Some(Course { stop: cut.saturating_sub(drain.min(quarter)), cut, late })
    }
}

/// What signals and the deadline have asked for so far; clones tell the same.
#[derive(Debug, Clone, Default)]
pub struct Signals {
    stop: Stop,
    received: Arc<AtomicU8>,
    exit_code: Arc<AtomicU8>,
    /// The load is over: a deadline has nothing to stop any more.
    over: CancellationToken,
    /// There is no time left for uploads.
    late: CancellationToken,
}

impl Signals {
    /// Listens from now on, the start of the program; must be called within a runtime, and lasts as long as that.
    ///
    /// # Errors
    ///
    /// If the handlers cannot be installed.
    pub fn listen(limits: Limits) -> std::io::Result<Self> {
        let signals = Self::default();
        let interrupt = signal(SignalKind::interrupt())?;
        let terminate = signal(SignalKind::terminate())?;
        tokio::spawn(watch(signals.clone(), limits, interrupt, terminate));
        Ok(signals)
    }

    /// What the engine is to look at.
    pub fn stop(&self) -> &Stop {
        &self.stop
    }

    /// The exit code that the first signal asks for: 128 + its number. `None` if none came.
    pub fn exit_code(&self) -> Option<u8> {
        match self.exit_code.load(Ordering::Acquire) {
            0 => None,
            code => Some(code),
        }
    }

    /// The load is over: from now on the deadline stops nothing.
    pub fn load_is_over(&self) {
        self.over.cancel();
    }

    /// Cancelled when uploads have to be broken off, because the program will be killed.
    pub fn late(&self) -> &CancellationToken {
        &self.late
    }

    /// Acts on one more signal, whose exit code is `code`. True if the program is to leave at once.
    fn received(&self, code: u8) -> bool {
        let _ = self.exit_code.compare_exchange(0, code, Ordering::AcqRel, Ordering::Acquire);
        match self.received.fetch_add(1, Ordering::AcqRel) {
            0 => {
                tracing::warn!(
                    "stopping: nothing more is sent, what is in flight may end (again: cut it off)"
                );
                self.stop.request();
                false
            }
            1 => {
                tracing::warn!("cutting off what is in flight (again: leave without reports)");
                self.stop.now();
                false
            }
            _ => true,
        }
    }

    /// Acts on the deadline, which is near.
    fn deadline_is_near(&self) {
        if self.received.load(Ordering::Acquire) == 0 {
            let _ = self.exit_code.compare_exchange(0, TERMINATED, Ordering::AcqRel, Ordering::Acquire);
            tracing::warn!(
                "stopping: the deadline is near, so nothing more is sent; what is in flight may end"
            );
            self.stop.request();
        }
    }

    fn cut_off(&self) {
        if !self.over.is_cancelled() {
            tracing::warn!("cutting off what is in flight: the time that is left is for reports and uploads");
        }
        self.stop.now();
    }
}

async fn watch(signals: Signals, limits: Limits, mut interrupt: Signal, mut terminate: Signal) {
    let begin = Instant::now();
    let at = |from: Instant, course: Option<Course>, step: fn(&Course) -> Duration| {
        course.and_then(|course| from.checked_add(step(&course)))
    };
    let deadline = limits.before_deadline();
    let mut stop_at = at(begin, deadline, |course| course.stop);
    let mut cut_at = at(begin, deadline, |course| course.cut);
    let mut late_at = at(begin, deadline, |course| course.late);
    loop {
        let code = tokio::select! {
            _ = interrupt.recv() => INTERRUPTED,
            _ = terminate.recv() => TERMINATED,
            () = reached(stop_at), if !signals.over.is_cancelled() => {
                stop_at = None;
                if !signals.over.is_cancelled() {
                    signals.deadline_is_near();
                }
                continue;
            }
            () = reached(cut_at), if signals.stop.is_requested() => {
                cut_at = None;
                signals.cut_off();
                continue;
            }
            () = reached(late_at) => {
                late_at = None;
                signals.late.cancel();
                continue;
            }
        };
        let first = signals.received.load(Ordering::Acquire) == 0;
        if signals.received(code) {
            #[expect(clippy::exit, reason = "the third signal means: leave now, whatever is unfinished")]
            std::process::exit(i32::from(signals.exit_code().unwrap_or(code)));
        }
        if first {
            let now = Instant::now();
            let course = limits.after_signal();
            cut_at = earlier(cut_at, at(now, course, |course| course.cut));
            late_at = earlier(late_at, at(now, course, |course| course.late));
        }
    }
}

fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    one.into_iter().chain(other).min()
}

/// Ends at `instant`; never without one.
async fn reached(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_escalate_and_the_first_names_the_exit_code() {
        let signals = Signals::default();
        assert_eq!((signals.exit_code(), signals.stop().is_requested()), (None, false));
        assert!(!signals.received(143));
        assert!(signals.stop().is_requested());
        assert!(!signals.received(130));
        assert!(signals.received(130));
        assert_eq!(signals.exit_code(), Some(143));
    }

    #[test]
    fn a_deadline_names_the_exit_code_unless_a_signal_has() {
        let signals = Signals::default();
        signals.deadline_is_near();
        assert_eq!((signals.exit_code(), signals.stop().is_requested()), (Some(143), true));
        let signals = Signals::default();
        signals.received(130);
        signals.deadline_is_near();
        assert_eq!(signals.exit_code(), Some(130));
    }

    fn courses(grace: Option<u64>, deadline: Option<u64>) -> [Option<[u64; 3]>; 2] {
        let limits =
            Limits { grace: grace.map(Duration::from_secs), deadline: deadline.map(Duration::from_secs) };
        let seconds =
            |course: Course| [course.stop, course.cut, course.late].map(|duration| duration.as_secs());
        [limits.after_signal(), limits.before_deadline()].map(|course| course.map(seconds))
    }

    #[test]
    fn there_is_time_to_store_before_the_end() {
        assert_eq!(courses(None, None), [None, None]);
        assert_eq!(courses(Some(120), None), [Some([0, 90, 115]), None]);
        assert_eq!(courses(Some(40), None), [Some([0, 20, 35]), None]);
        assert_eq!(courses(Some(0), None), [Some([0, 0, 0]), None]);
        assert_eq!(courses(None, Some(3600)), [None, Some([3360, 3480, 3595])]);
        assert_eq!(courses(Some(120), Some(3600)), [Some([0, 90, 115]), Some([3390, 3480, 3595])]);
        assert_eq!(courses(None, Some(40)), [None, Some([20, 30, 35])]);
        assert_eq!(courses(None, Some(0)), [None, Some([0, 0, 0])]);
    }

    proptest::proptest! {
        #[test]
        fn each_step_follows_the_one_before(grace in 0u64..100_000, deadline in 0u64..1_000_000) {
            let limits = Limits {
                grace: Some(Duration::from_millis(grace)), deadline: Some(Duration::from_millis(deadline)),
            };
            for (course, end) in [(limits.after_signal(), grace), (limits.before_deadline(), deadline)] {
                let Course { stop, cut, late } = course.expect("given");
                proptest::prop_assert!(stop <= cut && cut <= late && late <= Duration::from_millis(end));
            }
        }
    }
}
