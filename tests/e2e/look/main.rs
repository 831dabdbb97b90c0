//! How the pages look for every role and any content: accessibility, hostile values, sizes, pictures.

mod barriers;
mod hostile;
mod pictures;
mod size;
mod support;
