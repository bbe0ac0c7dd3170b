//! `POST /v1/webhooks/{id}/test`: lets a test event be sent to a webhook next.

use api::prelude::*;
use sql::row;

pub const ENDPOINT: Endpoint = Endpoint::post("/v1/webhooks/{id}/test")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Lets a test event be sent to a webhook next, also to a disabled one")
    .needs("webhooks:write")
    .recorded_as(Action::Update, ResourceType::Webhook);

row! {
    /// A test event that is sent next.
    #[derive(Debug, JsonSchema, Serialize)]
    pub struct WebhookTest {
        /// The id of the test event, a UUID. The deliveries of the webhook say what became of it.
        pub event_id: EventId,
    }
}

impl Content for WebhookTest {
    fn patients(&self) -> Vec<PatientId> {
        Vec::new()
    }
}

const TEST: &str = "select request_webhook_test($1) as event_id";

/// Requests are the same test until its event is sent, so a request can be repeated without harm.
pub async fn handle(call: Call, Path(id): Path<WebhookId>) -> Reply<Json<WebhookTest>> {
    let mut access = call.authorize(id);
    let test: WebhookTest = access.one(sql(TEST, &[&id])).await?;
    access.commit(Json(test)).await
}
