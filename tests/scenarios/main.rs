//! Tests every endpoint as its real binary. The folders mirror `functions/`, one file an endpoint.
//! Rules that concern all endpoints have their own files.
#![expect(
    clippy::unwrap_used,
    reason = "a scenario that finds nothing has failed"
)]

mod access_matrix;
mod appointments;
mod audit;
mod audited_transaction;
mod authentication;
mod care;
mod clients;
mod clinical_fields;
mod conventions;
mod custom_data;
mod data_classes;
mod deceased;
mod events;
mod every_fault;
mod files;
mod idempotency;
mod import;
mod importer;
mod kept_dates;
mod kept_numbers;
mod kept_text;
mod known_callers;
mod large_answers;
mod lists_in_care;
mod lost_commits;
mod medical_records;
mod named_statements;
mod names_in_lists;
mod one_name;
mod oversight;
mod patients;
mod preconditions;
mod proof_of_the_actor;
mod providers;
mod refusals;
mod representatives;
mod retention;
mod rights;
mod round_trips;
mod rows_read;
mod schema;
mod schema_file;
mod second_walls;
mod story;
mod system;
mod tls;
mod two_persons;
mod unfit_requests;
mod users;
