//! The API, version 1: JSON in, JSON or a problem out. `super::openapi` says how to add a route.

mod body;
mod calls;
mod checkpoint;
mod crons;
mod document;
mod entries;
mod entry;
mod erasure;
mod events;
mod exports;
mod extent;
mod groups;
pub(super) mod health;
mod holds;
mod manifest;
mod me;
mod proofs;
mod segment;
mod settings;
mod tail;
mod tokens;
mod usage;
mod values;
mod verification;
mod views;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;

use super::openapi::{Routes, delete, get, patch, post, put};
use super::problem::{BUSY, CROSS_SITE, DENIED, INVALID, MISSING, PARAMETER, Problem, RUNNING, SETTING};
use super::{Site, auth};

pub(super) use events::Intake;

pub use document::openapi;

/// Where the API is.
pub(super) const BASE: &str = "/api/v1";
/// Where events are sent to, below it.
pub(super) const EVENTS: &str = "/events";

/// The routes that need a sign-in.
fn routes() -> Routes {
    Routes::below(BASE)
        .at("/entries", get("listEntries", "List entries, newest first", entries::list).refuses(&[DENIED, BUSY]))
        .at(
            "/entries/tail",
            get("followEntries", "Stream entries as they are stored, oldest first", tail::follow)
                .refuses(&[DENIED, BUSY]),
        )
        .at(
            "/entries/{id}",
            get("getEntry", "Get one entry with its details", entry::show).refuses(&[DENIED, CROSS_SITE, BUSY]),
        )
        .at(
            "/entries/{id}/proof.tlog",
            get("getProofFile", "Get the proof that an entry is in the log, as a C2SP tlog-proof", checkpoint::proof)
                .refuses(&[DENIED, BUSY]),
        )
        .at(
            "/checkpoint",
            get("getCheckpoint", "Get the newest signed checkpoint, a C2SP tlog-checkpoint", checkpoint::newest)
                .refuses(&[DENIED, MISSING, BUSY]),
        )
        .at(
            "/checkpoints",
            get("listCheckpoints", "List the archived checkpoints and the keys", checkpoint::list)
                .refuses(&[DENIED, BUSY]),
        )
        .at(
            "/clock/confirm",
            post("confirmClock", "Confirm that the clock is right", checkpoint::confirm_clock).refuses(&[DENIED, BUSY]),
        )
        .at(
            "/entries/{id}/proof",
            get("proveEntry", "Get the proof that an entry is in the ledger", proofs::entry).refuses(&[DENIED, BUSY]),
        )
        .at(
            "/entries/{id}/payload",
            delete("erasePayload", "Erase a payload, with a reason", erasure::erase).refuses(&[DENIED, INVALID, BUSY]),
        )
        .at(
            "/proofs/consistency",
            get("proveConsistency", "Get the proof that entries were only appended to the log", proofs::consistency)
                .refuses(&[DENIED, BUSY]),
        )
        .at(
            EVENTS,
            post("sendEvents", "Send events; all valid ones are recorded, or none", events::take)
                .refuses(&[DENIED, BUSY]),
        )
        .at(
            "/export",
            get("exportEntries", "Export the matching entries as a file, oldest first", exports::download)
                .refuses(&[DENIED, CROSS_SITE, BUSY]),
        )
        .at(
            "/exports/{id}",
            get("getExport", "Get the manifest of a complete export", exports::show).refuses(&[DENIED, BUSY]),
        )
        .at("/groups", get("groupEntries", "Group entries and count them", groups::list).refuses(&[DENIED, BUSY]))
        .at(
            "/usage",
            get("getUsage", "Count usage over time and by user, tool and other fields", usage::show)
                .refuses(&[DENIED, BUSY]),
        )
        .at("/values/{field}", get("listValues", "List the values of a field", values::list).refuses(&[DENIED, BUSY]))
        .at(
            "/settings",
            get("getSettings", "Get all settings", settings::show)
                .refuses(&[DENIED])
                .and(patch("changeSettings", "Change settings", settings::change).refuses(&[DENIED, SETTING, BUSY])),
        )
        .at(
            "/settings/mcp-audit",
            get("listCalls", "List the latest calls of every token", calls::list).refuses(&[DENIED, BUSY]),
        )
        .at(
            "/settings/mcp-tokens/{token_id}/audit",
            get("listTokenCalls", "List the latest calls of one token", calls::of_token).refuses(&[DENIED, BUSY]),
        )
        .at("/crons", get("listCrons", "List the scheduled jobs", crons::list).refuses(&[DENIED, BUSY]))
        .at(
            "/crons/{name}/run",
            post("runCron", "Start a scheduled job now", crons::run).refuses(&[DENIED, RUNNING, BUSY]),
        )
        .at(
            "/verification",
            get("getVerification", "Get the progress and the last result of the verification", verification::show)
                .refuses(&[DENIED])
                .and(
                    post("startVerification", "Start a verification of the whole log", verification::start)
                        .refuses(&[DENIED, RUNNING]),
                ),
        )
        .at("/extent", get("getExtent", "Get the size of the log", extent::show).refuses(&[DENIED, BUSY]))
        .at(
            "/holds",
            get("listHolds", "List legal holds, newest first", holds::list)
                .refuses(&[DENIED, BUSY])
                .and(post("placeHold", "Place a legal hold", holds::place).refuses(&[DENIED, INVALID, BUSY])),
        )
        .at(
            "/holds/{id}/release",
            post("releaseHold", "Release a legal hold", holds::release).refuses(&[DENIED, INVALID, BUSY]),
        )
        .at(
            "/views",
            get("listViews", "List saved views, by name", views::list)
                .refuses(&[DENIED, BUSY])
                .and(post("saveView", "Save a view", views::save).refuses(&[DENIED, PARAMETER, INVALID, BUSY])),
        )
        .at(
            "/views/{id}",
            put("changeView", "Replace a view", views::change)
                .refuses(&[DENIED, PARAMETER, INVALID, BUSY])
                .and(delete("deleteView", "Delete a view", views::delete).refuses(&[DENIED, BUSY])),
        )
        .at(
            "/tokens",
            get("listTokens", "List the tokens of your tenant, oldest first", tokens::list)
                .refuses(&[DENIED, MISSING])
                .and(post("createToken", "Create a token", tokens::create).refuses(&[DENIED, MISSING, INVALID, BUSY])),
        )
        .at("/tokens/{id}", delete("revokeToken", "Revoke a token", tokens::revoke).refuses(&[DENIED, BUSY]))
        .at("/manifest", get("getManifest", "Get the policy's manifest", manifest::show))
        .at("/me", get("getMe", "Get your user, groups and rights", me::show))
}

/// The routes below [`BASE`]; all but the document need a sign-in.
pub(super) fn router(site: &Arc<Site>) -> Router<Arc<Site>> {
    let signed_in = routes()
        .router()
        .fallback(async || Problem::no_route())
        .method_not_allowed_fallback(async || Problem::method())
        .layer(from_fn_with_state(Arc::clone(site), auth::for_api));
    document::routes().router().method_not_allowed_fallback(async || Problem::method()).merge(signed_in)
}
