//! What is different since a policy took the place of another one, in sentences.

use mcp_audit_log_contract::judged_by::{JudgingLayer, PolicySwap};
use mcp_audit_log_sandbox::Extension;

use crate::ui::text::Shown;

/// The difference that a swap made, a sentence for each part that there is.
pub(super) fn sentences(swap: &PolicySwap) -> Vec<Shown> {
    let lists = [
        ("New settings", &swap.settings_added, ""),
        ("Settings that are gone", &swap.settings_dropped, "; their values stay stored"),
        ("Settings with an earlier value that is in force again", &swap.settings_back, ""),
        ("New groups", &swap.groups_added, ""),
        ("Groups that are gone", &swap.groups_dropped, "; they give nothing any more"),
        ("Tokens with a new group", &swap.tokens_gaining, "; check them, they may have more rights than before"),
    ];
    let title = |layer: &JudgingLayer| format!("{} {}", layer.name, layer.version);
    let mut layers = swap.layers.iter().map(title);
    let policy = layers.next().unwrap_or_default();
    let above: Vec<_> = layers.collect();
    let mut told = vec![match above.is_empty() {
        true => format!("{policy} judges now."),
        false => format!("{policy} judges now, with {}.", above.join(", ")),
    }];
    let lists = lists.iter().filter(|(_, names, _)| !names.is_empty());
    told.extend(lists.map(|(what, names, then)| format!("{what}: {}{then}.", names.join(", "))));
    told.extend(swap.widenings.iter().map(|text| format!("Newly declared: {text}.")));
    if told.len() == 1 {
        told.push("Settings and groups are the same as before.".to_owned());
    }
    told.iter().map(|text| Shown::line(text)).collect()
}

/// What an extension widens, in sentences.
pub(super) fn widenings(extension: &Extension) -> impl Iterator<Item = Shown> {
    extension.widens.iter().map(|widening| {
        let what = match *widening {
            "groups" => "its groups imply groups of the layers below, and so get their rights",
            "payloads" => "it keeps payloads that the layers below do not keep",
            other => other,
        };
        Shown::line(&format!("{} widens: {what}.", extension.name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(swap: &PolicySwap) -> String {
        sentences(swap).iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn only_what_is_different_is_told() {
        let layer = |name: &str| JudgingLayer {
            digest: "sha256:0".to_owned(),
            name: name.to_owned(),
            version: "1".to_owned(),
            contract: "c".to_owned(),
        };
        let swap = PolicySwap { layers: vec![layer("acme")], ..PolicySwap::default() };
        assert_eq!(told(&swap), "acme 1 judges now. Settings and groups are the same as before.");
        let names = |name: &str| vec![name.to_owned()];
        let swap = PolicySwap {
            layers: vec![layer("acme"), layer("iban")],
            groups_added: names("payroll"),
            tokens_gaining: names("root (laptop)"),
            settings_dropped: names("old"),
            widenings: names("iban widens payloads"),
            ..PolicySwap::default()
        };
        assert_eq!(
            told(&swap),
            "acme 1 judges now, with iban 1. Settings that are gone: old; their values stay stored. New groups: payroll. \
             Tokens with a new group: root (laptop); check them, they may have more rights than before. \
             Newly declared: iban widens payloads."
        );
    }
}
