//! A daemon with its disk, through its lives.
//!
//! Each life has a runtime of its own. Dropping it is a `kill -9`, and while another daemon's runtime
//! runs, this one stands still.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use fastrand::Rng;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use super::clock_hours::ClockHours;
use super::life::{DaemonLife, LifeEnd, millis};
use super::plan::{DaemonPlan, Life};
use super::scene::Scene;
use super::world::{Alive, LifeId};
use crate::clock::Clock;
use crate::journal::Disk;
use crate::journal::simulated::SimulatedDisk;

/// A daemon with its disk.
pub(super) struct Daemon {
    scene: Scene,
    pub number: usize,
    pub disk: SimulatedDisk,
    /// How far its wall clock is ahead.
    ahead_ms: Arc<AtomicI64>,
    rng: Rng,
    /// The number of lives that have begun.
    lives: usize,
    also: bool,
    disk_well_ms: i64,
    state: DaemonState,
}

enum DaemonState {
    Down { until_ms: i64 },
    Up(Box<RunningLife>),
    Over { at_ms: i64 },
}

/// A life that goes on.
struct RunningLife {
    runtime: Runtime,
    clock: Clock,
    start: Instant,
    start_ms: i64,
    planned: Option<Life>,
    work: JoinHandle<LifeEnd>,
}

/// How long a daemon stays down after a start that failed.
const RESTARTS_AFTER: Duration = Duration::from_secs(30);

// === impl Daemon ===

impl Daemon {
    pub(super) fn new(scene: &Scene, number: usize, rng: Rng) -> Self {
        let start_ms = scene.plan.start_ms;
        Self {
            scene: scene.clone(),
            number,
            disk: SimulatedDisk::default(),
            ahead_ms: Arc::default(),
            rng,
            lives: 0,
            also: false,
            disk_well_ms: start_ms,
            state: DaemonState::Down { until_ms: start_ms },
        }
    }

    fn plan(&self) -> &DaemonPlan {
        &self.scene.plan.daemons[self.number]
    }

    /// When its last life ended.
    pub(super) fn over_ms(&self) -> Option<i64> {
        match self.state {
            DaemonState::Over { at_ms } => Some(at_ms),
            _ => None,
        }
    }

    /// Lives until a time, or until its end.
    pub(super) fn run_until(&mut self, until_ms: i64) {
        loop {
            match &mut self.state {
                DaemonState::Over { .. } => return,
                DaemonState::Down { until_ms: down_ms } => {
                    let down_ms = *down_ms;
                    if down_ms >= until_ms {
                        return;
                    }
                    self.begin(down_ms);
                }
                DaemonState::Up(life) => {
                    self.scene.world.set_clock(life.clock.clone());
                    let ended = life.run_until(until_ms);
                    let now_ms = life.now_ms();
                    self.scene.world.set_clock(Clock::manual(now_ms));
                    let Some(ended) = ended else { return };
                    self.ended(ended, now_ms);
                }
            }
        }
    }

    /// Begins the next life.
    fn begin(&mut self, now_ms: i64) {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = runtime.expect("a runtime needs nothing");
        let start = runtime.block_on(async { Instant::now() });
        let clock = |ahead_ms| Clock::Virtual { start, start_ms: now_ms, ahead_ms };
        let id = LifeId { daemon: self.number, life: self.lives };
        let planned = self.plan().lives.get(self.lives).cloned();
        self.lives += 1;
        if self.scene.plan.reloads && self.rng.bool() {
            self.also = !self.also;
        }
        let life = DaemonLife {
            scene: self.scene.clone(),
            id,
            settings: planned.as_ref().map_or(&self.plan().last, |life| &life.settings).clone(),
            planned: planned.clone(),
            disk: self.disk.clone(),
            clock: clock(Arc::clone(&self.ahead_ms)),
            ahead_ms: Arc::clone(&self.ahead_ms),
            hours: ClockHours::from(now_ms + self.ahead_ms.load(Ordering::Relaxed)),
            alive: Alive::default(),
            rng: self.rng.fork(),
            also: self.also,
            disk_well_ms: self.disk_well_ms,
        };
        let work = runtime.spawn(life.run());
        let clock = clock(Arc::default());
        let running = RunningLife { runtime, clock, start, start_ms: now_ms, planned, work };
        self.state = DaemonState::Up(Box::new(running));
    }

    fn ended(&mut self, ended: Result<LifeEnd, String>, now_ms: i64) {
        let over = DaemonState::Over { at_ms: now_ms };
        let DaemonState::Up(life) = std::mem::replace(&mut self.state, over) else { return };
        let RunningLife { runtime, planned, .. } = *life;
        drop(runtime);
        self.scene.requests.all_back(self.number);
        let ended = match ended {
            Ok(ended) => ended,
            Err(why) => return self.scene.world.violation(|| format!("a life panicked: {why}")),
        };
        (self.also, self.disk_well_ms) = (ended.also, ended.disk_well_ms);
        self.after(ended.has_crashed);
        let pause = match planned {
            Some(planned) => planned.pause,
            None if ended.has_started => return,
            None => RESTARTS_AFTER,
        };
        self.state = DaemonState::Down { until_ms: now_ms + millis(pause) };
    }

    /// Simulates what happens to the machine after a life.
    fn after(&mut self, has_crashed: bool) {
        let Self { rng, disk, .. } = self;
        // Either the process dies, or the whole machine.
        if has_crashed && rng.bool() {
            disk.crash(|all| rng.usize(0..=all));
        } else {
            disk.crash(|all| all);
        }
        if has_crashed && self.scene.plan.disk_rots && self.rng.bool() {
            self.rot();
        }
    }

    /// A byte of its journal changes.
    fn rot(&mut self) {
        let names = self.disk.mounted().list().expect("it is mounted");
        let names: Vec<_> = names.iter().filter(|name| self.disk.len_of(name) > 0).collect();
        if names.is_empty() {
            return;
        }
        let name = names[self.rng.usize(0..names.len())];
        let at = self.rng.usize(0..self.disk.len_of(name));
        self.disk.damage(name, at);
        self.scene.world.fault("a byte of a journal changed");
    }
}

// === impl RunningLife ===

impl RunningLife {
    fn now_ms(&self) -> i64 {
        self.runtime.block_on(async { self.clock.now_ms() })
    }

    /// Runs until a time; returns how the life ended, if it did.
    fn run_until(&mut self, until_ms: i64) -> Option<Result<LifeEnd, String>> {
        let Self { runtime, start, start_ms, work, .. } = self;
        let time = u64::try_from(until_ms.saturating_sub(*start_ms)).unwrap_or_default();
        let until = start.checked_add(Duration::from_millis(time.min(1 << 40)));
        let until = until.expect("histories are short");
        runtime.block_on(async {
            tokio::select! {
                biased;
                ended = work => Some(ended.map_err(|error| error.to_string())),
                () = sleep_until(until) => None,
            }
        })
    }
}
