//! The tensors of an ONNX file, found wherever they stand: among a graph's
//! initialisers or its constants, in a branch of a branch. Nothing is run.
//!
//! Source: `onnx.proto` of ONNX 1.16; <https://protobuf.dev/programming-guides/encoding/>.
//!
//! Runs on: set-up. Allocates. Reads any bytes in linear time.

/// Graphs within graphs; Silero's have five.
const DEPTH_MAX: usize = 16;
/// Silero's files hold up to 500.
const TENSORS_MAX: usize = 4_096;
const RANK_MAX: usize = 8;
/// `TensorProto.DataType.FLOAT`.
pub(super) const FLOAT: u64 = 1;

/// A tensor in the bytes of a file.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Tensor<'a> {
    /// Tensors of the same graph have the same number.
    pub(super) graph: usize,
    pub(super) name: &'a [u8],
    pub(super) shape: Vec<u64>,
    pub(super) data_type: u64,
    /// Little-endian; empty where the numbers stand elsewhere.
    pub(super) data: &'a [u8],
}

/// These bytes are no ONNX file, or a part of one.
#[derive(Debug, PartialEq)]
pub(super) struct Malformed;

/// All tensors of a model.
///
/// # Errors
/// Where the bytes are no such file, end before it does, or hold more than any
/// sensible model.
pub(super) fn tensors(model: &[u8]) -> Result<Vec<Tensor<'_>>, Malformed> {
    let mut found = Found::default();
    for field in fields(model) {
        if let (7, Value::Bytes(graph)) = field? {
            found.graph(graph, 0)?;
        }
    }
    if found.graphs == 0 { Err(Malformed) } else { Ok(found.tensors) }
}

#[derive(Default)]
struct Found<'a> {
    graphs: usize,
    tensors: Vec<Tensor<'a>>,
}

impl<'a> Found<'a> {
    fn graph(&mut self, bytes: &'a [u8], depth: usize) -> Result<(), Malformed> {
        if depth == DEPTH_MAX {
            return Err(Malformed);
        }
        let number = self.graphs;
        self.graphs += 1;
        for field in fields(bytes) {
            match field? {
                (1, Value::Bytes(node)) => self.node(node, number, depth)?,
                (5, Value::Bytes(initialiser)) => self.tensor(initialiser, number)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn node(&mut self, bytes: &'a [u8], graph: usize, depth: usize) -> Result<(), Malformed> {
        for field in fields(bytes) {
            let (5, Value::Bytes(attribute)) = field? else { continue };
            for field in fields(attribute) {
                match field? {
                    (5, Value::Bytes(constant)) => self.tensor(constant, graph)?,
                    (6 | 11, Value::Bytes(branch)) => self.graph(branch, depth + 1)?,
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn tensor(&mut self, bytes: &'a [u8], graph: usize) -> Result<(), Malformed> {
        let mut tensor = Tensor { graph, ..Tensor::default() };
        for field in fields(bytes) {
            match field? {
                (1, Value::Number(length)) => tensor.shape.push(length),
                (1, Value::Bytes(mut packed)) => {
                    while !packed.is_empty() && tensor.shape.len() <= RANK_MAX {
                        tensor.shape.push(varint(&mut packed)?);
                    }
                }
                (2, Value::Number(data_type)) => tensor.data_type = data_type,
                (8, Value::Bytes(name)) => tensor.name = name,
                // Packed floats are the same bytes as raw ones.
                (4 | 9, Value::Bytes(data)) => tensor.data = data,
                _ => {}
            }
            if tensor.shape.len() > RANK_MAX {
                return Err(Malformed);
            }
        }
        if self.tensors.len() == TENSORS_MAX {
            return Err(Malformed);
        }
        self.tensors.push(tensor);
        Ok(())
    }
}

/// What a field holds.
enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The fields of a message by number, up to the first that is malformed.
fn fields(mut rest: &[u8]) -> impl Iterator<Item = Result<(u64, Value<'_>), Malformed>> {
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let field = field(&mut rest);
        if field.is_err() {
            rest = &[];
        }
        Some(field)
    })
}

fn field<'a>(rest: &mut &'a [u8]) -> Result<(u64, Value<'a>), Malformed> {
    let key = varint(rest)?;
    let value = match key & 7 {
        0 => Value::Number(varint(rest)?),
        1 => Value::Bytes(take(rest, 8)?),
        2 => {
            let length = varint(rest)?;
            Value::Bytes(take(rest, usize::try_from(length).map_err(|_| Malformed)?)?)
        }
        5 => Value::Bytes(take(rest, 4)?),
        _ => return Err(Malformed),
    };
    Ok((key >> 3, value))
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], Malformed> {
    let (taken, left) = rest.split_at_checked(length).ok_or(Malformed)?;
    *rest = left;
    Ok(taken)
}

/// Seven bits a byte, the lowest first, at most 64 in all.
fn varint(rest: &mut &[u8]) -> Result<u64, Malformed> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, left) = rest.split_first().ok_or(Malformed)?;
        *rest = left;
        number |= u64::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            return Ok(number);
        }
    }
    Err(Malformed)
}
