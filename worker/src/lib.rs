//! The networks on a graphics processor: a program of its own, `kith-worker`, and what talks to it.
//!
//! A program that was built for CUDA does not start where the driver is missing, and a driver can take
//! down whoever calls it. So Kith itself knows of no graphics processor. It starts `kith-worker` where
//! that lies beside it, speaks with it through its standard input and output ([`Client`]), and goes on
//! with the processor as soon as anything is wrong.

mod client;
mod frames;
mod serve;

pub use client::{Client, Unusable};
pub use frames::read_frames;
pub use serve::serve;
