//! Who may speak: the turns of a speaker are sent one after another, each when the one before it has ended.
//!
//! All turns of a speaker belong to one worker, so nothing here is shared between threads. A turn that has to wait holds
//! no permit of its own; it gets that of the turn before it, so a conversation that is under way goes on also when all
//! permits are taken. It knows nothing of what is said.

use std::cell::{Ref, RefCell, RefMut};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use benchmark_schemas::record::Nanos;
use tokio::sync::oneshot;

use super::permits::Permit;
use crate::workload::History;

/// The speakers of a worker's share of a stage.
#[derive(Debug, Default)]
pub(super) struct Conversations(HashMap<u64, Rc<Speaker>>);

#[derive(Debug, Default)]
struct Speaker {
    history: RefCell<History>,
    state: RefCell<State>,
}

#[derive(Debug, Default)]
struct State {
    /// A turn is being sent, or about to be.
    speaks: bool,
    /// When the last turn ended.
    ended: Option<Nanos>,
    /// Turns that wait, in order.
    waiting: VecDeque<oneshot::Sender<Floor>>,
}

/// What a turn finds when it is due.
#[derive(Debug)]
pub(super) enum Entry {
    /// It may be sent.
    Free(Floor),
    /// The turn before it has not ended.
    Waits(oneshot::Receiver<Floor>),
}

/// The right to speak; whoever waits gets it when this is dropped.
#[derive(Debug)]
pub(super) struct Floor {
    speaker: Option<Rc<Speaker>>,
    permit: Option<Permit>,
}

impl Conversations {
    /// The next turn of `speaker` is due.
    pub(super) fn enter(&mut self, speaker: u64) -> Entry {
        let speaker = self.0.entry(speaker).or_default();
        let mut state = speaker.state.borrow_mut();
        if std::mem::replace(&mut state.speaks, true) {
            let (sender, receiver) = oneshot::channel();
            state.waiting.push_back(sender);
            return Entry::Waits(receiver);
        }
        Entry::Free(Floor { speaker: Some(Rc::clone(speaker)), permit: None })
    }
}

impl Entry {
    /// True if the turn before it has not ended.
    pub(super) fn waits(&self) -> bool {
        matches!(self, Self::Waits(_))
    }
}

impl Floor {
    /// The same with a permit to send.
    pub(super) fn with(mut self, permit: Option<Permit>) -> Self {
        self.permit = permit;
        self
    }

    /// When the turn before ended, if there was one.
    pub(super) fn ended_before(&self) -> Option<Nanos> {
        self.speaker.as_ref().and_then(|speaker| speaker.state.borrow().ended)
    }

    /// Notes when this turn ended.
    pub(super) fn end(&self, at: Nanos) {
        if let Some(speaker) = &self.speaker {
            speaker.state.borrow_mut().ended = Some(at);
        }
    }

    /// What was said so far; `None` once the right has been given away.
    pub(super) fn history(&self) -> Option<Ref<'_, History>> {
        self.speaker.as_ref().map(|speaker| speaker.history.borrow())
    }

    /// The same to be changed.
    pub(super) fn history_mut(&self) -> Option<RefMut<'_, History>> {
        self.speaker.as_ref().map(|speaker| speaker.history.borrow_mut())
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        let Some(speaker) = self.speaker.take() else { return };
        let mut permit = self.permit.take();
        loop {
            let Some(next) = speaker.state.borrow_mut().waiting.pop_front() else { break };
            let floor = Floor { speaker: Some(Rc::clone(&speaker)), permit: permit.take() };
            // Who has given up waiting does not take it.
            let Err(mut back) = next.send(floor) else { return };
            back.speaker = None;
            permit = back.permit.take();
        }
        speaker.state.borrow_mut().speaks = false;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::super::permits::Permits;
    use super::*;

    fn waiting(entry: Entry) -> oneshot::Receiver<Floor> {
        match entry {
            Entry::Waits(waits) => waits,
            Entry::Free(_) => panic!("the turn before it has not ended"),
        }
    }

    fn free(entry: Entry) -> Floor {
        match entry {
            Entry::Free(floor) => floor,
            Entry::Waits(_) => panic!("nobody speaks"),
        }
    }

    #[test]
    fn turns_follow_one_another_with_one_permit() {
        let permits = Permits::new(1, 1);
        let seat = permits.seat(0);
        let mut conversations = Conversations::default();
        let permit = seat.take(0).now_or_never();
        let first = free(conversations.enter(7)).with(permit);
        let (mut second, mut third) = (waiting(conversations.enter(7)), waiting(conversations.enter(7)));
        drop(free(conversations.enter(8)));
        assert!(second.try_recv().is_err());
        first.end(5);
        drop(first);
        let floor = second.try_recv().expect("its turn");
        assert_eq!(floor.ended_before(), Some(5));
        assert!(
            third.try_recv().is_err() && seat.take(0).now_or_never().is_none(),
            "the permit went with it"
        );
        drop(floor);
        drop(third.try_recv().expect("its turn"));
        assert!(seat.take(0).now_or_never().is_some(), "given back");
        drop(free(conversations.enter(7)));
    }

    #[test]
    fn who_gives_up_is_passed_over() {
        let mut conversations = Conversations::default();
        let first = free(conversations.enter(1));
        let gone: Vec<_> = (0..1000).map(|_| waiting(conversations.enter(1))).collect();
        let (taken, mut last) = (waiting(conversations.enter(1)), waiting(conversations.enter(1)));
        drop(gone);
        drop(first);
        // It was given the floor, but goes before it has noticed.
        drop(taken);
        drop(last.try_recv().expect("its turn"));
        drop(free(conversations.enter(1)));
    }
}
