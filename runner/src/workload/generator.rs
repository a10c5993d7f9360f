//! Bodies made ahead of their time, in the order of arrivals, one bounded channel for each worker.
//!
//! The generator of a worker runs on a thread of its own. If it cannot keep up, the worker waits and says so; it never
//! makes a body itself.

use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};

use super::{Prepared, Workload};

/// Bodies that a worker has ready at most.
const MOST_READY: usize = 256;
/// Memory that they may take at most, KiB; a greater body is made alone.
const MOST_READY_KIB: u32 = 16 << 10;

/// The end of the channel that generators fill.
#[derive(Debug)]
pub struct BodySender {
    channel: mpsc::Sender<Prepared>,
    memory: Arc<Semaphore>,
}

/// The end that a worker empties; dropping it ends the generator.
#[derive(Debug)]
pub struct Bodies(mpsc::Receiver<Prepared>);

/// A channel for the bodies of one worker.
#[must_use]
pub fn bodies() -> (BodySender, Bodies) {
    let (sender, receiver) = mpsc::channel(MOST_READY);
    let memory = Arc::new(Semaphore::new(MOST_READY_KIB as usize));
    (BodySender { channel: sender, memory }, Bodies(receiver))
}

/// Makes the requests of `indices` in order, until they are done or nobody takes them; the stage has `before` arrivals
/// before it in the run.
pub async fn generate(
    workload: Arc<dyn Workload>,
    (stage, before): (u32, u64),
    indices: impl Iterator<Item = u64>,
    sender: BodySender,
) {
    for index in indices {
        if sender.channel.is_closed() {
            return;
        }
        let mut prepared = workload.prepare_after(before, stage, index);
        let kib = u32::try_from(prepared.size() / 1024 + 1).unwrap_or(u32::MAX).min(MOST_READY_KIB);
        let Ok(memory) = Arc::clone(&sender.memory).acquire_many_owned(kib).await else { return };
        prepared.memory = Some(memory);
        if sender.channel.send(prepared).await.is_err() {
            return;
        }
    }
}

impl Bodies {
    /// The next body if it is ready.
    pub fn ready(&mut self) -> Option<Prepared> {
        self.0.try_recv().ok()
    }

    /// The next body; `None` if the generator is gone.
    pub async fn next(&mut self) -> Option<Prepared> {
        self.0.recv().await
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::Drawn;
    use super::*;

    struct Bulky(usize);

    impl Workload for Bulky {
        fn drawn(&self, _stage: u32, _index: u64) -> Drawn {
            Drawn::default()
        }

        fn prepare(&self, _stage: u32, index: u64) -> Prepared {
            let body = Bytes::from(vec![b'x'; self.0]);
            Prepared::new(index, body, 1, Drawn::default())
        }
    }

    async fn ready_ahead(bytes: usize) -> usize {
        let (sender, mut bodies) = bodies();
        let task = tokio::spawn(generate(Arc::new(Bulky(bytes)), (0, 0), (0..2_000).step_by(2), sender));
        let first = bodies.next().await.expect("a body");
        assert_eq!(first.index, 0);
        // One thread: the generator goes on until it must wait, in turns that tokio bounds.
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        let mut ahead = 0;
        let mut held = vec![first];
        while let Some(body) = bodies.ready() {
            ahead += 1;
            assert_eq!(body.index, 2 * ahead as u64);
            held.push(body);
        }
        drop((held, bodies));
        task.await.expect("it ends when nobody takes its bodies");
        ahead
    }

    #[tokio::test]
    async fn number_and_memory_of_bodies_ahead_are_bounded() {
        let small = ready_ahead(10).await;
        assert!((MOST_READY - 1..=MOST_READY).contains(&small), "{small}");
        // A MiB and a little each: 15 fit into 16 MiB, one of them in hand.
        assert_eq!(ready_ahead((1 << 20) + 10).await, 14);
        assert_eq!(ready_ahead(100 << 20).await, 0);
    }
}
