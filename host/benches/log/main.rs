//! Speed and size of the log: `cargo bench -p mcp-audit-log --bench log -- ingest`, and so on for each subcommand.
//!
//! Every table has ratios within one run, because absolute figures depend on the machine. Nothing here passes or fails
//! by its speed. `--small` makes a run short enough for every build.

mod bare;
mod caller;
mod cleanup;
mod export;
mod ingest;
mod kept;
mod layer;
mod ledger;
mod native;
mod pages;
mod policy;
mod proxy;
mod query;
mod random;
mod siege;
mod site;
mod size;
mod support;
mod table;
mod threads;
mod traffic;
mod usage;

use clap::{Parser, Subcommand};

use support::Outcome;

/// Speed and size of the log, in ratios measured within one run.
#[derive(Parser)]
#[command(name = "log")]
struct Arguments {
    #[command(subcommand)]
    what: What,
    /// Cargo adds this.
    #[arg(long, global = true, hide = true)]
    bench: bool,
}

#[derive(Subcommand)]
enum What {
    Caller(caller::Caller),
    Policy(policy::Judging),
    Ingest(ingest::Ingest),
    Ledger(ledger::Sealing),
    Query(query::Query),
    Proxy(proxy::Proxying),
    Layer(layer::Layering),
    Size(size::Size),
    Usage(usage::Using),
    Pages(pages::Opening),
    Cleanup(cleanup::Cleanup),
    Export(export::Export),
    Siege(siege::Siege),
    /// All of them, each so short that its figures mean nothing: whether they still run.
    Small,
}

fn main() -> Outcome {
    let run = |what: What| match what {
        What::Caller(bench) => bench.run(),
        What::Policy(bench) => bench.run(),
        What::Ingest(bench) => bench.run(),
        What::Ledger(bench) => bench.run(),
        What::Query(bench) => bench.run(),
        What::Proxy(bench) => bench.run(),
        What::Layer(bench) => bench.run(),
        What::Size(bench) => bench.run(),
        What::Usage(bench) => bench.run(),
        What::Pages(bench) => bench.run(),
        What::Cleanup(bench) => bench.run(),
        What::Export(bench) => bench.run(),
        What::Siege(bench) => bench.run(),
        What::Small => Ok(()),
    };
    match Arguments::parse().what {
        What::Small => {
            [
                "caller", "policy", "ingest", "ledger", "query", "proxy", "layer", "size", "usage", "pages", "cleanup",
                "siege", "export",
            ]
        }
        .into_iter()
        .try_for_each(|name| run(Arguments::try_parse_from(["log", name, "--small"])?.what)),
        what => run(what),
    }
}
