//! Pages of searches by name.

use serde::{Deserialize, Serialize};
use sql::{FromRow, postgres, row};

use crate::ids::UserId;

/// The description of the field in the error for `search_is_narrow`: more people match than one search reads.
pub const TOO_MANY: &str = "expected a name that fewer people share, for example with another word; more than 20,000 \
                            people have each of its words";

row! {
    /// The place of a person in the order of a search by name.
    #[derive(Clone, Debug, Deserialize, Serialize)]
    pub struct NamePlace {
        /// The word of the search by which its pages are sorted. None if the search has no name.
        pub led_by: Option<String>,
        /// The first entry of the person's name that begins with `led_by`. Empty without a name.
        pub word: String,
        /// The name by which people with the same `word` are sorted.
        pub name: String,
        /// The person's account.
        pub user_id: UserId,
    }
}

/// A row that a search by name finds, with its place. The next page begins behind the place, even if the person is
/// renamed meanwhile.
#[derive(Debug, Serialize)]
pub struct Named<T> {
    /// The row.
    pub row: T,
    /// The place of the row's person.
    pub place: NamePlace,
}

impl<T: FromRow> FromRow for Named<T> {
    fn from_row(row: &postgres::Row) -> Result<Self, postgres::Error> {
        Ok(Self {
            row: T::from_row(row)?,
            place: NamePlace::from_row(row)?,
        })
    }
}
