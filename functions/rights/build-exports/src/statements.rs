//! The statements that read a chart in pages, newest first. Their parameters are the request, the attempt, the time and the
//! id after which the page begins, its length, and the types of records, or null for all.

use api::prelude::*;
use domain::appointment::Appointment;
use domain::record::MedicalRecord;
use domain::{
    select_appointment, select_file, select_patient, select_provider, select_record, select_user,
};
use files::StoredFile;
use sql::FromRow;
use uuid::Uuid;

/// The clinic, the patient and what is left out.
pub const ABOUT: &str = "
    select recipient_name, exclusions, time_zone, clinic_name, clinic_phone, clinic_email, clinic_website, clinic_address
    from exported_about($1, $2)";
// The name of the table in these statements is that of a common table expression, which the function fills.
pub const PATIENT: &str = concat!(
    "with patient_profiles as (select * from exported_patient($1, $2)) ",
    select_patient!("")
);
pub const USER: &str = concat!(
    "with user_profiles as (select * from exported_user($1, $2)) ",
    select_user!("")
);
pub const PROVIDERS: &str = concat!(
    "with provider_profiles as (select * from exported_providers($1, $2, $3, $4)) ",
    select_provider!("order by id")
);
pub const AMENDMENTS: &str = "
    select entry, amendment from exported_amendments($1, $2)";
pub const PROGRESS: &str = "select note_export_progress($1, $2, $3)";
pub const FINISH: &str = "select finish_export($1, $2, $3, $4, $5)";

/// An entry of a chart.
pub trait Entry: FromRow {
    /// The kind of the entry, as the audit row calls it.
    const KIND: &'static str;
    /// The statement that reads a page.
    const SELECT: &'static str;

    /// The time and the id by which entries are in order.
    fn key(&self) -> (Timestamp, Uuid);
}

impl Entry for Appointment {
    const KIND: &'static str = "appointments";
    const SELECT: &'static str = concat!(
        "with appointments as (select * from exported_appointments($1, $2, $3, $4, $5)) ",
        select_appointment!("where $6::text[] is null order by scheduled_at desc, id desc")
    );

    fn key(&self) -> (Timestamp, Uuid) {
        (self.scheduled_at, self.id.into())
    }
}

impl Entry for MedicalRecord {
    const KIND: &'static str = "records";
    const SELECT: &'static str = concat!(
        "with medical_records as (
           select * from exported_records($1, $2, $6::text[]::record_type[], $3, $4, $5)
         ) ",
        select_record!("order by created_at desc, id desc")
    );

    fn key(&self) -> (Timestamp, Uuid) {
        (self.created_at, self.id.into())
    }
}

impl Entry for StoredFile {
    const KIND: &'static str = "files";
    const SELECT: &'static str = concat!(
        "with file_metadata as (select * from exported_files($1, $2, $3, $4, $5)) ",
        select_file!("where $6::text[] is null order by created_at desc, id desc")
    );

    fn key(&self) -> (Timestamp, Uuid) {
        (self.file.created_at, self.file.id.into())
    }
}
