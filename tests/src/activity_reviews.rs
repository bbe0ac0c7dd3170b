//! Activity reviews as tests make them, without an officer.

use uuid::Uuid;

use crate::world::World;

impl World {
    /// Begins a review of January 2026.
    pub async fn activity_review(&self) -> Uuid {
        let id = Uuid::now_v7();
        let begin = "insert into activity_reviews (id, covered_from, covered_until)
                     values ($1, '2026-01-01', '2026-01-31')";
        self.sql(begin, &[&id]).await;
        id
    }
}
