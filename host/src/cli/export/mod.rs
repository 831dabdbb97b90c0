//! `mcp-audit-log export`: entries as a file, with its manifest beside it.

mod progress;
mod target;

use std::process::ExitCode;

use clap::Args;
use clap::builder::PossibleValuesParser;
use mcp_audit_log::export::{Columns, Export, ExportError, ExportManifest, ExportRequest, Format};
use mcp_audit_log::filter::Domain;
use mcp_audit_log::reader::StoreError;
use mcp_audit_log::{Grant, LogView, OpenError};

use super::Outcome;
use super::advice::{Advised, Failure};
use super::common::{BriefLog, note};
use super::filter::Question;
use progress::Progress;
use target::Target;

#[derive(Args)]
pub(super) struct Exporting {
    #[command(flatten)]
    question: Question,
    /// The file format.
    #[arg(long, value_parser = PossibleValuesParser::new(Format::ALL.map(Format::name)))]
    format: String,
    /// The file. Its manifest is written beside it, as FILE.manifest.json.
    #[arg(long, value_name = "FILE")]
    output: std::path::PathBuf,
    /// Only these columns, separated by commas.
    #[arg(long, value_name = "NAMES", default_value = "", hide_default_value = true)]
    columns: String,
    /// Export payloads too. An entry records it, so the log must not be in use by a server.
    #[arg(long)]
    payloads: bool,
    /// Replace the file if it exists.
    #[arg(long)]
    force: bool,
}

impl Exporting {
    pub(super) fn run(self) -> Outcome {
        let columns = Columns::parse(&self.columns, self.payloads).map_err(|error| format!("--columns: {error}"))?;
        let format = Format::parse(&self.format).ok_or("--format: unknown format")?;
        let target = Target::open(&self.output, self.force)?;
        let (source, access, domain) = self.open(columns.have_content())?;
        let mut export = source.begin(&access, ExportRequest { domain, columns, format }).advised(source.view())?;
        let manifest = write(&source, &access, &mut export, target).inspect_err(|why| {
            source.broke_off(&access, &export, &why.to_string());
        })?;
        note(format_args!("{} entries in {}", manifest.rows, self.output.display()));
        Ok(ExitCode::SUCCESS)
    }

    /// The log, opened for recording if no other process has it open.
    fn open(&self, content: bool) -> Result<(Source, Grant, Domain), Failure> {
        // Before anything is made where there is no log.
        let (view, access, domain) = self.question.open()?;
        let source = match self.question.open_to_record() {
            Ok(log) => Source::Ours(log),
            Err(error) if content || !is_in_use(&error) => return Err(error),
            Err(_) => {
                note(
                    "The log is in use by another process, so this export is not recorded in it. Use the API to \
                     record the export.",
                );
                Source::Theirs(view)
            }
        };
        Ok((source, access, domain))
    }
}

fn is_in_use(error: &Failure) -> bool {
    matches!(error.downcast_ref(), Some(OpenError::Store(StoreError::InUse(_))))
}

/// Runs an export that has begun. After an error there is no file.
fn write(source: &Source, access: &Grant, export: &mut Export, mut target: Target) -> Result<ExportManifest, Failure> {
    let mut progress = Progress::default();
    while let Some(piece) = export.step(&source.view().reader(access))? {
        target.write(&piece)?;
        progress.show(export.progress());
    }
    drop(progress);
    target.sync()?;
    let manifest = source.end(access, export)?;
    target.keep(&manifest)?;
    Ok(manifest)
}

/// A log, and whether this process may write it.
enum Source {
    Ours(BriefLog),
    Theirs(LogView),
}

impl Source {
    fn view(&self) -> &LogView {
        match self {
            Self::Ours(log) => log.view(),
            Self::Theirs(view) => view,
        }
    }

    fn begin(&self, access: &Grant, wanted: ExportRequest) -> Result<Export, ExportError> {
        match self {
            Self::Ours(log) => log.begin_export(access, wanted),
            Self::Theirs(view) => view.export_unrecorded(access, wanted),
        }
    }

    fn end(&self, access: &Grant, export: &Export) -> Result<ExportManifest, ExportError> {
        match self {
            Self::Ours(log) => log.end_export(access, export),
            Self::Theirs(view) => export.completed(view.now()),
        }
    }

    fn broke_off(&self, access: &Grant, export: &Export, why: &str) {
        if let Self::Ours(log) = self {
            log.break_export(access, export, why);
        }
    }
}
