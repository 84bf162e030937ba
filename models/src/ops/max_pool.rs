//! Maximum over 3x3 pixels with stride 2, without padding.

use candle_core::{Result, bail};
use rayon::prelude::*;

use super::columns::Columns;

const SIDE: usize = 3;
const STRIDE: usize = 2;

/// Height and width of the output for an image of this height and width.
pub(super) fn output(image: [usize; 2]) -> Result<[usize; 2]> {
    if image.iter().any(|side| *side < SIDE) {
        bail!("an image of {image:?} is too small for a maximum over 3x3");
    }
    Ok(image.map(|side| (side - SIDE) / STRIDE + 1))
}

/// Writes the maxima of `x [n, height, width, channels]` to columns.
pub(super) fn run(x: &[f32], [_, height, width, channels]: [usize; 4], out: Columns) {
    let [out_height, out_width] = [height, width].map(|side| (side - SIDE) / STRIDE + 1);
    let Columns {
        numbers,
        stride,
        first,
        ..
    } = out;
    numbers
        .par_chunks_mut(out_width * stride)
        .enumerate()
        .for_each(|(line, out)| {
            let top = line / out_height * height + line % out_height * STRIDE;
            for (column, out) in out.chunks_exact_mut(stride).enumerate() {
                let out = &mut out[first..][..channels];
                for y in top..top + SIDE {
                    let pixels = &x[(y * width + column * STRIDE) * channels..][..SIDE * channels];
                    for (at, pixel) in pixels.chunks_exact(channels).enumerate() {
                        if y == top && at == 0 {
                            out.copy_from_slice(pixel);
                            continue;
                        }
                        for (out, value) in out.iter_mut().zip(pixel) {
                            *out = out.max(*value);
                        }
                    }
                }
            }
        });
}

#[cfg(test)]
mod tests {
    use candle_core::Tensor;
    use proptest::prelude::*;

    use crate::ops::{
        Branches, Precision,
        against_candle::{channels_first, channels_last, difference, random},
        plain,
    };

    fn plain_pooling() -> plain::Branches {
        plain::Branches(vec![vec![plain::Layer::MaxPool]])
    }

    fn pooled(x: &Tensor) -> candle_core::Result<Tensor> {
        x.apply_op1_no_bwd(&Branches::of(&plain_pooling(), Precision::F32)?)
    }

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
            let expected = plain_pooling().forward(&channels_first(&x))?;
            prop_assert_eq!(difference(&pooled(&x)?, &channels_last(&expected)), 0.0);
        }
    }

    #[test]
    fn refuses_what_is_too_small() {
        assert!(pooled(&random(&[1, 2, 9, 4], 3)).is_err());
    }
}
