//! What a component imports: WASI is linked to functions that fail, and anything else is refused.
//!
//! Compilers of other languages link WASI in, whether it is called or not. A policy that never calls it works.

use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, ResourceType};
use wasmtime::{Engine, StoreContextMut};

use super::fault::LoadError;
use super::sandbox::{InstanceLimiter, reason};

/// The namespace whose imports are linked.
const LINKED: &str = "wasi:";

/// A call of an import. It fails, and so does the call of the policy that made it.
#[derive(Debug, thiserror::Error)]
#[error("it may not call {0}")]
pub(super) struct ImportCalled(String);

/// A resource of WASI. None is ever made.
struct NoResource;

/// A linker with everything that the component imports.
///
/// # Errors
/// It imports something beside WASI, or something that is no function, type or resource.
pub(super) fn linker(engine: &Engine, component: &Component) -> Result<Linker<InstanceLimiter>, LoadError> {
    let imports = component.component_type();
    let imports = || imports.imports(engine).filter(|(_, item)| !is_types(engine, &item.ty));
    let refused = imports().map(|(name, _)| name).filter(|name| !name.starts_with(LINKED));
    let refused: Vec<_> = refused.map(str::to_owned).collect();
    if !refused.is_empty() {
        return Err(LoadError::Imports(refused));
    }
    let mut linker = Linker::new(engine);
    for (name, item) in imports() {
        link(&mut linker, engine, name, &item.ty).map_err(|error| LoadError::NotAComponent(reason(&error)))?;
    }
    Ok(linker)
}

fn link(
    linker: &mut Linker<InstanceLimiter>,
    engine: &Engine,
    name: &str,
    item: &ComponentItem,
) -> wasmtime::Result<()> {
    let ComponentItem::ComponentInstance(instance) = item else { return Ok(()) };
    let mut linked = linker.instance(name)?;
    for (member, item) in instance.exports(engine) {
        match item.ty {
            ComponentItem::ComponentFunc(_) => {
                let called = format!("{name}#{member}");
                let fail = move |_: StoreContextMut<'_, InstanceLimiter>, _, _: &[_], _: &mut [_]| {
                    Err(ImportCalled(called.clone()).into())
                };
                linked.func_new(member, fail)?;
            }
            ComponentItem::Resource(_) => linked.resource(member, ResourceType::host::<NoResource>(), |_, _| Ok(()))?,
            // Types need no definition, and what else there could be is missed when the component is linked.
            _ => {}
        }
    }
    Ok(())
}

/// An interface of types alone is nothing that a policy could call.
fn is_types(engine: &Engine, item: &ComponentItem) -> bool {
    let is_type = |item: &ComponentItem| matches!(item, ComponentItem::Type(_));
    match item {
        ComponentItem::ComponentInstance(instance) => instance.exports(engine).all(|(_, item)| is_type(&item.ty)),
        other => is_type(other),
    }
}
