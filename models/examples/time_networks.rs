//! One run of a network per line of standard input: how `./dev bench` times Kith beside others.
//!
//! `time_networks facenet FILE` embeds the crops in FILE (160 x 160 RGB, one after the other);
//! `time_networks centerface FILE WIDTH HEIGHT` finds the faces of the RGB image in FILE. With
//! `accelerated` before them they run on the graphics processor that this was built for. The
//! first line printed is the answer, as numbers: the embeddings, or for the best face its box, its
//! score and its landmarks. After that, every line of input starts one run and is answered with
//! the milliseconds that it took.

use std::{
    env,
    error::Error,
    fs,
    io::{self, BufRead, Write},
    time::Instant,
};

use kith_models::{Accelerator, CROP_SIDE, Crop, Detector, Embedder, RgbView, Weights};

/// As in Kith's programs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// As in the engine: what scores less is no face.
const THRESHOLD: f32 = 0.5;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let weights = Weights::find()?;
    let (accelerator, arguments) = match arguments.split_first() {
        Some((&"accelerated", rest)) => (Some(Accelerator::find()?), rest),
        _ => (None, &arguments[..]),
    };
    match *arguments {
        ["facenet", file] => {
            let faces = fs::read(file)?
                .chunks(3 * CROP_SIDE * CROP_SIDE)
                .map(|pixels| Crop::from_rgb(pixels.to_vec()).map(|crop| [crop.mirrored(), crop]))
                .collect::<Result<Vec<_>, _>>()?;
            let embedder = match &accelerator {
                Some(accelerator) => Embedder::load_on(&weights, accelerator)?,
                None => Embedder::load(&weights)?,
            };
            answer(|| Ok(embedder.embed(&faces)?.concat()))
        }
        ["centerface", file, width, height] => {
            let pixels = fs::read(file)?;
            let (width, height) = (width.parse()?, height.parse()?);
            let images = pixels
                .chunks(3 * width * height)
                .map(|pixels| RgbView::new(width, height, pixels))
                .collect::<Result<Vec<_>, _>>()?;
            let detector = match &accelerator {
                Some(accelerator) => Detector::load_on(&weights, accelerator)?,
                None => Detector::load(&weights)?,
            };
            answer(|| {
                let faces = detector.detect_batch(&images, THRESHOLD)?;
                let best = faces.first().and_then(|faces| faces.first());
                let best = best.ok_or("no face was found")?;
                let landmarks = best.landmarks_px.as_flattened();
                Ok([&best.box_px, &[best.score][..], landmarks].concat())
            })
        }
        _ => {
            Err("time_networks facenet FILE, or time_networks centerface FILE WIDTH HEIGHT".into())
        }
    }
}

/// Runs once and prints the answer, then once a line.
fn answer(run: impl Fn() -> Result<Vec<f32>, Box<dyn Error>>) -> Result<(), Box<dyn Error>> {
    let numbers: Vec<String> = run()?.iter().map(f32::to_string).collect();
    let mut out = io::stdout();
    writeln!(out, "{}", numbers.join(" "))?;
    out.flush()?;
    for line in io::stdin().lock().lines() {
        line?;
        let start = Instant::now();
        run()?;
        writeln!(out, "{}", start.elapsed().as_secs_f64() * 1e3)?;
        out.flush()?;
    }
    Ok(())
}
