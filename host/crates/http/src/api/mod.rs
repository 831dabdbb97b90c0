//! The API, version 1: JSON in, JSON or a problem out. `super::openapi` explains how to add a route.

pub(crate) mod document;
pub(crate) mod health;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;

use crate::integrity::{checkpoints_api, verification_api};
use crate::log::{groups_api, overview_api, tail, token_calls_api, values_api, views_api};
use crate::openapi::{Routes, delete, get, patch, post, put};
use crate::policies::api as policy_api;
use crate::problem::{BUSY, CROSS_SITE, DENIED, INVALID, MISSING, PARAMETER, Problem, RUNNING, SETTING};
use crate::settings::{crons_api, holds_api, manifest_api, size_api};
use crate::sign_in::{gate, me_api};
use crate::site::{API, Site};
use crate::{alerts, entry, events, export, log, servers, settings, tokens, usage};

pub use self::document::openapi;

/// The routes that need a sign-in.
pub(crate) fn routes() -> Routes {
    Routes::below(API)
        .at("/entries", get("listEntries", "List entries, newest first", log::api::list).refuses(&[DENIED, BUSY]))
        .at(
            "/entries/tail",
            get("followEntries", "Stream entries as they are stored, oldest first", tail::follow)
                .refuses(&[DENIED, BUSY]),
        )
        .at(
            "/entries/{id}",
            get("getEntry", "Get one entry with its details", entry::api::show).refuses(&[DENIED, CROSS_SITE, BUSY]),
        )
        .at(
            "/entries/{id}/proof.tlog",
            get(
                "getProofFile",
                "Get the proof that an entry is in the log, as a C2SP tlog-proof",
                checkpoints_api::proof,
            )
            .refuses(&[DENIED, BUSY]),
        )
        .at(
            "/checkpoint",
            get("getCheckpoint", "Get the newest signed checkpoint, a C2SP tlog-checkpoint", checkpoints_api::newest)
                .refuses(&[DENIED, MISSING, BUSY]),
        )
        .at(
            "/checkpoints",
            get("listCheckpoints", "List the archived checkpoints and the keys", checkpoints_api::list)
                .refuses(&[DENIED, BUSY]),
        )
        .at(
            "/clock/confirm",
            post("confirmClock", "Confirm that the clock is right", checkpoints_api::confirm_clock)
                .refuses(&[DENIED, BUSY]),
        )
        .at(
            "/entries/{id}/proof",
            get("proveEntry", "Get the proof that an entry is in the ledger", entry::api::entry)
                .refuses(&[DENIED, BUSY]),
        )
        .at(
            "/entries/{id}/why",
            get("explainEntry", "Explain an entry: its action, its payload, who sees it", entry::why::show)
                .refuses(&[DENIED, BUSY]),
        )
        .at(
            "/entries/{id}/payload",
            delete("erasePayload", "Erase a payload, with a reason", entry::api::erase)
                .refuses(&[DENIED, INVALID, BUSY]),
        )
        .at(
            "/proofs/consistency",
            get(
                "proveConsistency",
                "Get the proof that entries were only appended to the log",
                entry::api::consistency,
            )
            .refuses(&[DENIED, BUSY]),
        )
        .at(
            events::PATH,
            post("sendEvents", "Send events; all valid ones are recorded, or none", events::take)
                .refuses(&[DENIED, BUSY]),
        )
        .at(
            "/export",
            get("exportEntries", "Export the matching entries as a file, oldest first", export::api::download)
                .refuses(&[DENIED, CROSS_SITE, BUSY]),
        )
        .at(
            "/bundle",
            get("exportBundle", "Export the matching entries with what proves them", export::bundle::download)
                .refuses(&[DENIED, CROSS_SITE, BUSY]),
        )
        .at(
            "/exports/{id}",
            get("getExport", "Get the manifest of a complete export", export::api::show).refuses(&[DENIED, BUSY]),
        )
        .at("/groups", get("groupEntries", "Group entries and count them", groups_api::list).refuses(&[DENIED, BUSY]))
        .at(
            "/overview",
            get("getOverview", "Count entries over time and by their most frequent values", overview_api::show)
                .refuses(&[DENIED, BUSY]),
        )
        .at(
            "/usage",
            get("getUsage", "Count usage over time and by user, tool and other fields", usage::api::show)
                .refuses(&[DENIED, BUSY]),
        )
        .at(
            "/values/{field}",
            get("listValues", "List the values of a field", values_api::list).refuses(&[DENIED, BUSY]),
        )
        .at(
            "/settings",
            get("getSettings", "Get all settings", settings::api::show).refuses(&[DENIED]).and(
                patch("changeSettings", "Change settings", settings::api::change).refuses(&[DENIED, SETTING, BUSY]),
            ),
        )
        .at(
            "/settings/mcp-audit",
            get("listCalls", "List the latest calls of every token", token_calls_api::list).refuses(&[DENIED, BUSY]),
        )
        .at(
            "/settings/mcp-tokens/{token_id}/audit",
            get("listTokenCalls", "List the latest calls of one token", token_calls_api::of_token)
                .refuses(&[DENIED, BUSY]),
        )
        .at("/crons", get("listCrons", "List the scheduled jobs", crons_api::list).refuses(&[DENIED, BUSY]))
        .at(
            "/crons/{name}/run",
            post("runCron", "Start a scheduled job now", crons_api::run).refuses(&[DENIED, RUNNING, BUSY]),
        )
        .at(
            "/verification",
            get("getVerification", "Get the progress and the last result of the verification", verification_api::show)
                .refuses(&[DENIED])
                .and(
                    post("startVerification", "Start a verification of the whole log", verification_api::start)
                        .refuses(&[DENIED, RUNNING]),
                ),
        )
        .at("/extent", get("getExtent", "Get the size of the log", size_api::show).refuses(&[DENIED, BUSY]))
        .at(
            "/holds",
            get("listHolds", "List legal holds, newest first", holds_api::list)
                .refuses(&[DENIED, BUSY])
                .and(post("placeHold", "Place a legal hold", holds_api::place).refuses(&[DENIED, INVALID, BUSY])),
        )
        .at(
            "/holds/{id}/release",
            post("releaseHold", "Release a legal hold", holds_api::release).refuses(&[DENIED, INVALID, BUSY]),
        )
        .at(
            "/views",
            get("listViews", "List saved views, by name", views_api::list)
                .refuses(&[DENIED, BUSY])
                .and(post("saveView", "Save a view", views_api::save).refuses(&[DENIED, PARAMETER, INVALID, BUSY])),
        )
        .at(
            "/views/{id}",
            put("changeView", "Replace a view", views_api::change)
                .refuses(&[DENIED, PARAMETER, INVALID, BUSY])
                .and(delete("deleteView", "Delete a view", views_api::delete).refuses(&[DENIED, BUSY])),
        )
        .at(
            "/views/{id}/alert",
            put("setAlert", "Set the alert of a view of yours", alerts::api::set)
                .refuses(&[DENIED, INVALID, BUSY])
                .and(
                    delete("deleteAlert", "Remove the alert of a view of yours", alerts::api::remove)
                        .refuses(&[DENIED, BUSY]),
                ),
        )
        .at(
            "/alerts",
            get("listAlerts", "List your alerts, with the results of the last check", alerts::api::list)
                .refuses(&[DENIED, BUSY]),
        )
        .at(
            "/tokens",
            get("listTokens", "List the tokens of your tenant, oldest first", tokens::api::list)
                .refuses(&[DENIED, MISSING])
                .and(
                    post("createToken", "Create a token", tokens::api::create)
                        .refuses(&[DENIED, MISSING, INVALID, BUSY]),
                ),
        )
        .at("/tokens/{id}", delete("revokeToken", "Revoke a token", tokens::api::revoke).refuses(&[DENIED, BUSY]))
        .at(
            "/policy",
            get("getPolicy", "Get the components that judge, with their digests", policy_api::show)
                .refuses(&[DENIED, MISSING, BUSY])
                .and(
                    post("activatePolicy", "Put another policy in place of the active one", policy_api::activate)
                        .refuses(&[DENIED, INVALID, BUSY]),
                ),
        )
        .at(
            "/policy/history",
            get("listPolicies", "List what judged, newest first, with what was different", policy_api::history)
                .refuses(&[DENIED, BUSY]),
        )
        .at(
            "/policy/rollback",
            post("rollBackPolicy", "Put the policy back that judged before", policy_api::roll_back)
                .refuses(&[DENIED, INVALID, BUSY]),
        )
        .at(
            "/tools",
            get(
                "listTools",
                "List the known tools of MCP servers, with the hashes of their definitions",
                servers::api::list,
            )
            .refuses(&[DENIED, BUSY]),
        )
        .at("/manifest", get("getManifest", "Get the policy's manifest", manifest_api::show))
        .at("/me", get("getMe", "Get your user, groups and rights", me_api::show))
}

/// The routes below [`API`]; all but the document need a sign-in.
pub(crate) fn router(site: &Arc<Site>) -> Router<Arc<Site>> {
    let signed_in = routes()
        .router()
        .fallback(async || Problem::no_route())
        .method_not_allowed_fallback(async || Problem::method())
        .layer(from_fn_with_state(Arc::clone(site), gate::for_api));
    document::routes().router().method_not_allowed_fallback(async || Problem::method()).merge(signed_in)
}
