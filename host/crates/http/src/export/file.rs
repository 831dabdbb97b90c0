//! The response with an export's file.

use std::io;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use mcp_audit_log_export::{ExportManifest, Format};
use serde_json::json;
use tokio::sync::mpsc;

use super::run::Piece;
use crate::openapi::{Operation, Output};

/// A file that is being written.
pub(crate) struct File {
    headers: HeaderMap,
    pieces: mpsc::Receiver<Piece>,
}

impl File {
    /// `base` is the path where the site is mounted.
    pub(crate) fn new(format: Format, manifest: &ExportManifest, base: &str, pieces: mpsc::Receiver<Piece>) -> Self {
        let kind = if format == Format::Csv { "text/csv; charset=utf-8; header=present" } else { format.media_type() };
        let mut file = Self::named(&format.file_name(manifest.begun_at), kind, pieces);
        if let Some(id) = manifest.export {
            // RFC 8288: what describes this file, once it is complete.
            let link = format!("<{base}/api/v1/exports/{id}>; rel=\"describedby\"; type=\"application/json\"");
            file.set(header::LINK, link);
        }
        file
    }

    /// A file of this name and media type.
    pub(super) fn named(name: &str, kind: &str, pieces: mpsc::Receiver<Piece>) -> Self {
        let mut file = Self { headers: HeaderMap::new(), pieces };
        file.set(header::CONTENT_TYPE, kind.to_owned());
        file.set(header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\""));
        file.set(header::CACHE_CONTROL, "no-store".to_owned());
        file
    }

    fn set(&mut self, name: HeaderName, value: String) {
        self.headers.extend(HeaderValue::try_from(value).ok().map(|value| (name, value)));
    }
}

impl IntoResponse for File {
    fn into_response(self) -> Response {
        let body = stream::unfold(Some(self.pieces), |pieces| async {
            let mut pieces = pieces?;
            match pieces.recv().await {
                Some(Piece::Bytes(bytes)) => Some((Ok::<Bytes, io::Error>(bytes), Some(pieces))),
                Some(Piece::End) => None,
                None => Some((Err(io::Error::other("the export was aborted")), None)),
            }
        });
        (self.headers, Body::from_stream(body)).into_response()
    }
}

impl Output for File {
    fn describe(operation: &mut Operation<'_>) {
        let kinds = Format::ALL.map(|format| (format.media_type(), json!({ "description": format.description() })));
        operation.file(StatusCode::OK, kinds);
    }
}
