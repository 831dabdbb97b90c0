//! Users with a browser: they sign in, search, and see what their role allows.

mod live;
mod reading;
mod roles;
mod support;
