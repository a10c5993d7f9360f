//! One admitted request on its way: its tokens gathered into chunks, its instants recorded.
//!
//! It sits between the engine and HTTP; it knows words and chunks, but not how they are written.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use crate::Simulator;
use crate::engine::{Ticket, Token};
use crate::stats::{RequestOutcome, RequestTrace};
use crate::time::{Nanos, Timer};
use crate::tokenizer::Answer;

/// Most tokens for whose instants memory is reserved ahead.
const RESERVED_TOKENS: u32 = 1_024;

/// What an admitted request asks for.
#[derive(Debug)]
pub(crate) struct Order {
    /// The answer's `id`.
    pub(crate) id: String,
    /// Tokens of the prompt.
    pub(crate) prompt_tokens: u32,
    /// Tokens of the answer, at least 1.
    pub(crate) max_tokens: u32,
    /// Whether it is delivered in chunks as it grows, or whole.
    pub(crate) streamed: bool,
    /// Tokens at its start that are reasoning.
    pub(crate) reasoning: u32,
    /// What the others are.
    pub(crate) rest: Kind,
    /// Its words.
    pub(crate) words: Answer,
}

/// Some tokens of an answer, in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// Position of the first.
    pub(crate) first: u32,
    /// How many.
    pub(crate) tokens: u32,
    /// Whether they are the last.
    pub(crate) last: bool,
    /// What they are.
    pub(crate) kind: Kind,
}

/// What tokens are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Of the answer proper.
    Content,
    /// Of the reasoning ahead of it.
    Reasoning,
    /// Of a call of a tool: the first chunk is its name, the others are its arguments.
    ToolCall,
}

/// An answer that is being made. Dropping it before its end cancels the request.
#[derive(Debug)]
pub(crate) struct Delivery<T: Timer> {
    simulator: Arc<Simulator>,
    ticket: Ticket<T>,
    order: Order,
    tokens_per_chunk: u32,
    /// Tokens that the chunks so far have held.
    delivered: u32,
    /// Due instants of tokens, written instants of chunks and their sizes, kept only if traces are.
    token_due: Vec<Nanos>,
    chunk_written: Vec<Nanos>,
    chunk_tokens: Vec<u32>,
    ended: bool,
}

impl<T: Timer> Delivery<T> {
    /// Starts to make what `order` asks for.
    pub(crate) fn start(simulator: Arc<Simulator>, mut ticket: Ticket<T>, order: Order) -> Self {
        ticket.begin(order.prompt_tokens, order.max_tokens);
        let tokens_per_chunk = if order.streamed { simulator.config.tokens_per_chunk } else { u32::MAX };
        simulator.recorder.started(ticket.arrival());
        let tokens =
            if simulator.recorder.keeps_traces() { order.max_tokens.min(RESERVED_TOKENS) } else { 0 };
        let chunks = tokens.div_ceil(tokens_per_chunk) as usize;
        Self {
            simulator,
            ticket,
            order,
            tokens_per_chunk,
            delivered: 0,
            token_due: Vec::with_capacity(tokens as usize),
            chunk_written: Vec::with_capacity(chunks),
            chunk_tokens: Vec::with_capacity(chunks),
            ended: false,
        }
    }

    /// Whether each event is to be written by itself.
    pub(crate) fn separate_events(&self) -> bool {
        self.simulator.config.separate_events
    }

    /// Tokens in the chunks so far.
    pub(crate) fn delivered(&self) -> u32 {
        self.delivered
    }

    /// What was asked for.
    pub(crate) fn order(&self) -> &Order {
        &self.order
    }

    /// The words of `chunk`.
    pub(crate) fn words(&self, chunk: Chunk) -> impl Iterator<Item = &str> {
        (chunk.first..chunk.first + chunk.tokens).map(|index| self.order.words.word(index))
    }

    /// The next chunk once its last token is due; `None` after the last one. A chunk counts as written when it is
    /// returned.
    pub(crate) fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Chunk>> {
        loop {
            let Some(token) = ready!(self.ticket.poll_token(context)) else {
                return Poll::Ready(None);
            };
            self.note(token);
            let tokens = token.index + 1 - self.delivered;
            let last = token.index + 1 == self.order.max_tokens;
            // A chunk is of one kind.
            let reasoned = token.index + 1 == self.order.reasoning;
            if tokens < self.tokens_per_chunk && !last && !reasoned {
                continue;
            }
            let kind = if token.index < self.order.reasoning { Kind::Reasoning } else { self.order.rest };
            let chunk = Chunk { first: self.delivered, tokens, last, kind };
            self.delivered += tokens;
            if self.simulator.recorder.keeps_traces() {
                self.chunk_written.push(self.ticket.now() - self.ticket.arrival());
                self.chunk_tokens.push(tokens);
            }
            if last {
                self.end(RequestOutcome::Completed, token.due);
            }
            return Poll::Ready(Some(chunk));
        }
    }

    /// The next chunk once its last token is due; `None` after the last one.
    pub(crate) async fn next_chunk(&mut self) -> Option<Chunk> {
        poll_fn(|context| self.poll_chunk(context)).await
    }

    fn note(&mut self, token: Token) {
        if token.index == 0 {
            self.simulator.recorder.prefilled(self.order.prompt_tokens);
        }
        self.simulator.recorder.generated(1);
        if self.simulator.recorder.keeps_traces() {
            self.token_due.push(token.due - self.ticket.arrival());
        }
    }

    fn end(&mut self, outcome: RequestOutcome, at: Nanos) {
        self.ended = true;
        let arrival = self.ticket.arrival();
        let trace = RequestTrace {
            id: std::mem::take(&mut self.order.id),
            arrival_ns: arrival,
            granted_ns: self.ticket.granted().map(|at| at - arrival),
            token_due_ns: std::mem::take(&mut self.token_due),
            chunk_written_ns: std::mem::take(&mut self.chunk_written),
            chunk_tokens: std::mem::take(&mut self.chunk_tokens),
            end_ns: at - arrival,
            prompt_tokens: self.order.prompt_tokens,
            max_tokens: self.order.max_tokens,
            streamed: self.order.streamed,
            outcome,
        };
        self.simulator.recorder.ended(trace, self.ticket.now());
    }
}

impl<T: Timer> Drop for Delivery<T> {
    fn drop(&mut self) {
        if !self.ended {
            self.end(RequestOutcome::Cancelled, self.ticket.now());
        }
    }
}
