//! People at a browser: they sign in, look for what happened, and see what their role allows.

mod live;
mod reading;
mod roles;
mod world;
