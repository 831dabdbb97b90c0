//! What a usage page waits for, against the same figures counted by SQL over the entries' rows.

use std::path::Path;
use std::time::{Duration, Instant};

use clap::Args;
use mcp_audit_log::field::Field;
use mcp_audit_log::filter::{Context, parse_text};
use mcp_audit_log::reader::{GroupBy, GroupSort, UsageBy, UsageQuery};
use mcp_audit_log::time::{DAY, Timestamp};
use mcp_audit_log::{Grant, LogView, Options, Viewer};
use rusqlite::{Connection, OpenFlags};

use crate::kept::Which;
use crate::support::Outcome;
use crate::table::{Sample, Table, figure};
use crate::traffic::{Traffic, beginning};

/// Totals, a series by day and four breakdowns over ninety days, against SQL over the rows.
#[derive(Args)]
pub(crate) struct Using {
    #[command(flatten)]
    which: Which,
    /// How often each question is asked; SQL is asked once.
    #[arg(long, default_value_t = 40)]
    times: u32,
    /// Without the counts of groups and by SQL, which take long.
    #[arg(long)]
    alone: bool,
    /// Only the queries whose name contains this text.
    #[arg(long, default_value = "")]
    only: String,
}

/// What a page breaks usage down by.
const PAGE: [Field; 4] = [Field::User, Field::Server, Field::Tool, Field::LlmModel];
/// Rows of a breakdown.
const ROWS: usize = 20;
/// The figures of some rows, without quantiles, which SQLite has no function for.
const FIGURES: &str = "count(*), sum(outcome <> (SELECT id FROM term WHERE text = 'success' AND field = OUTCOME)),
    avg(duration_us), sum(input_tokens), sum(output_tokens), sum(cost_micros)";

impl Using {
    pub(crate) fn run(self) -> Outcome {
        let kept = self.which.open_as("usage", |entries| Traffic::new(entries, 90).with_models())?;
        let log = Options::new(&kept.folder).view()?;
        let (all, some) = (viewer(&log, "nobody", "admin"), viewer(&log, "user0000@example.com", "user"));
        let end = beginning().plus(91 * DAY);
        let ninety = end.plus(-91 * DAY)..end;
        let thirty = end.plus(-31 * DAY - 1)..end.plus(-DAY);
        let page = |range: &std::ops::Range<Timestamp>, by: &[Field]| UsageQuery {
            by: by.iter().copied().map(UsageBy::from).collect(),
            limit: ROWS,
            ..UsageQuery::over(range.clone())
        };
        let tool = |query: UsageQuery, text: &str| {
            Ok::<_, Box<dyn std::error::Error>>(UsageQuery {
                domain: parse_text(text, &Context::without_viewer(end))?,
                ..query
            })
        };
        let whole = page(&ninety, &PAGE);
        let pair =
            |field, second| UsageQuery { by: vec![UsageBy { field, second: Some(second) }], ..page(&ninety, &[]) };
        let questions = [
            ("page: totals, series, four breakdowns, 90 days", &all, whole.clone()),
            ("the same with the period before, 30 days", &all, UsageQuery { previous: true, ..page(&thirty, &PAGE) }),
            ("totals and series, 90 days", &all, page(&ninety, &[])),
            ("by user, 90 days", &all, page(&ninety, &[Field::User])),
            ("by tool, 90 days", &all, page(&ninety, &[Field::Tool])),
            ("by tool, one server, from the entries", &all, tool(page(&ninety, &[Field::Tool]), "server:server-07")?),
            ("by user and tool, 90 days", &all, pair(Field::User, Field::Tool)),
            ("by server and tool, 90 days, from the entries", &all, pair(Field::Server, Field::Tool)),
            ("a user's own page, 90 days", &some, whole.clone()),
        ];
        let mut table = Table::new(&["question", "requests", "median ms", "p99 ms"]);
        for (name, access, query) in questions.into_iter().filter(|(name, ..)| name.contains(&self.only)) {
            self.measure(&mut table, name, &log, access, &query)?;
        }
        if !self.alone {
            row(&mut table, "the four breakdowns as groups of entries, by the index", by_groups(&log, &all, end)?);
            row(&mut table, "the page by SQL over the rows, without quantiles", by_sql(&kept.folder)?);
        }
        table.print(&format!("usage: {} entries", figure(kept.entries as f64)));
        parts(&kept.folder, kept.entries)
    }

    fn measure(&self, table: &mut Table, name: &str, log: &LogView, access: &Grant, query: &UsageQuery) -> Outcome {
        let (mut sample, mut found) = (Sample::default(), 0);
        for _ in 0..self.times {
            let begun = Instant::now();
            let usage = log.reader(access).usage(query.clone())?;
            sample.add(begun.elapsed());
            found = usage.totals.stats.requests;
            assert!(usage.missing.is_empty(), "nothing was removed");
        }
        let times = [50.0, 99.0].map(|percent| figure(sample.percentile(percent) / 1_000.0));
        table.row([name.to_owned(), found.to_string()].into_iter().chain(times));
        Ok(())
    }
}

fn viewer(log: &LogView, user: &str, group: &str) -> Grant {
    log.access(&Viewer::new(user, [group]).instance("main"))
}

fn row(table: &mut Table, name: &str, took: Duration) {
    table.row([name.to_owned(), String::new(), figure(took.as_secs_f64() * 1_000.0), String::new()]);
}

fn open(folder: &Path) -> Outcome<Connection> {
    Ok(Connection::open_with_flags(folder.join("mcp-audit-log.db"), OpenFlags::SQLITE_OPEN_READ_ONLY)?)
}

/// The page's breakdowns as groups of entries.
fn by_groups(log: &LogView, access: &Grant, end: Timestamp) -> Outcome<Duration> {
    let begun = Instant::now();
    let reader = log.reader(access);
    for field in PAGE {
        let domain = parse_text("kind:request,http", &Context::without_viewer(end))?;
        reader.groups(domain, &[GroupBy::Field(field)], GroupSort::Count, ROWS)?;
    }
    Ok(begun.elapsed())
}

/// Totals, distinct values, the series and the breakdowns, a statement each.
fn by_sql(folder: &Path) -> Outcome<Duration> {
    let connection = open(folder)?;
    let figures = FIGURES.replace("OUTCOME", &(Field::Outcome as u64).to_string());
    let kinds = format!("SELECT id FROM term WHERE field = {} AND text IN ('request', 'http')", Field::Kind as u64);
    let unique: Vec<_> = PAGE.iter().map(|field| format!("count(DISTINCT {})", field.name())).collect();
    let mut statements = vec![
        format!("SELECT {figures}, {} FROM plain WHERE kind IN ({kinds})", unique.join(", ")),
        format!("SELECT occurred_at / {DAY}, {figures} FROM plain WHERE kind IN ({kinds}) GROUP BY 1"),
    ];
    statements.extend(PAGE.iter().map(|field| {
        let name = field.name();
        format!("SELECT {name}, {figures} FROM plain WHERE kind IN ({kinds}) GROUP BY 1 ORDER BY 2 DESC LIMIT {ROWS}")
    }));
    // The rows as a table with a column for each field, which is what a log without this index would have.
    mcp_audit_log_store::show_columns(&connection)?;
    connection.execute_batch("CREATE TEMP TABLE plain AS SELECT * FROM entries")?;
    let begun = Instant::now();
    for sql in statements {
        let mut statement = connection.prepare(&sql)?;
        let mut rows = statement.query([])?;
        while rows.next()?.is_some() {}
    }
    Ok(begun.elapsed())
}

/// What usage takes on the disk.
fn parts(folder: &Path, entries: u64) -> Outcome {
    let sql = "SELECT number, sum(length(cells)), sum(length(amounts)) FROM usage_part GROUP BY 1";
    let connection = open(folder)?;
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut table = Table::new(&["part", "cells, bytes an entry", "amounts, bytes an entry"]);
    let mut all = [0.0; 2];
    while let Some(row) = rows.next()? {
        let sizes = [row.get::<_, u64>(1)?, row.get::<_, u64>(2)?].map(|bytes| bytes as f64 / entries as f64);
        all.iter_mut().zip(sizes).for_each(|(all, size)| *all += size);
        table.row([row.get::<_, u64>(0)?.to_string()].into_iter().chain(sizes.map(figure)));
    }
    table.row(["all".to_owned()].into_iter().chain(all.map(figure)));
    table.print("what usage takes on the disk");
    Ok(())
}
