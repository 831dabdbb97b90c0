//! A user with a browser reads usage, integrity and settings, with scripts and without.

mod integrity;
mod settings;
mod support;
mod usage;
