//! Injects faults around the running engine.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, advance, sleep_until};

use super::cloud::POISON;
use super::cloud_link::CloudLink;
use super::definitions::rules;
use super::life::{DaemonLife, millis};
use super::scene::Scene;
use super::weather::{Forecast, QueueWeather};
use crate::app::Engine;
use crate::journal::simulated::DiskFaults;
use crate::offload::pauses;

/// An outage of one namespace, and since when.
type Outage = Option<(&'static str, Instant)>;

/// Counts of a namespace are published within this time, whatever happens to another.
const OTHERS_WITHIN: Duration = Duration::from_mins(4);

impl DaemonLife {
    /// Injects faults until a time; returns whether the engine died meanwhile.
    pub(super) async fn trouble(&mut self, engine: &Engine<CloudLink>, until: Instant) -> bool {
        if self.scene.plan.poison && Instant::now() < until {
            self.scene.cloud().poison = Some(POISON);
        }
        let mut outage: Outage = None;
        while Instant::now() < until && !self.scene.world.is_violated() {
            let next = Instant::now() + Duration::from_millis(self.rng.u64(200..60_000));
            tokio::select! {
                biased;
                () = self.alive.died() => return true,
                () = sleep_until(next.min(until)) => {}
            }
            self.others_go_on(engine, outage);
            match self.rng.u8(0..6) {
                0..=2 => self.change_weather(&mut outage),
                3 if self.scene.plan.disk_fails => self.change_disk(),
                4 if self.scene.plan.reloads => {
                    self.also = !self.also;
                    self.scene.world.tell("definitions changed");
                    self.scene.world.fault("definitions changed");
                    engine.intake.set_rules(rules(self.also, engine.aggregator.layouts()));
                }
                5 if self.scene.plan.clocks_jump => self.jump(engine),
                5 if self.scene.plan.freezes => {
                    self.freeze().await;
                    // Nobody went on meanwhile, and the outage has to last as long again.
                    outage = outage.map(|(namespace, _)| (namespace, Instant::now()));
                }
                _ => self.change_queues(),
            }
            self.within_limits(engine);
        }
        false
    }

    fn change_weather(&mut self, outage: &mut Outage) {
        // An outage of one namespace lasts long enough to see what becomes of the others.
        if outage.is_some_and(|(_, since)| since.elapsed() < 2 * OTHERS_WITHIN) {
            return;
        }
        let climate = &self.scene.plan.climate;
        let at = self.rng.usize(0..=climate.len());
        let forecast = climate.get(at).copied().unwrap_or(Forecast::FAIR);
        *outage = forecast.namespace.map(|namespace| (namespace, Instant::now()));
        self.scene.world.tell(&format!("{forecast:?}"));
        if forecast.namespace.is_some() {
            self.scene.world.fault("outage of one namespace");
        }
        self.scene.cloud().set(forecast);
    }

    /// Counts of other namespaces are published during an outage of one.
    fn others_go_on(&self, engine: &Engine<CloudLink>, outage: Outage) {
        let Scene { plan, world, .. } = &self.scene;
        let Some((namespace, since)) = outage else { return };
        let is_only_fault = self.disk_well_ms + millis(OTHERS_WITHIN) < world.now_ms()
            && plan.daemons.len() == 1
            // Namespaces take turns with each call, and one without an answer takes up to 40 s: calls of
            // a datum or two publish a hundred too slowly to tell.
            && self.settings.datums_per_call >= 4
            && !plan.poison;
        if !is_only_fault || since.elapsed() < OTHERS_WITHIN {
            return;
        }
        for (other, first) in engine.publisher.first_merges() {
            let age = first.map_or(Duration::ZERO, |first| first.max(since).elapsed());
            if &*other != namespace && age > OTHERS_WITHIN {
                world.violation(|| format!("{other} waits {age:?} for {namespace}"));
            }
        }
    }

    fn change_queues(&mut self) {
        self.scene.target.set_fails(self.rng.u8(0..3) == 0);
        if !self.scene.plan.queues_fail {
            return;
        }
        let weather = match self.rng.u8(0..4) {
            0 => QueueWeather::Failing,
            1 => QueueWeather::Away,
            _ => QueueWeather::Fair,
        };
        self.scene.world.tell(&format!("queues: {weather:?}"));
        for queue in &self.scene.queues {
            queue.state().weather = weather;
        }
    }

    /// The wall clock jumps. An hour that it never showed begins without series.
    fn jump(&mut self, engine: &Engine<CloudLink>) {
        self.hours.shown_until(self.clock.now_ms());
        let ahead_ms = match self.rng.u8(0..4) {
            0 => 0,
            1 => self.rng.i64(-120_000..120_000),
            _ => self.rng.i64(-5 * 3_600_000..5 * 3_600_000),
        };
        self.scene.world.tell(&format!("the wall clock is {ahead_ms} ms ahead"));
        self.scene.world.fault("wall clock jumped");
        self.ahead_ms.store(ahead_ms, Ordering::Relaxed);
        let is_new = self.hours.show(self.clock.now_ms());
        let series = engine.gauges()().series;
        if is_new && series > 0 {
            self.scene.world.violation(|| format!("an hour begins with {series} series"));
        }
    }

    /// The process stands still; its timers fire late, all at once.
    async fn freeze(&mut self) {
        let longest = if self.rng.bool() { 20_000 } else { 300_000 };
        let time = Duration::from_millis(self.rng.u64(1000..longest));
        self.scene.world.tell(&format!("frozen for {time:?}"));
        self.scene.world.fault("process frozen");
        self.alive.disturb();
        advance(time).await;
        self.alive.woke(self.scene.world.now_ms());
    }

    fn change_disk(&mut self) {
        let full_at = self.small_disk();
        let well = DiskFaults { full_at, ..DiskFaults::default() };
        pauses::set_longest(self.scene.plan.pause);
        let (faults, what) = match self.rng.u8(0..7) {
            0 => {
                let used = self.disk.used() + self.rng.usize(0..2000);
                let full_at = Some(full_at.map_or(used, |small| small.min(used)));
                (DiskFaults { full_at, ..well }, "disk full")
            }
            1 => (DiskFaults { syncs_left: Some(self.rng.usize(0..4)), ..well }, "syncs fail"),
            2 => (DiskFaults { renames_fail: true, ..well }, "renames fail"),
            3 => {
                let changes_left = Some(self.rng.usize(0..4));
                (DiskFaults { changes_left, ..well }, "files cannot be made")
            }
            4 => {
                pauses::set_longest(Duration::from_millis(self.rng.u64(10_000..70_000)));
                (well, "disk stalls")
            }
            _ => return self.heal_disk(),
        };
        self.scene.world.tell(what);
        self.scene.world.fault(what);
        self.disk_well_ms = i64::MAX / 2;
        self.disk.set_faults(faults);
    }

    /// The size of a small disk, while there are faults.
    fn small_disk(&self) -> Option<usize> {
        self.scene.plan.disk_bytes.filter(|_| !self.is_calm())
    }

    pub(super) fn heal_disk(&mut self) {
        let full_at = self.small_disk();
        pauses::set_longest(self.scene.plan.pause);
        self.disk.set_faults(DiskFaults { full_at, ..DiskFaults::default() });
        if full_at.is_none() {
            self.disk_well_ms = self.disk_well_ms.min(self.scene.world.now_ms());
        } else {
            self.disk_well_ms = i64::MAX / 2;
        }
    }
}
