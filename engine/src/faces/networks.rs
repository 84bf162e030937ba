//! The two networks, and where they run: on the worker's device while that gives sound answers, and on
//! this processor else.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};

use kith_models::{Accelerator, Crop, Detection, Detector, Embedder, Embedding, RgbView, Weights};
use kith_worker::Client;

use crate::{Result, Why};

/// The worker's file, beside the program.
const WORKER: &str = "kith-worker";
/// Faces that are embedded together on the processor, where more are no faster.
const FACES_TOGETHER: usize = 16;

/// Both networks, ready to run. A clone shares them.
#[derive(Clone)]
pub(crate) struct Networks {
    detector: Arc<Detector>,
    embedder: Arc<Embedder>,
    /// Empty until one has started, and where none is wanted.
    worker: Arc<OnceLock<Client>>,
}

impl Networks {
    pub(crate) fn load() -> Result<Self> {
        let weights = Weights::find()?;
        Ok(Self {
            detector: Arc::new(Detector::load(&weights)?),
            embedder: Arc::new(Embedder::load(&weights)?),
            worker: Arc::default(),
        })
    }

    /// The same networks, which run on the worker's device as soon as one has started. Until then,
    /// and where none can be used, they run on the processor. The worker ends with what is returned.
    pub(crate) fn with_worker(&self) -> Self {
        let started = Self {
            worker: Arc::default(),
            ..self.clone()
        };
        let (networks, worker) = (self.clone(), Arc::clone(&started.worker));
        // Nobody waits for it.
        std::thread::spawn(move || {
            if let Ok(client) = networks.start() {
                // It is the only one that sets it.
                let _ = worker.set(client);
            }
        });
        started
    }

    /// A worker whose networks see what these see, or why there is none.
    pub(crate) fn start(&self) -> std::result::Result<Client, Why> {
        let program = std::env::current_exe().ok();
        let worker = worker_beside(program.as_deref()).ok_or(Why::NoWorker)?;
        let mut command = Command::new(worker);
        Ok(Client::start(&mut command, &self.detector, &self.embedder)?)
    }

    /// The faces of each of several images of one size.
    pub(crate) fn detect(&self, images: &[RgbView], threshold: f32) -> Result<Vec<Vec<Detection>>> {
        let there = self.worker.get();
        if let Some(found) = there.and_then(|worker| worker.detect(images, threshold)) {
            return Ok(found);
        }
        Ok(self.detector.detect_batch(images, threshold)?)
    }

    /// One embedding a face.
    pub(crate) fn embed(&self, faces: &[[Crop; 2]]) -> Result<Vec<Embedding>> {
        let there = self.worker.get();
        if let Some(embeddings) = there.and_then(|worker| worker.embed(faces)) {
            return Ok(embeddings);
        }
        Ok(self.embedder.embed(faces)?)
    }

    /// How many faces are best embedded together now.
    pub(crate) fn faces_together(&self) -> usize {
        match self.worker.get() {
            Some(worker) if worker.lost().is_none() => Accelerator::FACES,
            _ => FACES_TOGETHER,
        }
    }
}

/// The worker beside the program, or where packages install it.
fn worker_beside(program: Option<&Path>) -> Option<PathBuf> {
    let dir = program?.parent()?;
    let name = format!("{WORKER}{}", std::env::consts::EXE_SUFFIX);
    [dir.join(&name), dir.join("../lib/kith").join(&name)]
        .into_iter()
        .find(|path| path.is_file())
}
