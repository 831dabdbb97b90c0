//! The manifest: small and valid, unless a cargo feature says otherwise.

#[cfg(feature = "contract-0-7")]
use crate::contract::Dependencies;
use crate::contract::{Cron, Group, Mask, PolicyManifest, SavedFilter, SettingField, SettingType, Token, Value};
use crate::mode::Mode;
use crate::{fault, mode};

/// The group for mistakes about groups.
pub(crate) const CLERK: &str = "clerk";
/// The setting that is a divisor.
pub(crate) const SHARE: &str = "evil_share";

/// The manifest of the variant that was built.
pub(crate) fn manifest() -> PolicyManifest {
    if cfg!(feature = "manifest-panic") {
        fault::panic()
    }
    if cfg!(feature = "manifest-spin") {
        fault::spin()
    }
    if cfg!(feature = "manifest-empty") {
        return empty();
    }
    PolicyManifest { crons: crons(), filters: filters(), ..decent() }
}

fn decent() -> PolicyManifest {
    PolicyManifest {
        name: env!("CARGO_PKG_NAME").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        summary: env!("CARGO_PKG_DESCRIPTION").to_owned(),
        groups: groups(),
        settings: settings(),
        masks: masks(),
        #[cfg(feature = "contract-0-7")]
        depends: depends(),
        ..empty()
    }
}

fn empty() -> PolicyManifest {
    PolicyManifest {
        name: String::new(),
        version: String::new(),
        summary: String::new(),
        groups: Vec::new(),
        settings: Vec::new(),
        filters: Vec::new(),
        crons: Vec::new(),
        actions: Vec::new(),
        masks: Vec::new(),
        #[cfg(not(feature = "contract-0-7"))]
        reads_arguments: false,
        #[cfg(feature = "contract-0-7")]
        depends: Vec::new(),
    }
}

fn settings() -> Vec<SettingField> {
    vec![
        setting("log_payloads", SettingType::Boolean, Value::Boolean(false)),
        SettingField { minimum: Some(1), ..setting("retention_days", SettingType::Integer, Value::Integer(90)) },
        setting(mode::SETTING, SettingType::Text, Value::Text(mode::built_in().to_owned())),
        setting(SHARE, SettingType::Integer, Value::Integer(2)),
    ]
}

fn groups() -> Vec<Group> {
    let group = |name: &str, implies: &[&str]| Group {
        name: name.to_owned(),
        label: name.to_owned(),
        implies: implies.iter().map(|name| (*name).to_owned()).collect(),
    };
    match Mode::built_in() {
        Mode::Decent => Vec::new(),
        Mode::ForgotImplies => vec![group(CLERK, &[]), group("chief", &[CLERK])],
        Mode::ImpliesUnknown => vec![group("chief", &["nowhere"])],
        _ => vec![group(CLERK, &[])],
    }
}

fn masks() -> Vec<Mask> {
    let all = Mask { name: "all".to_owned(), keys: Vec::new(), patterns: vec![".".to_owned()] };
    if Mode::built_in() == Mode::MaskAll { vec![all] } else { Vec::new() }
}

#[cfg(feature = "contract-0-7")]
fn depends() -> Vec<Dependencies> {
    let line = Dependencies {
        channels: vec!["mcp".to_owned()],
        fields: vec!["method".to_owned()],
        facts: Vec::new(),
        arguments: Vec::new(),
    };
    if Mode::built_in() == Mode::Undeclared { vec![line] } else { Vec::new() }
}

fn setting(key: &str, kind: SettingType, default: Value) -> SettingField {
    let text = || key.to_owned();
    SettingField { key: text(), label: text(), help: String::new(), kind, default, minimum: None, maximum: None }
}

fn crons() -> Vec<Cron> {
    let schedule = if cfg!(feature = "manifest-bad-cron") { "every now and then" } else { "17 3 * * *" };
    vec![Cron { name: "Cleanup".to_owned(), schedule: schedule.to_owned(), job: "retention".to_owned() }]
}

fn filters() -> Vec<SavedFilter> {
    // An operator without operands is malformed; no token at all is every entry.
    let domain = if cfg!(feature = "manifest-bad-domain") { vec![Token::AnyOf] } else { Vec::new() };
    vec![SavedFilter { name: "all".to_owned(), label: "All".to_owned(), domain }]
}
