//! The Lambda `count-refused-tokens`.

api::serve_event!(count_refused_tokens);
