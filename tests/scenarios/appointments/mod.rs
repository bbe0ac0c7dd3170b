mod complete_appointment;
mod create_appointment;
mod get_appointment;
mod list_appointments;
