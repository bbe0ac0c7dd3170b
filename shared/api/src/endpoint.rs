//! What an endpoint is, said once beside its handler: what starts it, which permission it needs, what
//! its audit rows say, and which conflicts it can answer.

use audit::{Action, ResourceType};

/// An HTTP method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET
    Get,
    /// POST
    Post,
    /// PUT
    Put,
    /// PATCH
    Patch,
    /// DELETE
    Delete,
}

/// A method and a path. Path parameters stand in braces: `/v1/patients/{id}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path.
    pub path: &'static str,
}

/// What starts a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// An HTTP request to one of these routes. The handler sees no difference between them.
    Http {
        /// The route that the OpenAPI document shows first.
        route: Route,
        /// Other routes to the same handler, with the same path parameters in the same order.
        others: &'static [Route],
    },
    /// An event of S3 or EventBridge, by its name.
    Event(&'static str),
    /// A schedule, in words.
    Schedule(&'static str),
}

/// A function with an audit row for each of its outcomes.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint {
    /// The package's name. The operation, the binary, the event and the scenario have the same name.
    pub name: &'static str,
    /// What starts it.
    pub trigger: Trigger,
    /// Its purpose in one short sentence, without a full stop.
    pub summary: &'static str,
    /// A permission of `role_permissions`, such as `patients:read`.
    pub permission: &'static str,
    /// The `action_type` of its audit rows.
    pub action: Action,
    /// The `resource_type` of its audit rows.
    pub resource: ResourceType,
    /// The details of every 409 that it can answer. Groups can be shared by endpoints.
    pub conflicts: &'static [&'static [&'static str]],
    /// Whether the header `Idempotency-Key` makes it safe to send a request again.
    pub is_idempotent: bool,
}

/// An endpoint without caller, patient data and audit row.
#[derive(Clone, Copy, Debug)]
pub struct PublicEndpoint {
    /// The package's name.
    pub name: &'static str,
    /// Its route.
    pub route: Route,
    /// Its purpose in one short sentence, without a full stop.
    pub summary: &'static str,
}

impl Method {
    /// As HTTP writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

impl Route {
    /// The names of the path's parameters, in their order.
    pub fn parameters(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.path
            .split('/')
            .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
    }

    pub(crate) const fn count_parameters(&self) -> usize {
        let (path, mut count, mut at) = (self.path.as_bytes(), 0, 0);
        while at < path.len() {
            if path[at] == b'{' {
                count += 1;
            }
            at += 1;
        }
        count
    }
}

impl Endpoint {
    const fn new(trigger: Trigger) -> Self {
        Self {
            name: "",
            trigger,
            summary: "",
            permission: "",
            action: Action::Process,
            resource: ResourceType::User,
            conflicts: &[],
            is_idempotent: false,
        }
    }

    const fn http(method: Method, path: &'static str) -> Self {
        let route = Route { method, path };
        Self::new(Trigger::Http { route, others: &[] })
    }

    /// Reads.
    pub const fn get(path: &'static str) -> Self {
        Self::http(Method::Get, path)
    }

    /// Creates, searches, or takes a step such as `/cancel`.
    pub const fn post(path: &'static str) -> Self {
        Self::http(Method::Post, path)
    }

    /// Creates or replaces at a path that the caller chose.
    pub const fn put(path: &'static str) -> Self {
        Self::http(Method::Put, path)
    }

    /// Changes by a merge patch (RFC 7396).
    pub const fn patch(path: &'static str) -> Self {
        Self::http(Method::Patch, path)
    }

    /// Archives, or takes back.
    pub const fn delete(path: &'static str) -> Self {
        Self::http(Method::Delete, path)
    }

    /// Handles an event of S3 or EventBridge, such as `S3 event`.
    pub const fn event(name: &'static str) -> Self {
        Self::new(Trigger::Event(name))
    }

    /// Runs on a schedule, such as `every five minutes`.
    pub const fn schedule(rate: &'static str) -> Self {
        Self::new(Trigger::Schedule(rate))
    }

    /// Serves other routes, too.
    #[must_use]
    pub const fn also(mut self, routes: &'static [Route]) -> Self {
        match self.trigger {
            Trigger::Http { route, .. } => {
                self.trigger = Trigger::Http {
                    route,
                    others: routes,
                }
            }
            _ => panic!("only an HTTP endpoint has routes"),
        }
        self
    }

    /// Takes the package's name: `env!("CARGO_PKG_NAME")`.
    #[must_use]
    pub const fn named(mut self, package: &'static str) -> Self {
        self.name = package;
        self
    }

    /// Says the purpose in one short sentence, without a full stop.
    #[must_use]
    pub const fn summary(mut self, summary: &'static str) -> Self {
        self.summary = summary;
        self
    }

    /// Needs this permission of the caller's role.
    #[must_use]
    pub const fn needs(mut self, permission: &'static str) -> Self {
        self.permission = permission;
        self
    }

    /// Says what the audit rows say.
    #[must_use]
    pub const fn recorded_as(mut self, action: Action, resource: ResourceType) -> Self {
        self.action = action;
        self.resource = resource;
        self
    }

    /// Names the details of every 409 that it can answer.
    #[must_use]
    pub const fn conflicts(mut self, groups: &'static [&'static [&'static str]]) -> Self {
        self.conflicts = groups;
        self
    }

    /// Answers the same `Idempotency-Key` with the same answer for a day.
    #[must_use]
    pub const fn idempotent(mut self) -> Self {
        self.is_idempotent = true;
        self
    }

    /// Its routes, the documented one first. None if no request starts it.
    pub fn routes(&self) -> impl Iterator<Item = Route> + use<> {
        let (route, others) = match self.trigger {
            Trigger::Http { route, others } => (Some(route), others),
            Trigger::Event(_) | Trigger::Schedule(_) => (None, &[][..]),
        };
        route.into_iter().chain(others.iter().copied())
    }

    /// Whether it may answer a 409 with this detail.
    pub fn can_answer_conflict(&self, detail: &str) -> bool {
        self.conflicts
            .iter()
            .copied()
            .flatten()
            .any(|known| *known == detail)
    }
}

impl PublicEndpoint {
    /// Reads.
    pub const fn get(path: &'static str) -> Self {
        let method = Method::Get;
        Self {
            name: "",
            route: Route { method, path },
            summary: "",
        }
    }

    /// Takes the package's name: `env!("CARGO_PKG_NAME")`.
    #[must_use]
    pub const fn named(mut self, package: &'static str) -> Self {
        self.name = package;
        self
    }

    /// Says the purpose in one short sentence, without a full stop.
    #[must_use]
    pub const fn summary(mut self, summary: &'static str) -> Self {
        self.summary = summary;
        self
    }
}
