//! (short: one file per benchmark) The use of disk space.

use clap::Args;

use crate::bare;
use crate::kept::Which;
use crate::support::Outcome;
use crate::table::{Table, figure};

/// Bytes on disk for each entry, by table and index.
#[derive(Args)]
pub(crate) struct Size {
    #[command(flatten)]
    which: Which,
}

impl Size {
    pub(crate) fn run(self) -> Outcome {
        let kept = self.which.open()?;
        let file = kept.folder.join("mcp-audit-log.db");
        let log = bare::open(&file)?;
        let sql = "SELECT name, sum(pgsize), sum(payload) FROM dbstat GROUP BY name ORDER BY 2 DESC";
        let mut statement = log.prepare(sql)?;
        let mut table = Table::new(&["table or index", "bytes an entry", "of it content", "share"]);
        let whole = std::fs::metadata(&file)?.len() as f64;
        let each = |bytes: f64| figure(bytes / kept.entries as f64);
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (name, pages, content): (String, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let share = format!("{:.1} %", 100.0 * pages as f64 / whole);
            table.row([name, each(pages as f64), each(content as f64), share]);
        }
        table.row(["the file".to_owned(), each(whole), String::new(), "100 %".to_owned()]);
        table.print(&format!("size: {} entries", figure(kept.entries as f64)));
        Ok(())
    }
}
