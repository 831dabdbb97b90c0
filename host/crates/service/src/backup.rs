//! Backups: copies of a whole log, each complete and verified, beside a process that may be recording.
//!
//! A folder of backups has one folder for each, named by its time. It gets this name when it is complete, so one that was
//! interrupted never looks like a backup, and the next attempt removes it.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io;
use std::ops::Range;
use std::path::{Component, Path, PathBuf};

use mcp_audit_log_core::durable_copy::{FileDigest, copy_file, own_folder, sync_folder};
use mcp_audit_log_core::signer::SignerOptions;
use mcp_audit_log_ledger::{SignedCheckpoint, VerifierKey};
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_store::{self as store, ExternalCheckpoint, Verified, VerifyError, VerifyProgress};
use serde::{Deserialize, Serialize};

use crate::verify_log;

/// The name of the file that describes a backup.
const ABOUT: &str = "backup.json";
/// The name of the file that tells the next start what was restored.
const RESTORED: &str = "restored.json";
/// Held by the one process that writes into a folder of backups.
const LOCK: &str = "backup.lock";
/// How the name of an unfinished copy ends.
const UNFINISHED: &str = ".unfinished";
/// The files of a log that lie in its folder whatever the options.
const SECRET: &str = "secret.key";
const SIGNING_KEY: &str = "signing.key";
const LAST_SIGNED: &str = "signing.last";
const POLICIES: &str = "policies";

/// What a backup has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupSummary {
    /// The version of the program that made it.
    pub version: String,
    /// When it was begun.
    pub made_at: Timestamp,
    /// How many entries were ever recorded: it has those with a lower `seq` that no cleanup removed.
    pub size: u64,
    /// The `seq` of its oldest entry.
    pub first: u64,
    /// The root of the ledger's tree, in hex.
    pub root: String,
    /// How many entries its newest signed checkpoint covers.
    pub signed: Option<u64>,
    /// Its files, by their paths in its folder.
    files: BTreeMap<String, FileDigest>,
}

/// A backup that was put in place of a log.
#[derive(Clone, Debug)]
pub struct RestoredLog {
    /// What it has.
    pub summary: BackupSummary,
    /// What the verification found.
    pub verified: Verified,
    /// Entries that a given checkpoint proves, and that the backup does not have.
    pub lost: Option<Range<u64>>,
}

/// Why a backup is not made, or not restored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// A file or a folder.
    #[error("{path}: {reason}", path = .path.display())]
    File {
        /// Its path.
        path: PathBuf,
        /// Why it cannot be used.
        reason: io::Error,
    },
    /// The log.
    #[error(transparent)]
    Store(#[from] mcp_audit_log_index::StoreError),
    /// The copy is not whole.
    #[error("the copy was removed, because it is not whole: {0}")]
    Verify(#[from] VerifyError),
    /// There is no backup.
    #[error("{} is no backup, and has none in it: name a folder that `mcp-audit-log backup` wrote into", .0.display())]
    None(PathBuf),
    /// A file of a backup was changed.
    #[error("{file} of the backup was changed since it was made ({what}); restore another backup")]
    Changed {
        /// The file.
        file: String,
        /// The difference.
        what: String,
    },
    /// A checkpoint does not tell what was lost.
    #[error("{0} is not signed by the keys of this log; name a checkpoint of this log")]
    Foreign(String),
    /// A log is not overwritten.
    #[error("{} is not empty; restore into a new folder, and keep the old one as evidence", .0.display())]
    Occupied(PathBuf),
}

/// Adds the path to an error.
fn at(path: &Path) -> impl FnOnce(io::Error) -> BackupError {
    let path = path.to_owned();
    move |reason| BackupError::File { path, reason }
}

/// Copies the log in `folder` into a new folder in `into`, verifies the copy, and returns its path. Nothing else in
/// `into` is changed, but for the rests of interrupted backups, which are removed. Blocks; a server may be recording.
///
/// The keys come first and the log comes last, so that the last signed checkpoint is never ahead of the log.
///
/// # Errors
/// There is no log, a copy cannot be written, or the copy is not whole.
pub fn back_up(
    folder: &Path,
    signer: &SignerOptions,
    into: &Path,
    now: Timestamp,
    tell: VerifyProgress<'_>,
) -> Result<(PathBuf, BackupSummary), BackupError> {
    own_folder(into).map_err(at(into))?;
    let _lock = lock(into)?;
    remove_unfinished(into)?;
    let name: String = now.to_string().chars().filter(|letter| *letter != ':').collect();
    let (path, copy) = (into.join(&name), into.join(format!("{name}{UNFINISHED}")));
    own_folder(&copy).map_err(at(&copy))?;
    let made = copied(folder, signer, &copy, now, tell);
    let summary = made.inspect_err(|_| {
        let _ = fs::remove_dir_all(&copy);
    })?;
    fs::rename(&copy, &path).map_err(at(&path))?;
    sync_folder(into).map_err(at(into))?;
    Ok((path, summary))
}

/// Keeps another backup out of this folder, which would take the copy for the rest of an interrupted one.
fn lock(into: &Path) -> Result<File, BackupError> {
    let path = into.join(LOCK);
    let file = File::options().create(true).append(true).open(&path).map_err(at(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(at(into)(io::Error::other("another backup is written here at the moment")))
        }
        Err(TryLockError::Error(reason)) => Err(at(&path)(reason)),
    }
}

/// Fills the folder of a new backup.
fn copied(
    folder: &Path,
    signer: &SignerOptions,
    copy: &Path,
    now: Timestamp,
    tell: VerifyProgress<'_>,
) -> Result<BackupSummary, BackupError> {
    // Keys that the operator keeps elsewhere are to stay there.
    let keys = Some(signer.key_path(folder)).filter(|path| signer.keys.is_none() && path.parent() == Some(folder));
    let beside =
        [(Some(signer.last_path(folder)), LAST_SIGNED), (keys, SIGNING_KEY), (Some(folder.join(SECRET)), SECRET)];
    for (from, name) in beside {
        if let Some(from) = from.filter(|from| from.is_file()) {
            copy_file(&from, &copy.join(name)).map_err(at(&from))?;
        }
    }
    store::copy_databases(folder, copy)?;
    // A component is there before it judges, so these are all that the copy of the log names.
    let policies = copy.join(POLICIES);
    own_folder(&policies).map_err(at(&policies))?;
    for file in files_in(&folder.join(POLICIES))? {
        let ending = file.extension().and_then(|ending| ending.to_str());
        if matches!(ending, Some("wasm" | "note")) {
            copy_file(&file, &policies.join(file.file_name().unwrap_or_default())).map_err(at(&file))?;
        }
    }
    let verified = verify_copy(copy, Vec::new(), tell)?;
    let mut files = BTreeMap::new();
    for file in files_in(copy)?.into_iter().chain(files_in(&policies)?) {
        let name = file.strip_prefix(copy).unwrap_or(&file).to_string_lossy().into_owned();
        files.insert(name, FileDigest::of(&file).map_err(at(&file))?);
    }
    let summary = BackupSummary {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        made_at: now,
        size: verified.head.size,
        first: verified.first,
        root: verified.head.root.to_string(),
        signed: verified.signed,
        files,
    };
    write_json(&copy.join(ABOUT), &summary)?;
    for folder in [&policies, copy] {
        sync_folder(folder).map_err(at(folder))?;
    }
    Ok(summary)
}

/// Puts a backup into `folder`, which is missing or empty, and verifies it there. `backup` is the folder of a backup, or
/// a folder of backups, whose newest is taken. Of `kept`, the given checkpoints of this log, those within the
/// backup must be of its history; the others prove entries that it does not have. The log's next start records that it
/// was restored. Blocks.
///
/// # Errors
/// There is no backup, it was changed, the folder has something in it, or what was restored is not whole.
pub fn restore(
    backup: &Path,
    folder: &Path,
    kept: Vec<ExternalCheckpoint>,
    tell: VerifyProgress<'_>,
) -> Result<RestoredLog, BackupError> {
    let (backup, summary) = newest_backup(backup)?;
    if folder.exists() && fs::read_dir(folder).map_err(at(folder))?.next().is_some() {
        return Err(BackupError::Occupied(folder.to_owned()));
    }
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push(UNFINISHED);
    let copy = folder.with_file_name(name);
    if copy.exists() {
        fs::remove_dir_all(&copy).map_err(at(&copy))?;
    }
    let (within, beyond) = kept.into_iter().partition(|checkpoint| size(&checkpoint.note) <= summary.size);
    let restored = put_back(&backup, &summary, &copy).and_then(|()| {
        let verified = verify_copy(&copy, within, tell)?;
        if (verified.head.size, verified.head.root.to_string()) != (summary.size, summary.root.clone()) {
            let what = "it names another log".to_owned();
            return Err(BackupError::Changed { file: backup.join(ABOUT).display().to_string(), what });
        }
        let lost = lost(&copy, &summary, beyond)?;
        fs::rename(&copy, folder).map_err(at(folder))?;
        Ok((verified, lost))
    });
    let (verified, lost) = restored.inspect_err(|_| {
        let _ = fs::remove_dir_all(&copy);
    })?;
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    sync_folder(parent).map_err(at(parent))?;
    Ok(RestoredLog { summary, verified, lost })
}

/// The entries that checkpoints prove, which are larger than the backup, and that it does not have. They must be signed by
/// the keys of this log.
fn lost(
    copy: &Path,
    summary: &BackupSummary,
    beyond: Vec<ExternalCheckpoint>,
) -> Result<Option<Range<u64>>, BackupError> {
    let keys = store::open_to_read(copy)?.verifiers()?;
    let keys: Vec<_> = keys.iter().filter_map(|key| VerifierKey::parse(key).ok()).collect();
    if let Some(foreign) = beyond.iter().find(|checkpoint| checkpoint.note.verify(&keys).is_err()) {
        return Err(BackupError::Foreign(foreign.name.clone()));
    }
    Ok(beyond.iter().map(|checkpoint| size(&checkpoint.note)).max().map(|size| summary.size..size))
}

fn size(note: &SignedCheckpoint) -> u64 {
    note.checkpoint().size
}

fn put_back(backup: &Path, summary: &BackupSummary, copy: &Path) -> Result<(), BackupError> {
    for folder in [copy, &copy.join(POLICIES)] {
        own_folder(folder).map_err(at(folder))?;
    }
    for (name, expected) in &summary.files {
        let from = backup.join(name);
        let changed = |what: String| BackupError::Changed { file: from.display().to_string(), what };
        let is_inside = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
        if !is_inside {
            return Err(changed("its name leads out of the backup".to_owned()));
        }
        let found = copy_file(&from, &copy.join(name)).map_err(|reason| changed(reason.to_string()))?;
        if found != *expected {
            return Err(changed(match found.bytes == expected.bytes {
                true => "it has other bytes".to_owned(),
                false => format!("it has {} bytes for {}", found.bytes, expected.bytes),
            }));
        }
    }
    write_json(&copy.join(RESTORED), &RestoredFrom { made_at: summary.made_at, size: summary.size })?;
    sync_folder(&copy.join(POLICIES)).and_then(|()| sync_folder(copy)).map_err(at(copy))
}

/// What the first start after a restore reports.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct RestoredFrom {
    /// When the backup was made.
    pub(super) made_at: Timestamp,
    /// How many entries it had.
    pub(super) size: u64,
}

impl RestoredFrom {
    /// What was restored into `folder` and is not reported yet.
    pub(super) fn of(folder: &Path) -> Option<Self> {
        read_json(&folder.join(RESTORED)).ok()
    }

    /// It is reported.
    pub(super) fn reported(folder: &Path) {
        if let Err(error) = fs::remove_file(folder.join(RESTORED)) {
            tracing::warn!(%error, "restored.json cannot be removed, so the next start reports the restored backup again");
        }
    }
}

/// Verifies a copy that no other process uses, and leaves no file beside its databases.
fn verify_copy(copy: &Path, kept: Vec<ExternalCheckpoint>, tell: VerifyProgress<'_>) -> Result<Verified, BackupError> {
    let verified = verify_log(copy, &SignerOptions::default(), kept, tell)?;
    for file in files_in(copy)? {
        if file.to_string_lossy().ends_with("-wal") || file.to_string_lossy().ends_with("-shm") {
            fs::remove_file(&file).map_err(at(&file))?;
        }
    }
    Ok(verified)
}

/// The backup in `path`, or the newest of the backups in it, and what it has.
///
/// # Errors
/// There is none, or it cannot be read.
pub fn newest_backup(path: &Path) -> Result<(PathBuf, BackupSummary), BackupError> {
    let newest = if path.join(ABOUT).is_file() {
        path.to_owned()
    } else {
        let inside = fs::read_dir(path).map_err(at(path))?.flatten().map(|entry| entry.path());
        let backups = inside.filter(|path| path.join(ABOUT).is_file() && !is_unfinished(path));
        let all = backups.map(|path| Ok((read_json::<BackupSummary>(&path.join(ABOUT))?, path)));
        let all = all.collect::<Result<Vec<_>, BackupError>>()?;
        let newest = all.into_iter().max_by_key(|(summary, _)| summary.made_at);
        newest.ok_or_else(|| BackupError::None(path.to_owned()))?.1
    };
    let summary = read_json(&newest.join(ABOUT))?;
    Ok((newest, summary))
}

/// Whether an interrupted backup left this: a folder that is named by a time.
fn is_unfinished(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()?.strip_suffix(UNFINISHED));
    name.is_some_and(|name| name.starts_with("20") && name.ends_with('Z')) && path.is_dir()
}

fn remove_unfinished(into: &Path) -> Result<(), BackupError> {
    for path in fs::read_dir(into).map_err(at(into))?.flatten().map(|entry| entry.path()) {
        if is_unfinished(&path) {
            fs::remove_dir_all(&path).map_err(at(&path))?;
        }
    }
    Ok(())
}

/// The files in a folder, in the order of their names; none if it is missing.
fn files_in(folder: &Path) -> Result<Vec<PathBuf>, BackupError> {
    let found = match fs::read_dir(folder) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(at(folder)(error)),
    };
    let mut files: Vec<_> = found.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    files.sort();
    Ok(files)
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<(), BackupError> {
    let text = serde_json::to_string_pretty(value).map_err(io::Error::other);
    text.and_then(|text| fs::write(path, text + "\n")).map_err(at(path))
}

fn read_json<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T, BackupError> {
    let bytes = fs::read(path).map_err(at(path))?;
    serde_json::from_slice(&bytes).map_err(|error| at(path)(error.into()))
}
