//! One run of an ONNX network in rten per line of standard input: what `./dev bench rten` times Kith
//! beside.
//!
//! `time-rten MODEL FILE N CHANNELS HEIGHT WIDTH`: FILE holds the input, f32 of this shape. The first line
//! printed is the output, as numbers; after that, every line of input starts one run and is answered with
//! the milliseconds that it took.

use std::{
    env,
    error::Error,
    fs,
    io::{self, BufRead, Write},
    time::Instant,
};

use rten::Model;
use rten_tensor::{NdTensor, Tensor, prelude::*};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [model, file, shape @ ..] = &arguments[..] else {
        return Err("time-rten MODEL FILE N CHANNELS HEIGHT WIDTH".into());
    };
    let shape = shape
        .iter()
        .map(|side| side.parse())
        .collect::<Result<Vec<usize>, _>>()?;
    let shape: [usize; 4] = shape.try_into().map_err(|_| "a shape has four sides")?;
    let bytes = fs::read(file)?;
    let (numbers, _) = bytes.as_chunks::<4>();
    let numbers: Vec<f32> = numbers.iter().map(|n| f32::from_le_bytes(*n)).collect();
    let input = NdTensor::from_data(shape, numbers);
    let model = Model::load_file(model)?;
    let run = || -> Result<Tensor<f32>, Box<dyn Error>> {
        Ok(model.run_one(input.view().into(), None)?.try_into()?)
    };
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
