//! CORS by the template's rules, as API Gateway and S3 apply them.
//!
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/cors.html>

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderName, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method};

/// A CORS rule of one API or bucket in the template. Its origin is the template's parameter
/// `AllowedOrigin`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rule {
    /// Methods that a page may use.
    pub methods: Vec<String>,
    /// Headers that a page may set.
    pub headers: Vec<String>,
    /// Headers that a page may read.
    pub exposed: Vec<String>,
    /// Seconds for which a browser may cache the rule.
    pub max_age: u64,
}

/// A rule applied to the pages of one origin.
#[derive(Debug, Clone)]
pub struct Cors {
    origin: String,
    rule: Rule,
}

impl Cors {
    /// Applies `rule` to the pages of `origin`, such as `https://portal.example.org`.
    pub fn new(origin: &str, rule: &Rule) -> Self {
        Self {
            origin: origin.to_owned(),
            rule: rule.clone(),
        }
    }

    /// Whether a request is a CORS preflight.
    pub fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
        method == Method::OPTIONS
            && headers.contains_key(ORIGIN)
            && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
    }

    /// The headers of a preflight's answer; `None` if it asks for more than the rule allows.
    pub fn preflight(&self, asked: &HeaderMap) -> Option<HeaderMap> {
        let method = text(asked, &ACCESS_CONTROL_REQUEST_METHOD)?;
        let names = text(asked, &ACCESS_CONTROL_REQUEST_HEADERS).unwrap_or_default();
        let mut names = names
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty());
        let is_allowed = |name: &str| {
            let mut headers = self.rule.headers.iter();
            headers.any(|header| header.eq_ignore_ascii_case(name))
        };
        if !self.allows(asked)
            || !self.rule.methods.iter().any(|allowed| allowed == method)
            || !names.all(is_allowed)
        {
            return None;
        }
        let mut headers = HeaderMap::new();
        self.tell(asked, &mut headers);
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, value(&self.rule.methods));
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, value(&self.rule.headers));
        headers.insert(ACCESS_CONTROL_MAX_AGE, self.rule.max_age.into());
        Some(headers)
    }

    /// Lets a page of the origin read the answer.
    pub fn tell(&self, asked: &HeaderMap, answer: &mut HeaderMap) {
        if !self.allows(asked) {
            return;
        }
        answer.insert(
            ACCESS_CONTROL_ALLOW_ORIGIN,
            value(std::slice::from_ref(&self.origin)),
        );
        answer.insert(VARY, HeaderValue::from_static("Origin"));
        if !self.rule.exposed.is_empty() {
            answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, value(&self.rule.exposed));
        }
    }

    fn allows(&self, asked: &HeaderMap) -> bool {
        text(asked, &ORIGIN) == Some(&self.origin)
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// A header of the template's words; empty if they aren't valid in a header.
fn value(words: &[String]) -> HeaderValue {
    HeaderValue::from_str(&words.join(", ")).unwrap_or(HeaderValue::from_static(""))
}
