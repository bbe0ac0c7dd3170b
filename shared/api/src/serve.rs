//! The macros that define the `main` of a function.

/// Defines the `main` of an endpoint. It doesn't compile if the crate's `ENDPOINT` and the signature of its
/// `handle` don't fit together.
#[macro_export]
macro_rules! serve {
    ($function:ident) => {
        const _: () = $crate::handler::check(&$function::ENDPOINT, &$function::handle);
        const _: () = assert!(
            !$function::ENDPOINT.is_idempotent(),
            "an endpoint with Idempotency-Key needs serve_idempotent!"
        );

        fn main() -> Result<(), $crate::lambda::Failure> {
            $crate::lambda::serve($function::ENDPOINT, &$function::handle)
        }
    };
}

/// Defines the `main` of an endpoint that does its work once for each `Idempotency-Key`, with the same check
/// as [`serve!`](crate::serve). It doesn't compile if the answer can't be read again from one row.
#[macro_export]
macro_rules! serve_idempotent {
    ($function:ident) => {
        const _: () = $crate::handler::check(&$function::ENDPOINT, &$function::handle);
        const _: () = assert!(
            $function::ENDPOINT.is_idempotent(),
            "an endpoint without Idempotency-Key needs serve!"
        );

        fn main() -> Result<(), $crate::lambda::Failure> {
            $crate::lambda::serve_idempotent($function::ENDPOINT, &$function::handle)
        }
    };
}

/// Defines the `main` of a function that an event or a schedule starts, with the same check as
/// [`serve!`](crate::serve).
#[macro_export]
macro_rules! serve_event {
    ($function:ident) => {
        const _: () = $crate::handler::check(&$function::ENDPOINT, &$function::handle);

        fn main() -> Result<(), $crate::lambda::Failure> {
            $crate::lambda::serve_event($function::ENDPOINT, &$function::handle)
        }
    };
}
