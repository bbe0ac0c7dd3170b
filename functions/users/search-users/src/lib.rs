//! `POST /v1/users/search`: searches user accounts by name or e-mail address.

use api::pages::Limit;
use api::prelude::*;
use domain::name_search::{NamePlace, Named, TOO_MANY};
use domain::select_user;
use domain::text::{EmailAddress, Identifier, Line};
use domain::user::User;

pub const ENDPOINT: Endpoint = Endpoint::post("/v1/users/search")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Searches user accounts by name or e-mail address")
    .needs("users:list")
    .recorded_as(Action::Search, ResourceType::User);

/// The criteria that an account must meet: at least one of `name` and `username`. They are in the body because URLs
/// must not contain names or e-mail addresses.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// Words of the user's name, or the beginnings of words, in any order. Case, accents, apostrophes and hyphens make
    /// no difference. For example, `ada exam` finds Ada Example.
    pub name: Option<Line<201>>,
    /// The complete e-mail address with which the user signs in, for example `ada@example.org`.
    pub username: Option<EmailAddress>,
    /// Only users with this role are found, for example `NURSE`.
    pub role: Option<Identifier<50>>,
    /// Whether archived accounts are found too. By default they are not.
    #[serde(default)]
    pub include_archived: bool,
    /// The greatest number of accounts in the page, from 1 to 100. It is 50 if it is absent.
    pub limit: Option<Limit>,
    /// The `next_cursor` of the page before. Leave it out for the first page.
    pub cursor: Option<String>,
}

impl Check for Wanted {
    fn check(&self, _sound: &Sound<'_>) -> Result<(), Error> {
        match self.name.is_none() && self.username.is_none() {
            false => Ok(()),
            true => Err(Error::invalid(
                "",
                "expected at least one of name and username",
            )),
        }
    }
}

/// `search_users` finds the page. The accounts are read under the caller's policies.
const SEARCH: &str = concat!(
    "select account.*, found.user_id, found.led_by, found.word, found.name
     from search_users($1, $2, $3, $4, $5, $6, $7, $8, $9)
       with ordinality as found (user_id, led_by, word, name, place)
     cross join lateral (",
    select_user!("where id = found.user_id"),
    ") as account order by found.place",
);

pub async fn handle(
    call: Call,
    CheckedBody(wanted): CheckedBody<Wanted>,
) -> Reply<Json<Page<User>>> {
    let page = call.page::<NamePlace>(wanted.limit, wanted.cursor.as_deref())?;
    let after = page.after();
    let mut access = call.authorize(Search::default());
    let found: Vec<Named<User>> = access
        .all(sql(
            SEARCH,
            &[
                &wanted.name,
                &wanted.username,
                &wanted.role,
                &wanted.include_archived,
                &after.and_then(|place| place.led_by.as_deref()),
                &after.map(|place| place.word.as_str()),
                &after.map(|place| place.name.as_str()),
                &after.map(|place| place.user_id),
                &page.fetch(),
            ],
        ))
        .await
        .on_constraint("search_is_narrow", Error::invalid("name", TOO_MANY))?;
    let found = page.page(found, |found| found.place.clone());
    access.commit(Json(found.map(|found| found.row))).await
}
