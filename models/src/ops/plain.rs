//! The layers in Candle's own operations: what they are, on every device that Candle knows.
//!
//! The networks are written in these. A graphics processor runs them as they are; on the processor
//! each is turned into the faster operation of its name in this folder, whose tests compare the two.
//!
//! An image is `[channels, n, height, width]` here. With the channel first a convolution is one
//! product of the kernel, as a matrix, with shifted copies of the image, one below the other; a 1x1
//! convolution needs no copy, results lie side by side when they are put one below the other, and
//! nothing has to be transposed between layers.

use candle_core::{DType, Device, Result, Tensor, bail};

use super::Padding;

/// A convolution with bias and, if `relu`, a ReLU.
#[derive(Clone, Debug)]
pub(crate) struct Conv {
    /// `[out, height * width * in]`.
    matrix: Tensor,
    /// `[out, 1]`.
    bias: Tensor,
    /// Height and width of the kernel.
    pub(super) size: [usize; 2],
    pub(super) stride: usize,
    pub(super) padding: Padding,
    pub(super) relu: bool,
}

/// A step of a chain.
#[derive(Clone, Debug)]
pub(crate) enum Layer {
    Conv(Conv),
    /// Maximum over 3x3 pixels, stride 2, without padding.
    MaxPool,
}

/// Chains of layers over one image, their results side by side, channel after channel.
#[derive(Clone, Debug)]
pub(crate) struct Branches(pub(crate) Vec<Vec<Layer>>);

/// `x + up(branches of x)`; a ReLU of `up` is that of the sum.
#[derive(Clone, Debug)]
pub(crate) struct Residual {
    pub(crate) branches: Branches,
    pub(crate) up: Conv,
}

/// A 3x3 convolution of each channel with its own kernel, with one row of zeros around the image, bias
/// and ReLU.
#[derive(Clone, Debug)]
pub(crate) struct Depthwise {
    /// `[3 * 3, channels, 1, 1, 1]`.
    kernel: Tensor,
    /// `[channels, 1, 1, 1]`.
    bias: Tensor,
    pub(super) stride: usize,
}

/// A block of `MobileNetV2` (Sandler et al. 2018), without the upper limit of its activations.
#[derive(Clone, Debug)]
pub(crate) struct InvertedResidual {
    /// To the channels of `depthwise`.
    pub(crate) expand: Conv,
    pub(crate) depthwise: Depthwise,
    pub(crate) project: Conv,
    /// Whether the input is added to the result.
    pub(crate) residual: bool,
}

/// A transposed convolution (2x2, stride 2) with bias and ReLU.
#[derive(Clone, Debug)]
pub(crate) struct Upsample {
    /// `[2 * 2 * out, in]`.
    matrix: Tensor,
    /// `[out, 1, 1, 1, 1, 1]`.
    bias: Tensor,
}

/// What a network is made of.
#[derive(Clone, Debug)]
pub(crate) enum Block {
    Conv(Conv),
    Branches(Branches),
    Residual(Residual),
    InvertedResidual(InvertedResidual),
    Upsample(Upsample),
    /// The mean over all pixels.
    Mean,
}

impl Conv {
    /// `kernel` is `[height, width, in, out]`, `bias` is `[out]`.
    pub(crate) fn new(
        kernel: &Tensor,
        bias: &Tensor,
        stride: usize,
        padding: Padding,
        relu: bool,
    ) -> Result<Self> {
        let (height, width, channels_in, channels_out) = kernel.dims4()?;
        let matrix = kernel.reshape((height * width * channels_in, channels_out))?;
        Ok(Self {
            matrix: matrix.t()?.contiguous()?,
            bias: bias.reshape((channels_out, 1))?,
            size: [height, width],
            stride,
            padding,
            relu,
        })
    }

    /// As [`new`](Self::new) takes them.
    pub(super) fn kernel_and_bias(&self) -> Result<(Tensor, Tensor)> {
        let [height, width] = self.size;
        let kernel =
            self.matrix
                .t()?
                .contiguous()?
                .reshape((height, width, (), self.matrix.dim(0)?))?;
        Ok((kernel, self.bias.flatten_all()?))
    }

    #[cfg(feature = "cuda")]
    pub(super) fn channels_out(&self) -> usize {
        self.bias.elem_count()
    }

    fn on(&self, device: &Device, numbers: DType) -> Result<Self> {
        Ok(Self {
            matrix: moved(&self.matrix, device, numbers)?,
            bias: moved(&self.bias, device, numbers)?,
            ..*self
        })
    }

    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let sums = self.sums(x)?;
        if self.relu { sums.relu() } else { Ok(sums) }
    }

    /// Without the ReLU.
    fn sums(&self, x: &Tensor) -> Result<Tensor> {
        let pad = match self.padding {
            Padding::Valid => [0, 0],
            Padding::Same => self.size.map(|side| (side - 1) / 2),
        };
        let patches = Tensor::cat(&shifted(x, self.size, self.stride, pad)?, 0)?;
        let (depth, n, height, width) = patches.dims4()?;
        let patches = patches.reshape((depth, n * height * width))?;
        self.matrix
            .matmul(&patches)?
            .broadcast_add(&self.bias)?
            .reshape(((), n, height, width))
    }
}

/// What a kernel of this size covers, moved by this stride over an image with these rows and columns of
/// zeros above and below, left and right of it: for each place in the kernel one view of the image.
fn shifted(
    x: &Tensor,
    [kernel_height, kernel_width]: [usize; 2],
    stride: usize,
    pad: [usize; 2],
) -> Result<Vec<Tensor>> {
    let x = x
        .pad_with_zeros(2, pad[0], pad[0])?
        .pad_with_zeros(3, pad[1], pad[1])?;
    let (channels, n, height, width) = x.dims4()?;
    if height < kernel_height || width < kernel_width {
        bail!("a {kernel_height}x{kernel_width} kernel got an image of {height}x{width}");
    }
    let rows = (height - kernel_height) / stride + 1;
    let columns = (width - kernel_width) / stride + 1;
    // In full steps, so that each step is an axis of which one place can be taken.
    let missing = |side: usize| side.next_multiple_of(stride) - side;
    let steps = x
        .pad_with_zeros(2, 0, missing(height))?
        .pad_with_zeros(3, 0, missing(width))?
        .reshape((
            channels,
            n,
            height.div_ceil(stride),
            stride,
            width.div_ceil(stride),
            stride,
        ))?;
    let mut views = Vec::with_capacity(kernel_height * kernel_width);
    for down in 0..kernel_height {
        for right in 0..kernel_width {
            views.push(
                steps
                    .narrow(2, down / stride, rows)?
                    .narrow(3, down % stride, 1)?
                    .narrow(4, right / stride, columns)?
                    .narrow(5, right % stride, 1)?
                    .squeeze(5)?
                    .squeeze(3)?,
            );
        }
    }
    Ok(views)
}

impl Layer {
    fn on(&self, device: &Device, numbers: DType) -> Result<Self> {
        Ok(match self {
            Self::Conv(conv) => Self::Conv(conv.on(device, numbers)?),
            Self::MaxPool => Self::MaxPool,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Conv(conv) => conv.forward(x),
            Self::MaxPool => {
                let mut views = shifted(x, [3, 3], 2, [0, 0])?.into_iter();
                let Some(first) = views.next() else {
                    bail!("a maximum over nothing");
                };
                views.try_fold(first, |most, view| most.maximum(&view))
            }
        }
    }
}

impl Branches {
    fn on(&self, device: &Device, numbers: DType) -> Result<Self> {
        let chain = |chain: &Vec<Layer>| {
            chain
                .iter()
                .map(|layer| layer.on(device, numbers))
                .collect::<Result<_>>()
        };
        self.0.iter().map(chain).collect::<Result<_>>().map(Self)
    }

    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let chain = |chain: &Vec<Layer>| {
            chain
                .iter()
                .try_fold(x.clone(), |x, layer| layer.forward(&x))
        };
        let results = self.0.iter().map(chain).collect::<Result<Vec<_>>>()?;
        Tensor::cat(&results, 0)
    }
}

impl Residual {
    fn on(&self, device: &Device, numbers: DType) -> Result<Self> {
        Ok(Self {
            branches: self.branches.on(device, numbers)?,
            up: self.up.on(device, numbers)?,
        })
    }

    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let sum = (x + self.up.sums(&self.branches.forward(x)?)?)?;
        if self.up.relu { sum.relu() } else { Ok(sum) }
    }
}

impl Depthwise {
    /// `kernel` is `[3, 3, channels]`, `bias` is `[channels]`.
    pub(crate) fn new(kernel: &Tensor, bias: &Tensor, stride: usize) -> Result<Self> {
        let channels = bias.dims1()?;
        if kernel.dims3()? != (3, 3, channels) {
            bail!(
                "a depthwise kernel of {channels} channels is not {:?}",
                kernel.shape()
            );
        }
        Ok(Self {
            kernel: kernel.reshape((9, channels, 1, 1, 1))?,
            bias: bias.reshape((channels, 1, 1, 1))?,
            stride,
        })
    }

    /// As [`new`](Self::new) takes them.
    pub(super) fn kernel_and_bias(&self) -> Result<(Tensor, Tensor)> {
        Ok((self.kernel.reshape((3, 3, ()))?, self.bias.flatten_all()?))
    }

    fn on(&self, device: &Device, numbers: DType) -> Result<Self> {
        Ok(Self {
            kernel: moved(&self.kernel, device, numbers)?,
            bias: moved(&self.bias, device, numbers)?,
            stride: self.stride,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut sum: Option<Tensor> = None;
        for (tap, view) in shifted(x, [3, 3], self.stride, [1, 1])?.iter().enumerate() {
            let product = view.broadcast_mul(&self.kernel.get(tap)?)?;
            sum = Some(match sum {
                Some(sum) => (sum + product)?,
                None => product.broadcast_add(&self.bias)?,
            });
        }
        match sum {
            Some(sum) => sum.relu(),
            None => bail!("a depthwise convolution without a kernel"),
        }
    }
}

impl InvertedResidual {
    fn on(&self, device: &Device, numbers: DType) -> Result<Self> {
        Ok(Self {
            expand: self.expand.on(device, numbers)?,
            depthwise: self.depthwise.on(device, numbers)?,
            project: self.project.on(device, numbers)?,
            residual: self.residual,
        })
    }

    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let middle = self.depthwise.forward(&self.expand.forward(x)?)?;
        let result = self.project.forward(&middle)?;
        if self.residual {
            x + result
        } else {
            Ok(result)
        }
    }
}

impl Upsample {
    /// `kernel` is `[2, 2, in, out]`, `bias` is `[out]`.
    pub(crate) fn new(kernel: &Tensor, bias: &Tensor) -> Result<Self> {
        let (height, width, channels_in, channels_out) = kernel.dims4()?;
        if [height, width, channels_out] != [2, 2, bias.dims1()?] {
            bail!(
                "{:?} with {:?} biases is no 2x2 upsampling",
                kernel.shape(),
                bias.shape()
            );
        }
        Ok(Self {
            matrix: kernel
                .transpose(2, 3)?
                .contiguous()?
                .reshape((4 * channels_out, channels_in))?,
            bias: bias.reshape((channels_out, 1, 1, 1, 1, 1))?,
        })
    }

    /// As [`new`](Self::new) takes them.
    pub(super) fn kernel_and_bias(&self) -> Result<(Tensor, Tensor)> {
        let channels_in = self.matrix.dim(1)?;
        let kernel = self.matrix.reshape((2, 2, (), channels_in))?;
        Ok((
            kernel.transpose(2, 3)?.contiguous()?,
            self.bias.flatten_all()?,
        ))
    }

    fn on(&self, device: &Device, numbers: DType) -> Result<Self> {
        Ok(Self {
            matrix: moved(&self.matrix, device, numbers)?,
            bias: moved(&self.bias, device, numbers)?,
        })
    }

    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (channels, n, height, width) = x.dims4()?;
        let pixels = x.reshape((channels, n * height * width))?;
        let channels_out = self.bias.dim(0)?;
        self.matrix
            .matmul(&pixels)?
            .reshape((2, 2, channels_out, n, height, width))?
            .permute((2, 3, 4, 0, 5, 1))?
            .broadcast_add(&self.bias)?
            .relu()?
            .reshape((channels_out, n, 2 * height, 2 * width))
    }
}

impl Block {
    pub(super) fn on(&self, device: &Device, numbers: DType) -> Result<Self> {
        Ok(match self {
            Self::Conv(block) => Self::Conv(block.on(device, numbers)?),
            Self::Branches(block) => Self::Branches(block.on(device, numbers)?),
            Self::Residual(block) => Self::Residual(block.on(device, numbers)?),
            Self::InvertedResidual(block) => Self::InvertedResidual(block.on(device, numbers)?),
            Self::Upsample(block) => Self::Upsample(block.on(device, numbers)?),
            Self::Mean => Self::Mean,
        })
    }

    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Conv(block) => block.forward(x),
            Self::Branches(block) => block.forward(x),
            Self::Residual(block) => block.forward(x),
            Self::InvertedResidual(block) => block.forward(x),
            Self::Upsample(block) => block.forward(x),
            Self::Mean => x.mean_keepdim((2, 3)),
        }
    }
}

/// A copy of the parameters for a device.
fn moved(parameters: &Tensor, device: &Device, numbers: DType) -> Result<Tensor> {
    parameters.to_device(device)?.to_dtype(numbers)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ops::against_candle::{TOLERANCE, difference, random};

    /// `[n, channels, height, width]`, Candle's order, from that of this module and back.
    fn swapped(x: &Tensor) -> Tensor {
        x.transpose(0, 1).unwrap().contiguous().unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_convolution_is_candles(
            n in 1usize..4,
            image in [3usize..16, 3usize..16],
            size in prop_oneof![Just([1, 1]), Just([3, 3]), Just([1, 3]), Just([3, 1])],
            channels in [1usize..30, 1usize..30],
            stride in 1usize..3,
            same: bool,
            relu: bool,
            seed: u64,
        ) {
            let x = random(&[channels[0], n, image[0], image[1]], seed);
            let kernel = random(&[size[0], size[1], channels[0], channels[1]], seed ^ 1);
            let bias = random(&[channels[1]], seed ^ 2);
            let padding = if same { Padding::Same } else { Padding::Valid };
            let found = Conv::new(&kernel, &bias, stride, padding, relu)?.forward(&x)?;

            let pad = size.map(|side| if same { (side - 1) / 2 } else { 0 });
            let padded = swapped(&x).pad_with_zeros(2, pad[0], pad[0])?;
            let padded = padded.pad_with_zeros(3, pad[1], pad[1])?;
            let weight = kernel.permute((3, 2, 0, 1))?.contiguous()?;
            let sums = padded.conv2d(&weight, 0, stride, 1, 1)?;
            let sums = sums.broadcast_add(&bias.reshape((1, (), 1, 1))?)?;
            let expected = if relu { sums.relu()? } else { sums };
            let difference = difference(&found, &swapped(&expected));
            prop_assert!(difference < TOLERANCE, "{}", difference);
        }

        #[test]
        fn a_depthwise_convolution_is_candles_in_groups(
            n in 1usize..3,
            image in [1usize..16, 1usize..16],
            channels in 1usize..20,
            stride in 1usize..3,
            seed: u64,
        ) {
            let x = random(&[channels, n, image[0], image[1]], seed);
            let kernel = random(&[3, 3, channels], seed ^ 1);
            let bias = random(&[channels], seed ^ 2);
            let found = Depthwise::new(&kernel, &bias, stride)?.forward(&x)?;

            let weight = kernel.permute((2, 0, 1))?.unsqueeze(1)?.contiguous()?;
            let sums = swapped(&x).conv2d(&weight, 1, stride, 1, channels)?;
            let expected = sums.broadcast_add(&bias.reshape((1, (), 1, 1))?)?.relu()?;
            let difference = difference(&found, &swapped(&expected));
            prop_assert!(difference < TOLERANCE, "{}", difference);
        }

        #[test]
        fn an_upsampling_is_candles_transposed_convolution(
            n in 1usize..3,
            image in [1usize..12, 1usize..12],
            channels in [1usize..30, 1usize..30],
            seed: u64,
        ) {
            let x = random(&[channels[0], n, image[0], image[1]], seed);
            let kernel = random(&[2, 2, channels[0], channels[1]], seed ^ 1);
            let bias = random(&[channels[1]], seed ^ 2);
            let found = Upsample::new(&kernel, &bias)?.forward(&x)?;

            let weight = kernel.permute((2, 3, 0, 1))?.contiguous()?;
            let sums = swapped(&x).conv_transpose2d(&weight, 0, 0, 2, 1)?;
            let expected = sums.broadcast_add(&bias.reshape((1, (), 1, 1))?)?.relu()?;
            let difference = difference(&found, &swapped(&expected));
            prop_assert!(difference < TOLERANCE, "{}", difference);
        }

        #[test]
        fn a_maximum_is_candles(
            n in 1usize..3,
            image in [3usize..20, 3usize..20],
            channels in 1usize..20,
            seed: u64,
        ) {
            let x = random(&[channels, n, image[0], image[1]], seed);
            let found = Layer::MaxPool.forward(&x)?;
            let expected = swapped(&x).max_pool2d_with_stride(3, 2)?;
            prop_assert_eq!(difference(&found, &swapped(&expected)), 0.0);
        }

        /// What the faster operations are made from is what this was made from.
        #[test]
        fn kernels_come_back_as_they_were_given(
            size in [1usize..4, 1usize..4],
            channels in [1usize..9, 1usize..9],
            seed: u64,
        ) {
            let bias = random(&[channels[1]], seed);
            let kernel = random(&[size[0], size[1], channels[0], channels[1]], seed ^ 1);
            let conv = Conv::new(&kernel, &bias, 1, Padding::Same, true)?;
            let square = random(&[2, 2, channels[0], channels[1]], seed ^ 2);
            let upsample = Upsample::new(&square, &bias)?;
            for ((found, found_bias), expected) in
                [(conv.kernel_and_bias()?, kernel), (upsample.kernel_and_bias()?, square)]
            {
                prop_assert_eq!(difference(&found, &expected), 0.0);
                prop_assert_eq!(difference(&found_bias, &bias), 0.0);
            }
        }
    }
}
