//! The time for a page, a group and a menu, in logs of different sizes.

use std::time::Instant;

use clap::Args;
use mcp_audit_log::entry::Entry;
use mcp_audit_log::field::Field;
use mcp_audit_log::filter::{Context, Domain, parse_json, parse_text};
use mcp_audit_log::reader::{GroupBy, GroupSort, PageAnchor, Reader};
use mcp_audit_log::{Grant, LogView, Options, Viewer};

use crate::kept::Which;
use crate::support::Outcome;
use crate::table::{Sample, Table, figure};

/// Pages, groups and menus: median and 99th percentile.
#[derive(Args)]
pub(crate) struct Query {
    #[command(flatten)]
    which: Which,
    /// How often each question is asked.
    #[arg(long, default_value_t = 40)]
    times: u32,
}

/// Entries of a page, the API's default.
const PAGE: usize = 100;

/// A query on a log. It returns the number of results.
type Ask = Box<dyn Fn(&Reader<'_>) -> Outcome<usize>>;

/// A query and its name.
struct Question {
    name: String,
    ask: Ask,
}

impl Query {
    pub(crate) fn run(self) -> Outcome {
        let kept = self.which.open()?;
        let log = Options::new(&kept.folder).view()?;
        let admin = access(&log, "nobody", "admin");
        let sample = Known::of(&log, &admin)?;
        let user = access(&log, &sample.user, "user");
        let mut table = Table::new(&["question", "found", "median ms", "p99 ms"]);
        for question in questions(&sample)? {
            self.measure(&mut table, &question.name, &log.reader(&admin), &question)?;
        }
        for question in first_pages(&sample.singles)?.into_iter().take(6).chain(groups()) {
            let name = format!("a user's own: {}", question.name);
            self.measure(&mut table, &name, &log.reader(&user), &question)?;
        }
        let mut pairs = self.pairs(&log.reader(&admin), &sample)?;
        table.row(pairs.remove(0));
        table.row(pairs.remove(0));
        table.print(&format!("query: {} entries", figure(kept.entries as f64)));
        Ok(())
    }

    fn measure(&self, table: &mut Table, name: &str, reader: &Reader<'_>, question: &Question) -> Outcome {
        let (found, mut sample) = self.asked(reader, question)?;
        let times = [50.0, 99.0].map(|percent| figure(sample.percentile(percent) / 1_000.0));
        table.row([name.to_owned(), found.to_string()].into_iter().chain(times));
        Ok(())
    }

    fn asked(&self, reader: &Reader<'_>, question: &Question) -> Outcome<(usize, Sample)> {
        let mut sample = Sample::default();
        let mut found = 0;
        for _ in 0..if self.which.small { 2 } else { self.times } {
            let begun = Instant::now();
            found = (question.ask)(reader)?;
            sample.add(begun.elapsed());
        }
        Ok((found, sample))
    }

    /// Every pair of single filters: the durations of all of them, and the slowest.
    fn pairs(&self, reader: &Reader<'_>, known: &Known) -> Outcome<Vec<Vec<String>>> {
        let mut all = Sample::default();
        let mut slowest = (String::new(), 0, f64::MIN, f64::NAN);
        for (at, left) in known.singles.iter().enumerate() {
            for right in &known.singles[at + 1..] {
                let name = format!("{left} {right}");
                let (found, mut sample) = self.asked(reader, &first_page(&name)?)?;
                if sample.percentile(99.0) > slowest.2 {
                    slowest = (name, found, sample.percentile(99.0), sample.median());
                }
                all.extend(sample);
            }
        }
        let ms = |micros: f64| figure(micros / 1_000.0);
        let whole = vec![
            "every pair of the filters above".to_owned(),
            String::new(),
            ms(all.median()),
            ms(all.percentile(99.0)),
        ];
        let (name, found, p99, median) = slowest;
        Ok(vec![whole, vec![format!("the slowest pair: {name}"), found.to_string(), ms(median), ms(p99)]])
    }
}

fn access(log: &LogView, user: &str, group: &str) -> Grant {
    log.access(&Viewer::new(user, [group]).instance("main"))
}

/// Existing values of the log, for queries.
struct Known {
    user: String,
    /// Filters in their text form: frequent values, rare ones, and values that no entry has.
    singles: Vec<String>,
    newest: Entry,
}

impl Known {
    fn of(log: &LogView, access: &Grant) -> Outcome<Self> {
        let reader = log.reader(access);
        let calls = domain("method:tools/call !user:none")?;
        let [newest, oldest] = [PageAnchor::Newest, PageAnchor::Oldest]
            .map(|from| Ok::<_, Box<dyn std::error::Error>>(reader.page(calls.clone(), from, 1)?.entries.pop()));
        let (newest, oldest) = (newest?.ok_or("no tool was called")?, oldest?.ok_or("no tool was called")?);
        let text = |entry: &Entry, field: Field| entry.text(field).unwrap_or_default().to_owned();
        let mut singles: Vec<_> =
            ["outcome:error", "!outcome:success", "method:tools/call", "method:prompts/get"].map(String::from).into();
        for field in
            [Field::Tool, Field::Server, Field::User, Field::Connection, Field::Ip, Field::ClientName, Field::Action]
        {
            singles.push(format!("{}:\"{}\"", field.name(), text(&newest, field)));
        }
        // Only at the oldest end of the log.
        singles.push(format!("session:\"{}\"", text(&oldest, Field::Session)));
        singles.push("tool:nothing_has_this".to_owned());
        singles.push("model:sale.order".to_owned());
        singles.push("status_code:>=500".to_owned());
        singles.push("duration:>5s".to_owned());
        singles.push("tool:*invoice*".to_owned());
        let day = newest.occurred_at.to_string();
        singles.push(format!("since:{}", &day[..10]));
        singles.push(format!("until:{}", &oldest.occurred_at.to_string()[..10]));
        Ok(Self { user: text(&newest, Field::User), singles, newest })
    }
}

fn domain(text: &str) -> Outcome<Domain> {
    Ok(parse_text(text, &Context::without_viewer(mcp_audit_log::time::Clock::now(&mcp_audit_log::time::SystemClock)))?)
}

fn first_page(text: &str) -> Outcome<Question> {
    let domain = domain(text)?;
    let ask = move |reader: &Reader<'_>| Ok(reader.page(domain.clone(), None, PAGE)?.entries.len());
    Ok(Question { name: text.to_owned(), ask: Box::new(ask) })
}

fn first_pages(texts: &[String]) -> Outcome<Vec<Question>> {
    texts.iter().map(|text| first_page(text)).collect()
}

fn questions(known: &Known) -> Outcome<Vec<Question>> {
    let mut questions = vec![Question { name: "first page".to_owned(), ..first_page("")? }];
    let far = PageAnchor::Before(known.newest.seq.saturating_sub(999 * PAGE as u64));
    let ask = move |reader: &Reader<'_>| Ok(reader.page(Domain::TRUE, far, PAGE)?.entries.len());
    questions.push(Question { name: "page 1,000".to_owned(), ask: Box::new(ask) });
    questions.extend(first_pages(&known.singles)?);
    let id = parse_json(
        &format!(r#"[["id","=","{}"]]"#, known.newest.id),
        &Context::without_viewer(known.newest.recorded_at),
    )?;
    let ask = move |reader: &Reader<'_>| Ok(reader.page(id.clone(), None, 1)?.entries.len());
    questions.push(Question { name: "one entry by its id".to_owned(), ask: Box::new(ask) });
    for (name, text) in [("free text, with hits", "invoice"), ("free text, without a hit", "xyzzy")] {
        questions.push(Question { name: name.to_owned(), ..first_page(text)? });
    }
    questions.extend(groups());
    for field in [Field::Tool, Field::User] {
        let ask = move |reader: &Reader<'_>| Ok(reader.values(field, 200)?.values.len());
        questions.push(Question { name: format!("the values of {}", field.name()), ask: Box::new(ask) });
    }
    Ok(questions)
}

/// Groups over the whole log, which covers forty days.
fn groups() -> Vec<Question> {
    let by: [(&str, Vec<GroupBy>); 4] = [
        ("groups by tool", vec![GroupBy::Field(Field::Tool)]),
        ("groups by day", vec![GroupBy::Day]),
        ("groups by user", vec![GroupBy::Field(Field::User)]),
        ("groups by tool and outcome", vec![GroupBy::Field(Field::Tool), GroupBy::Field(Field::Outcome)]),
    ];
    let question = |(name, by): (&str, Vec<GroupBy>)| {
        let ask = move |reader: &Reader<'_>| Ok(reader.groups(Domain::TRUE, &by, GroupSort::P95, PAGE)?.found);
        Question { name: name.to_owned(), ask: Box::new(ask) }
    };
    by.into_iter().map(question).collect()
}
