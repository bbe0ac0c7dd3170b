//! The caller that a transaction acts for.

use domain::ids::UserId;
use sql::sql;
use tokio_postgres::{Client, Row};

/// The caller that a transaction acts for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Caller {
    /// The subject of a verified token. `assured` is whether the token's assurance level satisfies the
    /// deployment's requirement.
    Person { user: UserId, assured: bool },
    /// A function that a schedule or an event started.
    System,
}

// Rust checks no permission. These SQL functions raise an error if the permission is missing, and then
// the other statements of the flush don't run either.
const BEGIN_REQUEST: &str = "select role from begin_request($1, $2, $3)";
const BEGIN_JOB: &str = "select role from begin_job($1)";

impl Caller {
    /// The user, or none for a function.
    pub(crate) fn user(self) -> Option<UserId> {
        match self {
            Self::Person { user, .. } => Some(user),
            Self::System => None,
        }
    }

    /// Sets the actor of the open transaction. Returns a row with its `role`. Errors: the caller may not act
    /// or lacks the permission.
    pub(crate) async fn act(
        self,
        client: &Client,
        permission: &str,
    ) -> Result<Row, tokio_postgres::Error> {
        match self {
            Self::Person { user, assured } => {
                sql(BEGIN_REQUEST, &[&user, &assured, &permission])
                    .query_one(client)
                    .await
            }
            Self::System => sql(BEGIN_JOB, &[&permission]).query_one(client).await,
        }
    }
}
