//! A handler is an async function whose parameters are its inputs. The signature says all that the
//! endpoint reads and answers.

use std::pin::Pin;

use errors::Error;
use http::Response;
use lambda_http::Body;
use settings::Misconfigured;

use crate::call::Call;
use crate::description::Description;
use crate::endpoint::{Endpoint, Method, Trigger};
use crate::input::{Input, Takes};
use crate::job::Job;
use crate::reply::{Audited, Described, Reply};

/// The future of a handler, its types erased.
pub type Running<T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send>>;

/// An async function of a [`Call`] or a [`Job`] and up to five inputs.
pub trait Handler<Request, Inputs>: Send + Sync + Sized + 'static {
    /// What its inputs take of the request.
    const TAKES: Takes;
    /// What its inputs need of the deployment.
    type Settings: Send + Sync + 'static;
    /// What is left to be sent: a response, or nothing.
    type Done;

    /// Reads the settings of all inputs. Errors: one is missing or wrong.
    fn configure() -> Result<Self::Settings, Misconfigured>;

    /// Reads the inputs and runs.
    fn run(
        &'static self,
        request: Request,
        settings: &'static Self::Settings,
    ) -> Running<Self::Done>;

    /// What the signature says, for the OpenAPI document.
    fn describe() -> Description;
}

macro_rules! handlers {
    ($(($($input:ident $value:ident),*))+) => {$(
        impl<H, F, T, $($input),*> Handler<Call, ($($input,)*)> for H
        where
            H: Fn(Call, $($input),*) -> F + Send + Sync + 'static,
            F: Future<Output = Reply<T>> + Send + 'static,
            T: Described + Send + 'static,
            $($input: Input<Call> + 'static,)*
        {
            const TAKES: Takes = Takes::NOTHING$(.and($input::TAKES))*;
            type Settings = ($($input::Settings,)*);
            type Done = Response<Body>;

            fn configure() -> Result<Self::Settings, Misconfigured> {
                Ok(($($input::configure()?,)*))
            }

            fn run(
                &'static self,
                call: Call,
                ($($value,)*): &'static Self::Settings,
            ) -> Running<Response<Body>> {
                Box::pin(async move {
                    let before = Takes::NOTHING;
                    $(
                        let (before, $value) = (
                            before.and($input::TAKES),
                            $input::read(&call, before, $value)?,
                        );
                    )*
                    let _: Takes = before;
                    self(call, $($value),*).await.map(Audited::release)
                })
            }

            fn describe() -> Description {
                let mut description = Description::default();
                $($input::describe(&mut description);)*
                description.answer = Some((T::STATUS, T::describe));
                description
            }
        }

        impl<H, F, $($input),*> Handler<Job, ($($input,)*)> for H
        where
            H: Fn(Job, $($input),*) -> F + Send + Sync + 'static,
            F: Future<Output = Result<(), Error>> + Send + 'static,
            $($input: Input<Job> + 'static,)*
        {
            const TAKES: Takes = Takes::NOTHING$(.and($input::TAKES))*;
            type Settings = ($($input::Settings,)*);
            type Done = ();

            fn configure() -> Result<Self::Settings, Misconfigured> {
                Ok(($($input::configure()?,)*))
            }

            fn run(&'static self, job: Job, ($($value,)*): &'static Self::Settings) -> Running<()> {
                Box::pin(async move {
                    let before = Takes::NOTHING;
                    $(
                        let (before, $value) = (
                            before.and($input::TAKES),
                            $input::read(&job, before, $value)?,
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

/// Refuses to compile where `ENDPOINT` and the handler's signature don't fit.
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
                !endpoint.is_idempotent || matches!(route.method, Method::Post),
                "an Idempotency-Key is for POST alone"
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
