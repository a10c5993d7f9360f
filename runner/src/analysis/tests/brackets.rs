use super::queue::{Queue, Service};
use crate::analysis::capacity;
use crate::metrics::MetricOptions;
use benchmark_schemas::report::Verdict;

#[test]
fn explore() {
    for service in [Service::Deterministic, Service::Exponential] {
        for servers in [8_usize, 64] {
            for seconds in [20.0, 60.0, 180.0, 600.0] {
                let mut queue = Queue::new(servers, service, seconds);
                if servers == 64 { queue.service_seconds = 2.0; }
                let c = queue.capacity();
                print!("{service:?} c={servers} T={seconds}: ");
                for load in [0.25, 0.5, 0.7, 0.85, 0.95, 1.0, 1.05, 1.1, 1.2, 1.4, 2.0] {
                    let mut n = [0; 5];
                    for seed in 0..100 {
                        let Ok(result) = capacity(&queue.run(&[0.2 * c, load * c], seed), &MetricOptions::default());
                        let v = result.stages[1].verdict;
                        n[Verdict::ALL.iter().position(|x| *x == v).unwrap()] += 1;
                    }
                    print!("{load}:{}/{}/{}/{} ", n[0], n[1], n[2], n[3]);
                }
                println!();
            }
        }
    }
}
