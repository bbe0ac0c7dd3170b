//! What EventBridge answered to events, until a transaction settles it.

use business_events::Place;

/// What EventBridge answered to events.
#[derive(Default)]
pub struct Sent {
    pub ranks: Vec<i64>,
    pub numbers: Vec<i64>,
    /// None for an event that it accepted.
    pub codes: Vec<Option<String>>,
}

impl Sent {
    /// Adds an event at this place.
    pub fn add(&mut self, (rank, number): Place, code: Option<String>) {
        self.ranks.push(rank);
        self.numbers.push(number);
        self.codes.push(code);
    }
}
