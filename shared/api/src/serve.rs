//! The `main` of a function.

/// Makes the `main` of an endpoint's function. Refuses to compile where the crate's `ENDPOINT` and the
/// signature of its `handle` don't fit.
#[macro_export]
macro_rules! serve {
    ($function:ident) => {
        const _: () = $crate::handler::check(&$function::ENDPOINT, &$function::handle);

        fn main() -> Result<(), $crate::lambda::Failure> {
            $crate::lambda::serve($function::ENDPOINT, &$function::handle)
        }
    };
}

/// The same for a function that an event or a schedule starts.
#[macro_export]
macro_rules! serve_event {
    ($function:ident) => {
        const _: () = $crate::handler::check(&$function::ENDPOINT, &$function::handle);

        fn main() -> Result<(), $crate::lambda::Failure> {
            $crate::lambda::serve_event($function::ENDPOINT, &$function::handle)
        }
    };
}
