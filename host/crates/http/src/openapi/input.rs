//! The inputs of handlers, and their part of an operation's documentation.

use axum::Extension;
use axum::extract::State;

use super::{Operation, Output};

/// An input of a handler.
pub(crate) trait Input {
    /// Documents the parts of a request that it reads, and the problems that it returns.
    fn describe(operation: &mut Operation<'_>);
}

/// A handler with documented inputs and outputs.
pub(crate) trait Documented<I, O> {
    /// Adds the documentation of all inputs and outputs.
    fn describe(operation: &mut Operation<'_>);
}

macro_rules! documented {
    ($($input:ident)*) => {
        impl<F, A, $($input,)*> Documented<($($input,)*), A::Output> for F
        where
            F: Fn($($input,)*) -> A,
            A: Future,
            A::Output: Output,
            $($input: Input,)*
        {
            fn describe(operation: &mut Operation<'_>) {
                $($input::describe(operation);)*
                A::Output::describe(operation);
            }
        }
    };
}

documented! {}
documented! { I1 }
documented! { I1 I2 }
documented! { I1 I2 I3 }
documented! { I1 I2 I3 I4 }

/// State of the server, not part of a request.
impl<T> Input for State<T> {
    fn describe(_: &mut Operation<'_>) {}
}

/// The same.
impl<T> Input for Option<Extension<T>> {
    fn describe(_: &mut Operation<'_>) {}
}
