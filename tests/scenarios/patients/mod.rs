mod get_patient;
