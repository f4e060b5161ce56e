//! Injects faults around the running engine.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::{History, rules};
use crate::app::Engine;
use crate::journal::simulated::DiskFaults;
use crate::simulation::cloud::{CloudLink, POISON};
use crate::simulation::plan::Weather;
use crate::simulation::world::Alive;

impl History<'_> {
    /// Injects faults until a time; returns whether the engine died meanwhile.
    pub(super) async fn trouble(
        &mut self,
        engine: &Engine<CloudLink>,
        alive: &Alive,
        until: Instant,
    ) -> bool {
        if self.plan.poison {
            self.cloud().poison = Some(POISON);
        }
        while Instant::now() < until {
            let next = Instant::now() + Duration::from_millis(self.rng.u64(200..60_000));
            tokio::select! {
                biased;
                () = alive.died() => return true,
                () = sleep_until(next.min(until)) => {}
            }
            match self.rng.u8(0..4) {
                0 | 1 => self.change_weather(),
                2 if self.plan.disk_fails => self.change_disk(),
                3 if self.plan.reloads => {
                    self.also = !self.also;
                    self.world.tell("definitions changed");
                    self.world.fault("definitions changed");
                    engine.intake.set_rules(rules(self.also, engine.aggregator.layouts()));
                }
                _ => {}
            }
            self.within_limits(engine);
        }
        false
    }

    fn change_weather(&mut self) {
        let climate = &self.plan.climate;
        let at = self.rng.usize(0..=climate.len());
        let weather = climate.get(at).copied().unwrap_or(Weather::Fair);
        self.world.tell(&format!("weather: {weather:?}"));
        self.cloud().weather = weather;
    }

    fn change_disk(&mut self) {
        let (faults, what) = match self.rng.u8(0..6) {
            0 => {
                let full_at = Some(self.disk.used() + self.rng.usize(0..2000));
                (DiskFaults { full_at, ..DiskFaults::default() }, "disk full")
            }
            1 => {
                let syncs_left = Some(self.rng.usize(0..4));
                (DiskFaults { syncs_left, ..DiskFaults::default() }, "syncs fail")
            }
            2 => (DiskFaults { renames_fail: true, ..DiskFaults::default() }, "renames fail"),
            3 => {
                let changes_left = Some(self.rng.usize(0..4));
                (DiskFaults { changes_left, ..DiskFaults::default() }, "files cannot be made")
            }
            _ => return self.heal_disk(),
        };
        self.world.tell(what);
        self.world.fault(what);
        self.disk_well_ms = i64::MAX;
        self.disk.set_faults(faults);
    }

    pub(super) fn heal_disk(&mut self) {
        self.disk.set_faults(DiskFaults::default());
        self.disk_well_ms = self.disk_well_ms.min(self.world.now_ms());
    }
}
