use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper_util::rt::TokioIo;
use model_server_simulator::*;
use std::time::{Duration, Instant};
fn main() {
    let t: usize = std::env::args().nth(1).unwrap().parse().unwrap();
    let stream = std::env::args().nth(2).unwrap() == "stream";
    let s = spawn(SimulatorConfig {
        port: 0,
        threads: 0,
        model: ModelParameters::null(1024),
        ..Default::default()
    })
    .unwrap();
    let addr = s.addr();
    let rt = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let d = Duration::from_secs(4);
    let n = rt.block_on(async move {
        let mut v = vec![];
        for _ in 0..64 {
            v.push(tokio::spawn(async move {
                let st = tokio::net::TcpStream::connect(addr).await.unwrap();
                st.set_nodelay(true).unwrap();
                let (mut tx, c) = hyper::client::conn::http1::handshake(TokioIo::new(st)).await.unwrap();
                tokio::spawn(c);
                let body = Bytes::from(format!(r#"{{"prompt":"a b c","max_tokens":{t},"stream":{stream}}}"#));
                let start = Instant::now();
                let mut n = 0u64;
                while start.elapsed() < d {
                    tx.ready().await.unwrap();
                    let r = tx
                        .send_request(
                            Request::post("/v1/completions")
                                .header("host", "x")
                                .body(Full::new(body.clone()))
                                .unwrap(),
                        )
                        .await
                        .unwrap();
                    let mut b = r.into_body();
                    while let Some(f) = b.frame().await {
                        f.unwrap();
                    }
                    n += 1;
                }
                n
            }));
        }
        let mut n = 0;
        for h in v {
            n += h.await.unwrap();
        }
        n
    });
    println!("{} requests/s", n as f64 / 4.0);
    println!("{:?}", s.stats().totals);
}
