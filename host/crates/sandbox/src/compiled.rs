//! Compiled components in a folder, so that a start and each command need not compile them again.
//!
//! Compiled code runs in this process without a sandbox of its own. A file counts only if it has a code under a key that
//! the log's owner alone has, for this build of wasmtime, its settings, and the component's digest. Anything else is
//! ignored, and the component is compiled.

use std::fs::{self, File};
use std::hash::{Hash, Hasher};
use std::io::{self, Write};
use std::path::PathBuf;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

/// The length of each of the two codes at the beginning of a file, in bytes.
const CODE: usize = 32;

/// A folder of compiled components, and the key under which its files count.
#[derive(Clone)]
pub struct CompiledCache {
    folder: PathBuf,
    key: [u8; CODE],
}

impl CompiledCache {
    /// The files in `folder`. A program that has the key can run code in this process, so the key must come from a secret
    /// of the log's owner, and must not be the same for a copy of the log that another party made.
    pub fn new(folder: PathBuf, key: [u8; CODE]) -> Self {
        Self { folder, key }
    }

    /// The component with this digest, if it was compiled by an engine like `engine`.
    pub(super) fn load(&self, engine: &Engine, digest: &str) -> Option<Component> {
        let file = fs::read(self.path(digest)).ok()?;
        let (made_by, rest) = file.split_at_checked(CODE)?;
        let (code, compiled) = rest.split_at_checked(CODE)?;
        if made_by != fingerprint(engine) {
            return None;
        }
        if self.code(made_by, digest, compiled).verify_slice(code).is_err() {
            tracing::warn!(digest, "a compiled policy in the log's folder is damaged or forged; it is compiled again");
            return None;
        }
        // SAFETY: `compiled` must be what `Component::serialize` returned. The code was just verified over these very
        // bytes, which no other process can change any more; only `store` makes such a code, over what `serialize`
        // returned for an engine with this fingerprint; and its key is as secret as the log itself.
        #[allow(unsafe_code, reason = "the one place where compiled code is taken over, and it is authenticated")]
        let component = unsafe { Component::deserialize(engine, compiled) };
        component.inspect_err(|error| tracing::warn!(%error, digest, "a compiled policy cannot be used")).ok()
    }

    /// Keeps a component that was compiled.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn store(&self, component: &Component, digest: &str) -> io::Result<()> {
        let compiled = component.serialize().map_err(|error| io::Error::other(error.to_string()))?;
        let made_by = fingerprint(component.engine());
        let code = self.code(&made_by, digest, &compiled).finalize().into_bytes();
        fs::create_dir_all(&self.folder)?;
        // A server and a command may store the same component at once.
        let (path, new) = (self.path(digest), self.path(&format!("{digest}.{}", std::process::id())));
        let mut file = File::create(&new)?;
        [&made_by[..], &code, &compiled].into_iter().try_for_each(|part| file.write_all(part))?;
        drop(file);
        fs::rename(new, path)
    }

    fn path(&self, digest: &str) -> PathBuf {
        self.folder.join(format!("{}.compiled", digest.trim_start_matches("sha256:")))
    }

    fn code(&self, made_by: &[u8], digest: &str, compiled: &[u8]) -> Hmac<Sha256> {
        // HMAC itself fills a short key up with zeros to the block's 64 bytes.
        let mut key = [0; 64];
        key[..CODE].copy_from_slice(&self.key);
        let mut mac = Hmac::<Sha256>::new(&key.into());
        // The first part has a fixed length, and a digest has no zero in it.
        [made_by, digest.as_bytes(), &[0], compiled].into_iter().for_each(|part| mac.update(part));
        mac
    }
}

/// What a compiled component depends on: wasmtime's version, the processor, and the engine's settings.
fn fingerprint(engine: &Engine) -> [u8; CODE] {
    struct Sha(Sha256);
    impl Hasher for Sha {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }

        fn finish(&self) -> u64 {
            0
        }
    }
    let mut sha = Sha(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut sha);
    sha.0.finalize().into()
}

impl std::fmt::Debug for CompiledCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CompiledCache").field("folder", &self.folder).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use wasmtime::Config;

    use super::*;

    /// A component with nothing in it.
    const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

    fn cached(cache: &CompiledCache, engine: &Engine) -> bool {
        cache.load(engine, "sha256:aa").is_some()
    }

    /// A cache with one compiled component, and its file.
    fn world() -> (tempfile::TempDir, Engine, CompiledCache, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let engine = Engine::default();
        let cache = CompiledCache::new(folder.path().join("policies"), [7; CODE]);
        assert!(!cached(&cache, &engine), "nothing there");
        let component = Component::new(&engine, EMPTY).expect("a component");
        cache.store(&component, "sha256:aa").expect("stored");
        let path = cache.path("sha256:aa");
        (folder, engine, cache, path)
    }

    #[test]
    fn a_compiled_component_is_taken_from_the_folder() {
        let (_folder, engine, cache, path) = world();
        assert!(cached(&cache, &engine) && path.is_file());
    }

    #[test]
    fn a_file_that_was_changed_anywhere_or_cut_is_ignored() {
        let (_folder, engine, cache, path) = world();
        let whole = fs::read(&path).expect("read");
        let step = whole.len() / 97;
        for at in (0..2 * CODE).chain((2 * CODE..whole.len()).step_by(step)).chain([whole.len() - 1]) {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            fs::write(&path, bytes).expect("written");
            assert!(!cached(&cache, &engine), "byte {at} was changed");
        }
        for length in [0, 1, CODE, 2 * CODE - 1, 2 * CODE, 2 * CODE + 1, whole.len() / 2, whole.len() - 1] {
            fs::write(&path, &whole[..length]).expect("written");
            assert!(!cached(&cache, &engine), "cut to {length} bytes");
        }
        fs::write(&path, [&whole[..], b"x"].concat()).expect("written");
        assert!(!cached(&cache, &engine), "longer");
        fs::write(&path, &whole).expect("written");
        assert!(cached(&cache, &engine), "as it was");
    }

    #[test]
    fn a_file_of_another_key_component_or_engine_is_ignored() {
        let (folder, engine, cache, path) = world();
        let other = CompiledCache::new(folder.path().join("policies"), [8; CODE]);
        assert!(!cached(&other, &engine), "another key");
        let mut config = Config::new();
        config.consume_fuel(true);
        assert!(!cached(&cache, &Engine::new(&config).expect("an engine")), "other settings");
        fs::rename(&path, cache.path("sha256:bb")).expect("renamed");
        assert!(cache.load(&engine, "sha256:bb").is_none(), "another component");
    }
}
