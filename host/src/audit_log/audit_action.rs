//! Actions on the log itself, as events: the actor, the address, and also attempts without the right.

use super::{AuditLog, Inner};
use crate::access::{Access, Denied, Grant, Right};
use crate::event::{Channel, Detail, Event, Kind};

impl AuditLog {
    /// An event about something that the viewer did to the log.
    pub(super) fn by(&self, deed: &str, access: &Access) -> Event {
        let viewer = access.viewer();
        self.0.event(deed).by_actor(access.actor(), viewer.instance.as_deref())
    }

    /// The viewer has the right that `deed`, an action, needs. An attempt without it is an entry; many are counted in
    /// one.
    ///
    /// # Errors
    /// The viewer lacks the right.
    pub(crate) fn allow(&self, access: &Access, right: Right, deed: &str) -> Result<(), Denied> {
        access.require(right).inspect_err(|denied| {
            let viewer = access.viewer();
            let who = format!("{} of {}", viewer.user, viewer.instance.as_deref().unwrap_or_default());
            // A viewer without rights must not be able to fill the log.
            if !self.0.refusals.is_recorded_as(deed, self, Some(who), "changes") {
                return;
            }
            let event = self.by(deed, access).failed(Detail::Denied, "denied", format!("Refused: {denied}."));
            if let Err(error) = self.record(event) {
                tracing::warn!(%error, deed, "a refused change was not recorded");
            }
        })
    }
}

impl Inner {
    /// An event of the log's own.
    pub(super) fn event(&self, method: &str) -> Event {
        let event = Event::new(self.view.now(), Channel::System, Kind::System, Detail::Ok);
        Event { method: Some(method.to_owned()), ..event }
    }
}
