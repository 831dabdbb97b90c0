//! Users with a browser: they sign in, search, read figures, verify, change settings, and see what their role allows;
//! and how each page looks for every role and any content.

mod alerts;
mod barriers;
mod complete;
mod hostile;
mod integrity;
mod live;
mod lively;
mod overview;
mod pictures;
mod policies;
mod reading;
mod roles;
mod rows;
mod servers;
mod settings;
mod size;
mod story;
mod support;
mod times;
mod usage;
