//! HTTP/2, by hyper's client.

use std::io;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper::header::ACCEPT;
use hyper_util::rt::TokioIo;

use super::dial::Stream;
use super::target::Target;

/// A request for each path of a target.
pub fn requests(target: &Target) -> Vec<Request<Empty<Bytes>>> {
    let request = |path: &String| {
        let mut request = Request::get(format!("https://localhost{path}")).header(ACCEPT, "application/json");
        for (name, value) in &target.headers {
            request = request.header(name, value);
        }
        request.body(Empty::new()).expect("the paths and headers of a target were checked")
    };
    target.paths.iter().map(request).collect()
}

/// One stream at a time; clones share the connection.
#[derive(Clone)]
pub struct Connection(SendRequest<Empty<Bytes>>);

#[derive(Clone)]
struct Here;

impl<F: Future<Output = ()> + 'static> hyper::rt::Executor<F> for Here {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(future);
    }
}

impl Connection {
    /// The connection lives on the calling thread until the last clone is gone.
    pub async fn new(stream: Stream) -> io::Result<Self> {
        let (sender, driver) = handshake(Here, TokioIo::new(stream)).await.map_err(io::Error::other)?;
        // What goes wrong is told to the request that waits.
        tokio::task::spawn_local(driver);
        Ok(Self(sender))
    }

    /// Sends a request, reads its whole answer and returns the status.
    pub async fn ask(&mut self, request: Request<Empty<Bytes>>) -> io::Result<u16> {
        let response = self.0.send_request(request).await.map_err(io::Error::other)?;
        let status = response.status().as_u16();
        let mut body = response.into_body();
        while let Some(frame) = body.frame().await {
            frame.map_err(io::Error::other)?;
        }
        Ok(status)
    }
}
