//! `mcp-audit-log policy test`: an author's cases.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use mcp_audit_log_policy_tools::cases::{CaseCoverage, CaseFailure, Touched, run};
use mcp_audit_log_policy_tools::shown::list;
use serde::Serialize;
use serde_json::Value as Json;

use super::{DEFAULT, FOUND, read};
use crate::cli::Outcome;
use crate::cli::advice::{Failure, unreadable};
use crate::cli::common::say;
use crate::cli::print::{inert, json_line};

#[derive(Args)]
pub(in crate::cli) struct Test {
    /// The folder of the cases: files that end with .json, each with a case or a list of cases.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// The policy: a WebAssembly component, declarations in TOML, or `default`.
    #[arg(long, value_name = "FILE", default_value = DEFAULT)]
    policy: PathBuf,
    /// An extension over the policy (repeatable): a WebAssembly component, or declarations in TOML.
    #[arg(long, value_name = "FILE")]
    extend: Vec<PathBuf>,
    /// Write what the policy answers into the files. Read the difference afterwards.
    #[arg(long)]
    update: bool,
    /// List the declared actions, groups, settings, masks, channels and rules that no case touches.
    #[arg(long)]
    coverage: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What came of all files.
#[derive(Serialize)]
struct TestReport {
    cases: usize,
    failed: Vec<FileFailures>,
    /// The files that were written.
    updated: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    coverage: Option<Vec<CaseCoverage>>,
}

#[derive(Serialize)]
struct FileFailures {
    file: String,
    failures: Vec<CaseFailure>,
}

impl Test {
    pub(super) fn run(self) -> Outcome {
        let policy = read(&self.policy, &self.extend)?.load()?;
        let mut touched = Touched::default();
        let mut report = TestReport { cases: 0, failed: Vec::new(), updated: Vec::new(), coverage: None };
        for path in files(&self.folder)? {
            let file = path.display().to_string();
            let text = fs::read_to_string(&path).map_err(unreadable(&path, "DIR"))?;
            let json: Json = serde_json::from_str(&text).map_err(|error| format!("{file} is not JSON: {error}"))?;
            let done = run(&policy, &json, &mut touched).map_err(|error| format!("{file}: {error}"))?;
            report.cases += done.cases;
            if self.update && done.updated != json {
                write(&path, &done.updated)?;
                report.updated.push(file.clone());
            }
            // A fault is no answer that could be written, and an answer without what the policy reads is a wrong one.
            let failures = if self.update { Vec::new() } else { done.failures };
            let failures: Vec<_> = failures.into_iter().chain(done.undeclared).chain(done.faults).collect();
            if !failures.is_empty() {
                report.failed.push(FileFailures { file, failures });
            }
        }
        if report.cases == 0 {
            let folder = self.folder.display();
            return Err(format!("{folder} has no cases; docs/policy.md shows one").into());
        }
        report.coverage = self.coverage.then(|| touched.coverage(&policy));
        if self.json {
            json_line(&report)?
        } else {
            print(&report)?
        }
        Ok(if report.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FOUND) })
    }
}

/// The files of cases, by name.
fn files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for item in fs::read_dir(folder).map_err(unreadable(folder, "DIR"))? {
        let path = item?.path();
        if path.extension().is_some_and(|ending| ending == "json") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn write(path: &Path, json: &Json) -> Result<(), Failure> {
    let text = format!("{}\n", serde_json::to_string_pretty(json)?);
    fs::write(path, text).map_err(|error| format!("{} cannot be written: {error}", path.display()).into())
}

fn print(report: &TestReport) -> io::Result<()> {
    let mut failures = 0;
    for file in &report.failed {
        for failure in &file.failures {
            failures += 1;
            say(format_args!("FAILED  {}: {}", inert(&file.file), inert(&failure.case)))?;
            let line = |line: &String| say(format_args!("        {}", inert(line)));
            failure.differences.iter().try_for_each(line)?;
        }
    }
    report.updated.iter().try_for_each(|file| say(format_args!("WRITTEN {}", inert(file))))?;
    for part in report.coverage.iter().flatten() {
        let touched = part.declared - part.untouched.len();
        let rest = if part.untouched.is_empty() { String::new() } else { format!("; not {}", list(&part.untouched)) };
        say(format_args!("{:<9} {touched} of {} touched{}", part.part, part.declared, inert(&rest)))?;
    }
    match failures {
        0 => say(format_args!("OK      {} cases", report.cases)),
        failures => say(format_args!("{failures} of {} cases failed", report.cases)),
    }
}
