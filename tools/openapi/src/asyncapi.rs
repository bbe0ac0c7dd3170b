//! Puts the AsyncAPI document together: the business events and the ways in which other systems get them.

use std::collections::BTreeMap;

use api::pages::Feed;
use business_events::{BusinessEvent, EventType};
use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};

use crate::events::variant_name;
use crate::examples::{Known, sample};
use crate::operation::page_parameters;
use crate::schemas::{SCHEMAS, Schemas};

/// The media type of an event that is sent alone (CloudEvents, JSON event format).
const EVENT: &str = "application/cloudevents+json";

const DESCRIPTION: &str = "A business event says that something changed in the clinic. It is a CloudEvent \
    (version 1.0) with ids, states and names of fields, and it has no content of a chart. A consumer that needs more reads the \
    resource from the API. The document `/openapi.json` describes the API.\n\nThe transaction that makes a change writes its \
    event, so an event exists if and only if its change was committed. The `sequence` counts the events of a \
    `subject`: 1, 2, 3 and so on. An event can arrive twice, and then it has the same `id`. The data of a type may \
    get further members, and a type never loses one.";

/// The AsyncAPI document of all business events.
pub fn asyncapi() -> Value {
    let mut schemas = Schemas::new();
    schemas.answered(SchemaGenerator::subschema_for::<Feed<BusinessEvent>>);
    let variants = EventType::ALL
        .iter()
        .map(|kind| (*kind, variant_name(*kind, schemas.answers())));
    let variants: Vec<_> = variants.collect();
    let mut schemas = schemas.finish();
    for schema in schemas.values_mut() {
        // AsyncAPI's `discriminator` is the name of a field, and expects names of schemas as its values.
        schema
            .as_object_mut()
            .and_then(|schema| schema.remove("discriminator"));
    }
    schemas.insert("WebhookHeaders".to_owned(), webhook_headers());
    let schemas = Value::Object(schemas);
    let mut messages = Map::new();
    for (kind, variant) in variants {
        messages.insert(kind.label().to_owned(), message(kind, &variant, &schemas));
    }
    let events: Map<_, _> = messages
        .keys()
        .map(|name| (name.clone(), reference("components/messages", name)))
        .collect();
    messages.insert("events-request".to_owned(), feed_request());
    messages.insert(
        "events-page".to_owned(),
        feed_page(&messages["appointment.booked.v1"]),
    );
    json!({
        "asyncapi": "3.0.0",
        "id": "urn:caretrail:events",
        "info": {
            "title": "Caretrail business events",
            "version": env!("CARGO_PKG_VERSION"),
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
            "tags": tags(),
        },
        "defaultContentType": EVENT,
        "servers": servers(),
        "channels": {
            "eventBus": {
                "address": "caretrail-{stack}",
                "title": "Event bus",
                "summary": "The Amazon EventBridge event bus of the stack, for consumers in AWS.",
                "description": "The event is the `detail` of EventBridge's own event. Its `detail-type` is the type of \
                    the event, its `source` is `caretrail`, and its `resources` has the subject. EventBridge keeps no order. \
                    A consumer puts the events of a subject in the order of their `sequence`.",
                "servers": [reference("servers", "eventBridge")],
                "parameters": {"stack": {"description": "The name of the CloudFormation stack.", "examples": ["clinic"]}},
                "messages": events,
            },
            "feed": {
                "address": "/v1/events",
                "title": "Feed",
                "summary": "The list of all events of the last 30 days in their order, for consumers who ask again and again.",
                "description": "The consumer stores `next_cursor` together with what it did with the items, and passes it as \
                    `cursor` in its next request. The list never skips an event, and each event is in it once. It \
                    requires the permission `events:read`. The status is 410 if events after the cursor are deleted.",
                "servers": [reference("servers", "api")],
                "messages": {
                    "request": reference("components/messages", "events-request"),
                    "page": reference("components/messages", "events-page"),
                },
            },
            "webhook": {
                "address": null,
                "title": "Webhook",
                "summary": "The URL that a consumer has registered, for consumers outside AWS.",
                "description": "Each event is a POST request, signed as Standard Webhooks \
                    (https://www.standardwebhooks.com) specifies. A consumer verifies the signature before it uses the event, and \
                    answers with a status from 200 to 299 to accept it. The next event follows when this one is accepted.",
                "messages": events,
            },
        },
        "operations": {
            "publishEvent": {
                "action": "send",
                "channel": reference("channels", "eventBus"),
                "title": "Publish an event",
                "summary": "Sends each event to the event bus, at least once.",
                "description": "An event that EventBridge refuses is sent again with growing pauses for a day.",
            },
            "listEvents": {
                "action": "receive",
                "channel": reference("channels", "feed"),
                "title": "List events",
                "summary": "Answers a request for the events after a cursor.",
                "description": "The audit log records each answer and the patients that its events concern.",
                "security": [reference("components/securitySchemes", "bearer")],
                "bindings": {"http": {"method": "GET", "query": feed_query(), "bindingVersion": "0.3.0"}},
                "messages": [reference("channels/feed/messages", "request")],
                "reply": {
                    "channel": reference("channels", "feed"),
                    "messages": [reference("channels/feed/messages", "page")],
                },
            },
            "deliverEvent": {
                "action": "send",
                "channel": reference("channels", "webhook"),
                "title": "Deliver an event",
                "summary": "Sends each event to the consumer, in order and at least once.",
                "description": "The audit log records what is about to be sent and the patients that it concerns.",
                "bindings": {"http": {"method": "POST", "bindingVersion": "0.3.0"}},
            },
        },
        "components": {
            "messages": messages,
            "schemas": schemas,
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "A Supabase access token (JWT) from a sign-in with a second factor.",
                },
            },
        },
    })
}

fn reference(place: &str, name: &str) -> Value {
    json!({"$ref": format!("#/{place}/{name}")})
}

/// The first word of a type, which is what the event is about.
fn noun(kind: EventType) -> &'static str {
    kind.label().split('.').next().unwrap_or_default()
}

fn tags() -> Vec<Value> {
    let mut nouns: Vec<_> = EventType::ALL.iter().map(|kind| noun(*kind)).collect();
    nouns.dedup();
    nouns
        .into_iter()
        .map(|noun| json!({"name": noun}))
        .collect()
}

fn servers() -> Value {
    json!({
        "api": {
            "host": "{host}",
            "protocol": "https",
            "description": "The API of the deployment.",
            "variables": {"host": {
                "description": "The host name of the API.",
                "examples": ["api.caretrail.example"],
            }},
        },
        "eventBridge": {
            "host": "events.{region}.amazonaws.com",
            "protocol": "https",
            "description": "Amazon EventBridge in the AWS account of the deployment.",
            "variables": {"region": {
                "description": "The AWS Region of the deployment.",
                "examples": ["eu-central-1"],
            }},
        },
    })
}

/// The message of a type.
fn message(kind: EventType, variant: &str, schemas: &Value) -> Value {
    json!({
        "name": kind.name(),
        "title": title(kind),
        "summary": kind.meaning(),
        "contentType": EVENT,
        "tags": [{"name": noun(kind)}],
        "headers": {"$ref": format!("{SCHEMAS}/WebhookHeaders")},
        "correlationId": {
            "description": "The AWS X-Ray trace of the request that made the change.",
            "location": "$message.payload#/traceid",
        },
        "payload": {
            "allOf": [
                {"$ref": format!("{SCHEMAS}/{variant}")},
                {"type": "object", "properties": {"type": {
                    "const": kind.name(),
                    "description": format!("The type of the event, always `{}`.", kind.name()),
                }}},
            ],
        },
        "examples": [{
            "name": kind.label(),
            "summary": kind.meaning(),
            "headers": {
                "webhook-id": "6f1c1d0e-6d2e-4a52-9e62-6b1b3f0f7c11",
                "webhook-timestamp": "1904907600",
                "webhook-signature": "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
            },
            "payload": example(kind, variant, schemas),
        }],
    })
}

/// Turns `appointment.checked-in.v1` into `Appointment checked in`.
fn title(kind: EventType) -> String {
    let words: Vec<_> = kind.label().split(['.', '-']).collect();
    let words = words[..words.len().saturating_sub(1)].join(" ");
    let (first, rest) = words.split_at(1);
    first.to_uppercase() + rest
}

/// An event of this type: what all events with its data have, and what the type says of its example.
fn example(kind: EventType, variant: &str, schemas: &Value) -> Value {
    let known = ids();
    let mut event = sample(&schemas[variant], "", schemas, &known);
    let schema = &schemas[format!("{variant}Data")];
    let mut data = sample(schema, "", schemas, &known);
    if let Some(members) = data.as_object_mut() {
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        members.retain(|name, _| required.iter().any(|one| one == name));
        members.extend(kind.example());
    }
    let subject = kind
        .subject()
        .split('/')
        .map(|part| match part.strip_prefix('{') {
            Some(member) => data[member.trim_end_matches('}')]
                .as_str()
                .unwrap_or_default(),
            None => part,
        });
    let subject: Vec<_> = subject.collect();
    event["subject"] = match noun(kind) {
        // The basis in it is in lower case.
        "care" => json!(subject.join("/").to_lowercase()),
        _ => json!(subject.join("/")),
    };
    let version = data["version"].as_i64().unwrap_or(1);
    event["sequence"] = json!(version.to_string());
    event["id"] = json!("6f1c1d0e-6d2e-4a52-9e62-6b1b3f0f7c11");
    event["type"] = json!(kind.name());
    event["data"] = data;
    event
}

/// Ids for examples, by the name of their member. They are plainly fictional.
fn ids() -> Known {
    let names = [
        "appointment_id",
        "patient_id",
        "provider_id",
        "record_id",
        "file_id",
        "user_id",
        "owner_id",
        "member_id",
        "source",
        "webhook_id",
        "alert_id",
        "emergency_access_id",
        "incident_id",
        "representative_id",
        "export_id",
        "amendment_id",
        "accounting_id",
    ];
    let ids = (1..).zip(names).map(|(number, name)| {
        let id = json!(format!("0190f3a2-7b1c-7d2e-8f3a-{number:012}"));
        (name.to_owned(), id)
    });
    let mut ids: BTreeMap<_, _> = ids.collect();
    ids.insert(
        "likely_duplicates".to_owned(),
        json!(["0190f3a2-7b1c-7d2e-8f3a-000000000010"]),
    );
    ids
}

fn feed_query() -> Value {
    json!({
        "type": "object",
        "description": "The parameters of the request.",
        "properties": page_parameters(),
    })
}

fn feed_request() -> Value {
    json!({
        "name": "events-request",
        "title": "Request for events",
        "summary": "Asks for the events after a cursor. Without a cursor it asks for the oldest that are kept.",
        "description": "The request has no body. Its header `authorization` has the access token of the consumer.",
        "headers": {
            "type": "object",
            "description": "The HTTP headers of the request.",
            "required": ["authorization"],
            "properties": {"authorization": {
                "type": "string",
                "description": "The word `Bearer`, a space and the access token of the consumer.",
            }},
        },
    })
}

fn feed_page(message: &Value) -> Value {
    json!({
        "name": "events-page",
        "title": "Page of events",
        "summary": "The events after the cursor, oldest first, and the cursor for what follows them.",
        "contentType": "application/json",
        "payload": {"$ref": format!("{SCHEMAS}/BusinessEventFeed")},
        "examples": [{
            "name": "page",
            "payload": {"items": [message["examples"][0]["payload"]], "next_cursor": "text"},
        }],
    })
}

/// The headers of a webhook's request (Standard Webhooks).
fn webhook_headers() -> Value {
    json!({
        "type": "object",
        "description": "The HTTP headers of an event that is delivered by webhook. The event bus has none of them.",
        "properties": {
            "webhook-id": {
                "type": "string",
                "description": "The id of the event, which is the same in each attempt to deliver it.",
            },
            "webhook-timestamp": {
                "type": "string",
                "pattern": "^[0-9]+$",
                "description": "The time of the attempt in seconds since 1970 (UTC). Refuse an event if its time is far from now.",
            },
            "webhook-signature": {
                "type": "string",
                "pattern": "^v1,[A-Za-z0-9+/]+=*( v1,[A-Za-z0-9+/]+=*)*$",
                "description": "The signatures of `webhook-id`, `webhook-timestamp` and the body, separated by spaces. Each is \
                    `v1,` and an HMAC-SHA-256 in base64. There are two while the secret is being replaced.",
            },
        },
    })
}
