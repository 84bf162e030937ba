//! Threads that stand back: what nobody waits for comes after all others, where the system allows it
//! (Linux).

use std::num::NonZero;

use rayon::{Scope, ThreadPool, ThreadPoolBuilder};

/// How far they stand back behind all others (a `nice` value, 19 at most).
#[cfg(target_os = "linux")]
const NICE: i32 = 15;

/// Threads for all processors but so many; none where the system refuses them, which few do.
pub(crate) fn threads(left_free: usize) -> Option<ThreadPool> {
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    let threads = ThreadPoolBuilder::new()
        .num_threads(processors.saturating_sub(left_free).max(1))
        .thread_name(|number| format!("quiet-{number}"))
        .start_handler(|_| stand_back())
        .build();
    threads.ok()
}

/// Lets this thread stand back from now on.
pub(crate) fn stand_back() {
    // On Linux this is about the thread alone; where it is not allowed it works like others.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::getpriority_process(None)
        .and_then(|now| rustix::process::setpriority_process(None, now.max(NICE)));
}

/// Runs `work`, which spawns tasks onto these threads, or where there are none onto those of all.
pub(crate) fn scope<'scope, T>(
    threads: Option<&ThreadPool>,
    work: impl FnOnce(&Scope<'scope>) -> T,
) -> T {
    match threads {
        Some(threads) => threads.in_place_scope(work),
        None => rayon::in_place_scope(work),
    }
}

/// Does the work on these threads, or where there are none on those of all.
pub(crate) fn on<T: Send>(threads: Option<&ThreadPool>, work: impl FnOnce() -> T + Send) -> T {
    match threads {
        Some(threads) => threads.install(work),
        None => work(),
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn they_come_after_others() {
        let nice = || rustix::process::getpriority_process(None).unwrap();
        let before = nice();
        assert_eq!(threads(0).unwrap().install(nice), before.max(NICE));
        assert_eq!(nice(), before);
    }
}
