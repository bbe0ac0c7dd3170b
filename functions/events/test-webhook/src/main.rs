//! The Lambda `test-webhook`.

api::serve!(test_webhook);
