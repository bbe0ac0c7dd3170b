//! Statements sent outside the audited transaction.

use api::prelude::*;

pub async fn by_the_session(access: Access<PatientId>) {
    let _ = access.session;
}

pub async fn by_the_pool(call: Call) {
    let _ = &call.context.environment.database;
}

pub async fn by_the_statements_text(statement: sql::Statement<'_>) -> String {
    statement.text.to_owned()
}
