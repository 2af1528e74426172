//! The file of a recording, and the block of each connection in it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use crate::failure::Failure;
use crate::transcript::{self, Direction, Message};

/// The file of a recording.
pub(super) struct Recording(Arc<Shared>);

struct Shared {
    path: PathBuf,
    /// Blocks are appended one after the other.
    file: Mutex<File>,
}

/// The block of a connection, in a file of its own until the connection has ended. Dropping it appends it.
pub(super) struct Block {
    shared: Arc<Shared>,
    part: PathBuf,
    file: File,
    /// Whether there is more than the title.
    has_messages: bool,
}

impl Recording {
    /// Opens the file, or makes it. Only its owner may read it, since it may contain secrets.
    pub(super) fn open(path: PathBuf) -> Result<Self, Failure> {
        let file = options().append(true).create(true).open(&path);
        let file =
            file.map_err(|error| Failure::io(format_args!("cannot open `{}`", path.display()), &error))?;
        Ok(Self(Arc::new(Shared { path, file: Mutex::new(file) })))
    }

    /// Begins the block of a connection.
    pub(super) fn begin(&self, number: usize, subprotocol: Option<&str>) -> Result<Block, Failure> {
        let (part, file) = self.new_part(number)?;
        let mut block = Block { shared: self.0.clone(), part, file, has_messages: false };
        block.line(&format!("# Connection {number}."))?;
        if let Some(name) = subprotocol.filter(|name| *name != "jsonrpc") {
            block.line(&format!("= {name}"))?;
        }
        Ok(block)
    }

    /// Makes the file of a block. One that is there already is of a recording that was killed, or of another
    /// that runs, and is kept.
    fn new_part(&self, mut number: usize) -> Result<(PathBuf, File), Failure> {
        loop {
            let mut part = self.0.path.clone().into_os_string();
            part.push(format!(".{number}.part"));
            let part = PathBuf::from(part);
            match options().write(true).create_new(true).open(&part) {
                Ok(file) => return Ok((part, file)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => {
                    return Err(Failure::io(format_args!("cannot write `{}`", part.display()), &error));
                }
            }
        }
    }
}

fn options() -> OpenOptions {
    #[cfg_attr(not(unix), expect(unused_mut))]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

impl Block {
    pub(super) fn message(&mut self, direction: Direction, message: &Message) -> Result<(), Failure> {
        self.has_messages = true;
        self.line(&transcript::message(direction, message))
    }

    pub(super) fn close(&mut self, direction: Direction, code: u16, reason: &str) -> Result<(), Failure> {
        self.has_messages = true;
        self.line(&transcript::close(direction, code, reason))
    }

    pub(super) fn comment(&mut self, text: &str) -> Result<(), Failure> {
        self.line(&format!("// {}", text.escape_debug()))
    }

    fn line(&mut self, line: &str) -> Result<(), Failure> {
        let written = self.file.write_all(line.as_bytes()).and_then(|()| self.file.write_all(b"\n"));
        written.map_err(|error| Failure::io(format_args!("cannot write `{}`", self.part.display()), &error))
    }

    fn append(&self) -> io::Result<()> {
        let mut block = File::open(&self.part)?;
        let mut file = self.shared.file.lock().unwrap_or_else(PoisonError::into_inner);
        if file.metadata()?.len() > 0 {
            file.write_all(b"\n")?;
        }
        io::copy(&mut block, &mut *file).map(|_| ())
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let appended = if self.has_messages { self.append() } else { Ok(()) };
        match appended.and_then(|()| fs::remove_file(&self.part)) {
            Ok(()) => {}
            Err(error) => crate::output::note(&format!(
                "birpc: `{}` could not be appended to `{}`: {error}",
                self.part.display(),
                self.shared.path.display()
            )),
        }
    }
}
