//! An answer as a body of server-sent events that grows as tokens fall due.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Frame};

use super::events::EventWriter;
use super::faults;
use crate::answer::Delivery;
use crate::config::Fault;
use crate::time::Timer;

/// Most bytes of one frame, roughly: without delays an answer is cut into frames of this size, unless each event is to
/// be one.
const FRAME_BYTES: usize = 16 * 1024;

/// Bytes that an event of one token needs, roughly.
const CHUNK_BYTES: usize = 512;

/// Body of a streamed answer. Everything that is due when it is polled makes one frame, which is one write; in time,
/// that is one chunk. Role, usage and `[DONE]` go with the chunk they stand beside.
#[derive(Debug)]
pub(crate) struct SseBody<T: Timer> {
    delivery: Delivery<T>,
    events: EventWriter,
    /// What happens after half of it.
    fault: Option<Fault>,
    /// What came before the cut has gone out.
    flushed: bool,
    /// Bytes after which a frame ends.
    frame_bytes: usize,
    finished: bool,
}

impl<T: Timer> SseBody<T> {
    pub(super) fn new(delivery: Delivery<T>, events: EventWriter, fault: Option<Fault>) -> Self {
        let frame_bytes = if delivery.separate_events() { 1 } else { FRAME_BYTES };
        Self { delivery, events, fault, flushed: false, frame_bytes, finished: false }
    }

    /// Half of it is written, and now something goes wrong.
    fn has_failed(&self) -> Option<Fault> {
        self.fault.filter(|_| 2 * self.delivery.delivered() >= self.delivery.order().max_tokens)
    }

    fn write_due(&mut self, frame: &mut BytesMut, context: &mut Context<'_>) {
        while !self.finished && frame.len() < self.frame_bytes && self.has_failed().is_none() {
            match self.delivery.poll_chunk(context) {
                Poll::Pending => return,
                Poll::Ready(None) => self.finished = true,
                Poll::Ready(Some(chunk)) => {
                    self.events.content(frame, self.delivery.words(chunk), chunk);
                    self.finished = chunk.last;
                }
            }
        }
    }
}

impl<T: Timer> Body for SseBody<T> {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.finished {
            return Poll::Ready(None);
        }
        let mut frame = BytesMut::with_capacity(CHUNK_BYTES);
        self.write_due(&mut frame, context);
        if let Some(fault) = self.has_failed().filter(|_| frame.is_empty()) {
            if fault == Fault::Stall {
                return Poll::Pending;
            }
            if fault == Fault::Cut && !std::mem::replace(&mut self.flushed, true) {
                // What is written goes out first.
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            self.finished = true;
            if fault == Fault::Cut {
                return Poll::Ready(Some(Err(faults::hung_up())));
            }
            self.events.error(&mut frame);
        }
        match (frame.is_empty(), self.finished) {
            (false, _) => Poll::Ready(Some(Ok(Frame::data(frame.freeze())))),
            (true, true) => Poll::Ready(None),
            (true, false) => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.finished
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http_body_util::BodyExt;

    use super::*;
    use crate::Simulator;
    use crate::answer::{Kind, Order};
    use crate::config::{Framing, ModelParameters, SimulatorConfig};
    use crate::http::events::Head;
    use crate::http::request::Api;
    use crate::time::TokioTimer;

    fn body(config: SimulatorConfig, max_tokens: u32) -> SseBody<TokioTimer> {
        let simulator = Simulator::new(config).unwrap();
        let ticket = simulator.engine.arrive(TokioTimer::start()).unwrap();
        let words = simulator.text.answer(0, b"x");
        let (id, rest) = (String::new(), Kind::Content);
        let order = Order { id, prompt_tokens: 1, max_tokens, streamed: true, reasoning: 0, rest, words };
        let head = Head { id: String::new(), created: 0, model: "m".to_owned() };
        let events = EventWriter::new(Api::Completion, Framing::Lf, head, 1, Some(false));
        SseBody::new(Delivery::start(Arc::clone(&simulator), ticket, order), events, None)
    }

    async fn events_by_frame(mut body: SseBody<TokioTimer>) -> Vec<usize> {
        let mut counts = Vec::new();
        while let Some(frame) = body.frame().await {
            let data = frame.unwrap().into_data().unwrap();
            counts.push(String::from_utf8(data.to_vec()).unwrap().matches("data: ").count());
        }
        counts
    }

    #[tokio::test(start_paused = true)]
    async fn in_time_each_chunk_is_one_frame() {
        let model = ModelParameters { decode_base_ms: 5.0, ..ModelParameters::null(1) };
        let config = SimulatorConfig { model, tokens_per_chunk: 2, ..SimulatorConfig::default() };
        // Nine tokens: four chunks of two, then the last with usage and [DONE].
        assert_eq!(events_by_frame(body(config, 9)).await, [1, 1, 1, 1, 3]);
    }

    #[tokio::test(start_paused = true)]
    async fn each_event_can_be_a_frame_of_its_own() {
        let model = ModelParameters::null(1);
        let config = SimulatorConfig { model, separate_events: true, ..SimulatorConfig::default() };
        // The last event goes with usage and [DONE].
        assert_eq!(events_by_frame(body(config, 5)).await, [1, 1, 1, 1, 3]);
    }

    #[tokio::test(start_paused = true)]
    async fn without_delays_frames_are_large_but_bounded() {
        let config = SimulatorConfig { model: ModelParameters::null(1), ..SimulatorConfig::default() };
        let counts = events_by_frame(body(config, 1_000)).await;
        assert_eq!(counts.iter().sum::<usize>(), 1_002);
        assert!((2..50).contains(&counts.len()), "{counts:?}");
    }
}
