//! (short: shared by access and events) The actor of an action on the log itself, as in entries.

use serde::{Deserialize, Serialize};

use crate::event::{Caller, Client, Event};

/// The actor of an action on the log itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// Their name.
    pub user: String,
    /// The name of the token or connection that they signed in with.
    pub connection: Option<String>,
    /// The network address of their client.
    pub ip: Option<String>,
    /// The `User-Agent` header.
    pub user_agent: Option<String>,
}

impl From<&str> for Actor {
    /// An actor with only a name, as on the command line.
    fn from(user: &str) -> Self {
        Self { user: user.to_owned(), ..Self::default() }
    }
}

impl Event {
    /// Sets the actor of this event, in this tenant of the platform.
    #[doc(hidden)]
    pub fn by_actor(self, actor: &Actor, instance: Option<&str>) -> Self {
        let Actor { user, connection, ip, user_agent } = actor.clone();
        let instance = instance.map(str::to_owned);
        let caller = Caller { user: Some(user), connection, instance, ..Caller::default() };
        self.by(caller).with(Client { ip, user_agent, ..Client::default() })
    }
}
