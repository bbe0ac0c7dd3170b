//! The list of all endpoints with a caller. `document.rs` adds the others.

use crate::operation::Operation;

/// `operation!(package)`, with `body Type`, `patch Type` or `query Type` if the endpoint reads one.
macro_rules! operation {
    ($function:ident $(, $part:ident $type:ident)*) => {
        Operation::of($function::ENDPOINT, $function::handle)$(.$part::<$function::$type>())*
    };
}

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        operation!(get_me),
        operation!(create_user, body NewUser),
        operation!(get_user, query Filter),
        operation!(list_users, query Filter),
        operation!(update_user, patch Editable),
        operation!(delete_user),
        operation!(list_roles, query Filter),
        operation!(put_role, body Definition),
        operation!(create_patient, body NewPatient),
        operation!(get_patient, query Filter),
        operation!(list_patients, query Filter),
        operation!(search_patients, body Wanted),
        operation!(update_patient, patch Editable),
        operation!(delete_patient),
        operation!(assign_provider),
        operation!(unassign_provider),
        operation!(create_provider, body NewProvider),
        operation!(get_provider, query Filter),
        operation!(list_providers, query Filter),
        operation!(update_provider, patch Editable),
        operation!(delete_provider),
        operation!(verify_provider, body Verification),
        operation!(get_availability, query Query),
        operation!(create_appointment, body NewAppointment),
        operation!(get_appointment, query Filter),
        operation!(list_appointments, query Filter),
        operation!(complete_appointment, body Completion),
        operation!(cancel_appointment, body Cancellation),
        operation!(update_appointment, patch Editable),
        operation!(delete_appointment),
        operation!(rate_appointment, body Rating),
        operation!(list_appointment_changes, query Query),
        operation!(create_record, body NewRecord),
        operation!(get_record, query Query),
        operation!(list_records, query Filter),
        operation!(update_record, patch Editable),
        operation!(delete_record),
        operation!(list_record_versions, query Query),
        operation!(release_record, body Release),
        operation!(put_custom_data_schema, body NewSchema),
        operation!(get_custom_data_schema, query Query),
        operation!(create_file, body NewFile),
        operation!(complete_file),
        operation!(renew_upload),
        operation!(get_file),
        operation!(list_files, query Filter),
        operation!(update_file, patch Editable),
        operation!(delete_file),
        operation!(list_audit_logs, query Filter),
    ]
}
