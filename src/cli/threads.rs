//! Jobs and a number of threads → their results, in the order of the jobs.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Does every job, each once, on up to `threads` threads. The result is the same for every number of them.
pub(crate) fn in_order<J: Sync, R: Send>(
    threads: usize,
    jobs: &[J],
    work: impl Fn(&J) -> R + Sync,
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(job) = jobs.get(index) else { return done };
            done.push((index, work(job)));
        }
    };
    let threads = threads.clamp(1, jobs.len().max(1));
    let mut results = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(worker)).collect();
        let mut results = worker();
        for other in others {
            match other.join() {
                Ok(done) => results.extend(done),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        results
    });
    results.sort_unstable_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    #[rstest::rstest]
    fn results_stand_in_the_order_of_the_jobs(#[values(0, 1, 2, 7)] threads: usize) {
        let jobs: Vec<usize> = (0..100).collect();
        assert_eq!(super::in_order(threads, &jobs, |job| job * 2)[99], 198);
        assert!(super::in_order(threads, &jobs[..0], |job| job * 2).is_empty());
        let doubled = super::in_order(threads, &jobs, |job| job * 2);
        assert!(doubled.is_sorted(), "{doubled:?}");
        assert_eq!(doubled.len(), 100);
    }
}
