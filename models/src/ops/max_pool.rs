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
        out.par_chunks_mut(out_width * channels)
            .enumerate()
            .for_each(|(line, out)| {
                let top = line / out_height * height + line % out_height * STRIDE;
                for (column, out) in out.chunks_exact_mut(channels).enumerate() {
                    for y in top..top + SIDE {
                        let pixels =
                            &x[(y * width + column * STRIDE) * channels..][..SIDE * channels];
                        for pixel in pixels.chunks_exact(channels) {
                            for (out, value) in out.iter_mut().zip(pixel) {
                                *out = out.max(*value);
                            }
                        }
                    }
                }
            });
        Ok((
            CpuStorage::F32(out),
            (n, out_height, out_width, channels).into(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::ops::{
        against_candle::{channels_first, difference, random},
        max_pool,
    };

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn equals_candles_pooling(
            n in 1usize..3,
            image in [3usize..20, 3usize..20],
            channels in 1usize..40,
            seed: u64,
        ) {
            let x = random(&[n, image[0], image[1], channels], seed);
            let found = max_pool(&x).unwrap();
            let expected = channels_first(&x).unwrap().max_pool2d_with_stride(3, 2).unwrap();
            prop_assert_eq!(difference(&found, &expected), 0.0);
        }
    }

    #[test]
    fn refuses_what_is_too_small() {
        assert!(max_pool(&random(&[1, 2, 9, 4], 3)).is_err());
    }
}
