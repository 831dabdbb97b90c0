//! How the pages look, whoever looks at them and whatever is in the log: barriers, hostile values, sizes, pictures.

mod barriers;
mod hostile;
mod pictures;
mod size;
mod world;
