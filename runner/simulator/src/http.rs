//! The HTTP interface: which path does what. Times and text are made elsewhere.
//!
//! OpenAI's `POST /v1/completions` and `/v1/chat/completions` and Anthropic's `POST /v1/messages` (streamed or whole),
//! `GET /v1/models`; vLLM's
//! `GET /health`, `GET /metrics` and `POST /tokenize`; and the simulator's own `GET /stats[?requests=N]` (its counters
//! and the instants of the newest N requests, all that are kept by default) and `POST /stats/reset`.

mod events;
mod faults;
mod messages;
mod reply;
mod request;
mod stream;
#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};
use serde_json::json;

use crate::answer::{Delivery, Kind, Order};
use crate::config::UsagePolicy;
use crate::engine::Ticket;
use crate::stats::Event;
use crate::time::Timer;
use crate::{Simulator, metrics};
use events::{Counts, EventWriter, Head, Texts};
use faults::{Instead, Share};
use reply::{ApiError, ReplyBody, json_response, whole, with_body};
use request::{Api, Generate, Prompt};
use stream::SseBody;

/// Largest request body, bytes.
const MOST_BODY_BYTES: usize = 64 * 1024 * 1024;
/// Longest text that is encoded on the thread that serves connections, bytes: tens of microseconds.
const INLINE_TEXT_BYTES: usize = 256;

type Reply<T> = Response<ReplyBody<T>>;

/// Answers one request.
pub(crate) async fn handle<T: Timer>(
    simulator: Arc<Simulator>,
    timer: T,
    request: Request<Incoming>,
) -> io::Result<Reply<T>> {
    let (parts, body) = request.into_parts();
    let mut reply = match route(&simulator, timer, &parts, body).await {
        Ok(reply) => reply,
        Err(Refusal::Told(error)) => error.into_response(),
        Err(Refusal::HungUp) => return Err(faults::hung_up()),
    };
    for (name, value) in &simulator.config.response_headers {
        // Both were checked with the configuration.
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value))
        {
            reply.headers_mut().append(name, value);
        }
    }
    Ok(reply)
}

/// A request that gets no answer.
enum Refusal {
    /// The client is told why.
    Told(ApiError),
    /// The connection is closed.
    HungUp,
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self::Told(error)
    }
}

async fn route<T: Timer>(
    simulator: &Arc<Simulator>,
    timer: T,
    parts: &Parts,
    body: Incoming,
) -> Result<Reply<T>, Refusal> {
    // A HEAD request gets the headers of GET; hyper leaves out the body.
    let reads = parts.method == Method::GET || parts.method == Method::HEAD;
    let posts = parts.method == Method::POST;
    match parts.uri.path() {
        "/v1/completions" if posts => generate(simulator, timer, Api::Completion, parts, body).await,
        "/v1/chat/completions" if posts => generate(simulator, timer, Api::Chat, parts, body).await,
        "/v1/messages" if posts => generate(simulator, timer, Api::Messages, parts, body).await,
        "/tokenize" if posts => Ok(tokenize(simulator, body).await?),
        "/stats/reset" if posts => {
            simulator.recorder.reset();
            Ok(json_response(StatusCode::OK, &json!({})))
        }
        "/health" if reads => Ok(whole(StatusCode::OK, "text/plain; charset=utf-8", Bytes::new())),
        "/v1/models" if reads => Ok(models(simulator)),
        "/metrics" if reads => {
            let histograms = simulator.recorder.histograms();
            let text = metrics::exposition(&metrics::Page {
                model_name: &simulator.config.model_name,
                occupancy: simulator.engine.occupancy(),
                slots: simulator.config.model.slots,
                totals: &simulator.recorder.totals(),
                histograms: histograms.as_ref(),
            });
            Ok(whole(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text))
        }
        "/stats" if reads => {
            let requests = recorded_requests(parts.uri.query())?;
            Ok(json_response(StatusCode::OK, &simulator.stats(requests)))
        }
        "/v1/completions"
        | "/v1/chat/completions"
        | "/v1/messages"
        | "/tokenize"
        | "/stats/reset"
        | "/health"
        | "/v1/models"
        | "/metrics"
        | "/stats" => {
            let message = format!("{} does not take {}.", parts.uri.path(), parts.method);
            Err(ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowedError", message).into())
        }
        path => {
            let message = format!("There is nothing at {path}.");
            Err(ApiError::new(StatusCode::NOT_FOUND, "NotFoundError", message).into())
        }
    }
}

/// `requests=N` of the query of `/stats`; all of them without it.
fn recorded_requests(query: Option<&str>) -> Result<usize, ApiError> {
    let Some(query) = query.filter(|query| !query.is_empty()) else { return Ok(usize::MAX) };
    query.strip_prefix("requests=").and_then(|count| count.parse().ok()).ok_or_else(|| {
        ApiError::bad_request("The query may only be requests=N, N the number of newest requests.", None)
    })
}

fn models<T: Timer>(simulator: &Simulator) -> Reply<T> {
    let config = &simulator.config;
    let entry = |name: &str, parent: Option<&str>, longest: Option<u32>| {
        json!({
            "id": name, "object": "model", "created": simulator.created, "owned_by": "simulator", "root": name,
            "parent": parent, "max_model_len": longest,
        })
    };
    let mut models = vec![entry(&config.model_name, None, Some(config.max_model_len))];
    // vLLM gives no length for an adapter.
    models.extend(config.adapters.iter().map(|name| entry(name, Some(&config.model_name), None)));
    json_response(StatusCode::OK, &json!({"object": "list", "data": models}))
}

async fn tokenize<T: Timer>(simulator: &Arc<Simulator>, body: Incoming) -> Result<Reply<T>, ApiError> {
    let request = request::tokenize(&read(body).await?, &simulator.config)?;
    let ids = simulator.text.ids(&request.text, request.special_tokens).map_err(internal)?;
    let count = match &ids {
        Some(ids) => u32::try_from(ids.len()).unwrap_or(u32::MAX),
        None => count_text(simulator, request.text, request.special_tokens).await?,
    };
    let reply = json!({
        "count": count, "max_model_len": simulator.config.max_model_len, "tokens": ids.unwrap_or_default()
    });
    Ok(json_response(StatusCode::OK, &reply))
}

async fn generate<T: Timer>(
    simulator: &Arc<Simulator>,
    timer: T,
    api: Api,
    parts: &Parts,
    body: Incoming,
) -> Result<Reply<T>, Refusal> {
    let config = &simulator.config;
    let invalid = |_: &ApiError| simulator.recorder.count(Event::Invalid);
    let body = read(body).await.inspect_err(invalid)?;
    let request = request::generate(api, &body, config).inspect_err(invalid)?;
    let number = simulator.next_request();
    let fault = match faults::of_request(config, number) {
        None => None,
        Some(Share::Status(status)) => {
            simulator.recorder.count(Event::Failed);
            let message = "This request fails by the configured error rate.";
            return Err(ApiError::new(status, "SimulatedError", message).into());
        }
        Some(Share::Fault(fault)) => {
            simulator.recorder.count(Event::Failed);
            match faults::instead(fault, api, &parts.headers) {
                Some(Instead::Reply(reply)) => return Ok(reply),
                Some(Instead::Refusal(refusal)) => return Err(refusal),
                Some(Instead::Silence) => std::future::pending().await,
                None => Some(fault),
            }
        }
    };
    // The place in the queue is taken before the prompt is counted, so a long count costs no place.
    let ticket = simulator.engine.arrive(timer).map_err(|full| {
        simulator.recorder.count(Event::Refused);
        let status =
            StatusCode::from_u16(config.queue_full_status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        ApiError::new(status, "ServiceUnavailableError", format!("The server is overloaded: {full}."))
    })?;
    let streamed = request.stream;
    let with_usage = match config.usage {
        UsagePolicy::Include | UsagePolicy::EveryChunk => true,
        UsagePolicy::Never => false,
        // Anthropic's API has no way to ask, and always counts.
        UsagePolicy::AsAsked => !streamed || request.include_usage || api == Api::Messages,
    };
    let head = Head {
        id: answer_id(api, config.seed, number),
        created: jiff::Timestamp::now().as_second(),
        model: request.model.clone(),
    };
    let delivery = admit(simulator, ticket, api, request, head.id.clone()).await.inspect_err(invalid)?;
    if streamed {
        let usage = if with_usage { Some(config.usage == UsagePolicy::EveryChunk) } else { None };
        let events = EventWriter::new(api, config.framing, head, delivery.order().prompt_tokens, usage);
        let body = Box::new(SseBody::new(delivery, events, fault));
        Ok(with_body(StatusCode::OK, "text/event-stream; charset=utf-8", ReplyBody::Stream(body)))
    } else {
        Ok(whole_answer(delivery, api, &head, with_usage).await)
    }
}

/// Counts the prompt's tokens and starts the answer, or refuses a request that is too long for the model.
async fn admit<T: Timer>(
    simulator: &Arc<Simulator>,
    ticket: Ticket<T>,
    api: Api,
    request: Generate,
    id: String,
) -> Result<Delivery<T>, ApiError> {
    let seed = simulator.config.seed;
    let (prompt_tokens, words) = match request.prompt {
        Prompt::Text(text) => {
            let words = simulator.text.answer(seed, text.as_bytes());
            (count_text(simulator, text, request.special_tokens).await?, words)
        }
        Prompt::Tokens(ids) => {
            let bytes: Vec<u8> = ids.iter().flat_map(|id| id.to_le_bytes()).collect();
            (u32::try_from(ids.len()).unwrap_or(u32::MAX), simulator.text.answer(seed, &bytes))
        }
    };
    let (most, asked) = (simulator.config.max_model_len, request.max_tokens);
    if prompt_tokens.saturating_add(asked) > most {
        let message = format!(
            "This model's maximum context length is {most} tokens. However, you requested {asked} output tokens and \
             your prompt contains {prompt_tokens} input tokens."
        );
        return Err(ApiError::bad_request(message, Some("max_tokens")));
    }
    let config = &simulator.config;
    // A completion is text and nothing else.
    let (reasoning, rest) = match api {
        Api::Completion => (0, Kind::Content),
        Api::Chat | Api::Messages => {
            (config.reasoning_tokens, if config.tool_call { Kind::ToolCall } else { Kind::Content })
        }
    };
    let order =
        Order { id, prompt_tokens, max_tokens: asked, streamed: request.stream, reasoning, rest, words };
    Ok(Delivery::start(Arc::clone(simulator), ticket, order))
}

async fn whole_answer<T: Timer>(
    mut delivery: Delivery<T>,
    api: Api,
    head: &Head,
    with_usage: bool,
) -> Reply<T> {
    let mut texts = Texts::default();
    while let Some(chunk) = delivery.next_chunk().await {
        delivery.words(chunk).for_each(|word| texts.of(chunk.kind).push_str(word));
    }
    let order = delivery.order();
    let counts = Counts { prompt: order.prompt_tokens, completion: order.max_tokens };
    json_response(StatusCode::OK, &events::whole_answer(api, head, &texts, with_usage.then_some(counts)))
}

/// Tokens of `text`. Encoding a long one takes milliseconds, which would delay other answers' tokens: it is done on a
/// thread for such work.
async fn count_text(simulator: &Arc<Simulator>, text: String, special_tokens: bool) -> Result<u32, ApiError> {
    if !simulator.text.is_slow() || text.len() <= INLINE_TEXT_BYTES {
        return simulator.text.count(&text, special_tokens).map_err(internal);
    }
    let simulator = Arc::clone(simulator);
    let counted = tokio::task::spawn_blocking(move || simulator.text.count(&text, special_tokens)).await;
    counted.map_err(internal)?.map_err(internal)
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn internal(error: impl ToString) -> ApiError {
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", error.to_string())
}

async fn read(body: Incoming) -> Result<Bytes, ApiError> {
    match Limited::new(body, MOST_BODY_BYTES).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            let message = format!("The body is longer than {MOST_BODY_BYTES} bytes.");
            Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "PayloadTooLargeError", message))
        }
        Err(error) => Err(ApiError::bad_request(format!("The body could not be read: {error}."), None)),
    }
}

fn answer_id(api: Api, seed: u64, number: u64) -> String {
    match api {
        Api::Completion => format!("cmpl-{seed:x}-{number:08x}"),
        Api::Chat => format!("chatcmpl-{seed:x}-{number:08x}"),
        Api::Messages => format!("msg-{seed:x}-{number:08x}"),
    }
}
