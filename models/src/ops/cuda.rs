//! The networks' layers on NVIDIA's graphics processors, by kernels of our own (`cuda/kernels.cu`): each
//! convolution is one launch, with its bias, its ReLU and what is added to it.
//!
//! An image is a contiguous f16 tensor `[n, height, width, channels]` here, as on the processor, with
//! a multiple of 8 channels. Layers write beside each other into the result of their block, and the
//! 1x1 convolutions with which several branches begin are made as one, so nothing is copied.

use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{
    CpuStorage, CudaDevice, CudaStorage, CustomOp1, DType, Device, Layout, Result, Shape, Storage,
    Tensor, bail,
    cuda_backend::{
        WrapErr,
        cudarc::driver::{
            CudaContext, CudaFunction, CudaSlice, DeviceRepr, LaunchConfig, PinnedHostSlice,
            PushKernelArg, result,
            sys::{
                CUdevice_attribute_enum::{
                    CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR,
                    CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT,
                },
                CUfunction_attribute_enum::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                CUmemPool_attribute_enum::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD,
            },
        },
    },
    op::BackpropOp,
};
use half::f16;

use super::{Padding, plain};

const PTX: &str = include_str!(concat!(env!("OUT_DIR"), "/kernels.ptx"));

/// Channels that are moved together.
const CHUNK: usize = 8;

/// The first compute capability whose instructions the kernels use: Ampere's, of 2020.
const CAPABILITY: i32 = 8;

/// Threads of a block of `standardise`, as it says itself.
const STANDARDISING: u32 = 512;

/// Threads of a block of the kernels that give each chunk to one thread.
const THREADS: u32 = 256;

/// The kernels on a device.
#[derive(Clone, Debug)]
pub(crate) struct Kernels {
    device: CudaDevice,
    multiprocessors: usize,
    /// In the order of [`TILES`].
    convolutions: Vec<CudaFunction>,
    max_pool: CudaFunction,
    mean: CudaFunction,
    depthwise: CudaFunction,
    prepare: CudaFunction,
    standardise: CudaFunction,
    /// Memory of the processor's that the device fetches bytes from, once there is some.
    staging: Arc<Mutex<Option<PinnedHostSlice<u8>>>>,
}

/// The part of a product that one block of threads makes.
#[derive(Clone, Copy, Debug)]
struct Tile {
    kernel: &'static str,
    rows: usize,
    columns: usize,
    threads: u32,
    /// Factors of a row or column in shared memory.
    slices: usize,
}

/// As `kernels.cu` makes them.
const TILES: [Tile; 6] = [
    Tile {
        kernel: "convolution_deep",
        rows: 128,
        columns: 128,
        threads: 128,
        slices: 3 * 64,
    },
    Tile {
        kernel: "convolution_128",
        rows: 128,
        columns: 128,
        threads: 256,
        slices: 3 * 64,
    },
    Tile {
        kernel: "convolution_96",
        rows: 128,
        columns: 96,
        threads: 128,
        slices: 3 * 64,
    },
    Tile {
        kernel: "convolution_64",
        rows: 128,
        columns: 64,
        threads: 128,
        slices: 3 * 64,
    },
    Tile {
        kernel: "convolution_32",
        rows: 128,
        columns: 32,
        threads: 128,
        slices: 3 * 64,
    },
    Tile {
        kernel: "convolution_shallow",
        rows: 128,
        columns: 32,
        threads: 128,
        slices: 4 * 32,
    },
];
const DEEP: usize = 0;
const WIDE: usize = 1;
const OF_96: usize = 2;
const OF_64: usize = 3;
const OF_32: usize = 4;
const SHALLOW: usize = 5;

impl Tile {
    /// Bytes of shared memory: for slices of both factors, or for the results, each row a chunk longer.
    fn shared(self) -> u32 {
        let numbers = self.slices * (self.rows + self.columns);
        2 * numbers.max(self.rows * (self.columns + CHUNK)) as u32
    }
}

/// `Convolution` of `kernels.cu`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Convolution {
    height: i32,
    width: i32,
    pitch: i32,
    channels: i32,
    kernel_height: i32,
    kernel_width: i32,
    stride: i32,
    pad_y: i32,
    pad_x: i32,
    out_height: i32,
    out_width: i32,
    out_channels: i32,
    pixels: i32,
    split: i32,
    first_pitch: i32,
    second_pitch: i32,
    added_pitch: i32,
    adds: i32,
    relu: i32,
}

// SAFETY: the numbers of the kernels' struct, in its order.
unsafe impl DeviceRepr for Convolution {}

/// How many images, their height and their width.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Size {
    n: usize,
    height: usize,
    width: usize,
}

/// Some channels of images.
#[derive(Clone, Copy)]
struct Channels<N> {
    numbers: N,
    /// The first of them.
    start: usize,
    count: usize,
    /// All channels of a pixel.
    pitch: usize,
}

/// A convolution, or several of one size that take the same image, their results side by side.
struct Conv {
    /// `[out, height * width * in]`.
    matrix: CudaSlice<f16>,
    /// `[out]`.
    bias: CudaSlice<f32>,
    kernel: [usize; 2],
    stride: usize,
    padding: Padding,
    channels_in: usize,
    channels_out: usize,
    relu: bool,
}

enum Layer {
    Conv(Conv),
    MaxPool,
}

/// As [`plain::Branches`].
struct Branches {
    /// What several branches begin with. The results of the first `whole` branches are theirs alone.
    begin: Option<(Conv, usize)>,
    /// Where in the second result of `begin` each branch goes on, if it does, and its layers.
    branches: Vec<(Option<usize>, Vec<Layer>)>,
}

enum Kind {
    Conv(Conv),
    Branches(Branches),
    Residual(Branches, Conv),
    InvertedResidual(Box<InvertedResidual>),
    Upsample(Conv),
    Mean,
}

/// As [`plain::InvertedResidual`].
struct InvertedResidual {
    expand: Conv,
    depthwise: Depthwise,
    project: Conv,
    residual: bool,
}

/// As [`plain::Depthwise`].
struct Depthwise {
    /// `[3, 3, channels]`.
    kernel: CudaSlice<f32>,
    /// `[channels]`.
    bias: CudaSlice<f32>,
    stride: usize,
    channels: usize,
}

/// A block of a network on the device.
pub(crate) struct Block {
    kernels: Kernels,
    kind: Kind,
}

impl Kernels {
    /// The kernels for a device; `None` where it is of another kind or too old for them.
    pub(crate) fn on(device: &Device) -> Result<Option<Self>> {
        let Device::Cuda(device) = device else {
            return Ok(None);
        };
        let stream = device.cuda_stream();
        let attribute = |attribute| stream.context().attribute(attribute).w();
        if attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)? < CAPABILITY {
            return Ok(None);
        }
        keep_memory(stream.context())?;
        let multiprocessors = attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)?;
        let kernel = |name: &str| -> Result<CudaFunction> {
            let function = device.get_or_load_custom_func(name, "kith", PTX)?;
            Ok(function.into_cuda_function())
        };
        Ok(Some(Self {
            device: device.clone(),
            multiprocessors: multiprocessors as usize,
            convolutions: TILES
                .iter()
                .map(|tile| {
                    let kernel = kernel(tile.kernel)?;
                    let most = CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
                    kernel.set_attribute(most, tile.shared() as i32).w()?;
                    Ok(kernel)
                })
                .collect::<Result<_>>()?,
            max_pool: kernel("max_pool")?,
            mean: kernel("mean")?,
            depthwise: kernel("depthwise")?,
            prepare: kernel("prepare")?,
            standardise: kernel("standardise")?,
            staging: Arc::default(),
        }))
    }

    /// The block, ready to run.
    pub(crate) fn block(&self, block: &plain::Block) -> Result<Block> {
        let device = &self.device;
        let kind = match block {
            plain::Block::Conv(conv) => Kind::Conv(Conv::of(&[conv], device)?),
            plain::Block::Branches(branches) => Kind::Branches(Branches::of(branches, device)?),
            plain::Block::Residual(block) => Kind::Residual(
                Branches::of(&block.branches, device)?,
                Conv::of(&[&block.up], device)?,
            ),
            plain::Block::InvertedResidual(block) => {
                Kind::InvertedResidual(Box::new(InvertedResidual {
                    expand: Conv::of(&[&block.expand], device)?,
                    depthwise: Depthwise::of(&block.depthwise, device)?,
                    project: Conv::of(&[&block.project], device)?,
                    residual: block.residual,
                }))
            }
            plain::Block::Upsample(block) => Kind::Upsample(Conv::of_upsample(block, device)?),
            plain::Block::Mean => Kind::Mean,
        };
        Ok(Block {
            kernels: self.clone(),
            kind,
        })
    }

    /// Images of bytes, `[n, height, width, 3]`, as f16 `[n, height, width, 8]` on the device, the
    /// channels after the third zeros. If `standardised`, each has its mean taken off and is divided by its
    /// deviation, as [`Scaled::ByItself`](crate::embedder::Scaled) says. `fill` writes the bytes where
    /// the device fetches them.
    pub(crate) fn images(
        &self,
        [n, height, width]: [usize; 3],
        standardised: bool,
        fill: impl FnOnce(&mut [u8]),
    ) -> Result<Tensor> {
        let size = Size { n, height, width };
        let stream = self.device.cuda_stream();
        let mut staging = self.staging.lock().unwrap_or_else(PoisonError::into_inner);
        let count = 3 * size.pixels();
        let mut pinned = match staging.take().filter(|pinned| pinned.len() >= count) {
            Some(pinned) => pinned,
            // SAFETY: bytes of any value are bytes.
            None => unsafe { stream.context().alloc_pinned(count) }.w()?,
        };
        let bytes = &mut pinned.as_mut_slice().w()?[..count];
        fill(bytes);
        let bytes = self.device.clone_htod(&*bytes)?;
        // The next images may be written over these.
        stream.synchronize().w()?;
        *staging = Some(pinned);
        drop(staging);
        let mut result = self.room(size, CHUNK)?;
        let pixels = if standardised {
            height * width
        } else {
            size.pixels()
        } as i32;
        let (kernel, config) = if standardised {
            let config = LaunchConfig {
                grid_dim: (n as u32, 1, 1),
                block_dim: (STANDARDISING, 1, 1),
                shared_mem_bytes: 0,
            };
            (&self.standardise, config)
        } else {
            (&self.prepare, each(size.pixels()))
        };
        let mut builder = stream.launch_builder(kernel);
        builder.arg(&pixels).arg(&bytes).arg(&mut result);
        // SAFETY: the arguments are those of both kernels, which count the pixels of one image or of all.
        unsafe { builder.launch(config) }.w()?;
        let storage = CudaStorage::wrap_cuda_slice(result, self.device.clone());
        Ok(Tensor::from_storage(
            Storage::Cuda(storage),
            (n, height, width, CHUNK),
            BackpropOp::none(),
            false,
        ))
    }

    /// Room for so many channels of images, to be filled.
    fn room(&self, size: Size, channels: usize) -> Result<CudaSlice<f16>> {
        // SAFETY: every number is written by the kernel that it is passed to before one reads it.
        unsafe { self.device.alloc(size.pixels() * channels) }
    }

    /// The tile for a product of so many rows, columns and factors a sum: the widest that wastes no
    /// columns, as long as there is enough for all multiprocessors.
    fn tile(&self, pixels: usize, channels: usize, depth: usize) -> usize {
        if channels <= TILES[OF_32].columns {
            return if depth <= 128 { SHALLOW } else { OF_32 };
        }
        let widest = match channels {
            _ if channels.next_multiple_of(96) - channels <= 16 => OF_96,
            _ if channels.is_multiple_of(128) && depth >= 512 => DEEP,
            _ if channels.is_multiple_of(128) => WIDE,
            _ => OF_64,
        };
        let enough = |tile: &usize| {
            let Tile { rows, columns, .. } = TILES[*tile];
            let blocks = pixels.div_ceil(rows) * channels.div_ceil(columns);
            2 * blocks >= 3 * self.multiprocessors
        };
        [widest, OF_64].into_iter().find(enough).unwrap_or(OF_32)
    }

    fn convolve(
        &self,
        conv: &Conv,
        size: Size,
        image: Channels<&CudaSlice<f16>>,
        added: Option<Channels<&CudaSlice<f16>>>,
        first: &mut Channels<&mut CudaSlice<f16>>,
        second: Option<&mut CudaSlice<f16>>,
    ) -> Result<()> {
        if image.count != conv.channels_in {
            bail!("{} channels instead of {}", image.count, conv.channels_in);
        }
        let out = conv.size(size)?;
        let pad = conv.pad();
        let launch = Convolution {
            height: size.height as i32,
            width: size.width as i32,
            pitch: image.pitch as i32,
            channels: image.count as i32,
            kernel_height: conv.kernel[0] as i32,
            kernel_width: conv.kernel[1] as i32,
            stride: conv.stride as i32,
            pad_y: pad[0] as i32,
            pad_x: pad[1] as i32,
            out_height: out.height as i32,
            out_width: out.width as i32,
            out_channels: conv.channels_out as i32,
            pixels: out.pixels() as i32,
            split: first.count as i32,
            first_pitch: first.pitch as i32,
            second_pitch: (conv.channels_out - first.count) as i32,
            added_pitch: added.map_or(0, |added| added.pitch as i32),
            adds: i32::from(added.is_some()),
            relu: i32::from(conv.relu),
        };
        let depth = conv.kernel[0] * conv.kernel[1] * conv.channels_in;
        let which = self.tile(out.pixels(), conv.channels_out, depth);
        let tile = TILES[which];
        let config = LaunchConfig {
            grid_dim: (
                out.pixels().div_ceil(tile.rows) as u32,
                conv.channels_out.div_ceil(tile.columns) as u32,
                1,
            ),
            block_dim: (tile.threads, 1, 1),
            shared_mem_bytes: tile.shared(),
        };
        let stream = self.device.cuda_stream();
        let image = image.numbers.slice(image.start..);
        let added = added.map(|added| added.numbers.slice(added.start..));
        let mut first = first.numbers.slice_mut(first.start..);
        let mut builder = stream.launch_builder(&self.convolutions[which]);
        builder.arg(&launch).arg(&image);
        builder.arg(&conv.matrix).arg(&conv.bias);
        // What is not asked for is not touched.
        builder.arg(added.as_ref().unwrap_or(&image));
        builder.arg(&mut first);
        match second {
            Some(second) => builder.arg(second),
            None => builder.arg(&image),
        };
        // SAFETY: the arguments are the kernel's, and by `launch` it stays within them.
        unsafe { builder.launch(config) }.w()?;
        Ok(())
    }

    fn pool(
        &self,
        size: Size,
        image: Channels<&CudaSlice<f16>>,
        result: &mut Channels<&mut CudaSlice<f16>>,
    ) -> Result<()> {
        let out = pooled(size)?;
        let launch = Convolution {
            height: size.height as i32,
            width: size.width as i32,
            pitch: image.pitch as i32,
            channels: image.count as i32,
            out_height: out.height as i32,
            out_width: out.width as i32,
            pixels: out.pixels() as i32,
            first_pitch: result.pitch as i32,
            ..Convolution::default()
        };
        let stream = self.device.cuda_stream();
        let from = image.numbers.slice(image.start..);
        let mut to = result.numbers.slice_mut(result.start..);
        let mut builder = stream.launch_builder(&self.max_pool);
        builder.arg(&launch).arg(&from).arg(&mut to);
        // SAFETY: as in `convolve`.
        unsafe { builder.launch(each(out.pixels() * image.count / CHUNK)) }.w()?;
        Ok(())
    }

    /// The whole result of a convolution.
    fn convolved(
        &self,
        conv: &Conv,
        size: Size,
        image: Channels<&CudaSlice<f16>>,
        added: Option<Channels<&CudaSlice<f16>>>,
    ) -> Result<(CudaSlice<f16>, Size, usize)> {
        let out = conv.size(size)?;
        let mut room = self.room(out, conv.channels_out)?;
        let mut result = Channels::all(&mut room, conv.channels_out);
        self.convolve(conv, size, image, added, &mut result, None)?;
        Ok((room, out, conv.channels_out))
    }

    fn depthwise(
        &self,
        layer: &Depthwise,
        size: Size,
        image: &CudaSlice<f16>,
    ) -> Result<(CudaSlice<f16>, Size)> {
        let out = Size {
            height: size.height.div_ceil(layer.stride),
            width: size.width.div_ceil(layer.stride),
            ..size
        };
        let launch = Convolution {
            height: size.height as i32,
            width: size.width as i32,
            channels: layer.channels as i32,
            stride: layer.stride as i32,
            out_height: out.height as i32,
            out_width: out.width as i32,
            pixels: out.pixels() as i32,
            ..Convolution::default()
        };
        let mut result = self.room(out, layer.channels)?;
        let stream = self.device.cuda_stream();
        let mut builder = stream.launch_builder(&self.depthwise);
        builder.arg(&launch).arg(image);
        builder.arg(&layer.kernel).arg(&layer.bias);
        builder.arg(&mut result);
        // SAFETY: as in `convolve`.
        unsafe { builder.launch(each(out.pixels() * layer.channels / CHUNK)) }.w()?;
        Ok((result, out))
    }

    fn mean(&self, size: Size, image: Channels<&CudaSlice<f16>>) -> Result<CudaSlice<f16>> {
        let one = Size {
            height: 1,
            width: 1,
            ..size
        };
        let mut result = self.room(one, image.count)?;
        let (n, pixels) = (size.n as i32, (size.height * size.width) as i32);
        let channels = image.count as i32;
        let stream = self.device.cuda_stream();
        let mut builder = stream.launch_builder(&self.mean);
        builder.arg(&n).arg(&pixels).arg(&channels);
        builder.arg(image.numbers).arg(&mut result);
        // SAFETY: as in `convolve`.
        unsafe { builder.launch(each(size.n * image.count / CHUNK)) }.w()?;
        Ok(result)
    }
}

/// What a batch gives back is there for the next one, and does not go back to the system in between.
fn keep_memory(context: &CudaContext) -> Result<()> {
    let mut most = u64::MAX;
    // SAFETY: the device is the context's, and the attribute is a number of 64 bits.
    unsafe {
        let pool = result::device::get_default_mem_pool(context.cu_device()).w()?;
        let attribute = CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
        result::mem_pool::set_attribute(pool, attribute, (&raw mut most).cast()).w()
    }
}

/// One thread for each of so many.
fn each(count: usize) -> LaunchConfig {
    LaunchConfig {
        grid_dim: ((count as u32).div_ceil(THREADS), 1, 1),
        block_dim: (THREADS, 1, 1),
        shared_mem_bytes: 0,
    }
}

impl Size {
    fn pixels(self) -> usize {
        self.n * self.height * self.width
    }
}

impl<N> Channels<N> {
    /// All channels of images that have so many.
    fn all(numbers: N, count: usize) -> Self {
        Self {
            numbers,
            start: 0,
            count,
            pitch: count,
        }
    }
}

impl Conv {
    /// Several that take the same image as one.
    fn of(convs: &[&plain::Conv], device: &CudaDevice) -> Result<Self> {
        let parts = convs
            .iter()
            .map(|conv| conv.kernel_and_bias())
            .collect::<Result<Vec<_>>>()?;
        let (kernels, biases): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        let [first, ..] = convs else {
            bail!("no convolution");
        };
        Ok(Self {
            stride: first.stride,
            padding: first.padding,
            relu: first.relu,
            ..Self::new(
                &Tensor::cat(&kernels, 3)?,
                &Tensor::cat(&biases, 0)?,
                device,
            )?
        })
    }

    /// The products of an upsampling, `[2, 2, out]` of each pixel.
    fn of_upsample(upsample: &plain::Upsample, device: &CudaDevice) -> Result<Self> {
        let (kernel, bias) = upsample.kernel_and_bias()?;
        let channels_in = kernel.dim(2)?;
        let kernel = kernel.permute((2, 0, 1, 3))?.contiguous()?;
        let kernel = kernel.reshape((1, 1, channels_in, ()))?;
        Self::new(&kernel, &bias.repeat(4)?, device)
    }

    /// `kernel` is `[height, width, in, out]`. Missing channels are filled up with zeros.
    fn new(kernel: &Tensor, bias: &Tensor, device: &CudaDevice) -> Result<Self> {
        let (height, width, given_in, given_out) = kernel.dims4()?;
        let channels_in = given_in.next_multiple_of(CHUNK);
        let channels_out = given_out.next_multiple_of(CHUNK);
        let matrix = kernel
            .pad_with_zeros(2, 0, channels_in - given_in)?
            .pad_with_zeros(3, 0, channels_out - given_out)?
            .permute((3, 0, 1, 2))?
            .to_dtype(DType::F16)?
            .flatten_all()?;
        let bias = bias.pad_with_zeros(0, 0, channels_out - given_out)?;
        Ok(Self {
            matrix: device.clone_htod(&matrix.to_vec1::<f16>()?)?,
            bias: device.clone_htod(&bias.to_vec1::<f32>()?)?,
            kernel: [height, width],
            stride: 1,
            padding: Padding::Same,
            channels_in,
            channels_out,
            relu: true,
        })
    }

    fn pad(&self) -> [usize; 2] {
        match self.padding {
            Padding::Valid => [0, 0],
            Padding::Same => self.kernel.map(|side| (side - 1) / 2),
        }
    }

    /// Of the result for images of a size.
    fn size(&self, image: Size) -> Result<Size> {
        let pad = self.pad();
        let side = |image: usize, kernel: usize, pad: usize| {
            let Some(steps) = (image + 2 * pad).checked_sub(kernel) else {
                bail!("a kernel of {kernel} got an image of {image}");
            };
            Ok(steps / self.stride + 1)
        };
        Ok(Size {
            height: side(image.height, self.kernel[0], pad[0])?,
            width: side(image.width, self.kernel[1], pad[1])?,
            ..image
        })
    }
}

impl Depthwise {
    fn of(layer: &plain::Depthwise, device: &CudaDevice) -> Result<Self> {
        let (kernel, bias) = layer.kernel_and_bias()?;
        let channels = bias.dim(0)?;
        if !channels.is_multiple_of(CHUNK) {
            bail!("{channels} channels are not a multiple of {CHUNK}");
        }
        Ok(Self {
            kernel: device.clone_htod(&kernel.flatten_all()?.to_vec1::<f32>()?)?,
            bias: device.clone_htod(&bias.to_vec1::<f32>()?)?,
            stride: layer.stride,
            channels,
        })
    }
}

/// Of the maxima of images of a size.
fn pooled(image: Size) -> Result<Size> {
    if image.height < 3 || image.width < 3 {
        bail!("a maximum over an image of {image:?}");
    }
    Ok(Size {
        height: (image.height - 3) / 2 + 1,
        width: (image.width - 3) / 2 + 1,
        ..image
    })
}

impl Layer {
    fn of(layer: &plain::Layer, device: &CudaDevice) -> Result<Self> {
        Ok(match layer {
            plain::Layer::Conv(conv) => Self::Conv(Conv::of(&[conv], device)?),
            plain::Layer::MaxPool => Self::MaxPool,
        })
    }

    fn size(&self, image: Size) -> Result<Size> {
        match self {
            Self::Conv(conv) => conv.size(image),
            Self::MaxPool => pooled(image),
        }
    }

    /// Channels of the result, for an image with so many.
    fn channels(&self, image: usize) -> usize {
        match self {
            Self::Conv(conv) => conv.channels_out,
            Self::MaxPool => image,
        }
    }

    fn run(
        &self,
        kernels: &Kernels,
        size: Size,
        image: Channels<&CudaSlice<f16>>,
        result: &mut Channels<&mut CudaSlice<f16>>,
    ) -> Result<()> {
        match self {
            Self::Conv(conv) => kernels.convolve(conv, size, image, None, result, None),
            Self::MaxPool => kernels.pool(size, image, result),
        }
    }
}

impl Branches {
    fn of(plain::Branches(branches): &plain::Branches, device: &CudaDevice) -> Result<Self> {
        let pointwise = |branch: &Vec<plain::Layer>| match branch.first() {
            Some(plain::Layer::Conv(conv)) if conv.size == [1, 1] && conv.stride == 1 => {
                Some(conv.clone())
            }
            _ => None,
        };
        let whole = branches
            .iter()
            .take_while(|branch| branch.len() == 1 && pointwise(branch).is_some())
            .count();
        let goes_on =
            |(number, branch): &(usize, &Vec<plain::Layer>)| *number < whole || branch.len() > 1;
        let first: Vec<_> = branches
            .iter()
            .enumerate()
            .filter(goes_on)
            .filter_map(|(_, branch)| pointwise(branch))
            .collect();
        let begins = first.len() > 1;
        let begin = if begins {
            let together = Conv::of(&first.iter().collect::<Vec<_>>(), device)?;
            let whole: usize = first[..whole].iter().map(plain::Conv::channels_out).sum();
            Some((together, whole))
        } else {
            None
        };
        let mut at = 0;
        let mut chains = Vec::new();
        for (number, branch) in branches.iter().enumerate() {
            let (start, layers) = match pointwise(branch) {
                Some(_) if begins && number < whole => continue,
                Some(conv) if begins && branch.len() > 1 => {
                    let start = at;
                    at += conv.channels_out();
                    (Some(start), &branch[1..])
                }
                _ => (None, &branch[..]),
            };
            let layers = layers.iter().map(|layer| Layer::of(layer, device));
            chains.push((start, layers.collect::<Result<_>>()?));
        }
        Ok(Self {
            begin,
            branches: chains,
        })
    }

    /// The results side by side, their size, and how many channels they have.
    fn run(
        &self,
        kernels: &Kernels,
        size: Size,
        image: Channels<&CudaSlice<f16>>,
    ) -> Result<(CudaSlice<f16>, Size, usize)> {
        // What each branch begins with.
        let starts = |start: &Option<usize>, layers: &Vec<Layer>| match (start, layers.first()) {
            (Some(_), Some(Layer::Conv(conv))) => conv.channels_in,
            _ => image.count,
        };
        let whole = self.begin.as_ref().map_or(0, |(_, whole)| *whole);
        let mut channels = whole;
        let mut out = size;
        for (start, layers) in &self.branches {
            out = layers
                .iter()
                .try_fold(size, |size, layer| layer.size(size))?;
            let count = starts(start, layers);
            channels += layers
                .iter()
                .fold(count, |count, layer| layer.channels(count));
        }
        let mut result = kernels.room(out, channels)?;
        let begun = match &self.begin {
            Some((conv, whole)) => {
                let rest = conv.channels_out - whole;
                let mut second = kernels.room(size, rest)?;
                let mut first = Channels {
                    numbers: &mut result,
                    start: 0,
                    count: *whole,
                    pitch: channels,
                };
                kernels.convolve(conv, size, image, None, &mut first, Some(&mut second))?;
                Some((second, rest))
            }
            None => None,
        };
        let mut at = whole;
        for (start, layers) in &self.branches {
            let mut size = size;
            let count = starts(start, layers);
            let from = match (start, &begun) {
                (Some(start), Some((numbers, pitch))) => Channels {
                    numbers,
                    start: *start,
                    count,
                    pitch: *pitch,
                },
                _ => image,
            };
            let Some((last, layers)) = layers.split_last() else {
                bail!("a branch without layers");
            };
            let mut held: Option<(CudaSlice<f16>, usize)> = None;
            for layer in layers {
                let image = held
                    .as_ref()
                    .map_or(from, |(numbers, count)| Channels::all(numbers, *count));
                let count = layer.channels(image.count);
                let out = layer.size(size)?;
                let mut room = kernels.room(out, count)?;
                layer.run(kernels, size, image, &mut Channels::all(&mut room, count))?;
                held = Some((room, count));
                size = out;
            }
            let image = held
                .as_ref()
                .map_or(from, |(numbers, count)| Channels::all(numbers, *count));
            let count = last.channels(image.count);
            let mut target = Channels {
                numbers: &mut result,
                start: at,
                count,
                pitch: channels,
            };
            last.run(kernels, size, image, &mut target)?;
            at += count;
        }
        Ok((result, out, channels))
    }
}

impl Block {
    /// The block's result for an image.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let result = x.apply_op1_no_bwd(self)?;
        match &self.kind {
            Kind::Upsample(_) => {
                let (n, height, width, channels) = result.dims4()?;
                result
                    .reshape((n * height, width, 2, channels / 2))?
                    .transpose(1, 2)?
                    .contiguous()?
                    .reshape((n, 2 * height, 2 * width, channels / 4))
            }
            _ => Ok(result),
        }
    }
}

impl CustomOp1 for Block {
    fn name(&self) -> &'static str {
        "a block of a network"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        bail!("this block is on a graphics processor")
    }

    fn cuda_fwd(&self, storage: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        let (n, height, width, channels) = layout.shape().dims4()?;
        if layout.contiguous_offsets() != Some((0, n * height * width * channels)) {
            bail!("an image must be contiguous, its layout is {layout:?}");
        }
        let size = Size { n, height, width };
        let image = Channels::all(storage.as_cuda_slice::<f16>()?, channels);
        let kernels = &self.kernels;
        let (result, size, channels) = match &self.kind {
            Kind::Conv(conv) | Kind::Upsample(conv) => {
                kernels.convolved(conv, size, image, None)?
            }
            Kind::Branches(branches) => branches.run(kernels, size, image)?,
            Kind::Residual(branches, up) => {
                let (numbers, out, count) = branches.run(kernels, size, image)?;
                if out != size || up.channels_out != channels {
                    bail!("{out:?} cannot be added to {size:?}");
                }
                kernels.convolved(up, size, Channels::all(&numbers, count), Some(image))?
            }
            Kind::InvertedResidual(block) => {
                let (wide, out, count) = kernels.convolved(&block.expand, size, image, None)?;
                if count != block.depthwise.channels {
                    bail!("{count} channels instead of {}", block.depthwise.channels);
                }
                let (wide, out) = kernels.depthwise(&block.depthwise, out, &wide)?;
                let added = block.residual.then_some(image);
                if block.residual && (out != size || block.project.channels_out != channels) {
                    bail!("{out:?} cannot be added to {size:?}");
                }
                kernels.convolved(&block.project, out, Channels::all(&wide, count), added)?
            }
            Kind::Mean => (
                kernels.mean(size, image)?,
                Size {
                    height: 1,
                    width: 1,
                    ..size
                },
                channels,
            ),
        };
        let shape = Shape::from((size.n, size.height, size.width, channels));
        let device = kernels.device.clone();
        Ok((CudaStorage::wrap_cuda_slice(result, device), shape))
    }
}

/// They need a device, so they are there only with the feature that does.
#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ops::against_candle::{channels_first, channels_last, difference, random};

    /// Sums of up to a thousand products of numbers below 1, rounded to f16, of which several follow
    /// on one another.
    const TOLERANCE: f32 = 4e-3;

    fn kernels() -> Kernels {
        let device = Device::new_cuda(0).unwrap();
        Kernels::on(&device).unwrap().expect("an Ampere or newer")
    }

    /// As random numbers that f16 has, smaller the more of them are added.
    fn rounded(shape: &[usize], depth: usize, seed: u64) -> Tensor {
        let numbers = (random(shape, seed) / (depth as f64).sqrt()).unwrap();
        let short = numbers.to_dtype(DType::F16).unwrap();
        short.to_dtype(DType::F32).unwrap()
    }

    fn conv(
        size: [usize; 2],
        channels: [usize; 2],
        stride: usize,
        padding: Padding,
        seed: u64,
    ) -> plain::Conv {
        let depth = size[0] * size[1] * channels[0];
        let kernel = rounded(&[size[0], size[1], channels[0], channels[1]], depth, seed);
        let bias = random(&[channels[1]], seed ^ 1);
        plain::Conv::new(&kernel, &bias, stride, padding, seed.is_multiple_of(2)).unwrap()
    }

    /// The largest difference between the block here and in Candle's operations, on `[n, height, width,
    /// channels]`.
    fn off(block: &plain::Block, x: &Tensor) -> f32 {
        let kernels = kernels();
        let device = Device::Cuda(kernels.device.clone());
        let image = x.to_dtype(DType::F16).unwrap().to_device(&device).unwrap();
        let found = kernels.block(block).unwrap().forward(&image).unwrap();
        let found = found.to_dtype(DType::F32).unwrap();
        let expected = block.forward(&channels_first(x)).unwrap();
        difference(
            &found.to_device(&Device::Cpu).unwrap(),
            &channels_last(&expected),
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn a_convolution_is_candles(
            n in 1usize..6,
            image in [3usize..40, 3usize..40],
            size in prop_oneof![Just([1, 1]), Just([3, 3]), Just([1, 7]), Just([3, 1])],
            channels in [1usize..40, 1usize..40],
            stride in 1usize..3,
            same: bool,
            seed: u64,
        ) {
            let padding = if same { Padding::Same } else { Padding::Valid };
            prop_assume!(same || image[1] >= size[1]);
            let x = rounded(&[n, image[0], image[1], 8 * channels[0]], 1, seed);
            let conv = conv(size, channels.map(|chunks| 8 * chunks), stride, padding, seed ^ 2);
            let off = off(&plain::Block::Conv(conv), &x);
            prop_assert!(off < TOLERANCE, "{}", off);
        }

        #[test]
        fn an_inverted_residual_is_candles(
            n in 1usize..4,
            image in [2usize..30, 2usize..30],
            channels in [1usize..8, 1usize..20, 1usize..8],
            stride in 1usize..3,
            seed: u64,
        ) {
            let [of, inner, out] = channels.map(|chunks| 8 * chunks);
            let x = rounded(&[n, image[0], image[1], of], 1, seed);
            let same = Padding::Same;
            let kernel = rounded(&[3, 3, inner], 9, seed ^ 3);
            let bias = random(&[inner], seed ^ 4);
            let mut block = plain::InvertedResidual {
                expand: conv([1, 1], [of, inner], 1, same, seed & !1),
                depthwise: plain::Depthwise::new(&kernel, &bias, stride)?,
                project: conv([1, 1], [inner, out], 1, same, seed | 1),
                residual: false,
            };
            let off_by = off(&plain::Block::InvertedResidual(block.clone()), &x);
            prop_assert!(off_by < TOLERANCE, "{}", off_by);
            if stride == 1 {
                block.project = conv([1, 1], [inner, of], 1, same, seed | 1);
                block.residual = true;
                let off_by = off(&plain::Block::InvertedResidual(block), &x);
                prop_assert!(off_by < TOLERANCE, "{}", off_by);
            }
        }

        #[test]
        fn an_upsampling_is_candles(
            n in 1usize..4,
            image in [1usize..12, 1usize..12],
            channels in [1usize..8, 1usize..8],
            seed: u64,
        ) {
            let [of, out] = channels.map(|chunks| 8 * chunks);
            let x = rounded(&[n, image[0], image[1], of], 1, seed);
            let kernel = rounded(&[2, 2, of, out], of, seed ^ 1);
            let block = plain::Upsample::new(&kernel, &random(&[out], seed ^ 2))?;
            let off = off(&plain::Block::Upsample(block), &x);
            prop_assert!(off < TOLERANCE, "{}", off);
        }

        /// In the forms that `FaceNet` has.
        #[test]
        fn branches_are_candles(
            n in 1usize..4,
            image in [5usize..20, 5usize..20],
            channels in prop::array::uniform6(1usize..12),
            form in 0usize..3,
            seed: u64,
        ) {
            let [of, a, b, c, d, e] = channels.map(|chunks| 8 * chunks);
            let x = rounded(&[n, image[0], image[1], of], 1, seed);
            let layer = |size, from, to, stride, padding| {
                plain::Layer::Conv(conv(size, [from, to], stride, padding, (seed ^ to as u64) & !1))
            };
            let (same, valid) = (Padding::Same, Padding::Valid);
            let branches = plain::Branches(match form {
                0 => vec![
                    vec![layer([1, 1], of, a, 1, same)],
                    vec![layer([1, 1], of, b, 1, same), layer([1, 7], b, c, 1, same)],
                    vec![
                        layer([1, 1], of, c, 1, same),
                        layer([3, 3], c, d, 1, same),
                        layer([3, 1], d, e, 1, same),
                    ],
                ],
                1 => vec![
                    vec![layer([3, 3], of, a, 2, valid)],
                    vec![layer([1, 1], of, b, 1, same), layer([3, 3], b, c, 2, valid)],
                    vec![plain::Layer::MaxPool],
                ],
                _ => vec![
                    vec![layer([1, 1], of, a, 1, same), layer([3, 3], a, b, 2, valid)],
                    vec![layer([1, 1], of, c, 1, same), layer([3, 3], c, d, 2, valid)],
                    vec![plain::Layer::MaxPool],
                ],
            });
            let off_by = off(&plain::Block::Branches(branches.clone()), &x);
            prop_assert!(off_by < TOLERANCE, "{}", off_by);
            if form == 0 {
                let up = conv([1, 1], [a + c + e, of], 1, same, seed);
                let off_by = off(&plain::Block::Residual(plain::Residual { branches, up }), &x);
                prop_assert!(off_by < TOLERANCE, "{}", off_by);
            }
        }
    }

    #[test]
    fn a_mean_is_candles() {
        for (height, width, channels) in [(3, 3, 1792), (7, 5, 8), (1, 1, 64)] {
            let x = rounded(&[5, height, width, channels], 1, 3);
            let off = off(&plain::Block::Mean, &x);
            assert!(off < TOLERANCE, "{off}");
        }
    }

    #[test]
    fn bytes_become_numbers() {
        let kernels = kernels();
        let (n, height, width) = (2, 30, 25);
        let count = height * width * 3;
        let bytes: Vec<u8> = (0..n * count).map(|i| (i * i / 7 % 256) as u8).collect();
        for standardised in [true, false] {
            let fill = |place: &mut [u8]| place.copy_from_slice(&bytes);
            let images = kernels
                .images([n, height, width], standardised, fill)
                .unwrap();
            let images = images
                .to_dtype(DType::F32)
                .unwrap()
                .reshape(((), CHUNK))
                .unwrap();
            let images = images.to_vec2::<f32>().unwrap();
            for (bytes, image) in bytes.chunks(count).zip(images.chunks(height * width)) {
                let mean = bytes.iter().map(|b| f64::from(*b)).sum::<f64>() / count as f64;
                let squares = bytes.iter().map(|b| (f64::from(*b) - mean).powi(2));
                let deviation = (squares.sum::<f64>() / count as f64).sqrt();
                let (shift, scale) = if standardised {
                    (mean, deviation)
                } else {
                    (0.0, 1.0)
                };
                for (bytes, pixel) in bytes.chunks(3).zip(image) {
                    for (k, found) in pixel.iter().enumerate() {
                        let byte = bytes.get(k).map_or(shift, |byte| f64::from(*byte));
                        let expected = ((byte - shift) / scale) as f32;
                        assert!((found - expected).abs() < 2e-3, "{k}: {found} {expected}");
                    }
                }
            }
        }
    }
}
