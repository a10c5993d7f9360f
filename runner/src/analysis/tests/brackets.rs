use super::queue::{Queue, Service};
use crate::analysis::backlog::{Backlog, measure};
use crate::analysis::series::{Arrival, Series};
use crate::metrics::MetricOptions;
use benchmark_schemas::record::SpoolEntry;

#[test]
fn explore() {
    for service in [Service::Deterministic, Service::Exponential] {
        for servers in [8_usize, 64] {
            for seconds in [20.0, 60.0, 180.0] {
                let mut queue = Queue::new(servers, service, seconds);
                if servers == 64 {
                    queue.service_seconds = 2.0;
                }
                let c = queue.capacity();
                print!("{service:?} c={servers} T={seconds}: ");
                for load in [0.25, 0.5, 0.7, 0.85, 0.95, 1.0, 1.05, 1.1, 1.2, 1.4, 2.0] {
                    let mut n = [0; 4];
                    let mut up = vec![];
                    for seed in 0..100 {
                        let mut arrivals = vec![];
                        for e in queue.run(&[load * c], seed) {
                            match e {
                                SpoolEntry::Request(r) => {
                                    arrivals.push(Arrival::of(&r, &MetricOptions::default()))
                                }
                                SpoolEntry::Stage(f) => {
                                    match measure(&Series::new(std::mem::take(&mut arrivals), &f)) {
                                        Backlog::Measured(g) => {
                                            n[if g.grows() {
                                                0
                                            } else if g.unclear() {
                                                1
                                            } else {
                                                2
                                            }] += 1;
                                            up.push(g.upper);
                                        }
                                        _ => n[3] += 1,
                                    }
                                }
                                _ => {}
                            }
                        }
                    }
                    up.sort_by(f64::total_cmp);
                    let q =
                        |p: f64| up.get((up.len() as f64 * p) as usize).copied().unwrap_or(f64::NAN) * 100.0;
                    print!("{load}:{}/{}/{}/{}({:.0},{:.0}) ", n[0], n[1], n[2], n[3], q(0.5), q(0.9));
                }
                println!();
            }
        }
    }
}
