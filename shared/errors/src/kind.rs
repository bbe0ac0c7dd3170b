//! The kinds of problems: the one source of the catalogue.

use http::StatusCode;

/// A kind of problem. Clients recognise it by its slug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// The HTTP status.
    pub status: StatusCode,
    /// The last part of the problem's `type`. It never changes.
    pub slug: &'static str,
    /// A short description of the kind.
    pub title: &'static str,
    /// The meaning of the problem to the caller.
    pub meaning: &'static str,
    /// The action that the caller can take.
    pub action: &'static str,
}

macro_rules! kinds {
    ($($name:ident: $status:ident, $slug:literal, $title:literal, $meaning:literal, $action:literal;)+) => {
        impl Kind {
            $(
                #[doc = $meaning]
                pub const $name: Self = Self {
                    status: StatusCode::$status,
                    slug: $slug,
                    title: $title,
                    meaning: $meaning,
                    action: $action,
                };
            )+

            /// All kinds, in the order of their statuses.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];
        }
    };
}

kinds! {
    MALFORMED_JSON: BAD_REQUEST, "malformed-json", "Malformed JSON",
        "The request body is not one complete JSON value in UTF-8.",
        "Correct the syntax of the body, and send the request again.";
    MALFORMED_HEADER: BAD_REQUEST, "malformed-header", "Malformed header",
        "A header does not have the form that HTTP or this API requires. The member `errors` names it.",
        "Correct the header, and send the request again.";
    NOT_AUTHENTICATED: UNAUTHORIZED, "not-authenticated", "Not authenticated",
        "The request has no access token, or the token is expired, malformed, signed with another key or not \
         made for this API. The header `WWW-Authenticate` says which of these is the case.",
        "Sign in again or refresh the token, and send it in the header `Authorization` after the word \
         `Bearer`.";
    FORBIDDEN: FORBIDDEN, "forbidden", "Not permitted",
        "The caller is known and is not allowed to do this: their role lacks the permission that the member \
         `permission` names, they did not sign in with a second factor, or their account is not active.",
        "Do what `detail` says. An administrator can change the role or the account of the caller.";
    NOT_FOUND: NOT_FOUND, "not-found", "Not found",
        "The resource does not exist, the caller is not allowed to see it, or no operation has this path. The \
         answer is the same in the first two cases.",
        "Check the path and the ids in it. A resource that someone else created may be out of the caller's \
         reach.";
    METHOD_NOT_ALLOWED: METHOD_NOT_ALLOWED, "method-not-allowed", "Method not allowed",
        "The path exists, but not with this method.",
        "Use a method that the header `Allow` names.";
    ALREADY_EXISTS: CONFLICT, "already-exists", "Already exists",
        "Another resource already has a value that must be unique.",
        "Find and use the existing resource, or send another value.";
    CONFLICT: CONFLICT, "conflict", "Conflict",
        "The current state of the data does not allow the request, and `detail` says why.",
        "Read the resource again, and decide with its present state.";
    CHANGED_SINCE_IMPORT: CONFLICT, "changed-since-import", "Changed since its import",
        "The caller imports data, and somebody else has changed the imported resource since. The import would \
         overwrite that change.",
        "Correct the resource in Caretrail instead of importing it again.";
    PRECONDITION_FAILED: PRECONDITION_FAILED, "precondition-failed", "Version mismatch",
        "The resource has another version than the one in `If-Match`, because someone changed it meanwhile.",
        "Read the resource again, apply the change to its present version, and send the new `ETag` in \
         `If-Match`.";
    TOO_LARGE: PAYLOAD_TOO_LARGE, "too-large", "Body too large",
        "The request body has more bytes than the member `max_bytes` allows.",
        "Send less in one request. The content of files goes to the URLs that the API returns, not to the API.";
    EVENTS_EXPIRED: GONE, "events-expired", "Events expired",
        "Events that follow the cursor were kept for 30 days and are deleted.",
        "Read the resources anew with the lists of the API. Then read the events without a cursor, from the oldest one \
         that is kept.";
    UNSUPPORTED_MEDIA_TYPE: UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "Unsupported media type",
        "The operation does not accept the `Content-Type` of the request body.",
        "Send the body with the media type that the header `Accept` or `Accept-Patch` of the answer names.";
    INVALID: UNPROCESSABLE_ENTITY, "invalid", "Invalid request",
        "Fields, parameters or headers of the request are missing, unknown or have unusable values. The member \
         `errors` lists all faults that the request itself shows, at most 100, and fewer of a very large body. Rules that depend on stored data \
         are checked afterwards.",
        "Correct every listed value, and send the request again.";
    IDEMPOTENCY_KEY_REUSED: UNPROCESSABLE_ENTITY, "idempotency-key-reused",
        "Idempotency-Key used for another request",
        "The caller has used this `Idempotency-Key` for another request within the last day.",
        "Use a new key for a new request. To repeat a request, send exactly the same path, query and body.";
    PRECONDITION_REQUIRED: PRECONDITION_REQUIRED, "precondition-required", "If-Match required",
        "The request changes a resource and does not say on which version the change is based.",
        "Read the resource, and send its `ETag` in the header `If-Match`.";
    TOO_MANY_KEYS: TOO_MANY_REQUESTS, "too-many-idempotency-keys", "Too many Idempotency-Keys",
        "The caller has used 1000 different values of `Idempotency-Key` within a day.",
        "Send the request without a key, or wait until earlier keys have ended.";
    TOO_MANY_UPLOADS: TOO_MANY_REQUESTS, "too-many-uploads", "Too many uploads",
        "The caller has announced as many files, or as many bytes, as an account may announce within 24 hours.",
        "Wait until earlier announcements are a day old, or ask the operator for a higher quota.";
    TOO_MANY_EMERGENCY_SEARCHES: TOO_MANY_REQUESTS, "too-many-emergency-searches", "Too many emergency searches",
        "The caller has looked for as many patients as an account may look for within an hour to get emergency access.",
        "Wait until earlier searches are an hour old. If a patient can't wait, ask a colleague who has them in care.";
    TOO_MANY_REFUSALS: TOO_MANY_REQUESTS, "too-many-refusals", "Too many refused requests",
        "Too many requests of the caller were refused within a minute, and this one is refused, too. Requests that \
         are not refused get their answers as usual.",
        "Wait for the number of seconds in the header `Retry-After`. The problem of the next request that is refused \
         then says why.";
    INTERNAL: INTERNAL_SERVER_ERROR, "internal", "Internal error",
        "The server failed because of a defect. Nothing was changed.",
        "Report the `request_id` to the operator. The same request is likely to fail again.";
    UNAVAILABLE: SERVICE_UNAVAILABLE, "unavailable", "Unavailable",
        "Something that the answer depends on is temporarily unavailable. Nothing was changed.",
        "Send the request again after the number of seconds in the header `Retry-After`.";
    OUTCOME_UNKNOWN: SERVICE_UNAVAILABLE, "outcome-unknown", "Outcome unknown",
        "The connection broke while the change was being committed, so it is unknown whether the request took \
         effect.",
        "If the request had an `Idempotency-Key`, send it again with the same key. Otherwise read the resource \
         before you send it again.";
}
