//! Slots and the queue before them, as a state machine without time, tasks or locks.
//!
//! Instants are given by the caller. A slot that becomes free late by the wall clock is still handed on at the
//! instant at which it was due, so a server that wakes late loses no capacity.

use std::collections::VecDeque;

use crate::time::Nanos;

/// Slots of a server; `W` is what the owner needs to tell a waiting request that it was granted one.
#[derive(Debug)]
pub struct Slots<W> {
    count: u32,
    queue_limit: Option<u32>,
    occupied: u32,
    /// In order of arrival, so their numbers rise.
    queue: VecDeque<Waiting<W>>,
    arrivals: u64,
}

#[derive(Debug)]
struct Waiting<W> {
    number: u64,
    arrival: Nanos,
    waiter: W,
}

/// What became of an arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It holds a slot from its arrival on.
    Granted,
    /// It waits for one.
    Queued,
    /// No slot is free and the queue is full.
    Refused,
}

/// A slot handed on to the first of the queue.
#[derive(Debug, PartialEq, Eq)]
pub struct Grant<W> {
    /// Whom it was granted to.
    pub waiter: W,
    /// From when on: when the slot became free, or the arrival if that was later.
    pub at: Nanos,
}

impl<W> Slots<W> {
    /// `slots` free slots before which at most `queue_limit` requests wait.
    #[must_use]
    pub fn new(slots: u32, queue_limit: Option<u32>) -> Self {
        Self { count: slots, queue_limit, occupied: 0, queue: VecDeque::new(), arrivals: 0 }
    }

    /// A request arrives. Returns its number, which counts arrivals from 0, and what became of it; `waiter` is called
    /// only if it has to wait.
    pub fn arrive(&mut self, at: Nanos, waiter: impl FnOnce() -> W) -> (u64, Admission) {
        let number = self.arrivals;
        self.arrivals += 1;
        let admission = if self.occupied < self.count {
            self.occupied += 1;
            Admission::Granted
        } else if self.queue_limit.is_none_or(|limit| self.queue.len() < limit as usize) {
            self.queue.push_back(Waiting { number, arrival: at, waiter: waiter() });
            Admission::Queued
        } else {
            Admission::Refused
        };
        (number, admission)
    }

    /// A slot becomes free at `at`. It goes to the first of the queue, if there is one.
    pub fn release(&mut self, at: Nanos) -> Option<Grant<W>> {
        let next = self.queue.pop_front();
        if next.is_none() {
            self.occupied -= 1;
        }
        next.map(|next| Grant { waiter: next.waiter, at: at.max(next.arrival) })
    }

    /// A waiting request gives up. False if request `number` is not in the queue.
    pub fn abandon(&mut self, number: u64) -> bool {
        let place = self.queue.binary_search_by_key(&number, |waiting| waiting.number);
        place.is_ok_and(|place| self.queue.remove(place).is_some())
    }

    /// Occupied slots.
    #[must_use]
    pub fn running(&self) -> u32 {
        self.occupied
    }

    /// Requests in the queue.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn slots_go_to_the_first_of_the_queue() {
        let mut slots = Slots::new(1, Some(2));
        assert_eq!(slots.arrive(10, || 'a'), (0, Admission::Granted));
        assert_eq!(slots.arrive(11, || 'b'), (1, Admission::Queued));
        assert_eq!(slots.arrive(12, || 'c'), (2, Admission::Queued));
        assert_eq!(slots.arrive(13, || 'd'), (3, Admission::Refused));
        assert_eq!(slots.release(20), Some(Grant { waiter: 'b', at: 20 }));
        assert_eq!((slots.running(), slots.waiting()), (1, 1));
        // Processed late: the slot was free before 'c' came.
        assert_eq!(slots.release(5), Some(Grant { waiter: 'c', at: 12 }));
        assert_eq!(slots.release(30), None);
        assert_eq!((slots.running(), slots.waiting()), (0, 0));
    }

    #[test]
    fn who_gives_up_is_passed_over() {
        let mut slots = Slots::new(1, None);
        for waiter in 'a'..='d' {
            slots.arrive(0, || waiter);
        }
        assert!(slots.abandon(2));
        assert!(!slots.abandon(2));
        assert!(!slots.abandon(0));
        assert_eq!(slots.release(1).map(|grant| grant.waiter), Some('b'));
        assert_eq!(slots.release(2).map(|grant| grant.waiter), Some('d'));
    }

    proptest! {
        #[test]
        fn grants_keep_the_order_and_no_slot_is_lost(
            count in 1_u32..5,
            limit in prop::option::of(0_u32..6),
            actions in prop::collection::vec(0_u8..3, 0..200),
        ) {
            let mut slots = Slots::new(count, limit);
            let (mut held, mut queued, mut granted) = (0_u32, Vec::new(), Vec::new());
            for (at, action) in (0_u64..).zip(actions) {
                match action {
                    0 => match slots.arrive(at, || at) {
                        (_, Admission::Granted) => held += 1,
                        (number, Admission::Queued) => queued.push((number, at)),
                        (_, Admission::Refused) => prop_assert_eq!(queued.len(), limit.unwrap() as usize),
                    },
                    1 if held > 0 => match slots.release(at) {
                        Some(grant) => granted.push((grant.waiter, queued.remove(0).1)),
                        None => held -= 1,
                    },
                    2 if !queued.is_empty() => {
                        let (number, _) = queued.remove(queued.len() / 2);
                        prop_assert!(slots.abandon(number));
                    }
                    _ => {}
                }
                prop_assert_eq!(slots.running(), held);
                prop_assert_eq!(slots.waiting(), queued.len());
                prop_assert!(held == count || queued.is_empty());
            }
            prop_assert!(granted.iter().all(|(got, expected)| got == expected));
        }
    }
}
