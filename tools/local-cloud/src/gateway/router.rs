//! Finds the route of a request.
//!
//! As in API Gateway, the route that matches more of the path literally wins. Then a route with the
//! request's method wins over `ANY`. Path parameters are decoded after matching, so `%2F` stays
//! within its segment.
//!
//! The crate `matchit` would save 40 lines, but it refuses `/v1/{proxy+}` beside `/v1/{id}`.

use std::borrow::Cow;

use anyhow::{Result, bail};
use percent_encoding::percent_decode_str;

/// Routes to values of `T`.
#[derive(Debug)]
pub struct Router<T> {
    routes: Vec<Route<T>>,
}

#[derive(Debug)]
struct Route<T> {
    /// `GET /v1/patients/{id}`
    key: String,
    method: String,
    segments: Vec<Segment>,
    target: T,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Literal(String),
    Parameter(String),
    /// `{proxy+}`: the rest of the path.
    Rest(String),
}

/// A route that matches a request.
#[derive(Debug)]
pub struct Found<'a, T> {
    pub target: &'a T,
    pub route_key: &'a str,
    pub parameters: Vec<(&'a str, Cow<'a, str>)>,
}

impl<T> Default for Router<T> {
    fn default() -> Self {
        Self { routes: Vec::new() }
    }
}

impl<T> Router<T> {
    /// Adds a route.
    ///
    /// # Errors
    /// Another route already takes the same requests; names it.
    pub fn add(&mut self, method: &str, path: &str, target: T) -> Result<()> {
        let segments: Vec<_> = path.split('/').map(Segment::parse).collect();
        let same = |route: &Route<T>| {
            route.method == method
                && route.segments.len() == segments.len()
                && route
                    .segments
                    .iter()
                    .zip(&segments)
                    .all(|(left, right)| left.rank() == right.rank())
        };
        if let Some(other) = self.routes.iter().find(|route| same(route)) {
            bail!("the routes {} and {method} {path} are the same", other.key);
        }
        let key = if path == "$default" {
            path.to_owned()
        } else {
            format!("{method} {path}")
        };
        self.routes.push(Route {
            key,
            method: method.to_owned(),
            segments,
            target,
        });
        // The first match wins, so literal segments come before parameters, from the left.
        self.routes
            .sort_by(|left, right| left.rank().cmp(&right.rank()));
        Ok(())
    }

    /// The route for a request. `path` is still percent-encoded.
    pub fn find<'a>(&'a self, method: &str, path: &'a str) -> Option<Found<'a, T>> {
        let segments: Vec<_> = path.split('/').collect();
        self.routes
            .iter()
            .filter(|route| route.method == "ANY" || route.method == method)
            .find_map(|route| {
                let parameters = route.matches(&segments, path)?;
                Some(Found {
                    target: &route.target,
                    route_key: &route.key,
                    parameters,
                })
            })
    }
}

impl<T> Route<T> {
    fn rank(&self) -> (Vec<(u8, &str)>, bool) {
        (
            self.segments.iter().map(Segment::rank).collect(),
            self.method == "ANY",
        )
    }

    fn matches<'a>(
        &'a self,
        segments: &[&'a str],
        path: &'a str,
    ) -> Option<Vec<(&'a str, Cow<'a, str>)>> {
        if self.key == "$default" {
            return Some(Vec::new());
        }
        let mut parameters = Vec::new();
        let mut offset = 0;
        let mut given = segments.iter();
        for segment in &self.segments {
            let actual = *given.next()?;
            match segment {
                Segment::Literal(text) if text == actual => {}
                Segment::Literal(_) => return None,
                Segment::Parameter(_) | Segment::Rest(_) if actual.is_empty() => return None,
                Segment::Parameter(name) => parameters.push((name.as_str(), decode(actual))),
                Segment::Rest(name) => {
                    parameters.push((name.as_str(), decode(&path[offset..])));
                    return Some(parameters);
                }
            }
            offset += actual.len() + 1;
        }
        given.next().is_none().then_some(parameters)
    }
}

impl Segment {
    fn parse(text: &str) -> Self {
        let inside = text
            .strip_prefix('{')
            .and_then(|text| text.strip_suffix('}'));
        match inside.map(|name| (name, name.strip_suffix('+'))) {
            Some((_, Some(name))) => Self::Rest(name.to_owned()),
            Some((name, None)) => Self::Parameter(name.to_owned()),
            None => Self::Literal(text.to_owned()),
        }
    }

    /// Equal for segments that match the same.
    fn rank(&self) -> (u8, &str) {
        match self {
            Self::Literal(text) if text != "$default" => (0, text),
            Self::Parameter(_) => (1, ""),
            Self::Rest(_) => (2, ""),
            Self::Literal(_) => (3, ""),
        }
    }
}

/// Replaces bytes that aren't UTF-8, because the function decides whether to refuse them.
fn decode(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8_lossy()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn router() -> Router<&'static str> {
        let mut router = Router::default();
        for (method, path) in [
            ("GET", "/v1/patients/{id}"),
            ("GET", "/v1/patients"),
            ("POST", "/v1/patients/search"),
            ("GET", "/v1/patients/search"),
            ("ANY", "/v1/patients/{id}"),
            ("PUT", "/v1/patients/{id}/providers/{provider_id}"),
            ("GET", "/docs/{file+}"),
        ] {
            router.add(method, path, path).unwrap();
        }
        router
    }

    fn key(router: &Router<&'static str>, method: &str, path: &str) -> Option<String> {
        router
            .find(method, path)
            .map(|found| found.route_key.to_owned())
    }

    #[test]
    fn the_most_literal_route_wins() {
        let router = router();
        assert_eq!(
            key(&router, "GET", "/v1/patients/search").as_deref(),
            Some("GET /v1/patients/search")
        );
        assert_eq!(
            key(&router, "GET", "/v1/patients/7").as_deref(),
            Some("GET /v1/patients/{id}")
        );
        assert_eq!(
            key(&router, "DELETE", "/v1/patients/7").as_deref(),
            Some("ANY /v1/patients/{id}")
        );
    }

    #[test]
    fn what_no_route_names_is_not_found() {
        let router = router();
        for (method, path) in [
            ("POST", "/v1/patients"),
            ("GET", "/v1/patients/"),
            ("GET", "/v1/patients/7/"),
            ("GET", "//v1/patients"),
            ("GET", "/"),
            ("GET", "/docs/"),
            ("PUT", "/v1/patients/7/providers"),
        ] {
            assert_eq!(key(&router, method, path), None, "{method} {path}");
        }
    }

    #[test]
    fn parameters_are_decoded_within_their_segment() {
        let router = router();
        let found = router
            .find("PUT", "/v1/patients/a%2Fb/providers/%C3%A9")
            .unwrap();
        assert_eq!(
            found.parameters,
            [("id", Cow::from("a/b")), ("provider_id", Cow::from("é"))]
        );
        let rest = router.find("GET", "/docs/css/main.css").unwrap();
        assert_eq!(rest.parameters, [("file", Cow::from("css/main.css"))]);
    }

    #[test]
    fn the_same_route_twice_is_refused() {
        let error = router().add("GET", "/v1/patients/{other}", "").unwrap_err();
        assert!(
            error.to_string().contains("GET /v1/patients/{id}"),
            "{error}"
        );
    }

    #[test]
    fn any_greedy_and_default_routes_take_what_is_left() {
        let mut router = Router::default();
        for (method, path) in [
            ("ANY", "/v1/search"),
            ("GET", "/v1/{id}"),
            ("GET", "/v1/{name}/files"),
            ("GET", "/v1/new/{thing}"),
            ("ANY", "/v1/{proxy+}"),
            ("ANY", "$default"),
        ] {
            router.add(method, path, path).unwrap();
        }
        for (method, path, expected) in [
            ("GET", "/v1/search", "ANY /v1/search"),
            ("GET", "/v1/7", "GET /v1/{id}"),
            ("PUT", "/v1/7", "ANY /v1/{proxy+}"),
            ("GET", "/v1/new/files", "GET /v1/new/{thing}"),
            ("GET", "/v1/7/files", "GET /v1/{name}/files"),
            ("GET", "/v1/new/a/b", "ANY /v1/{proxy+}"),
            ("GET", "/v2", "$default"),
        ] {
            let found = key(&router, method, path);
            assert_eq!(found.as_deref(), Some(expected), "{method} {path}");
        }
        assert!(router.add("ANY", "$default", "").is_err());
    }
}
