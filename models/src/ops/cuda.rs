//! FaceNet's layers on NVIDIA's graphics processors, by kernels of our own (`cuda/kernels.cu`): each
//! convolution is one launch, with its bias, its ReLU and what is added to it.
//!
//! An image is a contiguous f16 tensor `[n, height, width, channels]` here, as on the processor, with
//! a multiple of 8 channels. Layers write beside each other into the result of their block, and the
//! 1x1 convolutions with which several branches begin are made as one, so nothing is copied.

use std::{
    slice,
    sync::{Arc, Mutex, PoisonError},
};

use candle_core::{
    CpuStorage, CudaDevice, CudaStorage, CustomOp1, DType, Device, Layout, Result, Shape, Tensor,
    bail,
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
                CUmemPool_attribute_enum::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD,
            },
        },
    },
};
use half::f16;

use super::{Padding, plain};

const PTX: &str = include_str!(concat!(env!("OUT_DIR"), "/kernels.ptx"));

/// Channels that are moved together.
const CHUNK: usize = 8;

/// The first compute capability whose instructions the kernels use: Ampere's, of 2020.
const CAPABILITY: i32 = 8;

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
    prepare: CudaFunction,
    /// Memory of the processor's that the device fetches bytes from, once there is some.
    staging: Arc<Mutex<Option<PinnedHostSlice<u8>>>>,
}

/// The part of a product that one block of threads makes, from the widest to the one for few pixels.
#[derive(Clone, Copy, Debug)]
struct Tile {
    kernel: &'static str,
    rows: usize,
    columns: usize,
    threads: u32,
}

const TILES: [Tile; 4] = [
    Tile {
        kernel: "convolution_128x128",
        rows: 128,
        columns: 128,
        threads: 256,
    },
    Tile {
        kernel: "convolution_128x64",
        rows: 128,
        columns: 64,
        threads: 128,
    },
    Tile {
        kernel: "convolution_128x32",
        rows: 128,
        columns: 32,
        threads: 128,
    },
    Tile {
        kernel: "convolution_64x64",
        rows: 64,
        columns: 64,
        threads: 128,
    },
];

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
#[derive(Clone)]
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
        let kernel = |name: &str| {
            device
                .get_or_load_custom_func(name, "kith", PTX)
                .map(|function| function.into_cuda_function())
        };
        Ok(Some(Self {
            device: device.clone(),
            multiprocessors: multiprocessors as usize,
            convolutions: TILES
                .iter()
                .map(|tile| kernel(tile.kernel))
                .collect::<Result<_>>()?,
            max_pool: kernel("max_pool")?,
            prepare: kernel("prepare")?,
            staging: Arc::default(),
        }))
    }

    /// The block, ready to run.
    pub(crate) fn block(&self, block: &plain::Block) -> Result<Block> {
        let device = &self.device;
        let kind = match block {
            plain::Block::Conv(conv) => Kind::Conv(Conv::of(slice::from_ref(&conv), device)?),
            plain::Block::Branches(branches) => Kind::Branches(Branches::of(branches, device)?),
            plain::Block::Residual(block) => Kind::Residual(
                Branches::of(&block.branches, device)?,
                Conv::of(&[&block.up], device)?,
            ),
            plain::Block::InvertedResidual(_) | plain::Block::Upsample(_) | plain::Block::Mean => {
                bail!("there is no kernel for this block")
            }
        };
        Ok(Block {
            kernels: self.clone(),
            kind,
        })
    }

    /// Images of bytes, `[n, side, side, 3]`, as f16 `[n, side, side, 8]` on the device: each byte has the
    /// first number for its image taken off and is multiplied by the second; the channels after the
    /// third are zeros. `fill` writes the bytes where the device fetches them, and says the numbers.
    pub(crate) fn images(
        &self,
        n: usize,
        side: usize,
        fill: impl FnOnce(&mut [u8]) -> Vec<[f32; 2]>,
    ) -> Result<Tensor> {
        let mut staging = self.staging.lock().unwrap_or_else(PoisonError::into_inner);
        let count = n * side * side * 3;
        let mut pinned = match staging.take().filter(|pinned| pinned.len() >= count) {
            Some(pinned) => pinned,
            // SAFETY: bytes of any value are bytes.
            None => unsafe { self.device.cuda_stream().context().alloc_pinned(count) }.w()?,
        };
        let bytes = &mut pinned.as_mut_slice().w()?[..count];
        let scales = fill(bytes);
        let stream = self.device.cuda_stream();
        let bytes = self.device.clone_htod(&*bytes)?;
        // The next batch may be written over this one.
        stream.synchronize().w()?;
        *staging = Some(pinned);
        drop(staging);
        let device = Device::Cuda(self.device.clone());
        let scales = Tensor::from_slice(scales.as_flattened(), (n, 2), &device)?;
        scales.apply_op1_no_bwd(&Prepare {
            kernels: self,
            bytes,
            size: Size {
                n,
                height: side,
                width: side,
            },
        })
    }

    /// Room for so many channels of images, to be filled.
    fn room(&self, size: Size, channels: usize) -> Result<CudaSlice<f16>> {
        // SAFETY: every number is written by the kernel that it is passed to before one reads it.
        unsafe { self.device.alloc(size.pixels() * channels) }
    }

    fn tile(&self, pixels: usize, channels: usize) -> usize {
        let blocks = |tile: Tile| pixels.div_ceil(tile.rows) * channels.div_ceil(tile.columns);
        match channels {
            ..=32 => 2,
            _ if channels.is_multiple_of(128) && blocks(TILES[0]) >= 2 * self.multiprocessors => 0,
            _ if blocks(TILES[1]) >= self.multiprocessors => 1,
            _ => 3,
        }
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
        let which = self.tile(out.pixels(), conv.channels_out);
        let tile = TILES[which];
        let config = LaunchConfig {
            grid_dim: (
                out.pixels().div_ceil(tile.rows) as u32,
                conv.channels_out.div_ceil(tile.columns) as u32,
                1,
            ),
            block_dim: (tile.threads, 1, 1),
            shared_mem_bytes: 0,
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
    fn of(convs: &[&plain::Conv], device: &CudaDevice) -> Result<Self> {
        let parts = convs
            .iter()
            .map(|conv| conv.kernel_and_bias())
            .collect::<Result<Vec<_>>>()?;
        let (kernels, biases): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        let kernel = Tensor::cat(&kernels, 3)?;
        let bias = Tensor::cat(&biases, 0)?;
        let (height, width, given, channels_out) = kernel.dims4()?;
        let channels_in = given.next_multiple_of(CHUNK);
        if !channels_out.is_multiple_of(CHUNK) {
            bail!("{channels_out} channels are not a multiple of {CHUNK}");
        }
        let matrix = kernel
            .pad_with_zeros(2, 0, channels_in - given)?
            .permute((3, 0, 1, 2))?
            .to_dtype(DType::F16)?
            .flatten_all()?;
        let [first, ..] = convs else {
            bail!("no convolution");
        };
        Ok(Self {
            matrix: device.clone_htod(&matrix.to_vec1::<f16>()?)?,
            bias: device.clone_htod(&bias.to_vec1::<f32>()?)?,
            kernel: [height, width],
            stride: first.stride,
            padding: first.padding,
            channels_in,
            channels_out,
            relu: first.relu,
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
        let goes_on = |(number, branch): &(usize, &Vec<plain::Layer>)| {
            *number < whole || branch.len() > 1
        };
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
            out = layers.iter().try_fold(size, |size, layer| layer.size(size))?;
            let count = starts(start, layers);
            channels += layers.iter().fold(count, |count, layer| layer.channels(count));
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

impl CustomOp1 for Block {
    fn name(&self) -> &'static str {
        "a block of FaceNet"
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
            Kind::Conv(conv) => {
                let out = conv.size(size)?;
                let mut room = kernels.room(out, conv.channels_out)?;
                let mut result = Channels::all(&mut room, conv.channels_out);
                kernels.convolve(conv, size, image, None, &mut result, None)?;
                (room, out, conv.channels_out)
            }
            Kind::Branches(branches) => branches.run(kernels, size, image)?,
            Kind::Residual(branches, up) => {
                let (numbers, out, count) = branches.run(kernels, size, image)?;
                if out != size || up.channels_out != channels {
                    bail!("{out:?} cannot be added to {size:?}");
                }
                let mut room = kernels.room(size, channels)?;
                let mut result = Channels::all(&mut room, channels);
                let sides = Channels::all(&numbers, count);
                kernels.convolve(up, size, sides, Some(image), &mut result, None)?;
                (room, size, channels)
            }
        };
        let shape = Shape::from((size.n, size.height, size.width, channels));
        let device = kernels.device.clone();
        Ok((CudaStorage::wrap_cuda_slice(result, device), shape))
    }
}

/// See [`Kernels::images`]; its input is the scales, `[n, 2]`.
struct Prepare<'a> {
    kernels: &'a Kernels,
    bytes: CudaSlice<u8>,
    size: Size,
}

impl CustomOp1 for Prepare<'_> {
    fn name(&self) -> &'static str {
        "bytes to numbers"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        bail!("these bytes are on the graphics processor")
    }

    fn cuda_fwd(&self, storage: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        let Size { n, height, width } = self.size;
        if layout.contiguous_offsets() != Some((0, 2 * n)) {
            bail!("{layout:?} is not for {n} images");
        }
        let device = &self.kernels.device;
        let mut result = self.kernels.room(self.size, CHUNK)?;
        let (images, pixels) = (n as i32, (height * width) as i32);
        let stream = device.cuda_stream();
        let mut builder = stream.launch_builder(&self.kernels.prepare);
        builder.arg(&images).arg(&pixels).arg(&self.bytes);
        builder.arg(storage.as_cuda_slice::<f32>()?);
        builder.arg(&mut result);
        // SAFETY: the arguments are the kernel's, and it writes no pixel beyond those counted.
        unsafe { builder.launch(each(self.size.pixels())) }.w()?;
        let shape = Shape::from((n, height, width, CHUNK));
        Ok((CudaStorage::wrap_cuda_slice(result, device.clone()), shape))
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
        let found = image.apply_op1_no_bwd(&kernels.block(block).unwrap()).unwrap();
        let found = found.to_dtype(DType::F32).unwrap();
        let expected = block.forward(&channels_first(x)).unwrap();
        difference(&found.to_device(&Device::Cpu).unwrap(), &channels_last(&expected))
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
    fn bytes_become_numbers() {
        let kernels = kernels();
        let bytes: Vec<u8> = (0..2 * 5 * 5 * 3).map(|i| (i * 37 % 256) as u8).collect();
        let scales = [[100.0, 0.02], [3.0, 0.01]];
        let fill = |place: &mut [u8]| {
            place.copy_from_slice(&bytes);
            scales.to_vec()
        };
        let images = kernels.images(2, 5, fill).unwrap();
        let images = images.to_dtype(DType::F32).unwrap().reshape((50, 8)).unwrap();
        let images = images.to_vec2::<f32>().unwrap();
        for (i, pixel) in images.iter().enumerate() {
            let [shift, factor] = scales[i / 25];
            for (k, found) in pixel.iter().enumerate() {
                let byte = bytes.get(3 * i + k).filter(|_| k < 3);
                let expected = byte.map_or(0.0, |byte| (f32::from(*byte) - shift) * factor);
                assert!((found - expected).abs() < 2e-3, "{i} {k}: {found} {expected}");
            }
        }
    }
}
