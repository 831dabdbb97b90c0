//! Sinks of the configuration file, against receivers that fail, of a server that is killed.

mod alerts;
mod lake;
mod otlp;
mod support;
mod syslog;
mod webhook;
