//! `kith-worker`: started by Kith where it lies beside it; see the library.

use std::io;
use std::process::ExitCode;

use kith_models::Accelerator;

/// As in Kith's programs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str = "\
Kith starts this program to run its networks on a graphics processor, and talks to it through its
standard input and output. Nobody needs to start it by hand.

  kith-worker              the networks on the graphics processor that it was built for
  kith-worker --stand-in   the processor in place of one: slow, for tests
";

/// Ends this process once the one that started it is gone. Its input ends then, too, but that is not seen
/// while a driver hangs.
#[cfg(unix)]
fn end_with_parent() {
    use rustix::process::{Signal, getpid, getppid, kill_process};
    const PAUSE: std::time::Duration = std::time::Duration::from_secs(1);
    let parent = getppid();
    std::thread::spawn(move || {
        while getppid() == parent {
            std::thread::sleep(PAUSE);
        }
        // An orderly exit would wait for the driver.
        let _ = kill_process(getpid(), Signal::KILL);
    });
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let accelerator = match &arguments[..] {
        [] => Accelerator::find(),
        [word] if word == "--stand-in" => Ok(Accelerator::stand_in()),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    #[cfg(unix)]
    end_with_parent();
    // Whoever asked is gone when nothing more can be said.
    match kith_worker::serve(accelerator, io::stdin(), &mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
