//! The settings of the terminal, which an editor changes while it reads a line.

/// Restores the settings when it is dropped. The editor does so after each line, but not if the command ends
/// while a line is being typed.
pub(super) struct Terminal {
    #[cfg(unix)]
    settings: Option<nix::sys::termios::Termios>,
}

#[cfg(unix)]
impl Terminal {
    pub(super) fn save() -> Self {
        Self { settings: nix::sys::termios::tcgetattr(std::io::stdin()).ok() }
    }
}

#[cfg(unix)]
impl Drop for Terminal {
    fn drop(&mut self) {
        use nix::sys::termios::{SetArg, tcgetattr, tcsetattr};
        use std::io::Write;

        let Some(settings) = &self.settings else { return };
        if tcgetattr(std::io::stdin()).is_ok_and(|now| now == *settings) {
            return;
        }
        // There is nobody to tell if the terminal is gone.
        let _ = tcsetattr(std::io::stdin(), SetArg::TCSADRAIN, settings);
        // Pasted text is not marked any more, and the shell begins a new line.
        let _ = std::io::stdout().write_all(b"\x1b[?2004l\r\n");
    }
}

#[cfg(not(unix))]
impl Terminal {
    pub(super) fn save() -> Self {
        Self {}
    }
}
