//! API and pages through the router itself: who sees what, what is refused, and how it is told.

mod access;
mod bad_input;
mod mounted;
mod pages;
mod payloads;
mod serving;
mod settings;
mod sign_in;
mod world;
