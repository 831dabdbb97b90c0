//! The parameters of an export.

use mcp_audit_log_contract::access::Grant;
use mcp_audit_log_export::{Column, Columns, ExportRequest, Format};
use mcp_audit_log_filter::Domain;
use mcp_audit_log_service::AuditLog;
use serde_json::json;

use super::Exporting;
use crate::openapi::Operation;
use crate::problem::Problem;
use crate::query::documentation::describe_filter;
use crate::query::extractor::Parameters;
use crate::query::search::{Pairs, Search, short, single, values};

const FORMAT: &str = "format";
const COLUMNS: &str = "columns";
pub(super) const PAYLOADS: &str = "payloads";

/// Reads the parameters.
pub(crate) fn read(pairs: &Pairs, log: &AuditLog, access: &Grant) -> Result<ExportRequest, Problem> {
    let domain = domain(&[FORMAT, COLUMNS, PAYLOADS], pairs, log, access)?;
    let format = format(pairs)?;
    let columns = Columns::parse(single(pairs, COLUMNS)?.unwrap_or_default(), payloads(pairs)?);
    let columns = columns.map_err(|error| Problem::parameter(COLUMNS, format!("{COLUMNS}: {error}.")))?;
    Ok(ExportRequest { domain, columns, format })
}

/// The search of an export, which has the parameters `more` besides.
pub(super) fn domain(more: &[&str], pairs: &Pairs, log: &AuditLog, access: &Grant) -> Result<Domain, Problem> {
    let search = Search::beside(more, pairs, log, access)?;
    if let Some(name) = ["limit", "cursor"].into_iter().find(|name| values(pairs, name).next().is_some()) {
        let advice = "an export has no pages and holds everything that matches; leave this out.";
        return Err(Problem::parameter(name, format!("{name}: {advice}")));
    }
    Ok(search.domain)
}

fn format(pairs: &Pairs) -> Result<Format, Problem> {
    let text = single(pairs, FORMAT)?.unwrap_or_default();
    Format::parse(text).ok_or_else(|| {
        let names = Format::ALL.map(Format::name).join(", ");
        Problem::parameter(FORMAT, format!("{FORMAT}: unknown format {}; use one of {names}.", short(text)))
    })
}

/// Whether payloads are wanted.
pub(super) fn payloads(pairs: &Pairs) -> Result<bool, Problem> {
    match single(pairs, PAYLOADS)? {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => {
            Err(Problem::parameter(PAYLOADS, format!("{PAYLOADS}: {} is not valid; use true or false.", short(other))))
        }
    }
}

impl Parameters for Exporting {
    fn describe(operation: &mut Operation<'_>) {
        let names = Format::ALL.map(Format::name);
        operation.required_query(FORMAT, "The file format.", json!({ "type": "string", "enum": names }));
        let names: Vec<_> = Column::all().map(Column::name).collect();
        let columns = format!(
            "The columns, separated by commas. By default all except request, response and payload_notes, which need \
             the right to export payloads. Known columns: {}.",
            names.join(", ")
        );
        operation.query(COLUMNS, columns, json!({ "type": "string" }));
        let payloads = "Whether to append the columns that hold payloads.";
        operation.query(PAYLOADS, payloads, json!({ "type": "boolean", "default": false }));
        describe_filter(operation);
    }
}
