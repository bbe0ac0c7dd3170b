mod cancel_appointment;
mod complete_appointment;
mod create_appointment;
mod delete_appointment;
mod get_appointment;
mod list_appointments;
mod rate_appointment;
mod update_appointment;
