//! Who a transaction acts for, and how PostgreSQL learns it.

use domain::ids::UserId;
use sql::sql;
use tokio_postgres::{Client, Row};

/// Who a transaction acts for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Caller {
    /// A verified subject; `assured` where its assurance level satisfies the deployment.
    Person { user: UserId, assured: bool },
    /// A schedule or event.
    System,
}

// No permission is looked up in Rust: the function raises where one is missing, so that a
// statement sent along in the same flush doesn't run either.
const BEGIN_REQUEST: &str = "select role from begin_request($1, $2, $3)";
const BEGIN_JOB: &str = "select role from begin_job($1)";

impl Caller {
    /// The person, if it is one.
    pub(crate) fn user(self) -> Option<UserId> {
        match self {
            Self::Person { user, .. } => Some(user),
            Self::System => None,
        }
    }

    /// Sends who acts in the transaction begun, with which permission. Returns its `role`.
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
