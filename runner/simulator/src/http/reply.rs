//! Whole responses: JSON documents, plain texts, and errors in OpenAI's shape.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;
use serde_json::json;

use super::stream::SseBody;
use crate::time::Timer;

/// Body of a response: whole, or growing with the answer.
#[derive(Debug)]
pub(crate) enum ReplyBody<T: Timer> {
    Whole(Full<Bytes>),
    Stream(Box<SseBody<T>>),
}

impl<T: Timer> Body for ReplyBody<T> {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.get_mut() {
            Self::Whole(body) => Pin::new(body).poll_frame(context).map_err(|never| match never {}),
            Self::Stream(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body) => body.is_end_stream(),
            Self::Stream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
            Self::Stream(body) => body.size_hint(),
        }
    }
}

/// A refusal that the client is told about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ApiError {
    pub(super) status: StatusCode,
    /// `error.type`.
    pub(super) kind: &'static str,
    pub(super) message: String,
    /// Key at fault.
    pub(super) param: Option<&'static str>,
}

impl ApiError {
    pub(super) fn bad_request(message: impl Into<String>, param: Option<&'static str>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, kind: "BadRequestError", message: message.into(), param }
    }

    pub(super) fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind, message: message.into(), param: None }
    }

    pub(super) fn into_response<T: Timer>(self) -> Response<ReplyBody<T>> {
        let error = json!({
            "message": self.message, "type": self.kind, "param": self.param, "code": self.status.as_u16()
        });
        json_response(self.status, &json!({ "error": error }))
    }
}

pub(super) fn json_response<T: Timer>(
    status: StatusCode,
    document: &impl Serialize,
) -> Response<ReplyBody<T>> {
    match serde_json::to_vec(document) {
        Ok(text) => whole(status, "application/json", text),
        Err(error) => {
            tracing::error!(%error, "a document could not be written as JSON");
            whole(StatusCode::INTERNAL_SERVER_ERROR, "text/plain; charset=utf-8", error.to_string())
        }
    }
}

pub(super) fn whole<T: Timer>(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Response<ReplyBody<T>> {
    with_body(status, content_type, ReplyBody::Whole(Full::new(body.into())))
}

pub(super) fn with_body<T: Timer>(
    status: StatusCode,
    content_type: &'static str,
    body: ReplyBody<T>,
) -> Response<ReplyBody<T>> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
