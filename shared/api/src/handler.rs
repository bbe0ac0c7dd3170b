//! A handler is an async function. The types in its signature say everything that the endpoint reads and
//! answers.

use std::pin::Pin;

use errors::Error;
use http::Response;
use lambda_http::Body;
use secrets::Secrets;
use settings::Misconfigured;

use crate::argument::Argument;
use crate::call::Call;
use crate::description::Description;
use crate::endpoint::{Endpoint, Method, Trigger};
use crate::job::Job;
use crate::reply::{Audited, Described, Reply};
use crate::takes::Takes;

/// The future of a handler, without its type.
pub type Running<T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send>>;

/// An async function of a [`Call`] or a [`Job`] and up to five other arguments.
pub trait Handler<Request, Arguments>: Send + Sync + Sized + 'static {
    /// What its arguments take of the request.
    const TAKES: Takes;
    /// The settings that its arguments need.
    type Settings: Send + Sync + 'static;
    /// The result: a response, or nothing for an event.
    type Done;
    /// The answer in the result.
    type Answer: 'static;

    /// Reads the settings of all arguments. Errors: a setting is missing or invalid.
    fn configure(secrets: &Secrets) -> Result<Self::Settings, Misconfigured>;

    /// Reads the arguments and calls the function.
    fn run(
        &'static self,
        request: Request,
        settings: &'static Self::Settings,
    ) -> Running<Self::Done>;

    /// Describes the signature for the OpenAPI document.
    fn describe() -> Description;
}

macro_rules! handlers {
    ($(($($argument:ident $value:ident),*))+) => {$(
        impl<H, F, T, $($argument),*> Handler<Call, ($($argument,)*)> for H
        where
            H: Fn(Call, $($argument),*) -> F + Send + Sync + 'static,
            F: Future<Output = Reply<T>> + Send + 'static,
            T: Described + Send + 'static,
            $($argument: Argument<Call> + 'static,)*
        {
            const TAKES: Takes = Takes::NOTHING$(.and($argument::TAKES))*;
            type Settings = ($($argument::Settings,)*);
            type Done = Response<Body>;
            type Answer = T;

            fn configure(secrets: &Secrets) -> Result<Self::Settings, Misconfigured> {
                let _: &Secrets = secrets;
                Ok(($($argument::configure(secrets)?,)*))
            }

            fn run(
                &'static self,
                call: Call,
                ($($value,)*): &'static Self::Settings,
            ) -> Running<Response<Body>> {
                Box::pin(async move {
                    let errors = &mut Vec::new();
                    let before = Takes::NOTHING;
                    $(
                        let (before, $value) = (
                            before.and($argument::TAKES),
                            $argument::read(&call, before, $value).map_err(|error| errors.push(error)).ok(),
                        );
                    )*
                    let _: Takes = before;
                    let arguments = || Some(($($value?,)*));
                    match arguments() {
                        Some(($($value,)*)) => {
                            self(call, $($value),*).await.map(Audited::release)
                        }
                        None => Err(call.refuse(std::mem::take(errors))),
                    }
                })
            }

            fn describe() -> Description {
                let mut description = Description::default();
                $($argument::describe(&mut description);)*
                description.answer = Some((T::STATUS, T::describe));
                description
            }
        }

        impl<H, F, $($argument),*> Handler<Job, ($($argument,)*)> for H
        where
            H: Fn(Job, $($argument),*) -> F + Send + Sync + 'static,
            F: Future<Output = Result<(), Error>> + Send + 'static,
            $($argument: Argument<Job> + 'static,)*
        {
            const TAKES: Takes = Takes::NOTHING$(.and($argument::TAKES))*;
            type Settings = ($($argument::Settings,)*);
            type Done = ();
            type Answer = ();

            fn configure(secrets: &Secrets) -> Result<Self::Settings, Misconfigured> {
                let _: &Secrets = secrets;
                Ok(($($argument::configure(secrets)?,)*))
            }

            fn run(&'static self, job: Job, ($($value,)*): &'static Self::Settings) -> Running<()> {
                Box::pin(async move {
                    let before = Takes::NOTHING;
                    $(
                        let (before, $value) = (
                            before.and($argument::TAKES),
                            $argument::read(&job, before, $value)?,
                        );
                    )*
                    let _: Takes = before;
                    self(job, $($value),*).await
                })
            }

            fn describe() -> Description {
                Description::default()
            }
        }
    )+};
}

handlers! {
    ()
    (A a)
    (A a, B b)
    (A a, B b, C c)
    (A a, B b, C c, D d)
    (A a, B b, C c, D d, E e)
}

/// Checks that `ENDPOINT` and the handler's signature fit together. If they don't, the crate doesn't
/// compile.
///
/// # Panics
/// At compile time, in a `const`.
pub const fn check<R, I, H: Handler<R, I>>(endpoint: &Endpoint, _handle: &H) {
    let takes = H::TAKES;
    assert!(!endpoint.name.is_empty(), "ENDPOINT has no name");
    assert!(!endpoint.summary.is_empty(), "ENDPOINT has no summary");
    assert!(
        !endpoint.permission.is_empty(),
        "ENDPOINT needs no permission"
    );
    assert!(
        takes.bodies <= 1,
        "a request has one body, but the handler takes two"
    );
    assert!(
        takes.queries <= 1,
        "a request has one query, but the handler takes two"
    );
    assert!(
        takes.pages <= 1,
        "an answer has one page, but the handler takes two"
    );
    match endpoint.trigger {
        Trigger::Http { route, others } => {
            fits(takes, route.count_parameters());
            let mut at = 0;
            while at < others.len() {
                fits(takes, others[at].count_parameters());
                at += 1;
            }
            assert!(
                !endpoint.is_idempotent() || matches!(route.method, Method::Post),
                "only a POST endpoint can have an Idempotency-Key"
            );
        }
        Trigger::Event(_) | Trigger::Schedule(_) => fits(takes, 0),
    }
}

const fn fits(takes: Takes, parameters: usize) {
    assert!(
        takes.path_parameters <= parameters,
        "the handler takes a path parameter that its route lacks"
    );
    assert!(
        takes.path_parameters >= parameters,
        "the route has a path parameter that the handler doesn't take"
    );
}
