//! The speed of exports, and the memory that they need.

use std::fs::{self, File};
use std::io::Write;
use std::time::Instant;

use clap::Args;
use mcp_audit_log::export::{Columns, ExportRequest, Format};
use mcp_audit_log::filter::Domain;
use mcp_audit_log::{Grant, LogView, Options, Viewer};

use crate::kept::Which;
use crate::support::{Outcome, folder};
use crate::table::{Table, figure};

/// Every format: speed, size, and the most memory that was in use. Name a kept log, so that making it is not measured.
#[derive(Args)]
pub(crate) struct Export {
    #[command(flatten)]
    which: Which,
}

impl Export {
    pub(crate) fn run(self) -> Outcome {
        let kept = self.which.open()?;
        let log = Options::new(&kept.folder).view()?;
        let viewer = Viewer::new("bench", ["admin"]).instance("main");
        let access = log.access(&viewer);
        let mut table = Table::new(&["format", "entries", "entries a second", "bytes an entry", "peak MB"]);
        for format in Format::ALL {
            table.row(measure(&log, &access, format)?);
        }
        table.print(&format!("export: {} entries", figure(kept.entries as f64)));
        Ok(())
    }
}

fn measure(log: &LogView, access: &Grant, format: Format) -> Outcome<Vec<String>> {
    let folder = folder()?;
    let mut file = File::create(folder.path().join("export"))?;
    let columns = Columns::parse("", false)?;
    forget_peak();
    let begun = Instant::now();
    let mut export = log.export_unrecorded(access, ExportRequest { domain: Domain::TRUE, columns, format })?;
    while let Some(piece) = export.step(&log.reader(access))? {
        file.write_all(&piece)?;
    }
    let seconds = begun.elapsed().as_secs_f64();
    let rows = export.manifest().rows as f64;
    let bytes = export.manifest().bytes as f64;
    let peak = peak().map_or_else(|| "-".to_owned(), |bytes| figure(bytes / 1e6));
    Ok(vec![format.name().to_owned(), figure(rows), figure(rows / seconds), figure(bytes / rows), peak])
}

/// Resets Linux's measurement of the peak memory.
fn forget_peak() {
    let _ = fs::write("/proc/self/clear_refs", "5");
}

/// The peak memory since then, in bytes; on Linux only.
fn peak() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok().map(|kilobytes| kilobytes * 1024.0)
}
