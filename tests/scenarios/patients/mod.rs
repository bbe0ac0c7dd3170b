mod assign_provider;
mod create_patient;
mod delete_patient;
mod get_patient;
mod list_patients;
mod search_patients;
mod unassign_provider;
mod update_patient;
