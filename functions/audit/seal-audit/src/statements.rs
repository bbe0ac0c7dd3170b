//! Sends statements outside of an audited transaction.

use errors::Error;
use sql::{Connection, FromRow, Parameter, sql};

/// Returns the number of rows that a statement wrote. Errors: the database fails.
pub async fn execute(
    connection: &Connection,
    text: &str,
    parameters: &[&dyn Parameter],
) -> Result<u64, Error> {
    Ok(sql(text, parameters).execute(connection).await?)
}

/// Returns the rows of a statement. Errors: the database fails.
pub async fn query<T: FromRow>(
    connection: &Connection,
    text: &str,
    parameters: &[&dyn Parameter],
) -> Result<Vec<T>, Error> {
    let rows = sql(text, parameters).query(connection).await?;
    Ok(rows.iter().map(T::from_row).collect::<Result<_, _>>()?)
}

/// Returns the row of a statement. Errors: the database fails, or there is no row or several.
pub async fn query_one<T: FromRow>(
    connection: &Connection,
    text: &str,
    parameters: &[&dyn Parameter],
) -> Result<T, Error> {
    let row = sql(text, parameters).query_one(connection).await?;
    Ok(T::from_row(&row)?)
}

/// Begins, commits or ends a transaction. Errors: the database fails.
pub async fn control(connection: &Connection, text: &str) -> Result<(), Error> {
    Ok(connection.batch_execute(text).await?)
}
