//! The clocks keep time, and virtual time goes as its sleepers want it.

use tokio::runtime::{Builder, LocalOptions};

use super::*;

fn real_time<T>(future: impl Future<Output = T>) -> T {
    Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())
        .expect("runtime")
        .block_on(future)
}

#[test]
fn sleepers_wake_in_order_and_never_early() {
    real_time(async {
        let clock = MonotonicSource::start().for_this_runtime().expect("clock");
        let order = Rc::new(RefCell::new(Vec::new()));
        let tasks: Vec<_> = [30, 10, 20, 10]
            .into_iter()
            .map(|ms| {
                let (clock, order) = (clock.clone(), Rc::clone(&order));
                tokio::task::spawn_local(async move {
                    clock.sleep_until(ms * 1_000_000).await;
                    assert!(clock.now() >= ms * 1_000_000);
                    order.borrow_mut().push(ms);
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("task");
        }
        assert_eq!(*order.borrow(), [10, 10, 20, 30]);
    });
}

#[test]
fn a_driven_clock_wakes_its_own_task_and_others() {
    real_time(async {
        let clock = MonotonicSource::start().for_this_runtime().expect("clock");
        let other = {
            let clock = clock.clone();
            tokio::task::spawn_local(async move { clock.sleep_until(15 * 1_000_000).await })
        };
        let sleeping = async {
            for ms in [10, 20, 5] {
                clock.sleep_until(ms * 1_000_000).await;
                assert!(clock.now() >= ms * 1_000_000);
            }
            other.await.expect("task");
        };
        clock.drive(sleeping).await;
    });
}

#[test]
fn a_sleeper_that_gives_up_leaves_nothing_behind() {
    real_time(async {
        let clock = MonotonicSource::start().for_this_runtime().expect("clock");
        let far = clock.now() + 3_600 * NANOS_PER_SECOND;
        for _ in 0..100 {
            let outcome = tokio::select! {
                biased;
                () = clock.sleep_until(far) => "far",
                () = clock.sleep_until(clock.now() + 1_000) => "near",
            };
            assert_eq!(outcome, "near");
        }
        assert!(clock.driver.timer.state.borrow().by_instant.is_empty());
    });
}

#[test]
fn the_past_needs_no_waiting() {
    real_time(async {
        let clock = MonotonicSource::start().for_this_runtime().expect("clock");
        clock.sleep_until(-5).await;
        clock.sleep_until(clock.now()).await;
    });
}

#[test]
fn seconds_become_nanoseconds() {
    assert_eq!(nanos_from_seconds(1.5), 1_500_000_000);
    assert_eq!(nanos_from_seconds(f64::INFINITY), i64::MAX);
}
