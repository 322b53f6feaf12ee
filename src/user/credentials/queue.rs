//! Hashes that wait for a thread, and the threads.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::{
    Busy,
    argon::{Answer, Settings, Task, perform},
};

/// How long a thread that has nothing to do keeps its memory: a burst pays for it once, a quiet server does not hold it.
const MEMORY_KEPT: Duration = Duration::from_secs(10);

/// A hash that waits, and who waits for it.
pub(super) struct Job {
    pub(super) task: Task,
    pub(super) started: oneshot::Sender<()>,
    pub(super) answer: oneshot::Sender<Answer>,
    pub(super) queued_at: Instant,
}

/// What a thread is told.
enum Next {
    /// To compute this.
    Job(Job),
    /// That there was nothing for a while.
    Nothing,
    /// That there will be nothing any more.
    Closed,
}

/// The hashes that wait; bounded.
pub(super) struct Queue {
    capacity: usize,
    state: Mutex<QueueState>,
    changed: Condvar,
}

#[derive(Default)]
struct QueueState {
    jobs: VecDeque<Job>,
    closed: bool,
}

impl Queue {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, state: Mutex::default(), changed: Condvar::new() }
    }

    pub(super) fn push(&self, job: Job) -> Result<(), Busy> {
        let mut state = self.lock();
        if state.jobs.len() >= self.capacity {
            // Whoever went away no longer takes a place.
            state.jobs.retain(|job| !job.started.is_closed());
        }
        if state.jobs.len() >= self.capacity || state.closed {
            return Err(Busy);
        }
        state.jobs.push_back(job);
        report_depth(state.jobs.len());
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// Waits for a job, no longer than a thread keeps its memory.
    fn pop(&self) -> Next {
        let until = Instant::now() + MEMORY_KEPT;
        let mut state = self.lock();
        loop {
            if state.closed {
                return Next::Closed;
            }
            if let Some(job) = state.jobs.pop_front() {
                report_depth(state.jobs.len());
                return Next::Job(job);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Next::Nothing;
            }
            (state, _) = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.jobs.clear();
        drop(state);
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn report_depth(depth: usize) {
    metrics::gauge!("argon2_queue_depth").set(f64::from(u32::try_from(depth).unwrap_or(u32::MAX)));
}

/// What a thread does until the queue is closed.
pub(super) fn work(queue: &Queue, settings: &Settings) {
    lower_priority();
    let mut memory = Vec::new();
    let mut quiet = 0_u32;
    loop {
        let job = match queue.pop() {
            Next::Job(job) => job,
            Next::Nothing => {
                quiet = quiet.saturating_add(1);
                match quiet {
                    1 => memory = Vec::new(),
                    2 => return_freed_memory(),
                    _ => {}
                }
                continue;
            }
            Next::Closed => return,
        };
        quiet = 0;
        let waited = job.queued_at.elapsed();
        // The caller went away or gave up: nobody pays for the answer.
        if job.started.send(()).is_err() {
            continue;
        }
        metrics::histogram!("argon2_wait_seconds").record(waited.as_secs_f64());
        match perform(&job.task, settings, &mut memory) {
            Ok(answer) => drop(job.answer.send(answer)),
            Err(error) => tracing::error!(%error, "a password could not be hashed"),
        }
    }
}

/// The allocator gives what was freed a while ago back to the system when a thread ends; a quiet server ends none by itself.
fn return_freed_memory() {
    if let Ok(thread) = thread::Builder::new().name("argon2-rest".to_owned()).spawn(|| ()) {
        drop(thread.join());
    }
}

/// Signing and serving go before hashing. Failing to step back is harmless.
fn lower_priority() {
    // On Linux a nice value belongs to the thread; elsewhere it would slow the whole process.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(5) {
        tracing::debug!(%error, "password threads keep the usual priority");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[tokio::test]
    async fn whoever_went_away_no_longer_takes_a_place() {
        let queue = Queue::new(1);
        let job = || {
            let (started, has_started) = oneshot::channel();
            let (answer, _) = oneshot::channel();
            let task = Task::Pretend { password: Secret::new("x".to_owned()) };
            (Job { task, started, answer, queued_at: Instant::now() }, has_started)
        };
        let (first, first_caller) = job();
        let (second, _second_caller) = job();
        let (third, _third_caller) = job();
        assert_eq!(queue.push(first), Ok(()));
        assert_eq!(queue.push(second), Err(Busy));
        drop(first_caller);
        assert_eq!(queue.push(third), Ok(()));
    }
}
