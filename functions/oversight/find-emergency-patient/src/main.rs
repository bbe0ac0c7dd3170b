//! The Lambda `find-emergency-patient`.

api::serve!(find_emergency_patient);
