//! Statements and how they are sent.

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, Row};

use crate::parameter::Parameter;

/// A statement with its parameters.
#[derive(Clone, Copy)]
pub struct Statement<'a> {
    text: &'a str,
    parameters: &'a [&'a dyn Parameter],
}

/// Joins a statement's text with its parameters `$1`, `$2`, ….
pub fn sql<'a>(text: &'a str, parameters: &'a [&'a dyn Parameter]) -> Statement<'a> {
    Statement { text, parameters }
}

impl<'a> Statement<'a> {
    /// Sends the statement and returns its rows.
    pub async fn query(self, client: &Client) -> Result<Vec<Row>, Error> {
        client.query_typed(self.text, &self.typed()).await
    }

    /// Sends the statement and returns its row. Errors: the result has no row or several.
    pub async fn query_one(self, client: &Client) -> Result<Row, Error> {
        client.query_typed_one(self.text, &self.typed()).await
    }

    /// Sends the statement and returns the number of rows that it wrote.
    pub async fn execute(self, client: &Client) -> Result<u64, Error> {
        client.execute_typed(self.text, &self.typed()).await
    }

    fn typed(&self) -> Vec<(&'a (dyn ToSql + Sync), Type)> {
        self.parameters
            .iter()
            .map(|parameter| (parameter.value(), parameter.sql_type()))
            .collect()
    }
}
