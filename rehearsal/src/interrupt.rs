//! Ctrl-C: a long command stops at its next breath, so that everything is cleaned up on the way out.

use std::process;
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result, ensure};
use tokio::signal::unix::{SignalKind, signal};

static ASKED: Mutex<bool> = Mutex::new(false);
static WOKEN: Condvar = Condvar::new();

/// What a shell expects of a process that Ctrl-C ended.
pub const EXIT_CODE: u8 = 130;

/// Listens from now on to SIGINT and SIGTERM: the first asks for an end, the second is one. Commands
/// that run meanwhile get Ctrl-C from the terminal, too, and end by themselves.
pub fn listen() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start a runtime")?;
    let context = runtime.enter();
    let mut interrupt = signal(SignalKind::interrupt()).context("listen to Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).context("listen to SIGTERM")?;
    drop(context);
    thread::spawn(move || {
        runtime.block_on(async {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                let mut asked = ASKED.lock().unwrap_or_else(PoisonError::into_inner);
                if *asked {
                    process::exit(EXIT_CODE.into());
                }
                *asked = true;
                WOKEN.notify_all();
            }
        });
    });
    Ok(())
}

/// Whether somebody asked for an end.
pub fn asked() -> bool {
    *ASKED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until somebody asks for an end.
pub fn wait() {
    let mut asked = ASKED.lock().unwrap_or_else(PoisonError::into_inner);
    while !*asked {
        asked = WOKEN.wait(asked).unwrap_or_else(PoisonError::into_inner);
    }
}

/// An error when somebody asked for an end.
pub fn check() -> Result<()> {
    ensure!(!asked(), "stopped by Ctrl-C; nothing is left running");
    Ok(())
}
