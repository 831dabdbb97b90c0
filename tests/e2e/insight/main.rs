//! A person at a browser looks at figures, at the state of the log and at the settings, with scripts and without.

mod integrity;
mod settings;
mod usage;
mod world;
