//! The log between others: upstreams with credentials of their own, and web servers in front.

mod front;
mod http2;
mod upstream;
mod web_server;
