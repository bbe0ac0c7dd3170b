//! The accounting as an HTML document.

use api::prelude::*;
use askama::Template;
use domain::accounting::AccountingEntry;
use sql::{Jsonb, row};

use crate::table;

row! {
    /// A provided accounting with whoever it is written to and by.
    pub struct Source {
        /// The patient.
        pub patient_id: PatientId,
        /// The first day that it covers.
        pub covered_from: Date,
        /// The last day that it covers.
        pub covered_until: Date,
        /// The day of the request.
        pub received_on: Date,
        /// The time at which it was provided.
        pub provided_at: Option<Timestamp>,
        /// The entries. Null until it is provided.
        pub entries: Option<Jsonb<Vec<AccountingEntry>>>,
        /// The patient's given name.
        pub first_name: Option<String>,
        /// The patient's family name.
        pub last_name: Option<String>,
        /// The name of the clinic.
        pub clinic_name: Option<String>,
        /// Its telephone number.
        pub clinic_phone: Option<String>,
        /// Its e-mail address.
        pub clinic_email: Option<String>,
        /// Its website.
        pub clinic_website: Option<String>,
        /// Its postal address.
        pub clinic_address: Option<String>,
    }
}

/// A line of the table.
struct Line {
    days: String,
    recipient: String,
    address: String,
    description: String,
    purpose: String,
}

/// The document. The template escapes all text.
#[derive(Template)]
#[template(path = "accounting.html")]
pub struct Document {
    clinic: Option<String>,
    contact: Vec<String>,
    patient: String,
    period: String,
    requested_on: String,
    provided_at: String,
    lines: Vec<Line>,
}

impl Document {
    pub fn new(source: Source, provided_at: Timestamp, entries: &[AccountingEntry]) -> Self {
        let names = [source.first_name, source.last_name];
        let contact = [
            source.clinic_phone,
            source.clinic_email,
            source.clinic_website,
            source.clinic_address,
        ];
        let line = |entry: &AccountingEntry| Line {
            days: table::days(entry),
            recipient: entry.recipient_name.clone(),
            address: entry.recipient_address.clone().unwrap_or_default(),
            description: entry.description.clone(),
            purpose: table::purpose(entry),
        };
        Self {
            clinic: source.clinic_name,
            contact: contact.into_iter().flatten().collect(),
            patient: names.into_iter().flatten().collect::<Vec<_>>().join(" "),
            period: format!("{} to {}", source.covered_from, source.covered_until),
            requested_on: source.received_on.to_string(),
            provided_at: provided_at.to_string(),
            lines: entries.iter().map(line).collect(),
        }
    }
}
