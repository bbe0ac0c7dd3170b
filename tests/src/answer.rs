//! An HTTP answer and the checks of the tests on it.

use bytes::Bytes;
use errors::FieldError;
use http::{HeaderMap, Response};
use serde_json::Value;
use uuid::Uuid;

/// An HTTP answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as text.
    pub text: String,
    /// The body as JSON, or null if it isn't JSON.
    pub body: Value,
}

impl Answer {
    pub(crate) fn new(response: Response<Bytes>) -> Self {
        let (head, body) = response.into_parts();
        let text = String::from_utf8_lossy(&body).into_owned();
        Self {
            status: head.status.as_u16(),
            headers: head.headers,
            body: serde_json::from_str(&text).unwrap_or_default(),
            text,
        }
    }

    /// Returns a header's value, or an empty string if the header is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// Returns the id of the request that this answers.
    #[track_caller]
    pub fn request_id(&self) -> &str {
        let id = self.header("x-request-id");
        assert!(!id.is_empty(), "an answer without x-request-id: {self:?}");
        id
    }

    /// Asserts the status, a JSON body and `no-store`. Returns the answer.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.header("content-type"), "application/json");
        assert_eq!(self.header("cache-control"), "no-store");
        self
    }

    /// Asserts that the answer is this problem (RFC 9457). Returns the answer.
    #[track_caller]
    pub fn problem(self, status: u16, slug: &str) -> Self {
        assert_eq!(
            (self.status, self.body["type"].as_str().unwrap_or_default()),
            (status, format!("/problems/{slug}").as_str()),
            "{}",
            self.text
        );
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.header("cache-control"), "no-store");
        assert_eq!(self.body["status"], status);
        assert_eq!(self.body["request_id"], self.request_id());
        assert!(self.body["title"].is_string(), "{}", self.text);
        self
    }

    /// Asserts that the answer is the problem `invalid` for this field of the body, parameter or header. Dots
    /// separate the names of nested fields, as in `Error::invalid`. Returns the answer.
    #[track_caller]
    pub fn invalid(self, field: &str) -> Self {
        let answer = self.problem(422, "invalid");
        let places = answer.places();
        let dotted = field.replace('[', ".").replace(']', "");
        let pointer = FieldError::new(&dotted, "").pointer.unwrap_or_default();
        assert!(
            places
                .iter()
                .any(|place| *place == pointer || place == field),
            "expected the field {field:?}: {}",
            answer.text
        );
        answer
    }

    /// The places of all faults of the problem `invalid`: JSON Pointers, and the names of parameters and headers.
    #[track_caller]
    pub fn places(&self) -> Vec<String> {
        let errors = self.body["errors"].as_array().into_iter().flatten();
        let place = |error: &Value| {
            assert!(error["message"].is_string(), "{}", self.text);
            let kinds = ["pointer", "parameter", "header"];
            let mut places = kinds.iter().filter_map(|kind| error[kind].as_str());
            let place = places.next().map(str::to_owned);
            assert_eq!(places.next(), None, "{}", self.text);
            place.unwrap_or_else(|| panic!("a fault without a place: {}", self.text))
        };
        errors.map(place).collect()
    }

    /// Asserts that the caller can't distinguish this answer from the other one.
    #[track_caller]
    pub fn same_as(&self, other: &Self) {
        let without_id = |answer: &Self| {
            let mut body = answer.body.clone();
            if let Some(body) = body.as_object_mut() {
                body.remove("request_id");
            }
            let mut names: Vec<_> = answer.headers.keys().map(ToString::to_string).collect();
            names.sort();
            (answer.status, body, names)
        };
        assert_eq!(without_id(self), without_id(other));
    }

    /// Returns the ids of the items of a page.
    #[track_caller]
    pub fn ids(&self) -> Vec<Uuid> {
        let items = self.body["items"].as_array();
        let id = |item: &Value| item["id"].as_str().and_then(|id| id.parse().ok());
        items
            .and_then(|items| items.iter().map(id).collect())
            .unwrap_or_else(|| panic!("not a page of items with ids: {}", self.text))
    }

    /// Returns the id of the resource in the answer.
    #[track_caller]
    pub fn id(&self) -> Uuid {
        let id = self.body["id"].as_str().and_then(|id| id.parse().ok());
        id.unwrap_or_else(|| panic!("no resource with an id: {}", self.text))
    }
}
