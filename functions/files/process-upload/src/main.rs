//! The Lambda `process-upload`.

api::serve_event!(process_upload);
