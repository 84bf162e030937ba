//! The weight files: where they lie, and that they are the ones this program was made with.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use candle_core::{DType, Device};
use candle_nn::VarBuilder;
use sha2::{Digest, Sha256};

use crate::Error;

/// A weight file of `models/weights`, made by `models/recipe`.
pub(crate) struct WeightFile {
    /// The network's name, as it is stamped on what it makes.
    pub network: &'static str,
    /// The name of the file in the folder.
    pub name: &'static str,
    /// SHA-256 of the file, as the recipe prints it.
    pub sha256: &'static str,
}

/// The folder that holds the weight files.
#[derive(Clone, Debug)]
pub struct Weights {
    dir: PathBuf,
}

impl Weights {
    /// The weight files in `dir`. They are read and checked when a network is loaded.
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// The first folder that holds weight files: the environment variable `KITH_WEIGHTS` (if it is
    /// set, nothing else is tried), `weights` beside the program, `../lib/kith/weights` from it
    /// (where packages install them), then `models/weights` of the source tree it was built in.
    ///
    /// # Errors
    /// [`Error::WeightsMissing`] with the folders that were tried.
    pub fn find() -> Result<Self, Error> {
        let candidates = match env::var_os("KITH_WEIGHTS") {
            Some(dir) => vec![PathBuf::from(dir)],
            None => installed_dirs(env::current_exe().ok().as_deref()),
        };
        Self::first_of(candidates)
    }

    /// The folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn first_of(candidates: Vec<PathBuf>) -> Result<Self, Error> {
        match candidates
            .iter()
            .find(|dir| dir.join(crate::facenet::FILE.name).is_file())
        {
            Some(dir) => Ok(Self::at(dir)),
            None => Err(Error::WeightsMissing {
                looked_in: candidates,
            }),
        }
    }

    /// The parameters of a network as f32, after the file's SHA-256 was found right.
    pub(crate) fn open(&self, file: &WeightFile) -> Result<VarBuilder<'static>, Error> {
        let path = self.dir.join(file.name);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(source) => return Err(Error::WeightsUnreadable { path, source }),
        };
        let found = format!("{:x}", Sha256::digest(&bytes));
        if found != file.sha256 {
            return Err(Error::WeightsDamaged {
                path,
                expected: file.sha256,
                found,
            });
        }
        parameters(bytes).map_err(|source| Error::Network {
            network: file.network,
            source,
        })
    }
}

/// The parameters in the bytes of a safetensors file, as f32 on the CPU.
pub(crate) fn parameters(safetensors: Vec<u8>) -> candle_core::Result<VarBuilder<'static>> {
    VarBuilder::from_buffered_safetensors(safetensors, DType::F32, &Device::Cpu)
}

fn installed_dirs(program: Option<&Path>) -> Vec<PathBuf> {
    let program_dir = program.and_then(Path::parent);
    let mut dirs: Vec<PathBuf> = Vec::new();
    if let Some(dir) = program_dir {
        dirs.push(dir.join("weights"));
        dirs.push(dir.join("../lib/kith/weights"));
    }
    dirs.push(Path::new(env!("CARGO_MANIFEST_DIR")).join("weights"));
    dirs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Detector, Embedder, centerface, facenet};

    const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/weights");

    /// A folder that holds the detector's weights after `change`.
    fn changed(change: impl FnOnce(&mut Vec<u8>)) -> tempfile::TempDir {
        let mut bytes = fs::read(Path::new(SHIPPED).join(centerface::FILE.name)).unwrap();
        change(&mut bytes);
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(centerface::FILE.name), bytes).unwrap();
        dir
    }

    fn load_error(dir: &Path) -> Error {
        match Detector::load(&Weights::at(dir)) {
            Ok(_) => panic!("the weights in {} were taken", dir.display()),
            Err(error) => error,
        }
    }

    #[test]
    fn unchanged_weights_are_taken() {
        let dir = changed(|_| ());
        assert!(Detector::load(&Weights::at(dir.path())).is_ok());
    }

    #[test]
    fn one_changed_bit_is_refused() {
        let dir = changed(|bytes| *bytes.last_mut().unwrap() ^= 1);
        let error = load_error(dir.path());
        assert!(matches!(error, Error::WeightsDamaged { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains(centerface::FILE.sha256), "{text}");
        assert!(text.ends_with("centerface.safetensors"), "{text}");
    }

    #[test]
    fn a_truncated_file_is_refused() {
        for keep in [0, 7, 1000, 3_000_000] {
            let dir = changed(|bytes| bytes.truncate(keep));
            let error = load_error(dir.path());
            assert!(
                matches!(error, Error::WeightsDamaged { .. }),
                "{keep} bytes: {error}"
            );
        }
    }

    #[test]
    fn a_missing_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let error = load_error(dir.path());
        assert!(matches!(error, Error::WeightsUnreadable { .. }), "{error}");
        assert!(Embedder::load(&Weights::at(dir.path())).is_err());
    }

    #[test]
    fn the_first_folder_with_weights_is_taken() {
        let empty = tempfile::tempdir().unwrap();
        let dirs = vec![empty.path().to_owned(), PathBuf::from(SHIPPED)];
        assert_eq!(Weights::first_of(dirs).unwrap().dir, Path::new(SHIPPED));
    }

    #[test]
    fn where_it_looked_is_said() {
        let empty = tempfile::tempdir().unwrap();
        let error = Weights::first_of(vec![empty.path().to_owned()])
            .unwrap_err()
            .to_string();
        assert!(error.contains(empty.path().to_str().unwrap()), "{error}");
        assert!(error.contains("KITH_WEIGHTS"), "{error}");
    }

    #[test]
    fn a_program_looks_beside_itself_first() {
        let dirs = installed_dirs(Some(Path::new("/opt/kith/bin/kith")));
        assert_eq!(dirs[0], Path::new("/opt/kith/bin/weights"));
        assert_eq!(dirs[1], Path::new("/opt/kith/bin/../lib/kith/weights"));
        assert_eq!(dirs[2], Path::new(SHIPPED));
        assert_eq!(installed_dirs(None), [Path::new(SHIPPED)]);
    }

    #[test]
    fn the_files_say_which_network_they_are() {
        for file in [&facenet::FILE, &centerface::FILE] {
            let bytes = fs::read(Path::new(SHIPPED).join(file.name)).unwrap();
            let name = format!("\"name\":\"{}\"", file.network);
            let header = String::from_utf8_lossy(&bytes[8..1000]);
            assert!(header.contains(&name), "{}: {header}", file.name);
        }
    }
}
