//! Reads the tensors of files that `PyTorch` wrote, in time and memory that the file's size bounds.
//!
//! A pickle is a program for a stack machine (Python's `pickletools`). Python runs it and calls what it names;
//! here nothing is called: values that no tensor is made of are forgotten as they come. An object that is
//! pushed again from the memo is shared, not copied, so that forty pairs of pairs are forty objects and not
//! 2⁴⁰. Candle has a reader of pickles, too, that copies them, reserves what a length claims and follows
//! any nesting.

use std::{cell::RefCell, collections::HashMap, ops::Range, rc::Rc};

use candle_core::{DType, Device, Tensor};

/// Longest pickle, in bytes: that of such a network has 0.2 MB.
const MAX_PICKLE_BYTES: usize = 2 << 20;
/// Most values on the stack. Python writes the items of a dictionary a thousand at a time.
const MAX_STACK: usize = 1 << 16;
/// Tuples within tuples; a tensor has three.
const MAX_DEPTH: u8 = 16;
/// Dimensions of a tensor.
const MAX_RANK: usize = 8;

/// Tensors by name.
pub(crate) type Tensors = HashMap<String, Tensor>;

/// What is wrong with a file.
type Result<T> = std::result::Result<T, String>;

/// How a file of `PyTorch` 1.5 and older begins: the number by which it is known, and its version.
pub(crate) const LEGACY: &[u8] =
    b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.";

/// The tensors of a file; `None` where it is no file of `PyTorch`.
pub(crate) fn tensors(bytes: &[u8]) -> Option<Result<Tensors>> {
    if bytes.starts_with(b"PK") {
        Some(of_archive(bytes))
    } else {
        bytes.strip_prefix(LEGACY).map(of_legacy)
    }
}

/// An archive: `NAME/data.pkl` has the tensors by name, `NAME/data/KEY` the numbers of a storage.
fn of_archive(bytes: &[u8]) -> Result<Tensors> {
    let entries = stored_entries(bytes).ok_or("it ends too early, or is compressed")?;
    let (name, pickled) = entries
        .iter()
        .find(|(name, _)| name.ends_with("data.pkl"))
        .ok_or("there is no pickle in it")?;
    let folder = name.strip_suffix(".pkl").unwrap_or(name);
    let (state, _) = unpickled(&bytes[pickled.clone()])?;
    gathered(&state, bytes.len(), |tensor| {
        let range = entries.get(&format!("{folder}/{}", tensor.storage))?;
        Some(&bytes[range.clone()])
    })
}

/// The files of a zip archive (APPNOTE 6.3.10, sections 4.3.7 to 4.3.16) that are neither compressed nor
/// beyond 4 GB, as `PyTorch` writes them: where each lies.
fn stored_entries(bytes: &[u8]) -> Option<HashMap<String, Range<usize>>> {
    let two = |at: usize| {
        Some(usize::from(u16::from_le_bytes(
            *bytes.get(at..)?.first_chunk()?,
        )))
    };
    let four = |at: usize| Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?) as usize);
    // Behind the end of the directory is a comment of at most 65,535 bytes.
    let latest = bytes.len().checked_sub(22)?;
    let end = (latest.saturating_sub(usize::from(u16::MAX))..=latest)
        .rev()
        .find(|at| bytes[*at..].starts_with(b"PK\x05\x06"))?;
    let (count, mut at) = (two(end + 10)?, four(end + 16)?);
    let mut entries = HashMap::new();
    for _ in 0..count {
        bytes.get(at..)?.strip_prefix(b"PK\x01\x02")?;
        let (method, length, header) = (two(at + 10)?, four(at + 20)?, four(at + 42)?);
        let name_length = two(at + 28)?;
        let name = bytes.get(at + 46..at + 46 + name_length)?;
        at += 46 + name_length + two(at + 30)? + two(at + 32)?;
        bytes.get(header..)?.strip_prefix(b"PK\x03\x04")?;
        let start = header + 30 + two(header + 26)? + two(header + 28)?;
        let range = start..start + length;
        bytes.get(range.clone())?;
        if method == 0 {
            entries.insert(String::from_utf8_lossy(name).into_owned(), range);
        }
    }
    Some(entries)
}

/// The rest of an old file: three pickles (about the machine, the tensors by name, the keys of the storages),
/// then each storage with its number of elements before it.
fn of_legacy(bytes: &[u8]) -> Result<Tensors> {
    let (_machine, rest) = unpickled(bytes)?;
    let (state, rest) = unpickled(rest)?;
    let (keys, mut rest) = unpickled(rest)?;
    let Value::List(keys) = keys else {
        return Err("it has no list of storages".into());
    };
    let mut element_bytes = HashMap::new();
    if let Value::Dict(items) = &state {
        for (_, tensor) in items.borrow().iter() {
            element_bytes.insert(tensor.storage, tensor.dtype.size_in_bytes());
        }
    }
    let mut storages: HashMap<&str, &[u8]> = HashMap::new();
    for key in keys.borrow().iter() {
        let size = element_bytes
            .get(key)
            .ok_or("a storage belongs to nothing")?;
        let cut_off = "it ends too early";
        let (length, after) = rest.split_first_chunk::<8>().ok_or(cut_off)?;
        let numbers = usize::try_from(u64::from_le_bytes(*length))
            .ok()
            .and_then(|length| after.get(..length.checked_mul(*size)?))
            .ok_or(cut_off)?;
        storages.insert(key, numbers);
        rest = &after[numbers.len()..];
    }
    gathered(&state, bytes.len(), |tensor| {
        storages.get(tensor.storage).copied()
    })
}

/// The tensors of a dictionary, which together are no longer than the file.
fn gathered<'a>(
    state: &Value<'_>,
    file_length: usize,
    storage: impl Fn(&StoredTensor<'_>) -> Option<&'a [u8]>,
) -> Result<Tensors> {
    let Value::Dict(items) = state else {
        return Err("it holds no parameters by name".into());
    };
    let mut left = file_length;
    let mut tensors = Tensors::new();
    for (name, tensor) in items.borrow().iter() {
        let numbers = storage(tensor)
            .and_then(|storage| storage.get(tensor.range()?))
            .ok_or_else(|| format!("{name} is not in it"))?;
        left = left
            .checked_sub(numbers.len())
            .ok_or("its parameters share their numbers")?;
        let tensor = Tensor::from_raw_buffer(numbers, tensor.dtype, &tensor.shape, &Device::Cpu)
            .map_err(|error| error.to_string())?;
        tensors.insert((*name).to_owned(), tensor);
    }
    Ok(tensors)
}

/// A tensor whose numbers lie elsewhere, one after the other.
#[derive(Debug)]
struct StoredTensor<'a> {
    storage: &'a str,
    dtype: DType,
    /// Elements before its first in the storage.
    offset: usize,
    shape: Vec<usize>,
}

impl StoredTensor<'_> {
    /// Its bytes in the storage.
    fn range(&self) -> Option<Range<usize>> {
        let product = |whole: usize, side: &usize| whole.checked_mul(*side);
        let count = self.shape.iter().try_fold(1, product)?;
        let size = self.dtype.size_in_bytes();
        let start = self.offset.checked_mul(size)?;
        Some(start..start.checked_add(count.checked_mul(size)?)?)
    }
}

/// A value of a pickle. Dictionaries and lists hold nothing that holds others, so that values make no circle
/// and are let go without deep recursion.
#[derive(Debug, Clone)]
enum Value<'a> {
    /// The module and the name of a class or function.
    Global(&'a str, &'a str),
    Text(&'a str),
    Int(i64),
    Tuple {
        items: Rc<[Value<'a>]>,
        depth: u8,
    },
    /// The texts of a list.
    List(Rc<RefCell<Vec<&'a str>>>),
    /// The tensors of a dictionary, by name.
    Dict(Rc<RefCell<NamedTensors<'a>>>),
    /// Where numbers lie, and their type.
    Storage(&'a str, DType),
    Tensor(Rc<StoredTensor<'a>>),
    /// What no tensor is made of.
    Other,
}

type NamedTensors<'a> = Vec<(&'a str, Rc<StoredTensor<'a>>)>;

impl<'a> Value<'a> {
    fn tuple(items: Vec<Value<'a>>) -> Result<Self> {
        let depth_of = |item: &Value| match item {
            Value::Tuple { depth, .. } => *depth,
            _ => 0,
        };
        let depth = 1 + items.iter().map(depth_of).max().unwrap_or(0);
        if depth > MAX_DEPTH {
            return Err("its values are nested too deeply".into());
        }
        let items = items.into();
        Ok(Value::Tuple { items, depth })
    }

    fn dict() -> Self {
        Value::Dict(Rc::default())
    }

    fn items(&self) -> &[Value<'a>] {
        match self {
            Value::Tuple { items, .. } => items,
            _ => &[],
        }
    }

    /// A tuple of sizes.
    fn sizes(&self) -> Option<Vec<usize>> {
        let items = match self {
            Value::Tuple { items, .. } if items.len() <= MAX_RANK => items,
            _ => return None,
        };
        let size = |item: &Value| match item {
            Value::Int(size) => usize::try_from(*size).ok(),
            _ => None,
        };
        items.iter().map(size).collect()
    }
}

/// The value that a pickle makes, and what follows it.
fn unpickled(bytes: &[u8]) -> Result<(Value<'_>, &[u8])> {
    let mut machine = Machine {
        pickle: &bytes[..bytes.len().min(MAX_PICKLE_BYTES)],
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
    };
    let length = machine.pickle.len();
    while machine.step()? {
        if machine.stack.len() > MAX_STACK {
            return Err("it has too many values".into());
        }
    }
    let used = length - machine.pickle.len();
    Ok((machine.pop()?, &bytes[used..]))
}

struct Machine<'a> {
    /// What is left of it.
    pickle: &'a [u8],
    stack: Vec<Value<'a>>,
    /// Heights of the stack.
    marks: Vec<usize>,
    memo: HashMap<u32, Value<'a>>,
}

impl<'a> Machine<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self
            .pickle
            .split_at_checked(length)
            .ok_or("its pickle ends too early, or is too long")?;
        self.pickle = rest;
        Ok(taken)
    }

    /// A number of up to eight bytes, little-endian.
    fn number(&mut self, length: usize) -> Result<u64> {
        let bytes = self.take(length)?;
        Ok(bytes
            .iter()
            .rev()
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
    }

    fn text(&mut self, length: usize) -> Result<&'a str> {
        let text = str::from_utf8(self.take(length)?);
        text.map_err(|_| "it has a text that is none".into())
    }

    fn line(&mut self) -> Result<&'a str> {
        let length = self.pickle.iter().position(|byte| *byte == b'\n');
        let line = self.text(length.unwrap_or(usize::MAX))?;
        self.take(1)?;
        Ok(line.trim_end_matches('\r'))
    }

    fn pop(&mut self) -> Result<Value<'a>> {
        // Nothing below the last mark.
        if self
            .marks
            .last()
            .is_some_and(|mark| self.stack.len() <= *mark)
        {
            return Err("a value is missing".into());
        }
        Ok(self.stack.pop().ok_or("a value is missing")?)
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Value<'a>>> {
        let mark = self.marks.pop().ok_or("a mark is missing")?;
        Ok(self.stack.split_off(mark))
    }

    fn last(&self) -> Result<&Value<'a>> {
        Ok(self.stack.last().ok_or("a value is missing")?)
    }

    fn put(&mut self, number: u32) -> Result<()> {
        let value = self.last()?.clone();
        self.memo.insert(number, value);
        Ok(())
    }

    fn get(&mut self, number: u32) -> Result<()> {
        let value = self.memo.get(&number).ok_or("a value is missing")?;
        self.stack.push(value.clone());
        Ok(())
    }

    fn append(&mut self, items: &[Value<'a>]) -> Result<()> {
        if let Value::List(list) = self.last()? {
            let texts = items.iter().filter_map(|item| match item {
                Value::Text(text) => Some(*text),
                _ => None,
            });
            list.borrow_mut().extend(texts);
        }
        Ok(())
    }

    fn set_items(&mut self, items: &[Value<'a>]) -> Result<()> {
        if let Value::Dict(dict) = self.last()? {
            for pair in items.chunks_exact(2) {
                if let [Value::Text(name), Value::Tensor(tensor)] = pair {
                    dict.borrow_mut().push((name, Rc::clone(tensor)));
                }
            }
        }
        Ok(())
    }

    /// One instruction; whether there are more.
    fn step(&mut self) -> Result<bool> {
        let [code] = *self.take(1)? else {
            return Err("its pickle ends too early".into());
        };
        let value = match code {
            b'.' => return Ok(false),
            0x80 => {
                self.take(1)?;
                return Ok(true);
            }
            b'(' => {
                self.marks.push(self.stack.len());
                if self.marks.len() > MAX_STACK {
                    return Err("it has too many values".into());
                }
                return Ok(true);
            }
            b'q' | b'r' => {
                let number = self.number(if code == b'q' { 1 } else { 4 })?;
                self.put(number as u32)?;
                return Ok(true);
            }
            b'h' | b'j' => {
                let number = self.number(if code == b'h' { 1 } else { 4 })?;
                self.get(number as u32)?;
                return Ok(true);
            }
            b'a' => {
                let item = self.pop()?;
                self.append(&[item])?;
                return Ok(true);
            }
            b'e' => {
                let items = self.pop_to_mark()?;
                self.append(&items)?;
                return Ok(true);
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.set_items(&[key, value])?;
                return Ok(true);
            }
            b'u' => {
                let items = self.pop_to_mark()?;
                self.set_items(&items)?;
                return Ok(true);
            }
            // State of an object, as the versions of a dictionary's modules.
            b'b' => {
                self.pop()?;
                return Ok(true);
            }
            b'c' => Value::Global(self.line()?, self.line()?),
            b'X' => {
                let length = self.number(4)? as usize;
                Value::Text(self.text(length)?)
            }
            b'K' => Value::Int(self.number(1)? as i64),
            b'M' => Value::Int(self.number(2)? as i64),
            b'J' => Value::Int(i64::from(self.number(4)? as i32)),
            0x8a => {
                let length = self.number(1)? as usize;
                self.long(length)?
            }
            b'G' => {
                self.take(8)?;
                Value::Other
            }
            b'N' | 0x88 | 0x89 => Value::Other,
            b')' => Value::tuple(Vec::new())?,
            0x85..=0x87 => {
                let count = usize::from(code - 0x84);
                let mut items = (0..count).map(|_| self.pop()).collect::<Result<Vec<_>>>()?;
                items.reverse();
                Value::tuple(items)?
            }
            b't' => Value::tuple(self.pop_to_mark()?)?,
            b']' => Value::List(Rc::default()),
            b'}' => Value::dict(),
            b'd' => {
                let items = self.pop_to_mark()?;
                self.stack.push(Value::dict());
                self.set_items(&items)?;
                return Ok(true);
            }
            b'Q' => storage(&self.pop()?).unwrap_or(Value::Other),
            b'R' | 0x81 => {
                let (arguments, callable) = (self.pop()?, self.pop()?);
                called(&callable, &arguments).unwrap_or(Value::Other)
            }
            code => {
                return Err(format!(
                    "it has an instruction {code:#04x} that is not known"
                ));
            }
        };
        self.stack.push(value);
        Ok(true)
    }

    /// A whole number of so many bytes, little-endian in two's complement.
    fn long(&mut self, length: usize) -> Result<Value<'a>> {
        if length > 8 {
            self.take(length)?;
            return Ok(Value::Other);
        }
        let unused = 64 - 8 * length as u32;
        let number = self.number(length)?.checked_shl(unused).unwrap_or(0) as i64;
        Ok(Value::Int(number.checked_shr(unused).unwrap_or(0)))
    }
}

/// What stands for a storage: `("storage", class, key, device, elements)`.
fn storage<'a>(id: &Value<'a>) -> Option<Value<'a>> {
    let [
        Value::Text("storage"),
        Value::Global("torch", class),
        Value::Text(key),
        ..,
    ] = id.items()
    else {
        return None;
    };
    let dtype = match *class {
        "FloatStorage" => DType::F32,
        "DoubleStorage" => DType::F64,
        "HalfStorage" => DType::F16,
        "BFloat16Storage" => DType::BF16,
        "ByteStorage" => DType::U8,
        "LongStorage" => DType::I64,
        _ => return None,
    };
    Some(Value::Storage(key, dtype))
}

/// What a call of one of the few functions that are known would return.
fn called<'a>(callable: &Value<'a>, arguments: &Value<'a>) -> Option<Value<'a>> {
    match (callable, arguments.items()) {
        (Value::Global("collections", "OrderedDict" | "defaultdict"), _) => Some(Value::dict()),
        (Value::Global("torch._utils", "_rebuild_parameter"), [tensor, ..]) => Some(tensor.clone()),
        (Value::Global("torch._tensor", "_rebuild_from_type_v2"), [function, _, inner, ..])
            // No call within a call within a call.
            if matches!(function, Value::Global("torch._utils", "_rebuild_tensor_v2")) =>
        {
            called(function, inner)
        }
        (
            Value::Global("torch._utils", "_rebuild_tensor_v2"),
            [Value::Storage(storage, dtype), Value::Int(offset), shape, strides, ..],
        ) => {
            let (shape, strides) = (shape.sizes()?, strides.sizes()?);
            let tensor = StoredTensor {
                storage,
                dtype: *dtype,
                offset: usize::try_from(*offset).ok()?,
                shape,
            };
            is_contiguous(&tensor.shape, &strides).then(|| Value::Tensor(Rc::new(tensor)))
        }
        _ => None,
    }
}

/// Whether the last dimension's numbers lie side by side, and each other's behind one another.
fn is_contiguous(shape: &[usize], strides: &[usize]) -> bool {
    let mut step = Some(1_usize);
    shape.len() == strides.len()
        && shape.iter().zip(strides).rev().all(|(side, stride)| {
            let fits = *side <= 1 || step == Some(*stride);
            step = step.and_then(|step| step.checked_mul(*side));
            fits
        })
}

/// A zip archive of these files, none compressed.
#[cfg(test)]
pub(crate) fn archive_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in files {
        let at = (archive.len() as u32).to_le_bytes();
        let length = (content.len() as u32).to_le_bytes();
        let name_length = (name.len() as u16).to_le_bytes();
        let head = [&[0; 12], length.as_slice(), &length, &name_length, &[0, 0]].concat();
        let name = name.as_bytes();
        archive.extend([b"PK\x03\x04\0\0".as_slice(), &head, name, content].concat());
        directory.extend([b"PK\x01\x02\0\0\0\0".as_slice(), &head, &[0; 10], &at, name].concat());
    }
    let at = (archive.len() as u32).to_le_bytes();
    let length = (directory.len() as u32).to_le_bytes();
    let count = (files.len() as u16).to_le_bytes();
    archive.extend(directory);
    archive.extend(
        [
            b"PK\x05\x06\0\0\0\0".as_slice(),
            &count,
            &count,
            &length,
            &at,
            &[0, 0],
        ]
        .concat(),
    );
    archive
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Vec<u8> {
        [
            b"X",
            &(text.len() as u32).to_le_bytes()[..],
            text.as_bytes(),
        ]
        .concat()
    }

    /// A dictionary of one tensor of 2 × 3 from the third number of a storage, as `torch.save` writes it.
    fn pickled(shape: [u8; 2], strides: [u8; 2], offset: u8) -> Vec<u8> {
        let mut pickle = b"\x80\x02ccollections\nOrderedDict\nq\0)Rq\x01(".to_vec();
        pickle.extend(text("a.weight"));
        pickle.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        pickle.extend(text("storage"));
        pickle.extend(b"ctorch\nFloatStorage\n");
        pickle.extend([text("7"), text("cpu")].concat());
        pickle.extend([b'K', 9, b't', b'Q', b'K', offset]);
        pickle.extend([
            b'K', shape[0], b'K', shape[1], 0x86, b'K', strides[0], b'K', strides[1], 0x86,
        ]);
        pickle.extend(b"\x89h\0)RtRu}");
        pickle.extend(text("_metadata"));
        pickle.extend(b"h\0)Rsb.");
        pickle
    }

    fn numbers() -> Vec<u8> {
        (0..9_u8).flat_map(|n| f32::from(n).to_le_bytes()).collect()
    }

    fn read(pickle: &[u8]) -> [Result<Tensors>; 2] {
        let archive = archive_of(&[("net/data.pkl", pickle), ("net/data/7", &numbers())]);
        let keys = [b"\x80\x02]".as_slice(), &text("7"), b"a."].concat();
        let length = 9_u64.to_le_bytes();
        let legacy = [LEGACY, b"\x80\x02}.", pickle, &keys, &length, &numbers()].concat();
        [archive, legacy].map(|file| tensors(&file).expect("PyTorch wrote it"))
    }

    #[test]
    fn tensors_of_both_kinds_of_files_are_read() {
        for found in read(&pickled([2, 3], [3, 1], 2)) {
            let found = found.expect("a sound file");
            let rows = found["a.weight"].to_vec2::<f32>().expect("two dimensions");
            assert_eq!(rows, [[2.0, 3.0, 4.0], [5.0, 6.0, 7.0]]);
        }
    }

    #[test]
    fn tensors_beyond_their_storage_or_out_of_order_are_refused() {
        for (shape, strides, offset) in [
            ([2, 3], [3, 1], 4),
            ([3, 3], [3, 1], 1),
            ([2, 3], [1, 2], 0),
        ] {
            for found in read(&pickled(shape, strides, offset)) {
                // Out of order it is no tensor that could be read.
                assert!(found.is_err() || found.is_ok_and(|found| found.is_empty()));
            }
        }
    }
}
