//! What a connection is doing, by time: idle, half a head, noise, no end.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::watched::UNBROKEN;
use super::*;

const HEADER: Option<Duration> = Some(Duration::from_secs(10));
const IDLE: Option<Duration> = Some(Duration::from_secs(600));

#[tokio::test(start_paused = true)]
async fn idle_and_half_a_head_have_limits_of_their_own() {
    let activity = Activity::new();
    let start = Instant::now();
    assert_eq!(activity.overdue(HEADER, || IDLE).await, Late::Idle);
    assert_eq!(start.elapsed().as_secs(), 600);

    let activity = Activity::new();
    tokio::time::advance(Duration::from_secs(60)).await;
    activity.heard();
    let start = Instant::now();
    assert_eq!(activity.overdue(HEADER, || IDLE).await, Late::Head);
    assert_eq!(start.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_becomes_shorter_is_seen_within_a_look_and_an_answer_counts_until_it_is_taken() {
    let activity = Arc::new(Activity::new());
    let start = Instant::now();
    let limit = std::cell::Cell::new(IDLE);
    let shorten = async {
        tokio::time::sleep(Duration::from_secs(35)).await;
        let busy = activity.begin(true, true);
        let untaken = busy.untaken();
        drop(busy);
        assert!(!activity.is_quiet());
        tokio::time::sleep(Duration::from_secs(4)).await;
        drop(untaken);
        assert!(activity.is_quiet());
        limit.set(Some(LOOK));
    };
    let (late, ()) = tokio::join!(activity.overdue(None, || limit.get()), shorten);
    assert_eq!((late, start.elapsed().as_secs()), (Late::Idle, 49));
}

#[tokio::test(start_paused = true)]
async fn half_a_request_behind_a_whole_one_is_half_a_request() {
    let activity = Arc::new(Activity::new());
    activity.heard();
    let busy = activity.begin(false, true);
    activity.heard();
    drop(busy);
    assert_eq!(activity.overdue(HEADER, || IDLE).await, Late::Head);
    // The whole one was the next, and nothing came behind that.
    let activity = Arc::new(Activity::new());
    activity.heard();
    let busy = activity.begin(false, true);
    activity.heard();
    drop(busy);
    drop(activity.begin(false, true));
    let start = Instant::now();
    assert_eq!((activity.overdue(HEADER, || IDLE).await, start.elapsed().as_secs()), (Late::Idle, 600));
    // A backup's last piece leaves when that has begun.
    let activity = Arc::new(Activity::new());
    let busy = activity.begin(false, true);
    let next = activity.begin(false, true);
    activity.heard();
    drop(busy);
    tokio::time::advance(Duration::from_secs(60)).await;
    drop(next);
    let start = Instant::now();
    assert_eq!((activity.overdue(HEADER, || IDLE).await, start.elapsed().as_secs()), (Late::Head, 10));
    // What comes with a body is the body.
    let activity = Arc::new(Activity::new());
    activity.heard();
    let busy = activity.begin(false, false);
    activity.heard();
    drop(busy);
    assert_eq!(activity.overdue(HEADER, || IDLE).await, Late::Idle);
}

#[tokio::test(start_paused = true)]
async fn an_unfinished_head_is_late_also_beside_a_request_under_way() {
    let (activity, mut frames) = (Arc::new(Activity::new()), Frames::new());
    let head = |flags| [&[0; 24][..], &[0, 0, 1, 1, flags, 0, 0, 0, 1, 0]].concat();
    assert!(activity.heard_frames(&mut frames, &head(4)));
    let _busy = activity.begin(true, true);
    let never = tokio::time::timeout(Duration::from_secs(5000), activity.overdue(HEADER, || IDLE));
    assert!(never.await.is_err());
    assert!(activity.heard_frames(&mut frames, &head(0)[24..]));
    let start = Instant::now();
    assert_eq!(activity.overdue(HEADER, || IDLE).await, Late::Head);
    assert_eq!(start.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn noise_is_borne_for_a_while_and_a_sign_of_life_always() {
    let (activity, mut frames) = (Activity::new(), Frames::new());
    assert!(activity.heard_frames(&mut frames, &[0; 24]));
    let ping = [0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
    for _ in 0..10_000 {
        tokio::time::advance(Duration::from_millis(1000 / TALK_PER_SECOND)).await;
        assert!(activity.heard_frames(&mut frames, &ping));
    }
    let borne = (0..10_000).take_while(|_| activity.heard_frames(&mut frames, &ping)).count();
    assert!((TALK - 2..=TALK).contains(&(borne as u64)), "{borne}");
}

/// Shut from the second time on that it is asked.
struct Once(AtomicBool);

impl Outlet for Once {
    fn is_open(&self) -> bool {
        !self.0.swap(true, Ordering::Relaxed)
    }

    fn flushed(&self) {}
}

#[tokio::test]
async fn nothing_leaves_once_its_peer_has_lost_it() {
    use tokio::io::AsyncWriteExt;
    let outlet = Once(AtomicBool::new(false));
    let mut stream = Watched::new(io::Cursor::new(Vec::new()), Arc::new(Activity::new()), false, outlet);
    stream.write_all(b"a part").await.unwrap();
    let refused = stream.write_all(b", the rest").await.unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionAborted);
    assert_eq!(stream.stream.get_ref(), b"a part");
}

/// As TLS does: what it was given waits for whatever it is asked to do next.
#[derive(Default)]
struct Holding {
    held: usize,
    left: usize,
}

impl Holding {
    fn let_go(&mut self) -> Poll<io::Result<()>> {
        self.left += std::mem::take(&mut self.held);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Holding {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.held += bytes.len();
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.let_go()
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.let_go()
    }
}

impl AsyncRead for Holding {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.let_go()
    }
}

#[tokio::test]
async fn nor_does_what_waits_in_a_buffer_below() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    for how in 0..3 {
        let outlet = Once(AtomicBool::new(false));
        let mut stream = Watched::new(Holding::default(), Arc::new(Activity::new()), false, outlet);
        stream.write_all(b"a value").await.unwrap();
        let refused = match how {
            0 => stream.flush().await,
            1 => stream.shutdown().await,
            _ => stream.read_u8().await.map(drop),
        };
        assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::ConnectionAborted, "{how}");
        assert_eq!(stream.stream.left, 0, "{how}");
    }
}

#[tokio::test]
async fn one_that_sends_without_end_lets_others_have_their_turn() {
    use tokio::io::AsyncReadExt;
    let mut endless = Watched::new(tokio::io::repeat(7), Arc::new(Activity::new()), false, || {});
    let (mut bytes, mut read) = ([0; 16], 0_u32);
    let reading = async {
        loop {
            read += u32::from(endless.read(&mut bytes).await.is_ok());
        }
    };
    tokio::select! {
        biased;
        () = reading => {}
        () = tokio::task::yield_now() => {}
    }
    assert!(read <= 2 * UNBROKEN, "{read}");
}

#[tokio::test(start_paused = true)]
async fn a_request_under_way_is_never_late() {
    let activity = Arc::new(Activity::new());
    activity.heard();
    let busy = activity.begin(false, true);
    let waiting = tokio::time::timeout(Duration::from_secs(5000), activity.overdue(HEADER, || IDLE));
    assert!(waiting.await.is_err());
    drop(busy);
    let start = Instant::now();
    assert_eq!(activity.overdue(HEADER, || IDLE).await, Late::Idle);
    assert_eq!(start.elapsed().as_secs(), 600);
    let none = tokio::time::timeout(Duration::from_secs(5000), activity.overdue(None, || None));
    assert!(none.await.is_err());
}
