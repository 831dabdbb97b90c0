//! `mcp-audit-log bundle`: entries in a file that outsiders can check without the log.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use mcp_audit_log::filter::{Context, end_of, parse_text, start_of};
use mcp_audit_log::ledger::verifier_page;
use mcp_audit_log::time_zone::TimeZone;
use mcp_audit_log::{BundleRequest, Bundled};

use super::Outcome;
use super::advice::{Advised, Failure};
use super::common::{LogOptions, ViewerOptions, note};
use super::filter::zone;

#[derive(Args)]
pub(super) struct Bundle {
    /// The entries to show, as in `list`. The others between them have only seq and time.
    query: Vec<String>,
    #[command(flatten)]
    log: LogOptions,
    #[command(flatten)]
    viewer: ViewerOptions,
    /// Only entries recorded at or after this time: 2026-11-21T02:09:46Z, 2026-11-21, today, -1h, -7d.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    recorded_from: Option<String>,
    /// Only entries recorded before this time; a day, such as 2026-11-21 or today, includes that day.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    recorded_to: Option<String>,
    /// The time zone whose days are meant, such as Europe/Vienna.
    #[arg(long, value_name = "ZONE", default_value = "UTC", value_parser = zone)]
    tz: TimeZone,
    /// The file to write; an existing file is not replaced.
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// Include payloads, with the right to export them. An entry records it, so the log must not be in use by a server.
    #[arg(long)]
    payloads: bool,
    /// Include what judged the shown entries: components, settings, and the log's entries that say so, with the right to
    /// configure or verify. `verify --bundle --judge` makes the judgements again, on any machine.
    #[arg(long)]
    with_judgement: bool,
    /// Also write a page that checks the bundle in a browser, without a network; an existing file is not replaced.
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
}

impl Bundle {
    pub(super) fn run(self) -> Outcome {
        self.page.as_deref().map_or(Ok(()), written_page)?;
        let path = self.output.display();
        let opened = new(&self.output);
        let file =
            opened.map_err(|error| format!("{path} cannot be written: {error}; name another file with --output"))?;
        let mut out = BufWriter::new(file);
        let bundled = self.write(&mut out).inspect_err(|_| drop(std::fs::remove_file(&self.output)))?;
        out.into_inner().map_err(|error| error.into_error()).and_then(|file| file.sync_all())?;
        let Bundled { places, shown, unsigned, .. } = bundled;
        let (first, last) = (places.start, places.end - 1);
        note(format_args!(
            "{path}: entries from seq {first} to {last}, {shown} of them shown. Check it with `mcp-audit-log verify --bundle`."
        ));
        if let Some(page) = &self.page {
            note(format_args!("{}: checks the bundle in a browser, with the log's keys.", page.display()));
        }
        if unsigned > 0 {
            note(format_args!(
                "The newest {unsigned} entries are not included: no checkpoint covers them yet. A server signs one \
                 within a minute, and when it stops; then export again."
            ));
        }
        Ok(ExitCode::SUCCESS)
    }

    fn write(&self, out: &mut impl Write) -> Result<Bundled, Failure> {
        let viewer = self.viewer.viewer();
        if self.payloads {
            let log = self.log.open_for_a_moment()?;
            let request = self.request(&viewer.context(log.view().now()))?;
            return log.export_bundle(&log.view().access(&viewer), &request, out).advised(log.view());
        }
        let log = self.log.view()?;
        let request = self.request(&viewer.context(log.now()))?;
        log.bundle(&log.access(&viewer), &request, out).advised(&log)
    }

    fn request(&self, context: &Context<'_>) -> Result<BundleRequest, Failure> {
        let domain = parse_text(&self.query.join(" "), &context.in_zone(self.tz))?;
        let context = &context.in_zone(self.tz);
        let from = self.recorded_from.as_deref().map(|text| start_of(text, context)).transpose();
        let to = self.recorded_to.as_deref().map(|text| end_of(text, context)).transpose();
        let from = from.map_err(|error| format!("--recorded-from: {error}"))?;
        let to = to.map_err(|error| format!("--recorded-to: {error}"))?;
        Ok(BundleRequest {
            from,
            to,
            payloads: self.payloads,
            judgement: self.with_judgement,
            ..BundleRequest::new(domain)
        })
    }
}

/// Writes the page that checks bundles.
fn written_page(path: &Path) -> Result<(), Failure> {
    let written = new(path).and_then(|mut file| file.write_all(verifier_page().as_bytes()));
    Ok(written.map_err(|error| format!("{} cannot be written: {error}; name another --page", path.display()))?)
}

/// A new file that only its owner may read.
fn new(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.create_new(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
