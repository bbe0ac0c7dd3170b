//! Every endpoint with a caller, once. The rest is in `document.rs`.

use crate::operation::Operation;

/// `operation!(package)`, with `body Type`, `patch Type` or `query Type` where it reads one.
macro_rules! operation {
    ($function:ident $(, $part:ident $type:ident)*) => {
        Operation::of($function::ENDPOINT, $function::handle)$(.$part::<$function::$type>())*
    };
}

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        operation!(get_me),
        operation!(create_user, body NewUser),
        operation!(get_user),
        operation!(create_patient, body NewPatient),
        operation!(get_patient),
        operation!(list_patients, query Filter),
        operation!(assign_provider),
        operation!(create_provider, body NewProvider),
        operation!(get_provider),
        operation!(create_appointment, body NewAppointment),
        operation!(get_appointment),
        operation!(list_appointments, query Filter),
        operation!(complete_appointment, body Completion),
        operation!(create_record, body NewRecord),
        operation!(get_record),
        operation!(list_records, query Filter),
        operation!(create_file, body NewFile),
        operation!(get_file),
        operation!(list_audit_logs, query Filter),
    ]
}
