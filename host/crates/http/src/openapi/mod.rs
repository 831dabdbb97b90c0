//! The OpenAPI document, made by the router itself: a route cannot be added to the API without being documented.
//!
//! To add one:
//! 1. Write the handler: `async fn(Visitor, …) -> Result<Answer, Problem>`. Its arguments and its result must be
//!    [`Input`]s and [`Output`]s, which document themselves: `Visitor`, `ParsedQuery<…>` (the query), `Id` and `Name`
//!    (the path), `Sent<…>` (a JSON body); `Json<…>`, `Created<…>`, `Accepted<…>`, `Text`, `NoContent`. The types in
//!    them derive `schemars::JsonSchema`.
//! 2. Add `.at(path, get(name, summary, handler).refuses(&[…]))` to `api::routes`, with the handler's own refusals. The
//!    refusals of its inputs are added automatically.
//! 3. `cargo run -- openapi > docs/openapi.json`, and a row in the table of `host/tests/http/matrix.rs`.

pub(crate) mod extractors;
pub(crate) mod input;
pub(crate) mod operation;
pub(crate) mod output;
pub(crate) mod schemas;

use std::sync::Arc;

use axum::Router;
use axum::handler::Handler;
use axum::routing::MethodRouter;
use mcp_audit_log_identity::SESSION_COOKIE;
use serde_json::{Map, Value as Json, json};

use self::input::Documented;
use self::schemas::Schemas;
use crate::problem::Kind;
use crate::site::Site;

pub(crate) use self::input::Input;
pub(crate) use self::operation::Operation;
pub(crate) use self::output::{Accepted, Created, Output, Text};

/// The version of OpenAPI, whose schemas are JSON Schema 2020-12.
pub(crate) const OPENAPI: &str = "3.1.0";
pub(crate) const DESCRIPTION: &str = "The API of the audit log: entries, usage, proofs, settings. Errors are problem details \
                           (RFC 9457).";

/// Routes, each with its documentation.
pub(crate) struct Routes {
    base: &'static str,
    router: Router<Arc<Site>>,
    told: Vec<(String, Vec<Documentation>)>,
}

/// The methods of a path.
pub(crate) struct Methods {
    router: MethodRouter<Arc<Site>>,
    told: Vec<Documentation>,
}

/// The documentation of one operation.
pub(crate) struct Documentation {
    method: &'static str,
    name: &'static str,
    summary: &'static str,
    refusals: &'static [Kind],
    /// The documentation from the handler's types.
    types: fn(&mut Operation<'_>),
}

impl Routes {
    /// Routes that will be nested at `base`.
    pub(crate) fn below(base: &'static str) -> Self {
        Self { base, router: Router::new(), told: Vec::new() }
    }

    /// Adds the operations at `path`.
    pub(crate) fn at(mut self, path: &str, methods: Methods) -> Self {
        self.router = self.router.route(path, methods.router);
        self.told.push((format!("{}{path}", self.base), methods.told));
        self
    }

    /// The routes.
    pub(crate) fn router(self) -> Router<Arc<Site>> {
        self.router
    }
}

impl Methods {
    /// Adds another method.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.told.extend(other.told);
        self
    }

    /// The kinds of problems that the handler itself returns.
    pub(crate) fn refuses(mut self, refusals: &'static [Kind]) -> Self {
        self.told.iter_mut().for_each(|told| told.refusals = refusals);
        self
    }
}

macro_rules! methods {
    ($($method:ident)+) => { $(
        /// The operation `name` (for generated clients), with a sentence about it and its handler.
        pub(crate) fn $method<H, T, I, O>(name: &'static str, summary: &'static str, handler: H) -> Methods
        where
            H: Handler<T, Arc<Site>> + Documented<I, O>,
            T: 'static,
        {
            let method = stringify!($method);
            let told = Documentation { method, name, summary, refusals: &[], types: <H as Documented<I, O>>::describe };
            Methods { router: axum::routing::$method(handler), told: vec![told] }
        }
    )+ };
}

methods! { get post put patch delete }

/// The document of all of these routes.
pub(crate) fn document(all: impl IntoIterator<Item = Routes>) -> Json {
    let mut schemas = Schemas::default();
    let mut paths = Map::new();
    for (path, told) in all.into_iter().flat_map(|routes| routes.told) {
        let operations = told.iter().map(|told| (told.method.to_owned(), told.operation(&path, &mut schemas)));
        let operations: Map<_, _> = operations.collect();
        paths.insert(path, operations.into());
    }
    json!({
        "openapi": OPENAPI,
        "info": {
            "title": "mcp-audit-log",
            "version": env!("CARGO_PKG_VERSION"),
            "description": DESCRIPTION,
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": {
            "schemas": schemas.definitions(),
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer", "description": "A token of this log: `mcpa_…`." },
                "session": {
                    "type": "apiKey", "in": "cookie", "name": SESSION_COOKIE,
                    "description": "A browser's session. Changes must come from a page of the same site.",
                },
            },
        },
    })
}

impl Documentation {
    fn operation(&self, path: &str, schemas: &mut Schemas) -> Json {
        let mut operation = Operation::new(self.method, path, schemas);
        (self.types)(&mut operation);
        self.refusals.iter().for_each(|kind| operation.refuses(*kind));
        operation.finish(self.name, self.summary)
    }
}
