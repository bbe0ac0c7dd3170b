//! Sends statements to PostgreSQL and reads their rows.
//!
//! This crate knows Rust types and the PostgreSQL types that they correspond to. It must not know the
//! connection pool, HTTP or any table.
//!
//! Statements are sent with the types of their parameters (`query_typed`). So each takes one round
//! trip and works under every transaction pooler. Where the setting allows it, a statement that is sent
//! again has a name. The driver would look up any type that isn't built in, so enums are selected as text.
#![warn(missing_docs)]

mod connection;
mod jsonb;
mod lists;
mod parameter;
mod row;
mod statement;
mod text_enum;
mod wrapper;

pub use connection::{Connection, Naming, is_name_lost};
pub use jsonb::Jsonb;
pub use parameter::{Parameter, SqlType};
pub use row::FromRow;
pub use statement::{Statement, sql};

// The macros refer to these types of the driver, which the crates that call them don't depend on.
#[doc(hidden)]
pub mod postgres {
    pub use bytes::BytesMut;
    pub use tokio_postgres::{Error, Row, types};
}
