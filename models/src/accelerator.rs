//! A graphics processor, or whatever else runs the networks in Candle's own operations.

use std::fmt;

use candle_core::{DType, Device};

use crate::{Error, ops::Place};

/// A device that runs the networks as they are written, in place of the operations for the processor.
#[derive(Clone, Debug)]
pub struct Accelerator {
    device: Device,
    /// What FaceNet is computed in by Candle's operations; the detector is in f32 then.
    numbers: DType,
    /// For both networks, where the device has tensor cores that they can use.
    #[cfg(feature = "cuda")]
    kernels: Option<crate::ops::cuda::Kernels>,
}

impl Accelerator {
    /// Faces that go through FaceNet together at most. Two views each are 256 images, whose patches
    /// take up to a gigabyte.
    pub const FACES: usize = 128;

    /// The first device of the kind that this program was built for, with f16 numbers.
    ///
    /// # Errors
    /// [`Error::NoAccelerator`] when it was built for none, or there is none that can be used.
    pub fn find() -> Result<Self, Error> {
        let device = if candle_core::utils::cuda_is_available() {
            Device::new_cuda(0)
        } else if candle_core::utils::metal_is_available() {
            Device::new_metal(0)
        } else {
            return Err(Error::NoAccelerator {
                reason: "this part of Kith was built for the processor only".to_owned(),
            });
        };
        let device = device.map_err(|error| Error::NoAccelerator {
            reason: error.to_string(),
        })?;
        Ok(Self {
            #[cfg(feature = "cuda")]
            kernels: crate::ops::cuda::Kernels::on(&device).map_err(|error| {
                Error::NoAccelerator {
                    reason: error.to_string(),
                }
            })?,
            device,
            numbers: DType::F16,
        })
    }

    /// The processor in place of a graphics processor, in f32: far slower than the operations that are
    /// meant for it, and for finding out whether an error is of the device or of the program.
    #[must_use]
    pub fn stand_in() -> Self {
        Self {
            device: Device::Cpu,
            numbers: DType::F32,
            #[cfg(feature = "cuda")]
            kernels: None,
        }
    }

    /// Where training keeps its tensors.
    pub(crate) fn device(&self) -> Device {
        self.device.clone()
    }

    pub(crate) fn embedding(&self) -> Place {
        self.place(self.numbers)
    }

    pub(crate) fn detecting(&self) -> Place {
        self.place(DType::F32)
    }

    fn place(&self, numbers: DType) -> Place {
        #[cfg(feature = "cuda")]
        if let Some(kernels) = &self.kernels {
            return Place::TensorCores(kernels.clone());
        }
        Place::Device(self.device.clone(), numbers)
    }
}

/// What it is, in words that go on after "the networks run on the".
impl fmt::Display for Accelerator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.device {
            Device::Cpu => "processor in place of a graphics processor",
            Device::Cuda(_) => "graphics processor (CUDA, f16)",
            Device::Metal(_) => "graphics processor (Metal, f16)",
        })
    }
}
