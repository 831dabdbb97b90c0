//! Simulates a bad disk or a wrong clock from outside of a process: a C library (`shim.c`) that is loaded before the C
//! library and controlled by a small file. The product has no code for that.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::process::binary;

/// "Input/output error".
pub const EIO: i64 = 5;
/// "No space left on device".
pub const ENOSPC: i64 = 28;
/// A fault that stays until another one is set.
pub const ALWAYS: i64 = -1;

/// The fields of `struct control`, in order.
#[derive(Clone, Copy, Debug)]
enum Field {
    Sync,
    SyncTimes,
    WriteError,
    WriteTimes,
    Counting,
    Steps,
    KillAt,
    Clock,
    Fields,
}

/// The effect of syncs.
#[derive(Clone, Copy, Debug)]
pub enum Sync {
    /// They are done.
    Pass,
    /// Syncs of a write-ahead log report success without doing anything: the same as `synchronous=NORMAL`.
    Lie,
    /// They fail with an input/output error.
    Fail,
    /// They wait until another behaviour is set.
    Stall,
}

/// What the process does that can be killed at.
#[derive(Clone, Copy, Debug)]
pub enum Steps {
    /// Syncs, truncations, renames and removals.
    Syncs = 1,
    /// Writes as well; the one that it is killed at is half done.
    Writes = 2,
    /// The same, but only with files that are not the database's.
    Beside = 3,
}

/// The faults of one process.
#[derive(Debug)]
pub struct Shim {
    control: File,
    folder: TempDir,
}

impl Shim {
    /// No fault yet.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("control");
        let control = File::options().read(true).write(true).create_new(true).open(path).expect("a file");
        control.set_len(8 * Field::Fields as u64).expect("its size");
        Self { control, folder }
    }

    /// Lets `command` run with these faults, for files below `folder`.
    pub fn on<'a>(&self, command: &'a mut Command, folder: &Path) -> &'a mut Command {
        let control = self.folder.path().join("control");
        command.env("LD_PRELOAD", library()).env("FAULT_CONTROL", control).env("FAULT_FOLDER", folder)
    }

    /// From now on, the next `times` syncs ([`ALWAYS`]: all) end so.
    pub fn sync(&self, sync: Sync, times: i64) {
        self.set(Field::SyncTimes, times);
        self.set(Field::Sync, sync as i64);
    }

    /// From now on, the next `times` writes ([`ALWAYS`]: all) fail so; 0: none.
    pub fn writes(&self, error: i64, times: i64) {
        self.set(Field::WriteTimes, times);
        self.set(Field::WriteError, error);
    }

    /// Counts steps from now on, and kills the process at the one of this number; 0: at none.
    pub fn kill_at(&self, steps: Steps, number: u64) {
        self.set(Field::Steps, 0);
        self.set(Field::KillAt, number.cast_signed());
        self.set(Field::Counting, steps as i64);
    }

    /// How many steps were counted.
    pub fn steps(&self) -> u64 {
        self.get(Field::Steps).cast_unsigned()
    }

    /// Sets the process's clock that many seconds ahead of the machine's.
    pub fn clock(&self, seconds: i64) {
        self.set(Field::Clock, seconds);
    }

    fn set(&self, field: Field, value: i64) {
        self.control.write_all_at(&value.to_ne_bytes(), 8 * field as u64).expect("told");
    }

    fn get(&self, field: Field) -> i64 {
        let mut bytes = [0; 8];
        self.control.read_exact_at(&mut bytes, 8 * field as u64).expect("read");
        i64::from_ne_bytes(bytes)
    }
}

impl Default for Shim {
    fn default() -> Self {
        Self::new()
    }
}

/// The compiled library, made once by each test program, and put beside the binary under test.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let path = binary().with_file_name("fault-shim.so");
        // Another test program may be using the one that is there.
        let new = path.with_extension(format!("{}.new", std::process::id()));
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/fault/shim.c");
        let mut command = Command::new("cc");
        command.args(["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o"]).arg(&new).arg(source);
        let made = command.arg("-ldl").output().expect("a C compiler");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        std::fs::rename(&new, &path).expect("put in place");
        path
    })
}
