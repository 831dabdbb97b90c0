//! The log between others: upstreams with credentials of their own, and web servers in front.

mod front;
mod upstream;
mod web_server;
