//! A port of this machine on which a Prometheus server reads figures: `GET
//! /metrics`, and nothing else.
//!
//! One thread, one connection at a time, each bounded in bytes and in time. It
//! reads what others count and is waited for by nobody; whoever holds it up holds
//! up the next reader.

use std::{
    fmt::Write as _,
    io::{self, ErrorKind::WouldBlock, Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread::{self, JoinHandle},
    time::Instant,
};

use rustix::fd::AsFd;

use super::{
    poll::{Interest, wait},
    waker::Waker,
};
use crate::audio::{Nanos, Wake};

/// The longest request: a Prometheus server's has 400 bytes.
const REQUEST_MAX: usize = 8 << 10;
/// How long a connection may take, from its acceptance to its end.
const PATIENCE: Nanos = Nanos::from_secs(2);
/// After the answer so much more is read, and no more, so that the peer is not cut
/// off before it has read it.
const SURPLUS_MAX: usize = 64 << 10;

/// A port that is listened on, and not answered yet.
#[derive(Debug)]
pub struct MetricsListener {
    listener: TcpListener,
    addr: SocketAddr,
}

/// A port that is answered until this is dropped.
#[derive(Debug)]
pub struct MetricsPort {
    addr: SocketAddr,
    /// Rung and never cleared, it ends the thread.
    stop: Arc<Waker>,
    thread: Option<JoinHandle<()>>,
}

impl MetricsListener {
    /// Listens on that port of this machine, or on any free one where it is 0;
    /// nobody else's machine can reach it.
    ///
    /// # Errors
    /// The port is taken, or not ours to take.
    pub fn open(port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        let addr = listener.local_addr()?;
        Ok(Self { listener, addr })
    }

    /// Where.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Answers with what `text` makes, on a thread of its own.
    ///
    /// # Errors
    /// Where no thread can be started.
    pub fn serve(self, text: impl Fn() -> String + Send + 'static) -> io::Result<MetricsPort> {
        let Self { listener, addr } = self;
        let stop = Arc::new(Waker::new()?);
        let stopped = stop.clone();
        let thread = thread::Builder::new()
            .name("chinwag-metrics".to_owned())
            .spawn(move || run(&listener, &stopped, &text))?;
        Ok(MetricsPort { addr, stop, thread: Some(thread) })
    }
}

impl MetricsPort {
    /// Where it is.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

impl Drop for MetricsPort {
    fn drop(&mut self) {
        self.stop.wake();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Ends the thread.
struct Stopped;

fn run(listener: &TcpListener, stop: &Waker, text: &dyn Fn() -> String) {
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                if let Ok(Some(Stopped)) = Visit::new(stream, stop).and_then(|v| v.hold(text)) {
                    return;
                }
            }
            Err(error) => {
                // Without descriptors a poll returns at once, and again: a breath.
                let timeout = (error.kind() != WouldBlock).then(|| Nanos::from_ms(100));
                let on = [(stop.as_fd(), Interest::READ), (listener.as_fd(), Interest::READ)];
                let on = if timeout.is_some() { &on[..1] } else { &on[..] };
                if wait(on, timeout).is_ok_and(|ready| ready.first().is_some_and(|r| r.read)) {
                    return;
                }
            }
        }
    }
}

/// One connection.
struct Visit<'a> {
    stream: TcpStream,
    stop: &'a Waker,
    since: Instant,
}

impl<'a> Visit<'a> {
    fn new(stream: TcpStream, stop: &'a Waker) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self { stream, stop, since: Instant::now() })
    }

    fn hold(mut self, text: &dyn Fn() -> String) -> io::Result<Option<Stopped>> {
        let mut request = Vec::new();
        while !is_whole(&request) && request.len() < REQUEST_MAX {
            if self.wait(Interest::READ)?.is_some() {
                return Ok(Some(Stopped));
            }
            let mut part = [0; 1_024];
            let room = part.len().min(REQUEST_MAX - request.len());
            match self.stream.read(&mut part[..room]) {
                Ok(0) => return Ok(None),
                Ok(bytes) => request.extend_from_slice(&part[..bytes]),
                Err(error) if is_soon(&error) => {}
                Err(error) => return Err(error),
            }
        }
        let answer = answer(&request, text);
        let mut left = answer.as_bytes();
        while !left.is_empty() {
            if self.wait(Interest::WRITE)?.is_some() {
                return Ok(Some(Stopped));
            }
            match self.stream.write(left) {
                Ok(bytes) => left = &left[bytes..],
                Err(error) if is_soon(&error) => {}
                Err(error) => return Err(error),
            }
        }
        self.stream.shutdown(Shutdown::Write)?;
        self.let_go()
    }

    /// Reads what still comes, up to a bound, until the peer hangs up.
    fn let_go(mut self) -> io::Result<Option<Stopped>> {
        let mut surplus = 0;
        while surplus < SURPLUS_MAX {
            if self.wait(Interest::READ)?.is_some() {
                return Ok(Some(Stopped));
            }
            match self.stream.read(&mut [0; 4_096]) {
                Ok(0) => break,
                Ok(bytes) => surplus += bytes,
                Err(error) if is_soon(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Waits for the peer, or for the end of it all.
    ///
    /// # Errors
    /// The connection has had its time.
    fn wait(&self, interest: Interest) -> io::Result<Option<Stopped>> {
        let left = PATIENCE.since(self.since.elapsed().into());
        if left == Nanos::ZERO {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let on = [(self.stop.as_fd(), Interest::READ), (self.stream.as_fd(), interest)];
        let ready = wait(&on, Some(left))?;
        Ok(ready.first().is_some_and(|stop| stop.read).then_some(Stopped))
    }
}

fn is_soon(error: &io::Error) -> bool {
    matches!(error.kind(), WouldBlock | io::ErrorKind::Interrupted)
}

fn is_whole(request: &[u8]) -> bool {
    request.windows(4).any(|end| end == b"\r\n\r\n")
}

/// The whole answer to a request.
fn answer(request: &[u8], text: &dyn Fn() -> String) -> String {
    let (status, body) = match judge(request) {
        Ok(()) => ("200 OK", text()),
        Err(status) => (status, format!("{status}\n")),
    };
    let mut out = format!("HTTP/1.1 {status}\r\nConnection: close\r\nCache-Control: no-store\r\n");
    if status.starts_with("405") {
        out += "Allow: GET\r\n";
    }
    // Writing into a String cannot fail.
    let _ = write!(
        out,
        "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    out
}

/// Whether this asks for the figures; else the status to answer with.
fn judge(request: &[u8]) -> Result<(), &'static str> {
    let bad = "400 Bad Request";
    if !is_whole(request) {
        return Err("431 Request Header Fields Too Large");
    }
    let request = std::str::from_utf8(request).map_err(|_| bad)?;
    let mut lines = request.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (method, target, version) = (words.next(), words.next(), words.next());
    let (Some(method), Some(target), Some("HTTP/1.1" | "HTTP/1.0"), None) =
        (method, target, version, words.next())
    else {
        return Err(bad);
    };
    // A page of the web whose name was made to mean this machine says its own name.
    let hosts = lines.filter_map(|line| line.split_once(':'));
    let mut hosts = hosts.filter(|(name, _)| name.eq_ignore_ascii_case("host"));
    if hosts.any(|(_, host)| !is_ours(host.trim())) {
        return Err("403 Forbidden");
    }
    match (method, target.split('?').next()) {
        ("GET", Some("/metrics")) => Ok(()),
        (_, Some("/metrics")) => Err("405 Method Not Allowed"),
        _ => Err("404 Not Found"),
    }
}

/// Whether a host, with or without a port, is this machine by its loopback names.
fn is_ours(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.parse::<u16>().is_ok() => name,
        _ => host,
    };
    name.eq_ignore_ascii_case("localhost") || name == "127.0.0.1"
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn status(request: &str) -> String {
        let answer = answer(request.as_bytes(), &|| "figures\n".to_owned());
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}", body.len())), "{answer}");
        head.split("\r\n").next().unwrap().strip_prefix("HTTP/1.1 ").unwrap().to_owned()
    }

    #[test]
    fn figures_are_given_for_one_path_and_one_method() {
        for fine in [
            "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:9464\r\nAccept: */*\r\n\r\n",
            "GET /metrics?x=1 HTTP/1.0\r\n\r\n",
            "GET /metrics HTTP/1.1\r\nhost: LocalHost\r\n\r\n",
        ] {
            assert_eq!(status(fine), "200 OK", "{fine}");
        }
        assert_eq!(status("POST /metrics HTTP/1.1\r\n\r\n"), "405 Method Not Allowed");
        assert_eq!(status("GET / HTTP/1.1\r\n\r\n"), "404 Not Found");
        assert_eq!(status("GET /metrics/../x HTTP/1.1\r\n\r\n"), "404 Not Found");
        for bad in ["GET /metrics\r\n\r\n", "\r\n\r\n", "GET /metrics HTTP/1.1 x\r\n\r\n"] {
            assert_eq!(status(bad), "400 Bad Request", "{bad}");
        }
    }

    #[test]
    fn a_page_of_the_web_whose_name_means_this_machine_reads_nothing() {
        for host in ["evil.example", "evil.example:9464", "127.0.0.1.evil.example", ""] {
            let request = format!("GET /metrics HTTP/1.1\r\nHost: {host}\r\n\r\n");
            assert_eq!(status(&request), "403 Forbidden", "{host}");
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_is_answered_or_refused(
            request in proptest::collection::vec(any::<u8>(), 0..300)
        ) {
            let whole = [&request[..], b"\r\n\r\n"].concat();
            prop_assert!(judge(&whole).is_err());
            prop_assert!(answer(&request, &String::new).starts_with("HTTP/1.1 "));
        }
    }
}
