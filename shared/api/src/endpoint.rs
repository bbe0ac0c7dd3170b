//! The declaration of an endpoint, which is beside its handler: what starts it, the permission it needs,
//! what its audit rows contain, and the conflicts it can answer with.

use audit::{Action, ResourceType};

/// An HTTP method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET, and HEAD. The function answers both alike, and the gateway sends no body for HEAD (RFC 9110, 9.3.2).
    Get,
    /// POST
    Post,
    /// PUT
    Put,
    /// PATCH
    Patch,
    /// DELETE
    Delete,
    /// Every method.
    Any,
}

/// A method and a path. Path parameters are in braces: `/v1/patients/{id}`.
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
    /// An HTTP request to one of these routes. The handler can't tell them apart.
    Http {
        /// The first route in the OpenAPI document.
        route: Route,
        /// Other routes to the same handler, with the same path parameters in the same order.
        others: &'static [Route],
    },
    /// An event of S3 or EventBridge, with its name.
    Event(&'static str),
    /// A schedule, described in words.
    Schedule(&'static str),
}

/// A function whose every outcome has an audit row.
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
    /// The details of all 409 responses that it can send, in groups. Endpoints can share a group.
    pub conflicts: &'static [&'static [&'static str]],
    /// The statement that reads the answer again, if a caller can repeat a request with the header
    /// `Idempotency-Key`.
    pub read_again: Option<&'static str>,
    /// Whether the caller needs a second factor, also where the deployment requires none.
    pub needs_second_factor: bool,
}

/// An endpoint without a caller, patient data and audit rows.
#[derive(Clone, Copy, Debug)]
pub struct PublicEndpoint {
    /// The package's name.
    pub name: &'static str,
    /// Its route.
    pub route: Route,
    /// Its purpose in one short sentence, without a full stop.
    pub summary: &'static str,
}

/// A function that a schedule starts and that has no caller, discloses nothing and writes no audit row.
#[derive(Clone, Copy, Debug)]
pub struct UnauditedSchedule {
    /// The package's name.
    pub name: &'static str,
    /// When it runs, in words.
    pub rate: &'static str,
    /// Its purpose in one short sentence, without a full stop.
    pub summary: &'static str,
}

impl Method {
    /// The method's name in HTTP.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Any => "ANY",
        }
    }
}

impl Route {
    /// The names of the path parameters, in their order.
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
            read_again: None,
            needs_second_factor: false,
        }
    }

    const fn http(method: Method, path: &'static str) -> Self {
        let route = Route { method, path };
        Self::new(Trigger::Http { route, others: &[] })
    }

    /// A `GET` endpoint, which reads.
    pub const fn get(path: &'static str) -> Self {
        Self::http(Method::Get, path)
    }

    /// A `POST` endpoint, which creates, searches or performs an action such as `/cancel`.
    pub const fn post(path: &'static str) -> Self {
        Self::http(Method::Post, path)
    }

    /// A `PUT` endpoint, which creates or replaces a resource at a path that the caller chooses.
    pub const fn put(path: &'static str) -> Self {
        Self::http(Method::Put, path)
    }

    /// A `PATCH` endpoint, which applies a merge patch (RFC 7396).
    pub const fn patch(path: &'static str) -> Self {
        Self::http(Method::Patch, path)
    }

    /// A `DELETE` endpoint, which archives or withdraws.
    pub const fn delete(path: &'static str) -> Self {
        Self::http(Method::Delete, path)
    }

    /// A function that handles an event of S3 or EventBridge, such as `S3 event`.
    pub const fn event(name: &'static str) -> Self {
        Self::new(Trigger::Event(name))
    }

    /// A function that runs on a schedule, such as `every five minutes`.
    pub const fn schedule(rate: &'static str) -> Self {
        Self::new(Trigger::Schedule(rate))
    }

    /// Adds other routes to the same handler.
    ///
    /// # Panics
    /// If no HTTP request starts the function.
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

    /// Sets the package's name: `env!("CARGO_PKG_NAME")`.
    #[must_use]
    pub const fn named(mut self, package: &'static str) -> Self {
        self.name = package;
        self
    }

    /// Sets the purpose: one short sentence without a full stop.
    #[must_use]
    pub const fn summary(mut self, summary: &'static str) -> Self {
        self.summary = summary;
        self
    }

    /// Sets the permission that the caller's role must have.
    #[must_use]
    pub const fn needs(mut self, permission: &'static str) -> Self {
        self.permission = permission;
        self
    }

    /// Requires a second factor of the caller (assurance level aal2), also where the deployment requires none.
    #[must_use]
    pub const fn needs_second_factor(mut self) -> Self {
        self.needs_second_factor = true;
        self
    }

    /// Sets the action and the resource type of the audit rows.
    #[must_use]
    pub const fn recorded_as(mut self, action: Action, resource: ResourceType) -> Self {
        self.action = action;
        self.resource = resource;
        self
    }

    /// Sets the details of all 409 responses that it can send.
    #[must_use]
    pub const fn conflicts(mut self, groups: &'static [&'static [&'static str]]) -> Self {
        self.conflicts = groups;
        self
    }

    /// Lets a caller repeat a request with the same `Idempotency-Key` for a day. The work is done once.
    /// `read` selects the body of the answer by the id of the resource, `$1`. A repeated request runs it
    /// under the rights that the caller has then, so state the whole reach in it. `main.rs` calls
    /// [`serve_idempotent!`](crate::serve_idempotent).
    #[must_use]
    pub const fn idempotent(mut self, read: &'static str) -> Self {
        self.read_again = Some(read);
        self
    }

    /// Whether a request with an `Idempotency-Key` does its work only once.
    pub const fn is_idempotent(&self) -> bool {
        self.read_again.is_some()
    }

    /// Its routes, in the order of the OpenAPI document. Empty if no HTTP request starts it.
    pub fn routes(&self) -> impl Iterator<Item = Route> + use<> {
        let (route, others) = match self.trigger {
            Trigger::Http { route, others } => (Some(route), others),
            Trigger::Event(_) | Trigger::Schedule(_) => (None, &[][..]),
        };
        route.into_iter().chain(others.iter().copied())
    }

    /// Whether it can send a 409 response with this detail.
    pub fn can_answer_conflict(&self, detail: &str) -> bool {
        self.conflicts
            .iter()
            .copied()
            .flatten()
            .any(|known| *known == detail)
    }
}

impl PublicEndpoint {
    /// The endpoint of all requests that no other route takes.
    pub const fn default_route() -> Self {
        Self {
            name: "",
            route: Route {
                method: Method::Any,
                path: "$default",
            },
            summary: "",
        }
    }

    /// Whether it is a route of its own, and not what is left of the others.
    pub fn is_in_document(&self) -> bool {
        self.route.method != Method::Any
    }

    /// A `GET` endpoint, which reads.
    pub const fn get(path: &'static str) -> Self {
        let method = Method::Get;
        Self {
            name: "",
            route: Route { method, path },
            summary: "",
        }
    }

    /// Sets the package's name: `env!("CARGO_PKG_NAME")`.
    #[must_use]
    pub const fn named(mut self, package: &'static str) -> Self {
        self.name = package;
        self
    }

    /// Sets the purpose: one short sentence without a full stop.
    #[must_use]
    pub const fn summary(mut self, summary: &'static str) -> Self {
        self.summary = summary;
        self
    }
}

impl UnauditedSchedule {
    /// A function that runs on a schedule, such as `every minute`.
    pub const fn new(rate: &'static str) -> Self {
        Self {
            name: "",
            rate,
            summary: "",
        }
    }

    /// Sets the package's name: `env!("CARGO_PKG_NAME")`.
    #[must_use]
    pub const fn named(mut self, package: &'static str) -> Self {
        self.name = package;
        self
    }

    /// Sets the purpose: one short sentence without a full stop.
    #[must_use]
    pub const fn summary(mut self, summary: &'static str) -> Self {
        self.summary = summary;
        self
    }
}
