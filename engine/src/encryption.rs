//! Encrypts what a library keeps of people: the catalog, its backups, and the caches of faces.
//!
//! The data key is 32 random bytes. A key that Argon2id (RFC 9106) derives from the passphrase wraps it
//! with XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03), and the wrapped key lies in the key file of the
//! library. So another passphrase wraps the same data key anew, and nothing else is rewritten. BLAKE3
//! derives two keys from the data key: `SQLCipher`'s for the catalog, and that of the files of the cache.

use std::fs;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::catalog::file::looks_like_catalog;
use crate::{Error, Result};

/// The key file of a library. Where there is one, the library is encrypted.
pub(crate) const KEY_FILE: &str = "encryption.json";
/// The folder of the backups that a library keeps; a copy of the key file is among them.
pub(crate) const BACKUPS: &str = "backups";
/// Longest key file that is read.
const MAX_KEY_FILE: u64 = 4096;

const KEY_LEN: usize = 32;
const SALT_LEN: usize = 16;
const NONCE_LEN: usize = 24;
/// Of Poly1305, behind what is encrypted.
const TAG_LEN: usize = 16;

/// RFC 9106, section 4, the second recommended option: 64 MiB, 3 passes, 4 lanes. 0.2 s on one core.
const MEMORY_KIB: u32 = 64 << 10;
const PASSES: u32 = 3;
const LANES: u32 = 4;
/// What a key file may ask for at most, as anybody can write one.
const MOST_MEMORY_KIB: u32 = 256 << 10;
const MOST_PASSES: u32 = 10;

const VERSION: u32 = 1;
const CATALOG_CONTEXT: &str = "kith 2026-11-30 catalog";
const FILES_CONTEXT: &str = "kith 2026-11-30 cache files";

/// First bytes of an encrypted file of the cache; a nonce follows, then what is encrypted.
const FILE_MAGIC: &[u8; 8] = b"KITHenc1";
/// Last bytes of a backup of an encrypted library; before them the key file, and its length (u32, little
/// endian).
const TRAILER_MAGIC: &[u8; 8] = b"KITHkey1";
const TRAILER_END: usize = 4 + TRAILER_MAGIC.len();

/// The random key of an encrypted library.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct DataKey(Zeroizing<[u8; KEY_LEN]>);

impl std::fmt::Debug for DataKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DataKey")
    }
}

impl DataKey {
    fn generate() -> io::Result<Self> {
        Ok(Self(Zeroizing::new(random()?)))
    }

    /// The statement that unlocks a connection. The key is given as it is, so that `SQLCipher` derives none
    /// from a passphrase at each opening. What it finds wrong it would also write to standard error.
    pub(crate) fn pragma(&self) -> Zeroizing<String> {
        let raw = self.raw();
        Zeroizing::new(format!(
            "PRAGMA cipher_log_level = NONE; PRAGMA key = \"{}\"",
            *raw
        ))
    }

    /// The catalog's key as `SQLCipher` writes raw keys.
    pub(crate) fn raw(&self) -> Zeroizing<String> {
        let key = Zeroizing::new(blake3::derive_key(CATALOG_CONTEXT, &*self.0));
        let hex = blake3::Hash::from_bytes(*key).to_hex();
        Zeroizing::new(format!("x'{hex}'"))
    }

    /// Encrypts a file of the cache. It can be decrypted under the same name only.
    pub(crate) fn encrypt(&self, name: &[u8], bytes: &[u8]) -> io::Result<Vec<u8>> {
        let nonce: [u8; NONCE_LEN] = random()?;
        let payload = Payload {
            msg: bytes,
            aad: name,
        };
        let encrypted = self.cipher().encrypt(&XNonce::from(nonce), payload);
        let encrypted = encrypted.map_err(|error| io::Error::other(error.to_string()))?;
        Ok([FILE_MAGIC, &nonce[..], &encrypted].concat())
    }

    /// None where the file is damaged, not encrypted, or of another key or name.
    pub(crate) fn decrypt(&self, name: &[u8], bytes: &[u8]) -> Option<Vec<u8>> {
        let rest = bytes.strip_prefix(FILE_MAGIC)?;
        let (nonce, msg) = rest.split_first_chunk::<NONCE_LEN>()?;
        let payload = Payload { msg, aad: name };
        self.cipher().decrypt(&XNonce::from(*nonce), payload).ok()
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        let key = Zeroizing::new(blake3::derive_key(FILES_CONTEXT, &*self.0));
        XChaCha20Poly1305::new(&Key::from(*key))
    }
}

fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(bytes)
}

/// A data key, wrapped by a passphrase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeyFile {
    version: u32,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    /// Base64, as the next two.
    salt: String,
    nonce: String,
    /// The data key, encrypted, with its tag: it tells a wrong passphrase.
    key: String,
}

impl KeyFile {
    /// A new data key.
    ///
    /// # Errors
    /// [`Error::EmptyPassphrase`], [`Error::Io`] where the system has no random numbers.
    pub(crate) fn generate(passphrase: &str) -> Result<(Self, DataKey)> {
        let making = Error::io("Making a key", Path::new(KEY_FILE));
        let key = DataKey::generate().map_err(making)?;
        Ok((Self::wrap(&key, passphrase)?, key))
    }

    /// Wraps a data key by a passphrase.
    ///
    /// # Errors
    /// As [`generate`](Self::generate).
    pub(crate) fn wrap(data_key: &DataKey, passphrase: &str) -> Result<Self> {
        if passphrase.is_empty() {
            return Err(Error::EmptyPassphrase);
        }
        let making = || Error::io("Making a key", Path::new(KEY_FILE));
        let salt: [u8; SALT_LEN] = random().map_err(making())?;
        let nonce: [u8; NONCE_LEN] = random().map_err(making())?;
        let mut file = Self {
            version: VERSION,
            memory_kib: MEMORY_KIB,
            passes: PASSES,
            lanes: LANES,
            salt: BASE64.encode(salt),
            nonce: BASE64.encode(nonce),
            key: String::new(),
        };
        let cipher = file.cipher(passphrase, &salt);
        let wrapped = cipher.and_then(|cipher| {
            let payload = Payload {
                msg: &data_key.0[..],
                aad: &file.settings(),
            };
            cipher.encrypt(&XNonce::from(nonce), payload).ok()
        });
        let wrapped = wrapped.ok_or_else(|| making()(io::Error::other("no memory for it")))?;
        file.key = BASE64.encode(wrapped);
        Ok(file)
    }

    /// The data key.
    ///
    /// # Errors
    /// [`Error::WrongPassphrase`], [`Error::KeyFile`]; `path` is the file's.
    pub(crate) fn unlock(&self, passphrase: &str, path: &Path) -> Result<DataKey> {
        let damaged = || Error::KeyFile {
            path: path.to_owned(),
        };
        let decoded = |text: &str| BASE64.decode(text).ok();
        let nonce: Option<[u8; NONCE_LEN]> = decoded(&self.nonce).and_then(|of| of.try_into().ok());
        let nonce = nonce.ok_or_else(damaged)?;
        let salt = decoded(&self.salt).ok_or_else(damaged)?;
        let wrapped = decoded(&self.key).filter(|key| key.len() == KEY_LEN + TAG_LEN);
        let wrapped = wrapped.ok_or_else(damaged)?;
        if self.version != VERSION
            || self.memory_kib > MOST_MEMORY_KIB
            || self.passes > MOST_PASSES
            || salt.len() != SALT_LEN
        {
            return Err(damaged());
        }
        let cipher = self.cipher(passphrase, &salt).ok_or_else(damaged)?;
        let payload = Payload {
            msg: &wrapped,
            aad: &self.settings(),
        };
        let key = cipher.decrypt(&XNonce::from(nonce), payload);
        let key = Zeroizing::new(key.map_err(|_| Error::WrongPassphrase)?);
        let mut data_key = DataKey(Zeroizing::default());
        data_key.0.copy_from_slice(&key);
        Ok(data_key)
    }

    fn cipher(&self, passphrase: &str, salt: &[u8]) -> Option<XChaCha20Poly1305> {
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(KEY_LEN)).ok()?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let mut key = Zeroizing::new([0; KEY_LEN]);
        argon2
            .hash_password_into(passphrase.as_bytes(), salt, &mut *key)
            .ok()?;
        Some(XChaCha20Poly1305::new(&Key::from(*key)))
    }

    /// What is authenticated beside the key.
    fn settings(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        let settings = [self.version, self.memory_kib, self.passes, self.lanes];
        for (to, number) in bytes.chunks_exact_mut(4).zip(settings) {
            to.copy_from_slice(&number.to_le_bytes());
        }
        bytes
    }

    /// The key file in the library's folder, or where that is damaged or lost its copy among the backups; none
    /// where the library is not encrypted.
    ///
    /// # Errors
    /// [`Error::KeyFile`], [`Error::Io`].
    pub(crate) fn of_library(folder: &Path) -> Result<Option<Self>> {
        let found = Self::read(&folder.join(KEY_FILE));
        if let Ok(Some(_)) = found {
            return found;
        }
        match Self::read(&folder.join(BACKUPS).join(KEY_FILE)) {
            Ok(Some(copy)) => Ok(Some(copy)),
            _ => found,
        }
    }

    /// A key file; none where there is no file.
    ///
    /// # Errors
    /// As [`of_library`](Self::of_library).
    pub(crate) fn read(path: &Path) -> Result<Option<Self>> {
        let reading = || Error::io("Reading the key file", path);
        let file = match fs::File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(reading())?,
        };
        let mut bytes = Vec::new();
        file.take(MAX_KEY_FILE)
            .read_to_end(&mut bytes)
            .map_err(reading())?;
        let damaged = || Error::KeyFile {
            path: path.to_owned(),
        };
        Self::from_bytes(&bytes).map(Some).ok_or_else(damaged)
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).unwrap_or_default()
    }

    /// What stands behind the catalog in a backup outside the library.
    pub(crate) fn trailer(&self) -> Vec<u8> {
        let mut bytes = self.to_bytes();
        let length = bytes.len() as u32;
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(TRAILER_MAGIC);
        bytes
    }

    /// The key file that opens a backup: behind its catalog, or beside one that a library keeps; none where it
    /// is not encrypted.
    pub(crate) fn of_backup(backup: &Path) -> io::Result<Option<Self>> {
        if let Some((file, _)) = Self::behind_catalog(backup)? {
            return Ok(Some(file));
        }
        if looks_like_catalog(backup)? {
            return Ok(None);
        }
        let folder = backup.canonicalize()?;
        let beside = folder.parent().and_then(|folder| {
            let file = Self::read(&folder.join(KEY_FILE));
            file.ok().flatten()
        });
        Ok(beside)
    }

    /// The key file behind the catalog in a backup outside the library, and the length of the catalog before it.
    pub(crate) fn behind_catalog(backup: &Path) -> io::Result<Option<(Self, u64)>> {
        if !fs::metadata(backup)?.is_file() {
            return Ok(None);
        }
        let mut file = fs::File::open(backup)?;
        let length = file.metadata()?.len();
        let mut end = [0; TRAILER_END];
        if length < TRAILER_END as u64 {
            return Ok(None);
        }
        file.seek(SeekFrom::Start(length - TRAILER_END as u64))?;
        file.read_exact(&mut end)?;
        let (of_file, magic) = end.split_at(4);
        if magic != TRAILER_MAGIC {
            return Ok(None);
        }
        let of_file = of_file
            .iter()
            .rev()
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        let Some(catalog) = length.checked_sub(TRAILER_END as u64 + of_file) else {
            return Ok(None);
        };
        if of_file > MAX_KEY_FILE {
            return Ok(None);
        }
        file.seek(SeekFrom::Start(catalog))?;
        let mut bytes = Vec::new();
        file.take(of_file).read_to_end(&mut bytes)?;
        Ok(Self::from_bytes(&bytes).map(|file| (file, catalog)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_opens_with_its_passphrase_only() {
        let (file, key) = KeyFile::generate("correct horse").unwrap();
        let path = Path::new("key");
        assert!(file.unlock("correct horse", path).unwrap() == key);
        let wrong = file.unlock("Correct horse", path);
        assert!(matches!(wrong, Err(Error::WrongPassphrase)));
        let again = KeyFile::wrap(&key, "battery").unwrap();
        assert!(again.unlock("battery", path).unwrap() == key);
        assert!(matches!(
            KeyFile::wrap(&key, ""),
            Err(Error::EmptyPassphrase)
        ));
        let text = String::from_utf8(file.to_bytes()).unwrap();
        assert_eq!(KeyFile::from_bytes(text.as_bytes()), Some(file.clone()));
        let mut greedy = file;
        greedy.memory_kib = u32::MAX;
        let refused = greedy.unlock("correct horse", path);
        assert!(matches!(refused, Err(Error::KeyFile { .. })));
    }

    #[test]
    fn a_file_is_decrypted_under_its_key_and_name_only() {
        let (key, other) = (DataKey::generate().unwrap(), DataKey::generate().unwrap());
        let encrypted = key.encrypt(b"name", b"a face").unwrap();
        assert_eq!(key.decrypt(b"name", &encrypted).unwrap(), b"a face");
        assert_eq!(other.decrypt(b"name", &encrypted), None);
        assert_eq!(key.decrypt(b"another", &encrypted), None);
        assert_eq!(key.decrypt(b"name", b"a face"), None);
        assert!(!encrypted.windows(6).any(|bytes| bytes == b"a face"));
        for at in 0..encrypted.len() {
            let mut changed = encrypted.clone();
            changed[at] ^= 1;
            assert_eq!(key.decrypt(b"name", &changed), None, "{at}");
        }
    }
}
