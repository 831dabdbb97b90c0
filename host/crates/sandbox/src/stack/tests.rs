//! The merge of layers, a test for each row of the table in docs/policy.md, with its refusals.

use mcp_audit_log_contract::access::{Right, Viewer};
use mcp_audit_log_contract::extension::{AccessEffect, AccessLine, ExtensionManifest, Keeping, Widening};
use mcp_audit_log_contract::manifest::{Action, Manifest, SettingField, UserGroup};
use mcp_audit_log_contract::plan::Plan;
use mcp_audit_log_filter::{Comparison, Domain, DomainToken, Operand};
use mcp_audit_log_model::event::{Channel, Event, Kind, OutcomeDetail};
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::mask::{MASKED, Mask, Masks};
use mcp_audit_log_model::time::{DAY, Timestamp};
use mcp_audit_log_model::value::Value;

use super::access::{amended, held, kept};
use super::amend::{Amendment, ChangeEffect, apply};
use super::merge::{Merged, merge};
use super::order::order;
use crate::from_wit::GrantParts;
use crate::{Change, Keep, Limits, Policy, Verdict};

fn base() -> Manifest {
    Policy::builtin(Limits::default(), Timestamp::EPOCH).expect("the default policy").manifest().as_ref().clone()
}

fn layer(name: &str) -> ExtensionManifest {
    ExtensionManifest {
        name: name.to_owned(),
        version: String::new(),
        summary: String::new(),
        modules: Vec::new(),
        groups: Vec::new(),
        access: Vec::new(),
        settings: Vec::new(),
        filters: Vec::new(),
        crons: Vec::new(),
        actions: Vec::new(),
        masks: Vec::new(),
        keeping: Keeping::default(),
        depends: Default::default(),
        interest: Domain::TRUE,
        widens: Vec::new(),
    }
}

fn merged(layers: &[ExtensionManifest]) -> Result<Merged, String> {
    merge(base(), layers)
}

fn refused(layers: &[ExtensionManifest], words: &str) {
    let refusal = merged(layers).expect_err(words);
    assert!(refusal.contains(words), "{refusal}");
}

fn group(name: &str, implies: &[&str]) -> UserGroup {
    let implies = implies.iter().map(|name| (*name).to_owned()).collect();
    UserGroup { name: name.to_owned(), label: String::new(), implies }
}

fn line(effect: AccessEffect, group: Option<&str>, server: &str) -> AccessLine {
    let operands = vec![Operand::Value(server.into())];
    let domain = vec![DomainToken::Leaf { field: "server".to_owned(), comparison: Comparison::Equal, operands }];
    AccessLine { effect, group: group.map(str::to_owned), rights: vec![Right::Read], domain }
}

#[test]
fn layers_are_ordered_by_their_needs_and_then_by_name() {
    let needs = |name: &str, modules: &[&str]| ExtensionManifest {
        modules: modules.iter().map(|name| (*name).to_owned()).collect(),
        ..layer(name)
    };
    let names = |layers: Vec<ExtensionManifest>| {
        let ordered = order("base", layers, |layer| layer)?;
        Ok::<_, String>(ordered.into_iter().map(|layer| layer.name).collect::<Vec<_>>())
    };
    assert_eq!(
        names(vec![needs("c", &[]), needs("a", &["d", "base"]), needs("d", &[]), needs("b", &[])]),
        Ok(["b", "c", "d", "a"].map(str::to_owned).into())
    );
    for (layers, words) in [
        (vec![needs("a", &[]), needs("a", &[])], "two extensions are called \"a\""),
        (vec![needs("base", &[])], "has the policy's name"),
        (vec![needs("a", &["x"])], "a needs \"x\" below it"),
        (vec![needs("a", &["b"]), needs("b", &["a"])], "a, b need each other"),
    ] {
        let refusal = names(layers).expect_err(words);
        assert!(refusal.contains(words), "{refusal}");
    }
}

#[test]
fn groups_are_merged_and_imply_other_layers_groups_only_if_declared() {
    let with = |groups: Vec<UserGroup>, widens: Vec<Widening>| ExtensionManifest { groups, widens, ..layer("acme") };
    let own = with(vec![group("clerk", &[]), group("lead", &["clerk"])], Vec::new());
    let both = merged(&[own]).expect("merged").manifest.groups;
    assert_eq!(both.len(), base().groups.len() + 2);
    assert_eq!(held(&both, &["lead".to_owned()]), ["lead", "clerk"]);
    refused(&[with(vec![group("admin", &[])], Vec::new())], "which a lower layer declares");
    refused(&[with(vec![group("clerk", &["nothing"])], Vec::new())], "which no layer declares");
    refused(&[with(vec![group("clerk", &["auditor"])], Vec::new())], "declare it with widens: groups");
    merged(&[with(vec![group("clerk", &["auditor"])], vec![Widening::Groups])]).expect("declared");
}

#[test]
fn permissions_add_restrictions_narrow_and_other_groups_are_only_restricted() {
    let permission = line(AccessEffect::Permission, Some("clerk"), "shop");
    let acme =
        |access: Vec<AccessLine>| ExtensionManifest { groups: vec![group("clerk", &[])], access, ..layer("acme") };
    merged(&[acme(vec![permission.clone(), line(AccessEffect::Restriction, Some("admin"), "shop")])]).expect("merged");
    refused(&[acme(vec![line(AccessEffect::Permission, Some("admin"), "shop")])], "only restrictions are allowed");
    refused(&[acme(vec![line(AccessEffect::Restriction, Some("x"), "shop")])], "which no layer declares");
    let viewer = |user: &str| Viewer { user: user.to_owned(), groups: Vec::new(), instance: None };
    let none = || GrantParts { rights: [].into(), rule: Domain::TRUE, usage_rule: Domain::TRUE };
    let parts = |parts, lines: &[&AccessLine], held: &[&str], user| {
        let held: Vec<_> = held.iter().map(|name| (*name).to_owned()).collect();
        amended(parts, lines, &held, &viewer(user), Timestamp::EPOCH)
    };
    let shop = || Domain::equals(Field::Server, "shop");
    let given = parts(none(), &[&permission], &["clerk"], "uma");
    assert_eq!(
        (given.rights, given.rule),
        ([Right::Read].into(), shop()),
        "the open rule of a right that was not there"
    );
    assert_eq!(parts(none(), &[], &["clerk"], "uma"), none());
    assert!(parts(none(), &[&permission], &["other"], "uma").rights.is_empty());
    assert!(parts(none(), &[&permission], &["clerk"], " ").rights.is_empty(), "access that could not be attributed");
    let own = GrantParts { rights: [Right::Read].into(), rule: Domain::equals(Field::User, "uma"), ..none() };
    let all = line(AccessEffect::Restriction, None, "shop");
    let narrowed = parts(own.clone(), &[&all], &[], "uma").rule;
    assert_eq!(narrowed, own.rule.clone().and(shop()));
    let of_admins = line(AccessEffect::Restriction, Some("admin"), "shop");
    assert_eq!(parts(own.clone(), &[&of_admins], &["user"], "uma").rule, own.rule);
    let beside = parts(own.clone(), &[&permission], &["clerk"], "uma").rule;
    assert_eq!(beside, Domain::any_of([own.rule, shop()]));
}

#[test]
fn a_setting_of_a_layer_below_only_gets_narrower_or_safer() {
    let find = |manifest: &Manifest, key: &str| {
        manifest.settings.iter().find(|field| field.key == key).cloned().expect("declared")
    };
    let with = |key: &str, change: fn(&mut SettingField)| {
        let mut field = find(&base(), key);
        change(&mut field);
        ExtensionManifest { settings: vec![field], ..layer("acme") }
    };
    let narrower = merged(&[with("retention_days", |field| {
        (field.minimum, field.default) = (Some(365), 365.into());
    })]);
    let narrower = narrower.expect("narrower");
    assert_eq!(find(&narrower.manifest, "retention_days").minimum, Some(365));
    assert_eq!(narrower.overrides.len(), 1);
    refused(&[with("retention_days", |field| field.minimum = Some(0))], "loosens the setting \"retention_days\"");
    refused(&[with("retention_days", |field| field.maximum = Some(i64::MAX))], "loosens");
    refused(&[with("retention_days", |field| field.default = 30.into())], "less safe");
    refused(&[with("log_payloads", |field| field.default = true.into())], "less safe");
    refused(&[with("log_payloads", |field| field.default = 1.into())], "here");
    let own = ExtensionManifest {
        settings: vec![SettingField { key: "acme.limit".into(), ..find(&base(), "retention_days") }],
        ..layer("acme")
    };
    assert_eq!(merged(&[own]).expect("merged").manifest.settings.len(), base().settings.len() + 1);
}

#[test]
fn new_names_need_the_prefix_and_two_overrides_of_one_name_are_refused() {
    let action = |name: &str| Action { name: name.to_owned(), label: "Another label".to_owned() };
    let with = |layer: ExtensionManifest, name: &str| ExtensionManifest { actions: vec![action(name)], ..layer };
    let label = |merged: &Merged, name: &str| {
        merged.manifest.actions.iter().find(|action| action.name == name).map(|action| action.label.clone())
    };
    let own = merged(&[with(layer("acme"), "acme.sent")]).expect("merged");
    assert!(label(&own, "acme.sent").is_some() && own.overrides.is_empty());
    refused(&[with(layer("acme"), "sent")], "to add a new one, name it \"acme.sent\"");
    let one = merged(&[with(layer("acme"), "tool.called")]).expect("merged");
    assert_eq!(label(&one, "tool.called").as_deref(), Some("Another label"));
    assert!(one.overrides[0].starts_with("acme overrides the action \"tool.called\""), "{:?}", one.overrides);
    refused(&[with(layer("acme"), "tool.called"), with(layer("zeta"), "tool.called")], "neither lists the other");
    let above = ExtensionManifest { modules: vec!["acme".to_owned()], ..layer("zeta") };
    merged(&[with(layer("acme"), "tool.called"), with(above, "tool.called")]).expect("it knows what it overrides");
    let mask = |key: &str| Mask::new("acme.mask".to_owned(), &[key.to_owned()], &[]).expect("a mask");
    let above = ExtensionManifest { modules: vec!["acme".to_owned()], masks: vec![mask("second")], ..layer("zeta") };
    let both = merged(&[ExtensionManifest { masks: vec![mask("first")], ..layer("acme") }, above]).expect("merged");
    let masks = Masks::new(&[], &both.manifest.masks);
    assert!(masks.hides("first", false) && masks.hides("second", false), "a mask never hides less");
}

fn verdict() -> Verdict {
    let change = |field: &str| Change { field: field.to_owned(), old: Value::Unset, new: "x".into() };
    Verdict {
        action: "tool.called".to_owned(),
        affected: None,
        model: Some("res.partner".to_owned()),
        record_id: None,
        facts: vec![("a".to_owned(), 1.into())],
        changes: vec![change("a"), change("b")],
        keep: None,
        faults: Vec::new(),
    }
}

fn event() -> Event {
    Event::new(Timestamp::EPOCH, Channel::Mcp, Kind::Request, OutcomeDetail::Ok)
}

#[test]
fn the_last_layer_that_sets_a_value_wins_and_overrides_are_counted() {
    let mut verdict = verdict();
    let named = Amendment { action: Some("acme.sent".into()), model: Some("x".into()), ..Amendment::default() };
    assert_eq!(apply(named, &layer("acme"), &mut verdict, &event()), 2);
    let again = Amendment { action: Some("zeta.sent".into()), record_id: Some("7".into()), ..Amendment::default() };
    assert_eq!(apply(again, &layer("zeta"), &mut verdict, &event()), 1, "the record was not named before");
    let Verdict { action, model, record_id, .. } = verdict;
    assert_eq!((action.as_str(), model.as_deref(), record_id.as_deref()), ("zeta.sent", Some("x"), Some("7")));
}

#[test]
fn facts_are_prefixed_and_changes_only_hidden_or_dropped() {
    let mut judged = verdict();
    let facts = vec![("a".to_owned(), 2.into()), ("acme.b".to_owned(), 3.into())];
    let changes = ["a", "none"].map(|field| (field.to_owned(), ChangeEffect::Hide)).into();
    apply(Amendment { facts, changes, ..Amendment::default() }, &layer("acme"), &mut judged, &event());
    let names: Vec<_> = judged.facts.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["a", "acme.a", "acme.b"]);
    let line = |change: &Change| (change.old.clone(), change.new.clone());
    assert_eq!(judged.changes.iter().map(line).collect::<Vec<_>>()[0], (Value::Unset, MASKED.into()));
    assert_eq!(judged.changes.len(), 2, "nothing is added");
    let drop = || Amendment { changes: vec![("b".to_owned(), ChangeEffect::Drop)], ..Amendment::default() };
    apply(drop(), &layer("acme"), &mut judged, &event());
    assert_eq!(judged.changes.len(), 1);
    let mut reported = verdict();
    apply(drop(), &layer("acme"), &mut reported, &event().fact("field", "b").fact("new", "x"));
    assert_eq!(reported.changes[1].new, MASKED.into(), "what the host reported is hidden, and not shown as it is");
}

#[test]
fn extensions_only_narrow_payloads_unless_they_declare_a_widening() {
    let keep = |masks: &[usize], max_bytes| Some(Keep { masks: masks.to_vec(), max_bytes });
    let decided = |below: Option<Keep>, above: Option<Keep>, widens: Vec<Widening>| {
        let mut verdict = Verdict { keep: below, ..verdict() };
        let layer = ExtensionManifest { widens, ..layer("acme") };
        apply(Amendment { payload: Some(above), ..Amendment::default() }, &layer, &mut verdict, &event());
        verdict.keep
    };
    assert_eq!(decided(keep(&[0], 100), keep(&[1, 0], 900), Vec::new()), keep(&[0, 1], 100));
    assert_eq!(decided(keep(&[0], 100), keep(&[], 10), Vec::new()), keep(&[0], 10));
    assert_eq!(decided(keep(&[0], 100), None, vec![Widening::Payloads]), None);
    assert_eq!(decided(None, keep(&[], 100), Vec::new()), None);
    assert_eq!(decided(None, keep(&[], 100), vec![Widening::Payloads]), keep(&[], 100));
}

#[test]
fn the_extension_that_keeps_longest_wins() {
    let now = Timestamp::EPOCH.plus(1_000 * DAY);
    let at = |days: i64| Some(now.plus(-days * DAY));
    let plan = Plan { entries_before: at(90), payloads_before: at(400), usage_before: None };
    let keeping = |days| Keeping { entries_days: Some(days), payloads_days: Some(30), usage_days: Some(10) };
    let expected = Plan { entries_before: at(365), payloads_before: at(400), usage_before: None };
    assert_eq!(kept(plan, &[keeping(30), keeping(365)], now), expected);
    assert_eq!(kept(plan, &[], now), plan);
}
