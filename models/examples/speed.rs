//! How long the networks take on this machine: `cargo run --release -p kith-models --example speed`.
//!
//! Prints the fastest of several runs in milliseconds, since what disturbs a run only adds to it.
//! An embedding is two passes, the crop and its mirror image.

use std::time::Instant;

use kith_models::{CROP_SIDE, Crop, Detector, Embedder, Error, RgbView, Weights};

const RUNS: usize = 15;

fn main() -> Result<(), Error> {
    let weights = Weights::find()?;
    let started = Instant::now();
    let embedder = Embedder::load(&weights)?;
    println!("load facenet       {:7.1} ms", milliseconds(started));
    let started = Instant::now();
    let detector = Detector::load(&weights)?;
    println!("load centerface    {:7.1} ms", milliseconds(started));

    for faces in [1, 8] {
        let crops = vec![Crop::from_rgb(noise(3 * CROP_SIDE * CROP_SIDE))?; faces];
        let ms = fastest(|| embedder.embed(&crops).map(drop))? / faces as f64;
        println!(
            "embed, batch {faces}     {ms:7.1} ms a face, {:.1} ms a pass",
            ms / 2.0
        );
    }
    for (width, height) in [(320, 320), (640, 480), (1280, 960)] {
        let pixels = noise(3 * width * height);
        let image = RgbView::new(width, height, &pixels)?;
        let ms = fastest(|| detector.detect(image, 0.5).map(drop))?;
        println!("detect {width:4} x {height:3}  {ms:7.1} ms");
    }
    Ok(())
}

fn fastest(mut work: impl FnMut() -> Result<(), Error>) -> Result<f64, Error> {
    let mut fastest = f64::INFINITY;
    for _ in 0..RUNS {
        let started = Instant::now();
        work()?;
        fastest = fastest.min(milliseconds(started));
    }
    Ok(fastest)
}

fn milliseconds(started: Instant) -> f64 {
    started.elapsed().as_secs_f64() * 1e3
}

/// Bytes of a linear congruential generator: the networks' time does not depend on the picture.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..len).map(|_| next()).collect()
}
