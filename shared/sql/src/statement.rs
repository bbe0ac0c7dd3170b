//! Statements and how they are sent.

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Error, Row};

use crate::connection::Connection;
use crate::parameter::Parameter;

/// A statement with its parameters.
#[derive(Clone, Copy)]
pub struct Statement<'a> {
    text: &'a str,
    parameters: &'a [&'a dyn Parameter],
    may_be_named: bool,
}

/// Joins a statement's text with its parameters `$1`, `$2`, ….
pub fn sql<'a>(text: &'a str, parameters: &'a [&'a dyn Parameter]) -> Statement<'a> {
    Statement {
        text,
        parameters,
        may_be_named: false,
    }
}

impl<'a> Statement<'a> {
    /// Lets the server keep the statement under a name. Its plan must not depend on the values of its
    /// parameters.
    #[must_use]
    pub fn named(self) -> Self {
        Self {
            may_be_named: true,
            ..self
        }
    }

    /// The text.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// The parameters, in their order.
    pub fn parameters(&self) -> &'a [&'a dyn Parameter] {
        self.parameters
    }

    /// Sends the statement and returns its rows.
    pub async fn query(self, connection: &Connection) -> Result<Vec<Row>, Error> {
        match self.name(connection) {
            Some(statement) => self.noticed(
                connection,
                connection.query(&statement, &self.values()).await,
            ),
            None => connection.query_typed(self.text, &self.typed()).await,
        }
    }

    /// Sends the statement and returns its row. Errors: the result has no row or several.
    pub async fn query_one(self, connection: &Connection) -> Result<Row, Error> {
        match self.name(connection) {
            Some(statement) => self.noticed(
                connection,
                connection.query_one(&statement, &self.values()).await,
            ),
            None => connection.query_typed_one(self.text, &self.typed()).await,
        }
    }

    /// Sends the statement and returns the number of rows that it wrote.
    pub async fn execute(self, connection: &Connection) -> Result<u64, Error> {
        match self.name(connection) {
            Some(statement) => self.noticed(
                connection,
                connection.execute(&statement, &self.values()).await,
            ),
            None => connection.execute_typed(self.text, &self.typed()).await,
        }
    }

    fn name(&self, connection: &Connection) -> Option<tokio_postgres::Statement> {
        let types = || {
            let types = self.parameters.iter();
            types.map(|parameter| parameter.sql_type()).collect()
        };
        self.may_be_named
            .then(|| connection.named(self.text, types))
            .flatten()
    }

    fn noticed<T>(self, connection: &Connection, result: Result<T, Error>) -> Result<T, Error> {
        result.inspect_err(|error| connection.notice(error))
    }

    fn values(&self) -> Vec<&'a (dyn ToSql + Sync)> {
        self.parameters
            .iter()
            .map(|parameter| parameter.value())
            .collect()
    }

    fn typed(&self) -> Vec<(&'a (dyn ToSql + Sync), Type)> {
        self.parameters
            .iter()
            .map(|parameter| (parameter.value(), parameter.sql_type()))
            .collect()
    }
}
