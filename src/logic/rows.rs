//! Rows of a server as they are kept: by columns, for the arrays of a final statement, or as they came.

use crate::logic::memory::Charge;
use crate::logic::protocol::frame::server;
use crate::logic::protocol::{view, write};

/// The values of one column, as the elements of an array.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Elements {
    bytes: Vec<u8>,
    has_null: bool,
}

impl Elements {
    /// One more value.
    pub fn push(&mut self, value: Option<&[u8]>) {
        self.has_null |= value.is_none();
        self.bytes.extend_from_slice(&value.map_or(-1, |value| value.len() as i32).to_be_bytes());
        self.bytes.extend_from_slice(value.unwrap_or_default());
    }

    /// One of them is NULL.
    pub fn has_null(&self) -> bool {
        self.has_null
    }

    /// Each value behind its length.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// A field of a DataRow, its length first.
    pub fn push_field(&mut self, field: &[u8]) {
        self.has_null |= field.first().is_some_and(|byte| byte >> 7 == 1);
        self.bytes.extend_from_slice(field);
    }

    /// Each value; `None` is NULL.
    pub fn values(&self) -> impl Iterator<Item = Option<&[u8]>> {
        let mut rest = &self.bytes[..];
        std::iter::from_fn(move || {
            let (length, after) = rest.split_first_chunk::<4>()?;
            let length = usize::try_from(i32::from_be_bytes(*length)).ok();
            let (value, after) = after.split_at_checked(length.unwrap_or(0))?;
            rest = after;
            Some(length.map(|_| value))
        })
    }
}

/// The rows of one part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rows {
    /// One a column
    pub columns: Vec<Elements>,
    /// How many there are
    pub count: u32,
    /// What they come to
    pub charge: Charge,
}

impl Rows {
    /// So many rows of these columns.
    pub fn new(columns: Vec<Elements>, count: u32) -> Self {
        Self { columns, count, charge: Charge::default() }
    }

    /// None yet, of as many columns.
    pub fn emptied(&self) -> Self {
        Self { columns: vec![Elements::default(); self.columns.len()], count: 0, charge: self.charge.another() }
    }

    /// Bytes of its largest column.
    pub fn bytes(&self) -> usize {
        self.columns.iter().map(|column| column.bytes.len()).max().unwrap_or_default()
    }
}

/// What a server answered, as it came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// The bodies of its RowDescriptions
    pub descriptions: Vec<Box<[u8]>>,
    /// The body of its ParameterDescription
    pub parameters: Option<Box<[u8]>>,
    /// Its rows, as frames
    pub rows: Vec<u8>,
    /// Where each of them begins
    pub starts: Vec<u32>,
    /// Its notices, as frames
    pub notices: Vec<u8>,
    /// The tag of its last command
    pub tag: Option<Box<[u8]>>,
    /// What its rows come to
    pub charge: Charge,
}

impl Kept {
    /// The frame of the nth row.
    pub fn row(&self, number: usize) -> &[u8] {
        let end = self.starts.get(number + 1).map_or(self.rows.len(), |next| *next as usize);
        &self.rows[self.starts[number] as usize..end]
    }

    /// One more message of its answer.
    pub fn frame(&mut self, tag: u8, body: &[u8]) {
        match tag {
            server::DATA_ROW => {
                self.starts.push(self.rows.len() as u32);
                self.charge.grow(body.len());
                write::frame(&mut self.rows, tag, |out| out.extend_from_slice(body));
            }
            server::ROW_DESCRIPTION => self.descriptions.push(body.into()),
            server::PARAMETER_DESCRIPTION => self.parameters = Some(body.into()),
            server::NOTICE => write::frame(&mut self.notices, tag, |out| out.extend_from_slice(body)),
            server::COMMAND_COMPLETE => self.tag = Some(view::command_tag(body).into()),
            _ => (),
        }
    }
}

/// Appends rows of these columns, as DataRow messages.
pub fn write_rows(out: &mut Vec<u8>, columns: &[Elements], count: u32) {
    let mut rests: Vec<&[u8]> = columns.iter().map(|column| &*column.bytes).collect();
    for _ in 0..count {
        write::frame(out, server::DATA_ROW, |out| {
            out.extend_from_slice(&(rests.len() as u16).to_be_bytes());
            for rest in &mut rests {
                let length = rest.first_chunk::<4>().map_or(-1, |length| i32::from_be_bytes(*length));
                let size = (4 + usize::try_from(length).unwrap_or(0)).min(rest.len());
                out.extend_from_slice(&rest[..size]);
                *rest = &rest[size..];
            }
        });
    }
}
