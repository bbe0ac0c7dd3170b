mod assign_provider;
mod create_patient;
mod get_patient;
mod list_patients;
