//! Parses the `Authorization` header (RFC 6750, 2.1).

use crate::Reason;

/// The longest token that is accepted, in bytes. Supabase's tokens have 1 to 2 KiB. API Gateway allows
/// 10 KiB for all headers together.
const LONGEST_TOKEN: usize = 8 * 1024;

/// Returns the token of a Bearer header. Errors: the header is not the scheme and one token.
pub(crate) fn token(authorization: Option<&str>) -> Result<&str, Reason> {
    let header = authorization.unwrap_or_default().trim_matches(' ');
    if header.is_empty() {
        return Err(Reason::NoToken);
    }
    let (scheme, rest) = header.split_once(' ').unwrap_or((header, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Reason::WrongScheme);
    }
    let token = rest.trim_start_matches(' ');
    if token.is_empty() {
        return Err(Reason::NoToken);
    }
    if token.len() > LONGEST_TOKEN {
        return Err(Reason::TokenTooLong);
    }
    // Only base64url and dots, so two tokens, or two headers joined by a comma, are refused.
    let is_of_a_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if !token.bytes().all(is_of_a_token) {
        return Err(Reason::MalformedHeader);
    }
    Ok(token)
}
