//! Maximum over 3x3 pixels with stride 2, without padding.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, bail};
use rayon::prelude::*;

use super::image;

const SIDE: usize = 3;
const STRIDE: usize = 2;

/// The pooling between the stages of Inception networks.
pub(super) struct MaxPool3;

impl CustomOp1 for MaxPool3 {
    fn name(&self) -> &'static str {
        "max_pool"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (x, [n, height, width, channels]) = image(storage, layout)?;
        if height < SIDE || width < SIDE {
            bail!("an image of {height} x {width} is too small for a maximum over 3x3");
        }
        let [out_height, out_width] = [height, width].map(|side| (side - SIDE) / STRIDE + 1);
        let mut out = vec![f32::NEG_INFINITY; n * out_height * out_width * channels];
        out.par_chunks_mut(out_width * channels).enumerate().for_each(|(line, out)| {
            let top = line / out_height * height + line % out_height * STRIDE;
            for (column, out) in out.chunks_exact_mut(channels).enumerate() {
                for y in top..top + SIDE {
                    let pixels = &x[(y * width + column * STRIDE) * channels..][..SIDE * channels];
                    for pixel in pixels.chunks_exact(channels) {
                        for (out, value) in out.iter_mut().zip(pixel) {
                            *out = out.max(*value);
                        }
                    }
                }
            }
        });
        Ok((CpuStorage::F32(out), (n, out_height, out_width, channels).into()))
    }
}
