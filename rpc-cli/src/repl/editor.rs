//! Reads the lines of the user: with an editor from a terminal, and as they are from anything else.

use std::borrow::Cow;
use std::env;
use std::fs;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock, mpsc as std_mpsc};
use std::thread;

use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Context, Editor, Helper};
use tokio::sync::mpsc;

use super::catalogue::Catalogue;
use super::line::WORDS;
use super::screen::{PROMPT, Screen};
use super::terminal::Terminal;
use crate::failure::Failure;
use crate::output;

/// The width of a terminal that does not tell.
const COLUMNS: usize = 80;

/// What the user has done.
#[derive(Debug)]
pub(super) enum Input {
    Line(String),
    /// Ctrl-C.
    Interrupted,
    /// Ctrl-D, or the end of the input.
    End,
    Failed(String),
}

/// Reads lines on a thread of its own, one whenever it is asked for.
pub(super) struct Lines {
    ask: std_mpsc::Sender<()>,
    inputs: mpsc::Receiver<Input>,
    /// Whether an answer to `ask` is awaited.
    reading: bool,
    /// Restores the terminal, if the thread cannot.
    terminal: Option<Terminal>,
}

/// Where results go: above the prompt, if there is one.
#[derive(Clone)]
pub(super) struct Printer(Option<Arc<Screen>>);

/// What the editor needs of the rest.
#[derive(Clone, Default)]
pub(super) struct Shared {
    pub(super) catalogue: Arc<OnceLock<Catalogue>>,
    pub(super) screen: Arc<Screen>,
}

impl Lines {
    pub(super) fn open(shared: &Shared) -> Result<(Self, Printer), Failure> {
        let (ask, asked) = std_mpsc::channel();
        let (sender, inputs) = mpsc::channel(1);
        if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
            thread::spawn(move || read_plainly(&asked, &sender));
            return Ok((Self { ask, inputs, reading: false, terminal: None }, Printer(None)));
        }
        let terminal = Terminal::save();
        let cannot = |error: ReadlineError| Failure::io("cannot use the terminal", &io::Error::other(error));
        let config =
            Config::builder().completion_type(CompletionType::List).history_ignore_space(true).build();
        let mut editor = Editor::<Completions, FileHistory>::with_config(config).map_err(cannot)?;
        editor.set_helper(Some(Completions(shared.clone())));
        let screen = shared.screen.clone();
        let printer = Printer(Some(screen.clone()));
        thread::spawn(move || edit(editor, &screen, &asked, &sender));
        Ok((Self { ask, inputs, reading: false, terminal: Some(terminal) }, printer))
    }

    /// Asks for a line, unless one is being typed.
    pub(super) fn read(&mut self) {
        if !self.reading {
            // If the thread has ended, the end of its inputs says so.
            let _ = self.ask.send(());
            self.reading = true;
        }
    }

    pub(super) fn is_reading(&self) -> bool {
        self.reading
    }

    /// Waits for what the user does.
    ///
    /// Cancel safe.
    pub(super) async fn next(&mut self) -> Input {
        let input = self.inputs.recv().await.unwrap_or(Input::End);
        self.reading = false;
        input
    }

    /// Whether the user sees a prompt.
    pub(super) fn is_terminal(&self) -> bool {
        self.terminal.is_some()
    }
}

impl Printer {
    /// Prints a result: on standard output, for whoever reads it.
    pub(super) fn result(&self, line: &str) -> Result<(), Failure> {
        match &self.0 {
            Some(screen) => {
                screen.print(line);
                Ok(())
            }
            None => output::line(line),
        }
    }

    /// Prints anything else: on standard error, if it is not the same terminal.
    pub(super) fn note(&self, line: &str) {
        match &self.0 {
            Some(screen) => screen.print(line),
            None => output::note(line),
        }
    }
}

/// Reads lines that nobody edits.
fn read_plainly(asked: &std_mpsc::Receiver<()>, inputs: &mpsc::Sender<Input>) {
    let mut lines = io::stdin().lines();
    while asked.recv().is_ok() {
        let input = match lines.next() {
            Some(Ok(line)) => Input::Line(line),
            Some(Err(error)) => Input::Failed(error.to_string()),
            None => Input::End,
        };
        if inputs.blocking_send(input).is_err() {
            return;
        }
    }
}

fn edit(
    mut editor: Editor<Completions, FileHistory>,
    screen: &Screen,
    asked: &std_mpsc::Receiver<()>,
    inputs: &mpsc::Sender<Input>,
) {
    let history = history_file();
    if let Some(path) = &history {
        // There is none at first.
        let _ = editor.load_history(path);
    }
    while asked.recv().is_ok() {
        let columns = editor.dimensions().map_or(COLUMNS, |(columns, _)| columns.into());
        screen.begin(columns);
        let read = editor.readline(PROMPT);
        screen.end();
        let input = match read {
            Ok(line) => {
                // Without a history, lines are still read.
                let _ = editor.add_history_entry(&*line);
                if let Some(path) = &history {
                    let _ = editor.append_history(path);
                }
                Input::Line(line)
            }
            // The signal may be an old one, which the editor notices only now.
            Err(ReadlineError::Interrupted | ReadlineError::Signal(_)) => Input::Interrupted,
            Err(ReadlineError::Eof) => Input::End,
            Err(error) => Input::Failed(error.to_string()),
        };
        if inputs.blocking_send(input).is_err() {
            return;
        }
    }
}

/// The file of the history, in a folder that exists.
fn history_file() -> Option<PathBuf> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")))?;
    let folder = state.join("birpc");
    fs::create_dir_all(&folder).ok()?;
    Some(folder.join("history"))
}

/// Completes the names of methods, and shows their params.
struct Completions(Shared);

impl Completer for Completions {
    type Candidate = Pair;

    fn complete(&self, line: &str, at: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let before = line.get(..at).unwrap_or(line);
        let (start, word) = match before.strip_prefix(".notify ") {
            Some(word) => (at - word.len(), word),
            None => (0, before),
        };
        if word.contains(char::is_whitespace) {
            return Ok((at, Vec::new()));
        }
        let words =
            WORDS.into_iter().filter(|known| start == 0 && !word.is_empty() && known.starts_with(word));
        let methods = self.0.catalogue.get().into_iter().flat_map(|catalogue| catalogue.beginning_with(word));
        let pair = |name: &str| Pair { display: name.to_owned(), replacement: format!("{name} ") };
        Ok((start, words.chain(methods).map(pair).collect()))
    }
}

impl Hinter for Completions {
    type Hint = String;

    fn hint(&self, line: &str, at: usize, _: &Context<'_>) -> Option<String> {
        let method = line.strip_suffix(' ').filter(|_| at == line.len())?;
        let method = method.strip_prefix(".notify ").unwrap_or(method);
        self.0.catalogue.get()?.params(method).filter(|params| !params.is_empty()).map(String::from)
    }
}

impl Highlighter for Completions {
    fn highlight<'l>(&self, line: &'l str, at: usize) -> Cow<'l, str> {
        self.0.screen.change(line, at);
        line.into()
    }

    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, default: bool) -> Cow<'b, str> {
        if default { self.0.screen.prompt().into() } else { prompt.into() }
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        format!("\x1b[2m{hint}\x1b[0m").into()
    }

    /// Whether the line is drawn again, which tells the screen of it.
    fn highlight_char(&self, _: &str, _: usize, _: CmdKind) -> bool {
        true
    }
}

impl Validator for Completions {}

impl Helper for Completions {}
