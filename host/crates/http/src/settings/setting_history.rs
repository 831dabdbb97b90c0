//! The last change of each setting, from its entries.

use std::collections::BTreeMap;

use mcp_audit_log_contract::access::{Grant, Right};
use mcp_audit_log_core::reader::MAX_LIMIT;
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::field::Field;
use mcp_audit_log_service::AuditLog;

use crate::problem::Problem;
use crate::query::search::Search;
use crate::session::page_clock::PageClock;
use crate::ui::text::Shown;

/// The filter for entries about successful changes.
const CHANGES: &str = "kind:system method:settings.updated outcome:success";

/// The last change of a setting.
#[derive(Clone)]
pub(crate) struct Changed {
    pub(crate) by: Shown,
    pub(crate) ago: String,
    pub(crate) exact: String,
    pub(crate) href: String,
}

/// The last change of each setting, by its key, if it is among the newest entries that the viewer may see.
pub(crate) fn last(log: &AuditLog, access: &Grant, base: &str) -> Result<BTreeMap<String, Changed>, Problem> {
    let mut changes = BTreeMap::new();
    if !access.may(Right::Read) {
        return Ok(changes);
    }
    let search = Search::parse(&[("q".to_owned(), CHANGES.to_owned())], log, access)?;
    for entry in log.view().reader(access).page(search.domain, None, MAX_LIMIT)?.entries {
        if let Some(key) = entry.text(Field::ResourceId) {
            changes
                .entry(key.to_owned())
                .or_insert_with(|| Changed::new(&entry, base, PageClock::new(log.view().now(), access)));
        }
    }
    Ok(changes)
}

impl Changed {
    fn new(entry: &Entry, base: &str, clock: PageClock) -> Self {
        Self {
            by: Shown::line(entry.text(Field::User).unwrap_or("a user without a name")),
            ago: clock.ago(entry.occurred_at),
            exact: clock.both(entry.occurred_at),
            href: format!("{base}/entries/{}", entry.id),
        }
    }
}
