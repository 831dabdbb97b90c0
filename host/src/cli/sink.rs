//! `mcp-audit-log sink`: the sinks of the configuration file, tried and set back.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use mcp_audit_log::Options;
use mcp_audit_log::lake::LAKE_SINK;
use mcp_audit_log::sink::EntryBatch;

use super::Outcome;
use super::advice::Failure;
use super::common::{LogOptions, ViewerOptions, say};
use super::config::Config;
use super::serve::DATA;

#[derive(Subcommand)]
pub(super) enum SinkCommand {
    /// List the sinks, how far each is, and how many entries wait for it.
    List(List),
    /// Send an empty batch to the destination of a sink, with its real address, secret and signature; or list a lake.
    Test(Test),
    /// Send entries again, from a seq on. Stop the server before.
    Rewind(Box<Rewind>),
}

#[derive(Args)]
struct Configured {
    /// The configuration file of the server.
    #[arg(long, value_name = "FILE", env = "MCP_AUDIT_LOG_CONFIG")]
    config: PathBuf,
}

#[derive(Args)]
pub(super) struct List {
    #[command(flatten)]
    configured: Configured,
    /// The folder of the log [default: that of the file].
    #[arg(long, value_name = "DIR", env = "MCP_AUDIT_LOG_DATA")]
    data: Option<PathBuf>,
}

#[derive(Args)]
pub(super) struct Test {
    /// The name of the sink.
    name: String,
    #[command(flatten)]
    configured: Configured,
}

#[derive(Args)]
pub(super) struct Rewind {
    /// The name of the sink.
    name: String,
    /// The seq of the first entry to send again.
    #[arg(long, value_name = "SEQ")]
    to: u64,
    #[command(flatten)]
    log: LogOptions,
    #[command(flatten)]
    viewer: ViewerOptions,
}

impl SinkCommand {
    pub(super) fn run(self) -> Outcome {
        match self {
            Self::List(list) => list.run(),
            Self::Test(test) => test.run(),
            Self::Rewind(rewind) => rewind.run(),
        }
    }
}

impl List {
    fn run(self) -> Outcome {
        let config = Config::load(Some(&self.configured.config))?;
        let data = self.data.or(config.data.clone()).unwrap_or_else(|| DATA.into());
        let log = Options::new(data).view()?;
        let mut sinks: Vec<_> = config.sinks().iter().map(|sink| (sink.name(), sink.destination())).collect();
        if let Some(lake) = &config.lake {
            sinks.push((LAKE_SINK, format!("lake at {}", lake.lake()?.address())));
        }
        if sinks.is_empty() {
            say("The file has no sinks.")?;
        }
        for (name, destination) in sinks {
            let state = match log.stored_sink(name)? {
                None => "never began".to_owned(),
                Some(stored) => {
                    let state = if stored.failing { "failing" } else { "OK" };
                    format!("{state}, has everything below seq {}, {} wait", stored.watermark, stored.waiting)
                }
            };
            say(format_args!("{name}: {destination}: {state}"))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Test {
    fn run(self) -> Outcome {
        let config = Config::load(Some(&self.configured.config))?;
        if let Some(lake) = config.lake.as_ref().filter(|_| self.name == LAKE_SINK) {
            let lake = lake.lake()?;
            let objects = lake.count()?;
            say(format_args!("{}: {} can be read and has {objects} objects", self.name, lake.address()))?;
            return Ok(ExitCode::SUCCESS);
        }
        let found = config.sinks().iter().find(|sink| sink.name() == self.name);
        let sink = found.ok_or_else(|| unknown(&self.name, &config.sink_names()))?;
        let (_, mut destination) = sink.open()?;
        let empty = EntryBatch::new(self.name.as_str().into(), "test".into(), 0..0, Vec::new());
        match destination.put(&empty) {
            Ok(()) => say(format_args!("{}: {} accepted an empty batch", self.name, sink.destination()))?,
            Err(error) => return Err(format!("{} did not accept it: {}", sink.destination(), error.reason()).into()),
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Rewind {
    fn run(self) -> Outcome {
        let log = self.log.open_for_a_moment()?;
        let access = log.view().access(&self.viewer.viewer());
        log.rewind_sink(&access, &self.name, self.to)?;
        say(format_args!("The sink {} gets the entries from seq {} on again.", self.name, self.to))?;
        Ok(ExitCode::SUCCESS)
    }
}

fn unknown(name: &str, known: &[&str]) -> Failure {
    format!("the file has no sink {name:?}; it has: {}", known.join(", ")).into()
}
