//! The Lambda `process-scan-result`.

api::serve_event!(process_scan_result);
