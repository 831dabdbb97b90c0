//! The declarations of all layers in one manifest, from the bottom up.
//!
//! Each layer only adds. What it may say about a thing of a layer below is narrow: a setting gets a narrower range or a
//! safer default, a filter, cron or action gets another meaning under the same name, a mask hides more.

use std::collections::{BTreeMap, BTreeSet};

use mcp_audit_log_contract::access::Right;
use mcp_audit_log_contract::extension::{AccessEffect, ExtensionManifest, Widening};
use mcp_audit_log_contract::manifest::{Action, Cron, Manifest, SavedFilter, SettingField, UserGroup};
use mcp_audit_log_contract::settings::{PAYLOAD_RETENTION_DAYS, RETENTION_DAYS, USAGE_RETENTION_DAYS};
use mcp_audit_log_model::mask::Mask;
use mcp_audit_log_model::value::Value;

use crate::manifest_check::coherent;

/// The merged declarations of the layers.
#[derive(Debug)]
pub(crate) struct Merged {
    pub(crate) manifest: Manifest,
    /// The overrides of lower layers, in sentences.
    pub(crate) overrides: Vec<String>,
}

/// The declarations of the policy and of `layers`, which are in their order.
///
/// # Errors
/// A sentence about the first conflict.
pub(crate) fn merge<'a>(
    base: Manifest,
    layers: impl IntoIterator<Item = &'a ExtensionManifest>,
) -> Result<Merged, String> {
    let mut merge =
        Merge { base: base.name.clone(), below: BTreeMap::new(), owners: BTreeMap::new(), overrides: Vec::new() };
    let mut manifest = base;
    for layer in layers {
        merge.layer(&mut manifest, layer)?;
    }
    coherent(&manifest)?;
    Ok(Merged { manifest, overrides: merge.overrides })
}

struct Merge {
    /// The policy's name.
    base: String,
    /// The layers below each extension, as it needs them.
    below: BTreeMap<String, BTreeSet<String>>,
    /// The extension that declared a thing last, by kind and name.
    owners: BTreeMap<(&'static str, String), String>,
    overrides: Vec<String>,
}

/// A kind of declaration whose names carry a prefix.
struct Kind<T> {
    what: &'static str,
    name: fn(&T) -> &str,
    /// Puts the declaration of a layer above in place of one below.
    replace: fn(&mut T, T),
}

impl Merge {
    fn layer(&mut self, manifest: &mut Manifest, layer: &ExtensionManifest) -> Result<(), String> {
        let mut below: BTreeSet<_> = layer.modules.iter().cloned().collect();
        below.extend(layer.modules.iter().filter_map(|module| self.below.get(module)).flatten().cloned());
        self.below.insert(layer.name.clone(), below);
        groups(&mut manifest.groups, layer)?;
        lines(&manifest.groups, layer)?;
        self.settings(&mut manifest.settings, layer)?;
        let filters =
            Kind { what: "filter", name: |one: &SavedFilter| &one.name, replace: |below, above| *below = above };
        self.named(&filters, &mut manifest.filters, layer, &layer.filters)?;
        let crons = Kind { what: "cron", name: |one: &Cron| &one.name, replace: |below, above| *below = above };
        self.named(&crons, &mut manifest.crons, layer, &layer.crons)?;
        let actions = Kind { what: "action", name: |one: &Action| &one.name, replace: |below, above| *below = above };
        self.named(&actions, &mut manifest.actions, layer, &layer.actions)?;
        // A mask that hid less would show what the layer below hides.
        let unite = |below: &mut Mask, above: Mask| *below = below.clone().united(above);
        let masks = Kind { what: "mask", name: |one: &Mask| &one.name, replace: unite };
        self.named(&masks, &mut manifest.masks, layer, &layer.masks)
    }

    fn named<T: Clone>(
        &mut self,
        kind: &Kind<T>,
        declared: &mut Vec<T>,
        layer: &ExtensionManifest,
        items: &[T],
    ) -> Result<(), String> {
        let (Kind { what, name: name_of, replace }, own) = (kind, &layer.name);
        for item in items {
            let name = name_of(item);
            let below = declared.iter_mut().find(|below| name_of(below) == name);
            match below {
                None if name.starts_with(&layer.prefix()) => declared.push(item.clone()),
                None => {
                    return Err(format!(
                        "{own} declares the {what} {name:?}, which no lower layer declares; to add a new one, name it {:?}",
                        format!("{}{name}", layer.prefix())
                    ));
                }
                Some(below) => {
                    let owner = self.owners.get(&(*what, name.to_owned()));
                    if owner == Some(own) {
                        return Err(format!("{own} declares the {what} {name:?} twice"));
                    }
                    if let Some(owner) = owner.filter(|owner| !self.lies_below(owner, own)) {
                        return Err(format!(
                            "{owner} and {own} both declare the {what} {name:?}, and neither lists the other in its \
                             modules; add it there, or leave one out"
                        ));
                    }
                    let owner = owner.unwrap_or(&self.base);
                    self.overrides.push(format!("{own} overrides the {what} {name:?} of {owner}"));
                    replace(below, item.clone());
                }
            }
            self.owners.insert((*what, name.to_owned()), own.clone());
        }
        Ok(())
    }

    /// Whether `above` needs `layer`, and so knows what it overrides. What it declares twice itself is refused.
    fn lies_below(&self, layer: &str, above: &str) -> bool {
        self.below.get(above).is_some_and(|below| below.contains(layer))
    }

    fn settings(&mut self, declared: &mut Vec<SettingField>, layer: &ExtensionManifest) -> Result<(), String> {
        let own = &layer.name;
        for (at, field) in layer.settings.iter().enumerate() {
            if layer.settings.iter().take(at).any(|other| other.key == field.key) {
                return Err(format!("{own} declares the setting {:?} twice", field.key));
            }
            match declared.iter_mut().find(|below| below.key == field.key) {
                None => declared.push(field.clone()),
                Some(below) => {
                    narrow(below, field)
                        .map_err(|reason| format!("{own} loosens the setting {:?}: {reason}", field.key))?;
                    self.overrides.push(format!("{own} narrows the setting {:?}: {}", field.key, below.allowed()));
                }
            }
        }
        Ok(())
    }
}

/// Own groups, with names that no layer below has.
fn groups(declared: &mut Vec<UserGroup>, layer: &ExtensionManifest) -> Result<(), String> {
    let own = &layer.name;
    for group in &layer.groups {
        if declared.iter().any(|other| other.name == group.name) {
            return Err(format!(
                "{own} declares the group {:?}, which a lower layer declares; give it another name",
                group.name
            ));
        }
        declared.push(group.clone());
    }
    let is_own = |name: &String| layer.groups.iter().any(|group| group.name == *name);
    for group in &layer.groups {
        for implied in &group.implies {
            if declared.iter().all(|other| other.name != *implied) {
                return Err(format!("{own}: the group {:?} implies {implied:?}, which no layer declares", group.name));
            }
            if !is_own(implied) && !layer.widens(Widening::Groups) {
                return Err(format!(
                    "{own}: the group {:?} implies {implied:?} of a lower layer, which is a widening; declare it with \
                     widens: groups",
                    group.name
                ));
            }
        }
    }
    Ok(())
}

/// Permissions for own groups only, restrictions for groups that exist.
fn lines(declared: &[UserGroup], layer: &ExtensionManifest) -> Result<(), String> {
    let own = &layer.name;
    for line in &layer.access {
        let Some(group) = &line.group else { continue };
        let is_own = layer.groups.iter().any(|one| one.name == *group);
        if line.effect == AccessEffect::Permission && !is_own {
            let rights: Vec<_> =
                Right::names().filter(|(right, _)| line.rights.contains(right)).map(|(_, name)| name).collect();
            return Err(format!(
                "{own} gives {} to {group:?}, which is not its own group; on a group of another layer only \
                 restrictions are allowed",
                rights.join(", ")
            ));
        }
        if declared.iter().all(|one| one.name != *group) {
            return Err(format!("{own} has an access line of the group {group:?}, which no layer declares"));
        }
    }
    Ok(())
}

/// `below` with the narrower range and the safer default of `above`. Label and help stay.
fn narrow(below: &mut SettingField, above: &SettingField) -> Result<(), String> {
    if std::mem::discriminant(&below.default) != std::mem::discriminant(&above.default) {
        return Err(format!("it is {} there, and {} here", below.default.type_name(), above.default.type_name()));
    }
    // A bound that is left out is that of the layer below.
    let (minimum, maximum) = (above.minimum.or(below.minimum), above.maximum.or(below.maximum));
    let range = format!("it must be {} there", below.allowed());
    if minimum < below.minimum || maximum.zip(below.maximum).is_some_and(|(above, below)| above > below) {
        return Err(range);
    }
    let narrowed = SettingField { minimum, maximum, default: above.default.clone(), ..below.clone() };
    if narrowed.check(&narrowed.default).is_err() {
        return Err(range);
    }
    if !is_safe(below, &narrowed) {
        return Err(format!("its default {} is less safe than {}", above.default, below.default));
    }
    *below = narrowed;
    Ok(())
}

/// A default is safe where it is the one below, or as near to it as the narrower range allows; a switch that is off; and
/// a period that keeps for longer.
fn is_safe(below: &SettingField, above: &SettingField) -> bool {
    match (&below.default, &above.default) {
        (Value::Boolean(below), Value::Boolean(above)) => below == above || !above,
        (Value::Integer(old), Value::Integer(new)) => {
            let nearest = above.maximum.map_or(*old, |most| (*old).min(most));
            let nearest = above.minimum.map_or(nearest, |least| nearest.max(least));
            let is_longer = match above.key.as_str() {
                RETENTION_DAYS | USAGE_RETENTION_DAYS => new > old,
                // 0 is as long as the entries.
                PAYLOAD_RETENTION_DAYS => *new == 0 || (*old != 0 && new > old),
                _ => false,
            };
            *new == nearest || is_longer
        }
        (below, above) => below == above,
    }
}
