//! What handlers take, and what that says of the operation.

use axum::Extension;
use axum::extract::State;

use super::{Operation, Output};
use crate::http::auth::Visitor;
use crate::http::problem::{CROSS_SITE, INTERNAL, TOO_MANY, UNAUTHENTICATED};

/// Something that a handler takes.
pub(in crate::http) trait Input {
    /// Adds what it asks of a request, and the problems that it answers with by itself.
    fn describe(operation: &mut Operation<'_>);
}

/// A handler whose inputs and outputs are known.
pub(in crate::http) trait Documented<I, O> {
    /// Adds what all of them say.
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

impl Input for Visitor {
    fn describe(operation: &mut Operation<'_>) {
        operation.signed_in();
        operation.refuses(UNAUTHENTICATED);
        operation.refuses(TOO_MANY);
        operation.refuses(INTERNAL);
        if operation.changes() {
            operation.refuses(CROSS_SITE);
        }
    }
}

/// Known to the server, and nothing that a request has.
impl<T> Input for State<T> {
    fn describe(_: &mut Operation<'_>) {}
}

/// The same.
impl<T> Input for Option<Extension<T>> {
    fn describe(_: &mut Operation<'_>) {}
}
