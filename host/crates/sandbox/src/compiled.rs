//! Compiled components in a folder, so that a start and each command need not compile them again.
//!
//! Compiled code runs in this process without a sandbox of its own. A file counts only with a seal beside it: a code under
//! a key that the log's owner alone has, over the build of wasmtime and its settings, the component's digest, and the file
//! itself, by its inode, its size and the time of its last change. The system sets that time, and no program can choose
//! it, so a file that was written to, exchanged or copied lost its seal. Its bytes are not read for that: the system maps
//! the parts that run. Whatever has no seal is ignored, and the component is compiled.

use std::fs::{self, File};
use std::hash::{Hash, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

/// The length of a code, in bytes.
const CODE: usize = 32;

/// How long a system may give the same time to two changes of a file.
const TICK: Duration = Duration::from_millis(50);

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

    /// The component with this digest, if it was compiled by an engine like `engine`, and its size before that.
    pub(super) fn load(&self, engine: &Engine, digest: &str) -> Option<(Component, usize)> {
        let seal = fs::read(self.path(digest, "seal")).ok()?;
        let (made_by, rest) = seal.split_at_checked(CODE)?;
        let (bytes, code) = rest.split_first_chunk()?;
        if made_by != fingerprint(engine) {
            return None;
        }
        let file = File::open(self.path(digest, "compiled")).ok()?;
        let identity = identity(&file).ok()??;
        if self.code(made_by, *bytes, digest, &identity).verify_slice(code).is_err() {
            tracing::warn!(digest, "a compiled policy in the log's folder was changed or copied; it is compiled again");
            return None;
        }
        // SAFETY: the file must be what `Component::serialize` returned, and must not change while it is mapped. The code
        // was just verified for this very open file: only `store` makes such a code, for a file that it had written
        // with what `serialize` returned for an engine with this fingerprint, and that did not change since. Only its
        // owner may write to it, and this program never does again: it replaces files. The code's key is as secret as the
        // log itself.
        #[allow(unsafe_code, reason = "the one place where compiled code is taken over, and it is authenticated")]
        let component = unsafe {
            // Where the folder's disk forbids execution, the same bytes are loaded into memory.
            Component::deserialize_file(engine, opened(&file))
                .or_else(|_| Component::deserialize(engine, fs::read(opened(&file))?))
        };
        let component =
            component.inspect_err(|error| tracing::warn!(%error, digest, "a compiled policy cannot be used"));
        Some((component.ok()?, usize::try_from(u64::from_le_bytes(*bytes)).ok()?))
    }

    /// Keeps a component of `bytes` bytes that was compiled.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn store(&self, component: &Component, bytes: usize, digest: &str) -> io::Result<()> {
        let compiled = component.serialize().map_err(|error| io::Error::other(error.to_string()))?;
        fs::create_dir_all(&self.folder)?;
        let file = self.replace(digest, "compiled", &compiled)?;
        // A change in the same tick would not be seen.
        sleep(TICK);
        let Some(identity) = identity(&file)? else { return Ok(()) };
        let (made_by, bytes) = (fingerprint(component.engine()), (bytes as u64).to_le_bytes());
        let code = self.code(&made_by, bytes, digest, &identity).finalize().into_bytes();
        self.replace(digest, "seal", &[&made_by[..], &bytes, &code].concat()).map(drop)
    }

    /// Writes a file for its owner alone. A server and a command may write the same one at once.
    fn replace(&self, digest: &str, ending: &str, bytes: &[u8]) -> io::Result<File> {
        let (path, new) = (self.path(digest, ending), self.path(digest, &format!("{ending}.{}", std::process::id())));
        let _ = fs::remove_file(&new);
        let mut options = File::options();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&new)?;
        file.write_all(bytes)?;
        // A seal that outlives a crash must not stand for bytes that did not.
        file.sync_all()?;
        fs::rename(new, path)?;
        Ok(file)
    }

    fn path(&self, digest: &str, ending: &str) -> PathBuf {
        self.folder.join(format!("{}.{ending}", digest.trim_start_matches("sha256:")))
    }

    fn code(&self, made_by: &[u8], bytes: [u8; 8], digest: &str, identity: &str) -> Hmac<Sha256> {
        // HMAC itself fills a short key up with zeros to the block's 64 bytes.
        let mut key = [0; 64];
        key[..CODE].copy_from_slice(&self.key);
        let mut mac = Hmac::<Sha256>::new(&key.into());
        // The first two parts have a fixed length, and a digest has no zero in it.
        [made_by, &bytes, digest.as_bytes(), &[0], identity.as_bytes()].into_iter().for_each(|part| mac.update(part));
        mac
    }
}

/// What is another one as soon as a program writes to the file, puts another one in its place, or copies it. `None` where
/// the system does not tell.
#[cfg(unix)]
fn identity(file: &File) -> io::Result<Option<String>> {
    use std::os::unix::fs::MetadataExt;
    let about = file.metadata()?;
    // Whole seconds are too coarse.
    let tells = about.ctime_nsec() != 0;
    Ok(tells.then(|| format!("{} {} {}.{:09}", about.ino(), about.size(), about.ctime(), about.ctime_nsec())))
}

#[cfg(not(unix))]
fn identity(_: &File) -> io::Result<Option<String>> {
    Ok(None)
}

/// A path to an open file, whatever has its name by now.
#[cfg(unix)]
fn opened(file: &File) -> PathBuf {
    use std::os::fd::AsRawFd;
    Path::new("/dev/fd").join(file.as_raw_fd().to_string())
}

#[cfg(not(unix))]
fn opened(_: &File) -> PathBuf {
    PathBuf::new()
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

    /// A cache with one compiled component, its file, and its seal.
    fn world() -> (tempfile::TempDir, Engine, CompiledCache, [PathBuf; 2]) {
        let folder = tempfile::tempdir().expect("a folder");
        let engine = Engine::default();
        let cache = CompiledCache::new(folder.path().join("policies"), [7; CODE]);
        assert!(!cached(&cache, &engine), "nothing there");
        let component = Component::new(&engine, EMPTY).expect("a component");
        cache.store(&component, EMPTY.len(), "sha256:aa").expect("stored");
        let paths = ["compiled", "seal"].map(|ending| cache.path("sha256:aa", ending));
        (folder, engine, cache, paths)
    }

    #[test]
    fn a_compiled_component_is_taken_from_the_folder() {
        let (_folder, engine, cache, paths) = world();
        assert_eq!(cache.load(&engine, "sha256:aa").expect("there").1, EMPTY.len());
        for path in paths {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(path).expect("a file").permissions().mode() & 0o777, 0o600);
        }
    }

    /// Times can be set back, but not that of the last change.
    #[test]
    fn a_file_that_was_written_to_is_ignored_though_its_times_are_set_back() {
        let (_folder, engine, cache, [path, _]) = world();
        let before = fs::metadata(&path).expect("a file").modified().expect("a time");
        let file = File::options().write(true).open(&path).expect("opened");
        std::os::unix::fs::FileExt::write_at(&file, b"\x7f", 0).expect("the same byte");
        file.set_modified(before).expect("set back");
        assert_eq!(fs::metadata(&path).expect("a file").modified().expect("a time"), before);
        assert!(!cached(&cache, &engine));
    }

    #[test]
    fn a_file_that_was_copied_or_cut_is_ignored() {
        let (_folder, engine, cache, [path, _]) = world();
        let copy = path.with_extension("copy");
        fs::copy(&path, &copy).expect("copied");
        fs::rename(&copy, &path).expect("renamed");
        assert!(!cached(&cache, &engine), "a copy");
        let (_folder, engine, cache, [path, _]) = world();
        File::options().write(true).open(&path).expect("opened").set_len(100).expect("cut");
        assert!(!cached(&cache, &engine), "cut");
    }

    #[test]
    fn a_seal_that_was_changed_anywhere_or_cut_is_none() {
        let (_folder, engine, cache, [_, path]) = world();
        let whole = fs::read(&path).expect("read");
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            fs::write(&path, bytes).expect("written");
            assert!(!cached(&cache, &engine), "byte {at} was changed");
            fs::write(&path, &whole[..at]).expect("written");
            assert!(!cached(&cache, &engine), "cut to {at} bytes");
        }
        fs::write(&path, [&whole[..], b"x"].concat()).expect("written");
        assert!(!cached(&cache, &engine), "longer");
        fs::write(&path, &whole).expect("written");
        assert!(cached(&cache, &engine), "as it was");
    }

    #[test]
    fn a_file_of_another_key_component_or_engine_is_ignored() {
        let (folder, engine, cache, paths) = world();
        let other = CompiledCache::new(folder.path().join("policies"), [8; CODE]);
        assert!(!cached(&other, &engine), "another key");
        let mut config = Config::new();
        config.consume_fuel(true);
        assert!(!cached(&cache, &Engine::new(&config).expect("an engine")), "other settings");
        for (path, ending) in paths.iter().zip(["compiled", "seal"]) {
            fs::hard_link(path, cache.path("sha256:bb", ending)).expect("linked");
        }
        assert!(cache.load(&engine, "sha256:bb").is_none(), "another component");
    }

    #[test]
    fn what_was_compiled_anew_counts_again() {
        let (_folder, engine, cache, [path, _]) = world();
        fs::write(&path, "damaged").expect("written");
        assert!(!cached(&cache, &engine));
        let component = Component::new(&engine, EMPTY).expect("a component");
        cache.store(&component, EMPTY.len(), "sha256:aa").expect("stored");
        assert!(cached(&cache, &engine));
    }
}
