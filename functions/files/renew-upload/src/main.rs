//! The Lambda `renew-upload`.

api::serve!(renew_upload);
