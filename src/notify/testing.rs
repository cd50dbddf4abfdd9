//! A mail server in the process, for this room's tests: plain text, one connection after the other.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::conversation::Tls;
use super::mail::{Mail, Server};

/// What it does with a recipient.
pub enum Answer {
    Take,
    Refuse,
    HangUp,
}

pub struct MailServer {
    port: u16,
    heard: Arc<Mutex<Heard>>,
}

#[derive(Default)]
struct Heard {
    asked: Vec<String>,
    mails: Vec<String>,
}

impl MailServer {
    pub async fn start(answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let (port, heard) = (listener.local_addr().unwrap().port(), Arc::<Mutex<Heard>>::default());
        let all = Arc::clone(&heard);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A client that goes away says nothing about the next.
                let _ = serve(stream, &answer, &all).await;
            }
        });
        Self { port, heard }
    }

    /// The way to it. None of its tests waits so long.
    pub fn mail(&self, to: &[&str]) -> Mail {
        Mail::new(Server {
            host: "127.0.0.1".to_owned(),
            port: self.port,
            tls: Tls::None,
            from: "vault@example.org".to_owned(),
            to: to.iter().map(|each| (*each).to_owned()).collect(),
            credentials: None,
            roots: None,
            timeout: Duration::from_secs(600),
        })
        .unwrap()
    }

    /// The recipients that were named to it.
    pub fn asked(&self) -> Vec<String> {
        self.heard.lock().unwrap().asked.clone()
    }

    /// What it took.
    pub fn mails(&self) -> Vec<String> {
        self.heard.lock().unwrap().mails.clone()
    }
}

async fn serve(
    stream: TcpStream,
    answer: &(impl Fn(&str) -> Answer + Sync),
    heard: &Mutex<Heard>,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut said = "220 hello";
    loop {
        stream.write_all(format!("{said}\r\n").as_bytes()).await?;
        stream.flush().await?;
        let line = line(&mut stream).await?;
        said = match line.get(..4) {
            Some("RCPT") => {
                let to = line.trim_start_matches("RCPT TO:<").trim_end_matches('>').to_owned();
                let answer = answer(&to);
                heard.lock().unwrap().asked.push(to);
                match answer {
                    Answer::Take => "250 OK",
                    Answer::Refuse => "550 nobody of that name",
                    Answer::HangUp => return Ok(()),
                }
            }
            Some("DATA") => {
                stream.write_all(b"354 go on\r\n").await?;
                let mut mail = String::new();
                loop {
                    match self::line(&mut stream).await?.as_str() {
                        "." => break,
                        line => mail.extend([line, "\n"]),
                    }
                }
                heard.lock().unwrap().mails.push(mail);
                "250 OK"
            }
            Some("EHLO" | "MAIL") => "250 OK",
            _ => return stream.write_all(b"221 goodbye\r\n").await,
        };
    }
}

async fn line(stream: &mut BufReader<TcpStream>) -> std::io::Result<String> {
    let mut line = String::new();
    match stream.read_line(&mut line).await? {
        0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(line.trim_end().to_owned()),
    }
}
