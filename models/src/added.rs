//! Networks that the user adds: FaceNet with other weights, from the files in which such weights go
//! around.
//!
//! Read are safetensors and `PyTorch` files, those of before 1.6 as well, with the parameters of
//! facenet-pytorch's `InceptionResnetV1` by their names there, or with Kith's own. They are renamed to
//! Kith's own, so that there is one definition of the network.

use std::{
    fs::{self, File},
    io::Read,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use candle_core::{DType, Device, Tensor, safetensors};
use candle_nn::VarBuilder;
use sha2::{Digest, Sha256};

use crate::{
    Crop, Error, Precision,
    embedder::{BATCH, Scaled, embedded},
    facenet::{FEATURES, Facenet},
    ops::Place,
    pickle::{self, Tensors},
};

/// The largest file that is opened, in bytes: such a network has 90 to 110 MB, twice as much in f64.
const LARGEST: u64 = 320 << 20;
/// The longest header of safetensors, in bytes: that of such a network has 0.1 MB.
const LONGEST_HEADER: u64 = 4 << 20;
/// The most numbers that an embedding may have.
const MOST_NUMBERS: usize = 2048;
/// What errors call it.
const NETWORK: &str = "that was added";

/// A network that was added, ready to run.
pub struct AddedEmbedder {
    network: Facenet,
    numbers: usize,
    scaled: Scaled,
    sha256: String,
}

impl AddedEmbedder {
    /// The network in the file.
    ///
    /// # Errors
    /// [`Error::NoNetwork`] with what is wrong with the file.
    pub fn read(path: &Path) -> Result<Self, Error> {
        bytes_of(path)
            .and_then(|bytes| {
                // A fault in a reader of files must not end the program.
                catch_unwind(AssertUnwindSafe(|| Self::parse(&bytes)))
                    .unwrap_or_else(|_| Err("it is damaged".into()))
            })
            .map_err(|reason| Error::NoNetwork {
                reason,
                path: path.to_owned(),
            })
    }

    /// The network in the bytes of a file.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let of_candle = |error: candle_core::Error| reason_of(&error);
        let sha256 = format!("{:x}", Sha256::digest(bytes));
        let (tensors, scaled) = named(tensors_of(bytes)?).map_err(of_candle)?;
        let numbers = match tensors.get(LAST).map(Tensor::dims) {
            Some([FEATURES, numbers]) if (2..=MOST_NUMBERS).contains(numbers) => *numbers,
            _ => return Err("its last layer is of another network".into()),
        };
        for (name, tensor) in &tensors {
            if !is_finite(tensor).map_err(of_candle)? {
                return Err(format!("{name} has values that are no numbers"));
            }
        }
        let parameters = VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu);
        let place = Place::Processor(Precision::wanted());
        let network = Facenet::new(&parameters, Some(numbers), place).map_err(of_candle)?;
        Ok(Self {
            network,
            numbers,
            scaled,
            sha256,
        })
    }

    /// How many numbers its embeddings have.
    #[must_use]
    pub fn numbers(&self) -> usize {
        self.numbers
    }

    /// SHA-256 of the file, in hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// One embedding a face, the mean of its two views', of unit length; see
    /// [`views`](crate::views).
    ///
    /// # Errors
    /// When Candle fails, as by lack of memory.
    pub fn embed(&self, faces: &[[Crop; 2]]) -> Result<Vec<Vec<f32>>, Error> {
        let batch = BATCH.into();
        let numbers = embedded(&self.network, self.scaled, &batch, faces).map_err(failed)?;
        let rows = numbers.chunks_exact(self.numbers);
        Ok(rows.map(<[f32]>::to_vec).collect())
    }
}

fn bytes_of(path: &Path) -> Result<Vec<u8>, String> {
    let of_system = |error: std::io::Error| error.to_string();
    // Asked before it is opened: opening a pipe waits for a writer.
    if !fs::metadata(path).map_err(of_system)?.is_file() {
        return Err("it is not an ordinary file".into());
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(of_system)?;
    file.take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(of_system)?;
    if bytes.len() as u64 > LARGEST {
        return Err("it is larger than any such network".into());
    }
    Ok(bytes)
}

fn is_finite(tensor: &Tensor) -> candle_core::Result<bool> {
    let sum = tensor.to_dtype(DType::F32)?.abs()?.sum_all()?;
    Ok(sum.to_scalar::<f32>()?.is_finite())
}

fn failed(source: candle_core::Error) -> Error {
    Error::Network {
        network: NETWORK,
        source,
    }
}

/// The first line of what Candle says: the rest is where in its code it happened.
fn reason_of(error: &candle_core::Error) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or_default().to_owned()
}

/// All tensors of a file, or what is wrong with it.
fn tensors_of(bytes: &[u8]) -> Result<Tensors, String> {
    let tensors = if let Some(tensors) = pickle::tensors(bytes) {
        tensors
    } else if bytes.get(8) == Some(&b'{') {
        let length = bytes
            .first_chunk()
            .map_or(0, |length| u64::from_le_bytes(*length));
        if length > LONGEST_HEADER {
            return Err("it is damaged: its header is too long".into());
        }
        safetensors::load_buffer(bytes, &Device::Cpu).map_err(|error| reason_of(&error))
    } else {
        return Err("it is neither safetensors nor a file that PyTorch wrote".into());
    };
    match tensors {
        Ok(tensors) if tensors.is_empty() => Err("there are no parameters in it".into()),
        Ok(tensors) => Ok(tensors),
        Err(reason) => Err(format!("it is damaged: {reason}")),
    }
}

/// The last product, by its name here.
const LAST: &str = "Bottleneck.kernel";

/// The parameters by the names of Kith's own files, and what the network wants done to pixels.
fn named(tensors: Tensors) -> candle_core::Result<(Tensors, Scaled)> {
    if tensors.contains_key(LAST) {
        return Ok((tensors, Scaled::ByItself));
    }
    if !tensors.contains_key("last_linear.weight") {
        candle_core::bail!("it is another network than Inception-ResNet-v1");
    }
    let mut renamed = Tensors::new();
    for (name, tensor) in tensors {
        let Some((layer, part)) = name.rsplit_once('.') else {
            continue;
        };
        let tensor = match tensor.rank() {
            // From [out, in, height, width], and [out, in].
            4 => tensor.permute((2, 3, 1, 0))?.contiguous()?,
            2 => tensor.t()?.contiguous()?,
            _ => tensor,
        };
        if let Some(name) = name_of(layer, part) {
            renamed.insert(name, tensor.to_dtype(DType::F32)?);
        }
    }
    Ok((renamed, Scaled::Fixed))
}

/// The name here of a parameter of facenet-pytorch; none for those that no embedding is made of.
fn name_of(layer: &str, part: &str) -> Option<String> {
    let part = |is_norm: bool| {
        Some(match (is_norm, part) {
            (false, "weight") => "kernel",
            (false, "bias") => "bias",
            (true, "weight") => "gamma",
            (true, "bias") => "beta",
            (true, "running_mean") => "mean",
            (true, "running_var") => "variance",
            _ => return None,
        })
    };
    match layer {
        "last_linear" => return Some(format!("Bottleneck.{}", part(false)?)),
        "last_bn" => return Some(format!("Bottleneck_BatchNorm.{}", part(true)?)),
        _ => {}
    }
    // `repeat_1.0.branch1.2.conv`: block 1 of the first kind, third layer of its second branch.
    let mut words = layer.split('.');
    let first = words.next()?;
    let block = match first {
        "repeat_1" | "repeat_2" | "repeat_3" => {
            let kind = match first {
                "repeat_1" => "Block35",
                "repeat_2" => "Block17",
                _ => "Block8",
            };
            format!("{kind}_{}", words.next()?.parse::<u32>().ok()? + 1)
        }
        "block8" => "Block8_6".to_owned(),
        "mixed_6a" => "Mixed_6a".to_owned(),
        "mixed_7a" => "Mixed_7a".to_owned(),
        _ => {
            let stem = first.strip_prefix("conv2d_")?;
            let side = if stem == "3b" { 1 } else { 3 };
            let name = format!("Conv2d_{stem}_{side}x{side}");
            return of_convolution(&name, words.next()?, part);
        }
    };
    let rest: Vec<&str> = words.collect();
    match rest[..] {
        ["conv2d"] => Some(format!("{block}_Conv2d_1x1.{}", part(false)?)),
        [branch, ref place @ .., kind] => {
            let branch: usize = branch.strip_prefix("branch")?.parse().ok()?;
            let layer = match place {
                [] => None,
                [place] => Some(place.parse::<usize>().ok()?),
                _ => return None,
            };
            let name = layer_name(&block, branch, layer)?;
            of_convolution(&format!("{block}_Branch_{branch}_{name}"), kind, part)
        }
        _ => None,
    }
}

/// A parameter of a convolution without bias, or of the BatchNorm behind it.
fn of_convolution(
    name: &str,
    kind: &str,
    part: impl Fn(bool) -> Option<&'static str>,
) -> Option<String> {
    match kind {
        "conv" => Some(format!("{name}.{}", part(false)?)),
        "bn" => Some(format!("{name}_BatchNorm.{}", part(true)?)),
        _ => None,
    }
}

/// What the layer of a branch is called here.
fn layer_name(block: &str, branch: usize, layer: Option<usize>) -> Option<&'static str> {
    let kind = block.rsplit_once('_').map_or(block, |(kind, _)| kind);
    let names: &[&[&str]] = match kind {
        "Block35" => &[
            &["Conv2d_1x1"],
            &["Conv2d_0a_1x1", "Conv2d_0b_3x3"],
            &["Conv2d_0a_1x1", "Conv2d_0b_3x3", "Conv2d_0c_3x3"],
        ],
        "Block17" => &[
            &["Conv2d_1x1"],
            &["Conv2d_0a_1x1", "Conv2d_0b_1x7", "Conv2d_0c_7x1"],
        ],
        "Block8" => &[
            &["Conv2d_1x1"],
            &["Conv2d_0a_1x1", "Conv2d_0b_1x3", "Conv2d_0c_3x1"],
        ],
        "Mixed" if block == "Mixed_6a" => &[
            &["Conv2d_1a_3x3"],
            &["Conv2d_0a_1x1", "Conv2d_0b_3x3", "Conv2d_1a_3x3"],
        ],
        _ => &[
            &["Conv2d_0a_1x1", "Conv2d_1a_3x3"],
            &["Conv2d_0a_1x1", "Conv2d_1a_3x3"],
            &["Conv2d_0a_1x1", "Conv2d_0b_3x3", "Conv2d_1a_3x3"],
        ],
    };
    let layers = names.get(branch)?;
    match layer {
        Some(layer) => layers.get(layer).copied(),
        None if layers.len() == 1 => Some(layers[0]),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use candle_core::D;

    use super::*;
    use crate::CROP_SIDE;

    /// Products are summed in another order, and their factors are rounded.
    const ROUNDING: f32 = 2e-3;

    /// Random parameters by facenet-pytorch's names, made as [`Plain`] asks for them; and the network
    /// itself in Candle's plain operations, written from facenet-pytorch's source.
    struct Plain {
        tensors: Tensors,
        random: fastrand::Rng,
    }

    type Result<T> = candle_core::Result<T>;

    impl Plain {
        fn parameter(&mut self, name: String, shape: &[usize], around: f32, by: f32) -> Tensor {
            let random = &mut self.random;
            let tensor = self.tensors.entry(name).or_insert_with(|| {
                let count: usize = shape.iter().product();
                let values: Vec<f32> = (0..count)
                    .map(|_| around + by * (2.0 * random.f32() - 1.0))
                    .collect();
                Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
            });
            tensor.clone()
        }

        /// `BatchNorm` of the second dimension with its epsilon of 1e-3.
        fn norm(&mut self, x: &Tensor, name: &str) -> Result<Tensor> {
            let channels = x.dim(1)?;
            let mut shape = vec![1; x.rank()];
            shape[1] = channels;
            let mut part = |part: &str, around, by| {
                self.parameter(format!("{name}.{part}"), &[channels], around, by)
                    .reshape(&*shape)
            };
            let (gamma, beta) = (part("weight", 1.0, 0.5)?, part("bias", 0.0, 0.5)?);
            let (mean, variance) = (
                part("running_mean", 0.0, 0.3)?,
                part("running_var", 0.6, 0.5)?,
            );
            let deviation = (variance + 1e-3)?.sqrt()?;
            x.broadcast_sub(&mean)?
                .broadcast_div(&deviation)?
                .broadcast_mul(&gamma)?
                .broadcast_add(&beta)
        }

        fn product(&mut self, x: &Tensor, name: &str, out: usize, k: [usize; 2]) -> Tensor {
            let shape = [out, x.dim(1).unwrap(), k[0], k[1]];
            let by = (3.0 / (shape[1] * k[0] * k[1]) as f32).sqrt();
            self.parameter(format!("{name}.weight"), &shape, 0.0, by)
        }

        /// `BasicConv2d`: convolution, norm, ReLU.
        fn basic(
            &mut self,
            x: &Tensor,
            name: &str,
            out: usize,
            k: [usize; 2],
            (stride, padded): (usize, bool),
        ) -> Result<Tensor> {
            let kernel = self.product(x, &format!("{name}.conv"), out, k);
            let x = if padded {
                let [high, wide] = k.map(|side| side / 2);
                x.pad_with_zeros(2, high, high)?
                    .pad_with_zeros(3, wide, wide)?
            } else {
                x.clone()
            };
            let x = x.conv2d(&kernel, 0, stride, 1, 1)?;
            self.norm(&x, &format!("{name}.bn"))?.relu()
        }

        fn up(&mut self, x: &Tensor, name: &str, out: usize) -> Result<Tensor> {
            let kernel = self.product(x, name, out, [1, 1]);
            let bias = self.parameter(format!("{name}.bias"), &[out], 0.0, 0.1);
            x.conv2d(&kernel, 0, 1, 1, 1)?
                .broadcast_add(&bias.reshape((1, out, 1, 1))?)
        }

        /// Branches of convolutions that keep the size, added to what went in.
        fn block(
            &mut self,
            x: &Tensor,
            name: &str,
            branches: &[&[[usize; 2]]],
            width: usize,
            (scale, relu): (f64, bool),
        ) -> Result<Tensor> {
            let mut results = Vec::new();
            for (b, layers) in branches.iter().enumerate() {
                let mut y = x.clone();
                for (l, k) in layers.iter().enumerate() {
                    let place = if layers.len() == 1 {
                        format!("{name}.branch{b}")
                    } else {
                        format!("{name}.branch{b}.{l}")
                    };
                    y = self.basic(&y, &place, width, *k, (1, true))?;
                }
                results.push(y);
            }
            let y = Tensor::cat(&results, 1)?;
            let y = self.up(&y, &format!("{name}.conv2d"), x.dim(1)?)?;
            let x = (x + (y * scale)?)?;
            if relu { x.relu() } else { Ok(x) }
        }

        /// `[n, 3, 160, 160]` to `[n, numbers]`, of unit length.
        fn forward(&mut self, x: &Tensor, numbers: usize) -> Result<Tensor> {
            let one = [1, 1];
            let x = self.basic(x, "conv2d_1a", 32, [3, 3], (2, false))?;
            let x = self.basic(&x, "conv2d_2a", 32, [3, 3], (1, false))?;
            let x = self.basic(&x, "conv2d_2b", 64, [3, 3], (1, true))?;
            let x = x.max_pool2d_with_stride(3, 2)?;
            let x = self.basic(&x, "conv2d_3b", 80, one, (1, false))?;
            let x = self.basic(&x, "conv2d_4a", 192, [3, 3], (1, false))?;
            let mut x = self.basic(&x, "conv2d_4b", 256, [3, 3], (2, false))?;
            let three = [3, 3];
            let branches: &[&[_]] = &[&[one], &[one, three], &[one, three, three]];
            for i in 0..5 {
                x = self.block(&x, &format!("repeat_1.{i}"), branches, 32, (0.17, true))?;
            }
            let a = self.basic(&x, "mixed_6a.branch0", 384, three, (2, false))?;
            let b = self.basic(&x, "mixed_6a.branch1.0", 192, one, (1, false))?;
            let b = self.basic(&b, "mixed_6a.branch1.1", 192, three, (1, true))?;
            let b = self.basic(&b, "mixed_6a.branch1.2", 256, three, (2, false))?;
            let mut x = Tensor::cat(&[a, b, x.max_pool2d_with_stride(3, 2)?], 1)?;
            let branches: &[&[_]] = &[&[one], &[one, [1, 7], [7, 1]]];
            for i in 0..10 {
                x = self.block(&x, &format!("repeat_2.{i}"), branches, 128, (0.1, true))?;
            }
            let a = self.basic(&x, "mixed_7a.branch0.0", 256, one, (1, false))?;
            let a = self.basic(&a, "mixed_7a.branch0.1", 384, three, (2, false))?;
            let b = self.basic(&x, "mixed_7a.branch1.0", 256, one, (1, false))?;
            let b = self.basic(&b, "mixed_7a.branch1.1", 256, three, (2, false))?;
            let c = self.basic(&x, "mixed_7a.branch2.0", 256, one, (1, false))?;
            let c = self.basic(&c, "mixed_7a.branch2.1", 256, three, (1, true))?;
            let c = self.basic(&c, "mixed_7a.branch2.2", 256, three, (2, false))?;
            let mut x = Tensor::cat(&[a, b, c, x.max_pool2d_with_stride(3, 2)?], 1)?;
            let branches: &[&[_]] = &[&[one], &[one, [1, 3], [3, 1]]];
            for i in 0..5 {
                x = self.block(&x, &format!("repeat_3.{i}"), branches, 192, (0.2, true))?;
            }
            let x = self.block(&x, "block8", branches, 192, (1.0, false))?;
            let x = x.mean((2, 3))?;
            let by = (3.0 / FEATURES as f32).sqrt();
            let name = "last_linear.weight".to_owned();
            let last = self.parameter(name, &[numbers, FEATURES], 0.0, by);
            let x = self.norm(&x.matmul(&last.t()?)?, "last_bn")?;
            x.broadcast_div(&x.sqr()?.sum_keepdim(D::Minus1)?.sqrt()?)
        }
    }

    fn crops() -> [Crop; 2] {
        let mut random = fastrand::Rng::with_seed(7);
        [(); 2].map(|()| {
            let pixels = (0..3 * CROP_SIDE * CROP_SIDE).map(|_| random.u8(..));
            Crop::from_rgb(pixels.collect()).unwrap()
        })
    }

    /// What plain operations make of the crops, and the parameters.
    fn plain(numbers: usize) -> (Vec<f32>, Tensors) {
        let mut plain = Plain {
            tensors: Tensors::new(),
            random: fastrand::Rng::with_seed(1),
        };
        let views = crops().map(|crop| {
            let pixels: Vec<f32> = crop
                .pixels()
                .iter()
                .map(|p| (f32::from(*p) - 127.5) / 128.0)
                .collect();
            Tensor::from_vec(pixels, (CROP_SIDE, CROP_SIDE, 3), &Device::Cpu)
                .and_then(|x| x.permute((2, 0, 1))?.contiguous())
                .unwrap()
        });
        let input = Tensor::stack(&views, 0).unwrap();
        let rows = plain.forward(&input, numbers).unwrap();
        let rows = rows.to_vec2::<f32>().unwrap();
        let mut mean: Vec<f32> = rows[0].iter().zip(&rows[1]).map(|(a, b)| a + b).collect();
        crate::embedding::make_unit(&mut mean);
        (mean, plain.tensors)
    }

    fn reason(path: &Path) -> String {
        match AddedEmbedder::read(path) {
            Ok(_) => panic!("{} was read", path.display()),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn it_agrees_with_plain_operations_and_refuses_what_is_wrong() {
        let (expected, mut tensors) = plain(512);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("network.safetensors");
        safetensors::save(&tensors, &path).unwrap();
        let network = AddedEmbedder::read(&path).unwrap();
        assert_eq!(network.numbers(), 512);
        let found = network.embed(&[crops()]).unwrap();
        let largest = found[0]
            .iter()
            .zip(&expected)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max);
        println!("added network: {largest:.2e} of plain operations");
        assert!(largest < ROUNDING, "{largest}");

        // Cut short.
        let bytes = fs::read(&path).unwrap();
        let cut = dir.path().join("cut");
        for keep in [0, 4, 100, bytes.len() / 2, bytes.len() - 1] {
            fs::write(&cut, &bytes[..keep]).unwrap();
            let reason = reason(&cut);
            assert!(reason.contains("it is "), "{keep} bytes: {reason}");
        }
        // A layer with another shape, one with a value that is no number, one that is missing.
        let name = "repeat_2.3.branch1.1.conv.weight";
        let right = tensors[name].clone();
        let said = |tensors: &Tensors| {
            safetensors::save(tensors, &path).unwrap();
            reason(&path)
        };
        let turned = right.permute((0, 1, 3, 2)).unwrap().contiguous().unwrap();
        tensors.insert(name.to_owned(), turned);
        assert!(said(&tensors).contains("shape"), "{}", said(&tensors));
        tensors.insert(name.to_owned(), (right / 0.0).unwrap());
        assert!(said(&tensors).contains("no numbers"), "{}", said(&tensors));
        tensors.remove(name);
        let missing = said(&tensors);
        assert!(
            missing.contains("Block17_4_Branch_1_Conv2d_0b_1x7"),
            "{missing}"
        );
        tensors.remove("last_linear.weight");
        assert!(said(&tensors).contains("another network"));
    }

    /// Run with a folder in `KITH_ADDED`: facenet-pytorch's parameters in both kinds of `PyTorch`
    /// file (`new.pt`, `old.pt`), two pictures (`pixels.bin`, RGB), and the mean of their
    /// embeddings there, of unit length (`embedding.bin`, f32).
    #[test]
    #[ignore = "needs files that facenet-pytorch wrote"]
    fn it_agrees_with_facenet_pytorch() {
        let dir = std::env::var("KITH_ADDED").expect("a folder with files of facenet-pytorch");
        let dir = Path::new(&dir);
        let pixels = fs::read(dir.join("pixels.bin")).unwrap();
        let (first, second) = pixels.split_at(pixels.len() / 2);
        let views = [first, second].map(|view| Crop::from_rgb(view.to_vec()).unwrap());
        let expected = fs::read(dir.join("embedding.bin")).unwrap();
        let expected = expected.as_chunks::<4>().0.iter().copied();
        for name in ["new.pt", "old.pt"] {
            let network = AddedEmbedder::read(&dir.join(name)).unwrap();
            let found = network.embed(std::slice::from_ref(&views)).unwrap();
            let largest = found[0]
                .iter()
                .zip(expected.clone().map(f32::from_le_bytes))
                .map(|(a, b)| (a - b).abs())
                .fold(0.0, f32::max);
            println!("{name}: {largest:.2e} of facenet-pytorch");
            assert!(largest < ROUNDING, "{name}: {largest}");
        }
    }

    /// Case memo-40: forty pairs of pairs ended the process, as did deep nesting and a text of 4 GB.
    #[test]
    fn what_doubles_or_nests_is_refused() {
        let doubling = [
            b"\x80\x02K\x01K\x01\x86q\0".as_slice(),
            &b"h\0h\0\x86q\0".repeat(40),
            b".",
        ];
        let nested = [b"\x80\x02)".as_slice(), &b"\x85".repeat(1_000_000), b"."];
        let marks = [b"\x80\x02".as_slice(), &b"(".repeat(1_900_000), b"."];
        let lists = [b"\x80\x02".as_slice(), &b"]".repeat(1_900_000), b"."];
        let long = [b"\x80\x02X".as_slice(), &[0xff; 4], b"abc."];
        let number = [b"\x80\x02\x8a".as_slice(), &[0xff; 256], b"."];
        for pickle in [doubling, nested, marks, lists, long, number] {
            let pickle = pickle.concat();
            let archive = crate::pickle::archive_of(&[("net/data.pkl", &pickle)]);
            assert!(AddedEmbedder::parse(&archive).is_err());
            let old = [crate::pickle::LEGACY, &pickle].concat();
            assert!(AddedEmbedder::parse(&old).is_err());
        }
        let header = [(64_u64 << 20).to_le_bytes().as_slice(), b"{", &[b' '; 100]].concat();
        let Err(reason) = AddedEmbedder::parse(&header) else {
            panic!("it was read");
        };
        assert!(reason.contains("header is too long"), "{reason}");
    }

    #[test]
    fn what_is_no_network_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert!(reason(&dir.path().join("nowhere")).contains("nowhere"));
        let path = dir.path().join("file");
        let mut old = crate::pickle::LEGACY.to_vec();
        old.extend([0x80, 2, b'}', b'.']);
        for (bytes, said) in [
            (&b"These are words, not numbers."[..], "neither safetensors"),
            (b"PK\x03\x04 and nothing more", "it is damaged"),
            (&old, "it is damaged"),
        ] {
            fs::write(&path, bytes).unwrap();
            let reason = reason(&path);
            assert!(reason.contains(said), "{reason}");
        }
    }
}
