//! What goes wrong with the failing share of requests.

use std::io;

use hyper::{HeaderMap, StatusCode};
use serde_json::json;

use super::reply::{ApiError, json_response, whole};
use super::request::Api;
use super::{Refusal, Reply};
use crate::chance;
use crate::config::{Fault, SimulatorConfig};
use crate::time::Timer;

/// What happens to a request of the failing share.
pub(super) enum Share {
    /// It is refused with the configured status.
    Status(StatusCode),
    /// The next of the configured faults.
    Fault(Fault),
}

/// What comes in place of an answer.
pub(super) enum Instead<T: Timer> {
    Reply(Reply<T>),
    Refusal(Refusal),
    /// Nothing, ever.
    Silence,
}

/// What happens to request `number`; `None` if nothing goes wrong.
pub(super) fn of_request(config: &SimulatorConfig, number: u64) -> Option<Share> {
    if !chance::fails(config.seed, number, config.error_rate) {
        return None;
    }
    let status = || StatusCode::from_u16(config.error_status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let turn = number.checked_rem(config.faults.len() as u64).and_then(|turn| usize::try_from(turn).ok());
    let fault = turn.and_then(|turn| config.faults.get(turn));
    Some(fault.map_or_else(|| Share::Status(status()), |fault| Share::Fault(*fault)))
}

/// What comes in place of an answer; `None` if it begins as any other. `headers` are the request's.
pub(super) fn instead<T: Timer>(fault: Fault, api: Api, headers: &HeaderMap) -> Option<Instead<T>> {
    let told = |status: StatusCode, message: &str| {
        Some(Instead::Refusal(Refusal::Told(ApiError::new(status, "SimulatedError", message))))
    };
    match fault {
        Fault::RateLimit => told(StatusCode::TOO_MANY_REQUESTS, "Slow down."),
        Fault::Internal => told(StatusCode::INTERNAL_SERVER_ERROR, "Something broke."),
        Fault::BadGateway => told(StatusCode::BAD_GATEWAY, "The server behind is gone."),
        Fault::Unavailable => told(StatusCode::SERVICE_UNAVAILABLE, "Not now."),
        Fault::GatewayTimeout => told(StatusCode::GATEWAY_TIMEOUT, "The server behind is slow."),
        Fault::ContextWindow => told(StatusCode::BAD_REQUEST, "The maximum context length is exceeded."),
        Fault::InvalidJson => told(StatusCode::BAD_REQUEST, "Expecting value: line 1 column 1 (char 0)"),
        Fault::Timeout => told(StatusCode::REQUEST_TIMEOUT, "The request timed out."),
        Fault::ModelNotFound => told(StatusCode::NOT_FOUND, "Model not found."),
        Fault::Echo => {
            let seen: Vec<String> =
                headers.iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
            told(StatusCode::UNAUTHORIZED, &format!("No access with {}", seen.join(", ")))
        }
        Fault::ErrorBody => Some(Instead::Reply(json_response(StatusCode::OK, &error_object()))),
        Fault::NoChoices => {
            let document = match api {
                Api::Completion | Api::Chat => json!({"id": "none", "choices": []}),
                Api::Messages => json!({"id": "none", "type": "message"}),
            };
            Some(Instead::Reply(json_response(StatusCode::OK, &document)))
        }
        Fault::NotJson => Some(Instead::Reply(whole(StatusCode::OK, "text/html", "<html>Welcome</html>"))),
        Fault::BrokenJson => {
            Some(Instead::Reply(whole(StatusCode::OK, "application/json", "{\"choices\": [")))
        }
        Fault::Disconnect => Some(Instead::Refusal(Refusal::HungUp)),
        Fault::Hang => Some(Instead::Silence),
        Fault::ErrorEvent | Fault::Cut | Fault::Stall => None,
    }
}

/// An error as it stands in an answer that began as a success.
pub(super) fn error_object() -> serde_json::Value {
    json!({"error": {"message": "The engine died.", "type": "SimulatedError", "code": 500}})
}

/// What tells hyper to close a connection.
pub(super) fn hung_up() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "the simulated server hangs up")
}
