//! Schedule, every minute: writes a business event ahead of each visit, at the clinic's offsets.
//!
//! The database decides which reminders are due (`migrations/V0028__appointment_reminders.sql`). The consumer of the
//! event reminds the patient.

use std::time::Duration;

use api::job::Job;
use api::prelude::*;
use sql::row;

pub const ENDPOINT: Endpoint = Endpoint::schedule("every minute")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Writes a business event ahead of each visit")
    .needs("appointments:remind")
    .recorded_as(Action::Process, ResourceType::Appointment);

/// The number of visits in one transaction. Its audit row names their patients.
const VISITS: i32 = 300;

/// The longest time of one transaction. A run begins none that may not end in its own time.
const LONGEST: Duration = Duration::from_secs(10);

const WRITE: &str = "select visits, reminders, patients from write_due_reminders($1)";

row! {
    /// What a transaction wrote.
    #[derive(Serialize)]
    pub struct Written {
        /// The number of visits with a reminder that was due.
        pub visits: i32,
        /// The number of events. A visit that has begun gets none.
        pub reminders: i32,
        /// The patients of these visits.
        pub patients: Vec<PatientId>,
    }
}

impl Content for Written {
    fn patients(&self) -> Vec<PatientId> {
        self.patients.clone()
    }
}

/// Writes all reminders that are due. Errors: the database refuses. The next run writes what is left.
pub async fn handle(job: Job) -> Result<(), Error> {
    while job.has_time(LONGEST) && job.audited(Search::default(), write).await? > 0 {}
    Ok(())
}

/// Writes the reminders of some visits. Returns the number of these visits. Nothing is recorded if there were none.
async fn write(mut access: Access<Search>) -> Result<i32, Error> {
    let written: Written = access.one(sql(WRITE, &[&VISITS])).await?;
    let visits = written.visits;
    if visits > 0 {
        access.add_note("visits", visits);
        access.add_note("reminders", written.reminders);
        access.commit(Json(written)).await?;
    }
    Ok(visits)
}
