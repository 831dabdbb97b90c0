//! `old` and `new`: the state before and after an administrative change. The policy compares them, and they are not
//! stored.

use serde_json::Value as Json;
use serde_json::value::RawValue;

use super::draft::Draft;
use super::given::Refusal;
use super::limits::MEMBERS;
use super::members::members;
use crate::event::Channel;

/// One side: an object.
pub(super) fn side(json: &RawValue) -> Result<Json, String> {
    members(json, MEMBERS)?;
    serde_json::from_str(json.get()).map_err(|_| "not valid JSON, or nested too deep".to_owned())
}

impl Draft {
    /// Only where a rule reads them.
    pub(super) fn may_change(&self, channel: Channel) -> Result<(), Refusal> {
        match (channel, &self.old, &self.new) {
            (Channel::Admin, ..) | (_, None, None) => Ok(()),
            (_, old, _) => {
                let field = if old.is_some() { "old" } else { "new" };
                Err(Refusal::of(field, "only events of the channel admin may have an old and a new state"))
            }
        }
    }
}
