//! The tasks of a play, and whose turn it is.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

use super::scene::Scene;
use crate::lots::Lots;

pub type Task = Pin<Box<dyn Future<Output = ()>>>;

pub struct Stage {
    lots: RefCell<Lots>,
    pub scene: Scene,
    /// None: it is over, or has its turn just now.
    tasks: RefCell<Vec<Option<Running>>>,
    left: Cell<usize>,
    pub begun: Instant,
    pub passed: Cell<Duration>,
    /// The writer is at work below.
    is_writing: Cell<bool>,
}

struct Running {
    task: Task,
    flag: Arc<Flag>,
    /// Waits for the writer as a thread does.
    alone: bool,
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

thread_local! {
    /// Whose others have a turn while a line is written.
    static STAGE: RefCell<Option<Rc<Stage>>> = const { RefCell::new(None) };
}

impl Stage {
    pub fn new(lots: Lots, scene: Scene) -> Rc<Self> {
        Rc::new(Self {
            lots: RefCell::new(lots),
            scene,
            tasks: RefCell::default(),
            left: Cell::new(0),
            begun: Instant::now(),
            passed: Cell::default(),
            is_writing: Cell::new(false),
        })
    }

    pub fn add(&self, task: Task) {
        self.begin(task, false);
    }

    /// One that isn't polled while the writer is at work: it would wait for it.
    pub fn add_alone(&self, task: Task) {
        self.begin(task, true);
    }

    fn begin(&self, task: Task, alone: bool) {
        let flag = Arc::new(Flag(AtomicBool::new(true)));
        self.tasks.borrow_mut().push(Some(Running { task, flag, alone }));
        self.left.set(self.left.get() + 1);
    }

    pub fn play(self: &Rc<Self>, thread: impl FnOnce()) {
        STAGE.set(Some(Rc::clone(self)));
        thread();
    }

    pub fn draw(&self, bound: usize) -> usize {
        self.lots.borrow_mut().draw(bound)
    }

    pub fn pass(&self, time: Duration) {
        self.passed.set(self.passed.get() + time);
    }

    pub fn is_done(&self) -> bool {
        self.left.get() == 0
    }

    pub fn is_over(&self) {
        assert!(self.is_done(), "{} tasks wait for ever", self.left.get());
        STAGE.take();
    }

    /// One of those that can go on does; sometimes it goes away instead. False: none can.
    pub fn turns(&self) -> bool {
        let can = |running: &Running| {
            running.flag.0.load(Ordering::SeqCst) && !(running.alone && self.is_writing.get())
        };
        let free: Vec<usize> = {
            let tasks = self.tasks.borrow();
            (0..tasks.len()).filter(|at| tasks[*at].as_ref().is_some_and(can)).collect()
        };
        if free.is_empty() {
            return false;
        }
        let at = free[self.draw(free.len())];
        let Some(mut running) = self.tasks.borrow_mut()[at].take() else { return true };
        running.flag.0.store(false, Ordering::SeqCst);
        let waker = Waker::from(Arc::clone(&running.flag));
        let is_over = running.task.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
        if is_over || self.draw(60) == 0 {
            self.left.set(self.left.get() - 1);
        } else {
            self.tasks.borrow_mut()[at] = Some(running);
        }
        true
    }
}

/// Between two steps of a write: others have some turns.
pub fn meanwhile() {
    let Some(stage) = STAGE.with_borrow(Clone::clone) else { return };
    let was_writing = stage.is_writing.replace(true);
    for _ in 0..stage.draw(4) {
        stage.turns();
    }
    stage.is_writing.set(was_writing);
}

/// Whether the lot falls on it, in a play: once in so many times.
pub fn happens(seldom: usize) -> bool {
    STAGE.with_borrow(|stage| stage.as_ref().is_some_and(|stage| stage.draw(seldom) == 0))
}
