//! An answer that doesn't say whose data it contains.

use api::prelude::*;

pub async fn handle(call: Call) -> Reply<Json<String>> {
    let access = call.authorize(Search::default());
    access.commit(Json("data".to_owned())).await
}
