//! Begins a transaction in SQL as a function does, with a ticket.

use tokio_postgres::{Client, Error};
use uuid::Uuid;

use crate::database::TICKET_KEY;
use crate::people::Actor;

/// The parts of a ticket for now: the clock and the signature. `$1` is the subject or null, `$2` the
/// permission and `$3` the key.
const TICKET: &str = "
    select clock, hmac(
      convert_to(
        concat_ws('|', 'caretrail-ticket-v1', coalesce($1::uuid::text, ''), 't', $2::text, clock),
        'UTF8'
      ),
      $3::bytea, 'sha256'
    ) as signature
    from (select floor(extract(epoch from clock_timestamp()))::bigint as clock) as now";

/// A ticket's clock and signature.
pub type Ticket = (i64, Vec<u8>);

/// Signs a ticket with this key. A job has no subject.
pub async fn ticket(
    client: &Client,
    subject: Option<Uuid>,
    permission: &str,
    key: &[u8],
) -> Result<Ticket, Error> {
    let row = client
        .query_one(TICKET, &[&subject, &permission, &key])
        .await?;
    Ok((row.get("clock"), row.get("signature")))
}

/// Sets the actor of the open transaction to this person. Errors: PostgreSQL refuses.
pub async fn begin_request(client: &Client, caller: &Actor, permission: &str) -> Result<(), Error> {
    begin_request_as(client, caller.subject, permission).await
}

/// Sets the actor of the open transaction to the user of this sign-in. Errors: PostgreSQL refuses.
pub async fn begin_request_as(
    client: &Client,
    subject: Uuid,
    permission: &str,
) -> Result<(), Error> {
    let (clock, signature) = ticket(client, Some(subject), permission, &TICKET_KEY).await?;
    client
        .execute(
            "select begin_request($1, true, $2, $3, $4)",
            &[&subject, &permission, &clock, &signature],
        )
        .await
        .map(drop)
}

/// Proves this person to the open transaction for an audit row of a refusal. Errors: PostgreSQL refuses.
pub async fn begin_attempt(client: &Client, caller: &Actor, permission: &str) -> Result<(), Error> {
    let (clock, signature) = ticket(client, Some(caller.subject), permission, &TICKET_KEY).await?;
    client
        .execute(
            "select begin_attempt($1, true, $2, $3, $4)",
            &[&caller.subject, &permission, &clock, &signature],
        )
        .await
        .map(drop)
}

/// Sets the actor of the open transaction to SYSTEM. Errors: PostgreSQL refuses.
pub async fn begin_job(client: &Client, permission: &str) -> Result<(), Error> {
    let (clock, signature) = ticket(client, None, permission, &TICKET_KEY).await?;
    client
        .execute(
            "select begin_job($1, $2, $3)",
            &[&permission, &clock, &signature],
        )
        .await
        .map(drop)
}
