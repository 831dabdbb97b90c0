//! (short: an example) The smallest use of the log: no HTTP, no feature. An application records events of its own and reads them back.

use mcp_audit_log::event::Caller;
use mcp_audit_log::field::Field;
use mcp_audit_log::filter::Domain;
use mcp_audit_log::time::{Clock, SystemClock};
use mcp_audit_log::{Event, Options, Viewer};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "audit".to_owned());
    let log = Options::new(folder).open()?;
    log.record(Event::tool_call(SystemClock.now(), "cluster", "troubleshoot").by(Caller::user("uma")))?;
    // Everything is on the disk when this returns.
    log.close();

    // A viewer sees what the policy lets them see: by the default policy, the entries of their own.
    let uma = log.view().access(&Viewer::new("uma", ["user"]));
    for entry in log.view().reader(&uma).page(Domain::TRUE, None, 10)?.entries {
        println!("{} {}", entry.seq, entry.text(Field::Action).unwrap_or_default());
    }
    Ok(())
}
