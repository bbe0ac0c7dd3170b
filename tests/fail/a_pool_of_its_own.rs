//! A function can't name the crate of the pool, which hands out connections.

pub async fn by_a_pool_of_its_own(database: database::Database) {
    let _ = database.connection().await;
}
