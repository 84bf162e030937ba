//! Transposed 2x2 convolution of stride 2: every pixel becomes four.
//!
//! The four do not overlap, so an input row times half of the kernel is an output row.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};
use pulp::Arch;
use rayon::prelude::*;

use super::{columns::Columns, image, plain, product::Product};

/// A transposed convolution (2x2, stride 2) with bias and ReLU.
#[derive(Debug)]
pub(crate) struct Upsample {
    /// For the upper and the lower output row: a pixel to two pixels, with bias and ReLU.
    rows: [Product; 2],
    channels_in: usize,
    channels_out: usize,
}

impl Upsample {
    /// The same layer, fast on this processor.
    pub(super) fn of(layer: &plain::Upsample) -> Result<Self> {
        let (kernel, bias) = layer.kernel_and_bias()?;
        let (_, _, channels_in, channels_out) = kernel.dims4()?;
        let bias = Tensor::cat(&[&bias, &bias], 0)?.to_vec1()?;
        let row = |dy: usize| {
            let kernel = kernel.get(dy)?.transpose(0, 1)?.flatten_all()?.to_vec1()?;
            Ok::<_, candle_core::Error>(Product::new(Arch::new(), &kernel, &bias, true))
        };
        Ok(Self {
            rows: [row(0)?, row(1)?],
            channels_in,
            channels_out,
        })
    }
}

impl CustomOp1 for Upsample {
    fn name(&self) -> &'static str {
        "upsample"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (x, [n, height, width, channels]) = image(storage, layout)?;
        if channels != self.channels_in {
            bail!(
                "an upsampling of {} channels got {channels}",
                self.channels_in
            );
        }
        let channels_out = self.channels_out;
        let mut out = vec![0.0; n * height * width * 4 * channels_out];
        out.par_chunks_mut(2 * width * channels_out)
            .enumerate()
            .for_each(|(line, out)| {
                let row = &x[line / 2 * width * channels..][..width * channels];
                self.rows[line % 2].run(row, Columns::all(out, 2 * channels_out));
            });
        Ok((
            CpuStorage::F32(out),
            (n, 2 * height, 2 * width, channels_out).into(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ops::against_candle::{
        TOLERANCE, channels_first, channels_last, difference, random,
    };

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn equals_candles_operations(
            n in 1usize..3,
            image in [1usize..12, 1usize..12],
            channels in [1usize..30, 1usize..30],
            seed: u64,
        ) {
            let x = random(&[n, image[0], image[1], channels[0]], seed);
            let kernel = random(&[2, 2, channels[0], channels[1]], seed ^ 1);
            let plain = plain::Upsample::new(&kernel, &random(&[channels[1]], seed ^ 2))?;
            let found = x.apply_op1_no_bwd(&Upsample::of(&plain)?)?;
            let expected = channels_last(&plain.forward(&channels_first(&x))?);
            let difference = difference(&found, &expected);
            prop_assert!(difference < TOLERANCE, "{}", difference);
        }
    }

    #[test]
    fn refuses_shapes_that_do_not_fit() {
        let plain =
            |kernel: [usize; 4]| plain::Upsample::new(&random(&kernel, 1), &random(&[5], 2));
        assert!(plain([2, 2, 5, 4]).is_err());
        assert!(plain([3, 2, 4, 5]).is_err());
        let layer = Upsample::of(&plain([2, 2, 4, 5]).unwrap()).unwrap();
        assert!(random(&[1, 9, 9, 5], 3).apply_op1_no_bwd(&layer).is_err());
    }
}
